"""The jobs of bio-signals: epochs; one job for all folds of a part (a shard's subjects, or a pooled fold) and seed;
what goes missing, what development subjects choose, and every method of adaptation on the same test segments.
"""

from affectssm.families.step import Input, Step

_JOBS = "affectssm.families.biosignals.jobs"
_RUN = "results/runs/{experiment}/{part}/{seed}"
_MASKS = "results/masks/{corpus_edition}/{shard}/{seed}"
_EPOCHS = "results/epochs/{corpus}-{edition}/{shard}.h5 of the shards that are needed"
_TRAINED = (
    "experiment", "model", "variant", "dimension", "seed", "modalities", "rate_hz", "protocol", "model_settings",
    "training",
)  # fmt: skip
_ADAPTED = ("methods", "adaptation", "missing", "choice", "modalities")
_SCORED = ("experiment", "corpus", "dimension", "seeds", "protocol")

STEPS = (
    Step(
        "segments",
        "cut a shard's trials of bio-signals into epochs, with their index",
        run=f"{_JOBS}:segments",
        reads={
            "manifest": Input("manifest", "manifest.parquet of the corpus", one=True, by_content=True),
            "features": Input("signal_tracks", "results/features/{corpus}-{edition}", one=True, above=2),
        },
        writes={
            "out": "results/epochs/{corpus_edition}/{shard}.h5",
            "index": "results/epochs/{corpus_edition}/{shard}.parquet",
            "faults": "results/epochs/{corpus_edition}/{shard}.faults.parquet",
        },
        settings="epoch_settings",
        words=("shard",),
        code="epoch_code",
        content="shard_content",
        runtime=120,
    ),
    Step(
        "train",
        "train the folds of a part; a killed job goes on with the next fold",
        run="affectssm.training.trials:fit_trials",
        reads={"epochs": Input("epochs_of_part", _EPOCHS)},
        writes={
            "checkpoint": f"{_RUN}/checkpoint.safetensors",
            "config": f"{_RUN}/config.yaml",
            "history": f"{_RUN}/history.csv",
            "predictions": f"{_RUN}/predictions.parquet",
        },
        out=_RUN,
        settings="run_settings",
        needs=_TRAINED,
        words=("part",),
        code="training_code",
        threads="threads",
        mem_mb=8000,
        runtime=1440,
        gpu=True,
    ),
    Step(
        "evaluate",
        "score the predictions of an experiment on trials",
        run="affectssm.evaluation.trials:evaluate_trials",
        reads={
            "epochs": Input("epochs_of_corpus", _EPOCHS),
            "predictions": Input("predictions_of", "predictions.parquet of every part and seed"),
        },
        writes={"out": "results/metrics/{experiment}/seeds-{seeds}.parquet"},
        settings="evaluation_settings",
        needs=_SCORED,
    ),
    Step(
        "masks",
        "draw what goes missing from a shard's segments, for all methods alike",
        run=f"{_JOBS}:masks",
        reads={"epochs": Input("epochs_of_shard", _EPOCHS)},
        writes={"masks": "mask_files"},
        out=_MASKS,
        settings="adaptation_settings",
        needs=_ADAPTED,
        words=("seed",),
        code="mask_code",
    ),
    # learning rates and thresholds, on subjects that are then left out of the table
    Step(
        "choose",
        "choose learning rates and thresholds of adaptation on development subjects",
        run=f"{_JOBS}:choose",
        reads={
            "epochs": Input("epochs_of_corpus", _EPOCHS),
            "runs": Input(
                "choosing_checkpoints", "results/runs/{experiment}/{part}/{seed} of both dimensions", above=1
            ),
        },
        writes={"out": "results/choices/{corpus_edition}/chosen.json"},
        settings="adaptation_settings",
        needs=_ADAPTED,
        code="choice_code",
        threads="threads",
        mem_mb=8000,
        runtime=1440,
        gpu=True,
    ),
    Step(
        "adapt",
        "adapt to the test segments of a part's folds, by every method",
        run=f"{_JOBS}:adapt",
        reads={
            "epochs": Input("epochs_of_part", _EPOCHS),
            "run": Input("checkpoint_of", "results/runs/{experiment}/{part}/{seed}", one=True, above=1),
            "masks": Input("masks", "masks of the shards that are tested"),
            "chosen": Input("chosen", "what choose has written", one=True),
        },
        writes={"out": f"{_RUN}/adapted.parquet", "streams": f"{_RUN}/streams.parquet"},
        settings="adapted_run_settings",
        needs=(*_TRAINED, *_ADAPTED),
        code="adaptation_code",
        threads="threads",
        mem_mb=8000,
        runtime=1440,
        gpu=True,
    ),
    Step(
        "evaluate_adaptation",
        "score every method of adaptation",
        run="affectssm.evaluation.trials:evaluate_adaptation",
        reads={
            "epochs": Input("epochs_of_corpus", _EPOCHS),
            "adapted": Input("adapted_predictions", "adapted.parquet of every part and seed"),
            "streams": Input("adapted_streams", "streams.parquet of every part and seed"),
            "chosen": Input("chosen", "what choose has written", one=True),
        },
        writes={"out": "results/metrics/{experiment}/adapted-seeds-{seeds}.parquet"},
        settings="evaluation_settings",
        needs=_SCORED,
    ),
)
