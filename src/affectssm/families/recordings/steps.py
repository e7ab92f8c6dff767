"""The jobs of one's own recordings: windows, runs, predictions, scores."""

from affectssm.families.frame_steps import predict_step, train_step
from affectssm.families.recordings import needs
from affectssm.families.step import Input, Step, lighter_training

_STAGES = "affectssm.families.recordings.stages"
_SETTINGS = "affectssm.families.recordings.run_settings"
_FEATURES = "results/features/{corpus}-{edition} of the corpus"
_WINDOWS = "results/windows/{task}"
_CUT = "results/segments/{corpus_edition}/{task}/{shard}"
_SEGMENTS = "results/segments/{corpus}-{edition}/{source}/{shard}.h5 of all shards"
_ITEMS = "results/runs/{experiment}/seeds-{seeds}"

STEPS = (
    Step(
        "windows",
        "write the window index of a task, and which recordings each part is made of",
        command="segments",
        run=f"{_STAGES}.windows:write_windows",
        reads={"manifests": Input("manifest", "manifest.parquet of the corpus", by_content=True)},
        writes={
            "labelled": f"{_WINDOWS}/labelled.parquet",
            "people": f"{_WINDOWS}/people.parquet",
            "missing": f"{_WINDOWS}/missing.parquet",
            "division": f"{_WINDOWS}/division.json",
        },
        out=_WINDOWS,
        settings="window_settings",
        model=f"{_SETTINGS}:WindowSettings",
        content="all_content",
        needs=needs.WINDOWS,
    ),
    train_step(
        "recordings",
        {
            "windows": Input("windows", _WINDOWS, one=True, above=1, by_content=True),
            "features": Input("labelled_tracks", _FEATURES, above=2),
        },
        needs.TRAIN,
    ),
    predict_step(
        "recordings",
        "predict the recordings that a run reports",
        {
            "windows": Input("windows", _WINDOWS, one=True, above=1),
            "features": Input("labelled_tracks", _FEATURES, above=2),
        },
        needs.PREDICT,
    ),
    Step(
        "evaluate",
        "score the predictions of an experiment, over all its parts; opens the test labels",
        run=f"{_STAGES}.evaluate:evaluate",
        reads={
            "predictions": Input("predictions_of", "predictions.parquet of every part and seed"),
            "manifests": Input("manifest", "manifest.parquet of the corpus", by_content=True),
            "missing": Input("missing", "people who could not be predicted", one=True),
            "windows": Input("scored_windows", _WINDOWS, one=True, above=1, by_content=True),
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
    Step(
        "cut",
        "bring a shard's recordings with a label as a whole to a common length, with their index",
        run=f"{_STAGES}.items_cut:cut_shard",
        reads={
            "manifest": Input("manifest", "manifest.parquet of the corpus", one=True, by_content=True),
            "features": Input("item_tracks", "results/features/{corpus}-{edition}", one=True, above=2),
        },
        writes={"out": f"{_CUT}.h5", "index": f"{_CUT}.parquet", "faults": f"{_CUT}.faults.parquet"},
        settings="cut_settings",
        model="affectssm.families.clips.run_settings:CutSettings",
        words=("shard",),
        content="cut_content",
        needs=needs.CUT,
    ),
    Step(
        "train_items",
        "train an experiment on recordings as a whole over all parts and some seeds; a killed job goes on",
        run=f"{_STAGES}.items_train:train",
        reads={
            "segments": Input("segments_of", _SEGMENTS),
            "features": Input("item_labels", _FEATURES, above=2),
            "manifest": Input("manifest", "manifest.parquet of the corpus", one=True, by_content=True),
        },
        writes={
            "checkpoint": f"{_ITEMS}/checkpoint.safetensors",
            "config": f"{_ITEMS}/config.yaml",
            "history": f"{_ITEMS}/history.csv",
            "predictions": f"{_ITEMS}/predictions.parquet",
        },
        out=_ITEMS,
        settings="item_run_settings",
        model=f"{_SETTINGS}:ItemRunSettings",
        code="item_training_code",
        content="all_content",
        threads="item_threads",
        gpu=True,
        lighter=lighter_training("recordings.items.training", "recordings.items.batch"),
        needs=needs.ITEMS,
        resumes=True,
    ),
    Step(
        "evaluate_items",
        "score the answers to recordings as a whole; opens the test labels",
        run=f"{_STAGES}.items_evaluate:evaluate",
        reads={
            "predictions": Input("item_predictions_of", "predictions.parquet of all seeds"),
            "features": Input("all_item_labels", _FEATURES, above=2),
            "manifest": Input("manifest", "manifest.parquet of the corpus", one=True, by_content=True),
        },
        writes={"out": "results/metrics/{experiment}/items-{seeds}.parquet"},
        settings="item_evaluation_settings",
        model=f"{_SETTINGS}:ItemEvaluationSettings",
        content="scored_content",
        tables=("recordings_items",),
        needs=needs.EVALUATE,
    ),
)  # fmt: skip
