"""The jobs of video: windows, runs, predictions, scores, submissions."""

from affectssm.families.step import Input, Step

_STAGES = "affectssm.families.video.stages"
_SETTINGS = "affectssm.families.video.run_settings"
_RUN = "results/runs/{experiment}/{part}/{seed}"
_FEATURES = "results/features/{corpus}-{edition} of the corpus"
_WINDOWS = Step(
    "training_windows",
    "write the window indexes of a task",
    command="segments",
    run=f"{_STAGES}.windows:write_windows",
    reads={"manifests": Input("manifest", "manifest.parquet of the corpus", by_content=True)},
    writes={
        "learnt": "results/windows/{task}/learnt.parquet",
        "labelled": "results/windows/{task}/labelled.parquet",
    },
    out="results/windows/{task}",
    settings="training_window_settings",
    model=f"{_SETTINGS}:WindowSettings",
    code="window_code",
    content="labelled_content",
    mem_mb=2000,
    runtime=30,
)

STEPS = (
    _WINDOWS,
    Step(
        "prediction_windows",
        _WINDOWS.summary,
        command="segments",
        run=_WINDOWS.run,
        reads={"manifests": Input("manifest", by_content=True)},
        writes={
            "test": "results/windows/{task}/test.parquet",
            "missing": "results/windows/{task}/missing.parquet",
        },
        out=_WINDOWS.out,
        settings="prediction_window_settings",
        model=_WINDOWS.model,
        code="window_code",
        content="all_content",
        mem_mb=2000,
        runtime=30,
    ),
    Step(
        "train",
        "train one run; a killed run goes on from its last epoch",
        run=f"{_STAGES}.train:train",
        reads={
            "windows": Input("training_windows", "results/windows/{task}", one=True, above=1, by_content=True),
            "features": Input("labelled_tracks", _FEATURES, above=2),
        },
        writes={
            "checkpoint": f"{_RUN}/checkpoint.safetensors",
            "config": f"{_RUN}/config.yaml",
            "history": f"{_RUN}/history.csv",
        },
        out=_RUN,
        settings="run_settings",
        model=f"{_SETTINGS}:RunSettings",
        code="training_code",
        content="training_content",
        computing=True,
        threads="threads",
        mem_mb=16000,
        runtime=1440,
        gpu=True,
    ),
    Step(
        "predict",
        "predict the videos that a run reports, and test videos",
        run=f"{_STAGES}.predict:predict",
        reads={
            "run": Input("checkpoint_of", _RUN, one=True, above=1),
            "windows": Input("prediction_windows", "results/windows/{task}", one=True, above=1),
            "features": Input("labelled_tracks", _FEATURES, above=2),
        },
        writes={"out": f"{_RUN}/predictions.parquet"},
        settings="run_settings",
        model=f"{_SETTINGS}:RunSettings",
        code="prediction_code",
        computing=True,
        threads="threads",
        mem_mb=8000,
        runtime=240,
        gpu=True,
    ),
    Step(
        "evaluate",
        "score the predictions of an experiment fold by fold",
        run=f"{_STAGES}.evaluate:evaluate",
        reads={
            "predictions": Input("predictions_of", "predictions.parquet of every fold and seed"),
            "manifests": Input("manifest", "manifest.parquet of the corpus", by_content=True),
            "missing": Input("missing", "people who could not be predicted", one=True),
            "windows": Input("scored_windows", "results/windows/{task}", one=True, above=1, by_content=True),
            "features": Input("label_tracks", _FEATURES, above=2),
        },
        writes={
            "out": "results/metrics/{experiment}/seeds-{seeds}.parquet",
            "traces": "results/metrics/{experiment}/traces-{seeds}.parquet",
        },
        settings="evaluation_settings",
        model=f"{_SETTINGS}:EvaluationSettings",
        content="scored_content",
    ),
    # index.json is written last
    Step(
        "submission",
        "write predictions of test videos in the challenge's submission format",
        run=f"{_STAGES}.submission:write_submission",
        reads={
            "predictions": Input("submitted_predictions", "predictions.parquet of every seed"),
            "missing": Input("missing", "people who could not be predicted", one=True),
            "frames": Input("listed_frames", "files of the feature listed_frames"),
        },
        writes={"index": "results/submissions/{experiment}/index.json"},
        out="results/submissions/{experiment}",
        settings="submission_settings",
        model=f"{_SETTINGS}:SubmissionSettings",
    ),
)  # fmt: skip
