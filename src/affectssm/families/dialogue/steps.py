"""The jobs of dialogues: windows, runs, predictions, scores, submissions, and what a training step takes."""

from affectssm.families.dialogue import needs
from affectssm.families.frame_steps import predict_step, train_step
from affectssm.families.step import Input, Step

_STAGES = "affectssm.families.dialogue.stages"
_SETTINGS = "affectssm.families.dialogue.run_settings"
_WINDOWS = Step(
    "training_windows",
    "write the window indexes of a task",
    command="segments",
    run=f"{_STAGES}.windows:write_windows",
    reads={"manifests": Input("training_manifests", "manifest.parquet of each corpus", by_content=True)},
    writes={
        "train": "results/windows/{task}/train.parquet",
        "val": "results/windows/{task}/val.parquet",
    },
    out="results/windows/{task}",
    settings="training_window_settings",
    model=f"{_SETTINGS}:WindowSettings",
    code="window_code",
    content="training_splits",
    needs=needs.WINDOWS,
)

STEPS = (
    _WINDOWS,
    Step(
        "prediction_windows",
        _WINDOWS.summary,
        command="segments",
        run=_WINDOWS.run,
        reads={"manifests": Input("prediction_manifests", by_content=True)},
        writes={
            "test": "results/windows/{task}/test.parquet",
            "missing": "results/windows/{task}/missing.parquet",
        },
        out=_WINDOWS.out,
        settings="prediction_window_settings",
        model=_WINDOWS.model,
        code="window_code",
        content="all_content",
        needs=needs.WINDOWS,
    ),
    train_step(
        "dialogue",
        {
            # labels of a test part that arrive later change nothing here
            "windows": Input("training_windows", "results/windows/{task}", one=True, above=1, by_content=True),
            "features": Input("training_tracks", "results/features/{corpus}-{edition} of each corpus", above=2),
            "base": Input("base_checkpoint", given=False),
        },
        needs.TRAIN,
    ),
    predict_step(
        "dialogue",
        "predict every window that is not trained on",
        {
            "windows": Input("prediction_windows", "results/windows/{task}", one=True, above=1),
            "features": Input("prediction_tracks", "results/features/{corpus}-{edition} of each corpus", above=2),
        },
        needs.PREDICT,
    ),
    Step(
        "evaluate",
        "score the predictions of an experiment; opens the test labels",
        run=f"{_STAGES}.evaluate:evaluate",
        reads={
            "predictions": Input("predictions_of", "predictions.parquet of every seed"),
            "manifests": Input("prediction_manifests", "manifest.parquet of each corpus", by_content=True),
            "missing": Input("missing", "participants that could not be predicted", one=True),
            "features": Input("label_tracks", "results/features/{corpus}-{edition} of each corpus", above=2),
        },
        writes={"out": "results/metrics/{experiment}/seeds-{seeds}.parquet"},
        settings="evaluation_settings",
        model=f"{_SETTINGS}:EvaluationSettings",
        content="scored_content",
        needs=needs.EVALUATE,
    ),
    # index.json is written last
    Step(
        "submission",
        "write predictions in the challenge's submission format",
        run=f"{_STAGES}.submission:write_submission",
        reads={
            "predictions": Input("submitted_predictions", "predictions.parquet of every seed"),
            "missing": Input("missing", "participants that could not be predicted", one=True),
        },
        writes={"index": "results/submissions/{experiment}/index.json"},
        out="results/submissions/{experiment}",
        settings="submission_settings",
        model=f"{_SETTINGS}:SubmissionSettings",
        needs=needs.SUBMISSION,
    ),
    Step(
        "memory",
        "measure the peak memory of one training step at several window lengths",
        run=f"{_STAGES}.memory:measure",
        reads={},
        writes={"out": "memory_file"},
        settings="memory_settings",
        model=f"{_SETTINGS}:MemorySettings",
        code="memory_code",
        tables=("damamba_memory",),
        gpu=True,
        threads="memory_threads",
        needs=needs.MEMORY,
    ),
)  # fmt: skip
