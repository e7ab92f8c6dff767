"""The jobs of video: windows, tuned encoders and their features, runs, predictions, scores, submissions."""

from affectssm.families.frame_steps import predict_step, train_step
from affectssm.families.step import Input, Step
from affectssm.families.video import needs

_STAGES = "affectssm.families.video.stages"
_SETTINGS = "affectssm.families.video.run_settings"
_FEATURES = "results/features/{corpus}-{edition} of the corpus"
_TUNED = "results/features/{corpus_edition}/mae_tuned-{part}/{shard}"
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
    needs=needs.WINDOWS,
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
        needs=needs.WINDOWS,
    ),
    Step(
        "tune",
        "tune an encoder on the labels of the videos that a fold learns from",
        run=f"{_STAGES}.tune:tune",
        reads={
            "windows": Input("tuning_windows", "results/windows/{task}", one=True, above=1, by_content=True),
            "features": Input("label_tracks", _FEATURES, above=2),
            "manifests": Input("manifest", "manifest.parquet of the corpus", one=True, by_content=True),
        },
        writes={"out": "results/encoders/{task}/{part}.safetensors"},
        settings="tuning_settings",
        model=f"{_SETTINGS}:TuningSettings",
        content="labelled_content",
        computing=True,
        threads="tuning_threads",
        gpu=True,
        lighter=("a greater video.tuning.frozen", "a smaller video.tuning.batch"),
        weights="encoder_wanted",
        needs=needs.TUNE,
        resumes=True,
    ),
    Step(
        "encode",
        "extract a shard's features with the encoder that was tuned for a fold",
        run=f"{_STAGES}.encode:encode",
        reads={
            "manifests": Input("manifest", "manifest.parquet of the corpus", one=True, by_content=True),
            "encoder": Input("tuned_encoder", "results/encoders/{task}/{part}.safetensors", one=True),
        },
        writes={"out": f"{_TUNED}.h5", "faults": f"{_TUNED}.faults.parquet"},
        words=("shard",),
        settings="encoding_settings",
        model=f"{_SETTINGS}:EncodingSettings",
        code="encoding_code",
        content="encoding_content",
        computing=True,
        threads="encoder_threads",
        gpu=True,
        halves="mae",
        weights="encoder_wanted",
        needs=needs.ENCODE,
        resumes=True,
    ),
    train_step(
        "video",
        {
            "windows": Input("training_windows", "results/windows/{task}", one=True, above=1, by_content=True),
            "features": Input("labelled_tracks", _FEATURES, above=2),
        },
        needs.TRAIN,
    ),
    predict_step(
        "video",
        "predict the videos that a run reports, and test videos",
        {
            "windows": Input("prediction_windows", "results/windows/{task}", one=True, above=1),
            "features": Input("labelled_tracks", _FEATURES, above=2),
        },
        needs.PREDICT,
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
        needs=needs.EVALUATE,
    ),
    # index.json is written last
    Step(
        "submission",
        "write predictions of test videos in the challenge's submission format",
        run=f"{_STAGES}.submission:write_submission",
        reads={
            "predictions": Input("submitted_predictions", "predictions.parquet of every seed"),
            "missing": Input("missing", "people who could not be predicted", one=True),
            "frames": Input("listed_frames", "files of the feature listed_frames", optional=True),
        },
        writes={"index": "results/submissions/{experiment}/index.json"},
        out="results/submissions/{experiment}",
        settings="submission_settings",
        model=f"{_SETTINGS}:SubmissionSettings",
        needs=needs.SUBMISSION,
    ),
)  # fmt: skip
