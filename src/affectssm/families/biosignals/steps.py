"""The jobs of bio-signals: segments; one job for all folds of a part (a shard's subjects, or a pooled fold) and seed;
what goes missing, what development subjects choose, and every method of adaptation on the same test segments.
"""

from typing import Any

from affectssm.families.biosignals import needs
from affectssm.families.step import Input, Step, lighter_training

_STAGES = "affectssm.families.biosignals.stages"
_TOLD = "affectssm.families.biosignals.run_settings"
_RUN = "results/runs/{experiment}/{part}/{seed}"
_MASKS = "results/masks/{corpus_edition}/{shard}/{seed}"
_SEGMENTS = "results/segments/{corpus}-{edition}/{shard}.h5 of the shards that are needed"
_LONG: dict[str, Any] = {"threads": "threads", "gpu": True}

_LIGHTER = ("a smaller biosignals.adaptation.batch",)

STEPS = (
    Step(
        "segments",
        "cut a shard's trials of bio-signals into segments, with their index",
        run=f"{_STAGES}.cut:cut_shard",
        reads={
            "manifest": Input("manifest", "manifest.parquet of the corpus", one=True, by_content=True),
            "features": Input("signal_tracks", "results/features/{corpus}-{edition}", one=True, above=2),
        },
        writes={
            "out": "results/segments/{corpus_edition}/{shard}.h5",
            "index": "results/segments/{corpus_edition}/{shard}.parquet",
            "faults": "results/segments/{corpus_edition}/{shard}.faults.parquet",
        },
        settings="epoch_settings",
        model="affectssm.settings.biosignals:EpochSettings",
        words=("shard",),
        code="epoch_code",
        content="shard_content",
        needs=needs.SEGMENTS,
    ),
    Step(
        "train",
        "train the folds of a part; a killed job goes on with the next fold",
        run=f"{_STAGES}.train:train",
        reads={"segments": Input("segments_of_part", _SEGMENTS)},
        writes={
            "checkpoint": f"{_RUN}/checkpoint.safetensors",
            "config": f"{_RUN}/config.yaml",
            "history": f"{_RUN}/history.csv",
            "predictions": f"{_RUN}/predictions.parquet",
        },
        out=_RUN,
        settings="run_settings",
        model=f"{_TOLD}:RunSettings",
        words=("part",),
        code="training_code",
        lighter=lighter_training("biosignals.training", "biosignals.training.batch"),
        **_LONG,
        needs=needs.TRAIN,
        resumes=True,
    ),
    Step(
        "evaluate",
        "score the predictions of an experiment on trials",
        run=f"{_STAGES}.evaluate:evaluate",
        reads={
            "segments": Input("segments_of_corpus", _SEGMENTS),
            "predictions": Input("predictions_of", "predictions.parquet of every part and seed"),
        },
        writes={"out": "results/metrics/{experiment}/seeds-{seeds}.parquet"},
        settings="evaluation_settings",
        model=f"{_TOLD}:EvaluationSettings",
        needs=needs.EVALUATE,
    ),
    Step(
        "masks",
        "draw what goes missing from a shard's segments, for all methods alike",
        run=f"{_STAGES}.masks:masks",
        reads={"segments": Input("segments_of_shard", _SEGMENTS)},
        writes={"masks": "mask_files"},
        out=_MASKS,
        settings="adaptation_settings",
        model=f"{_TOLD}:ChoosingSettings",
        words=("seed",),
        code="mask_code",
        needs=needs.MASKS,
    ),
    # learning rates and thresholds, on subjects that are then left out of the table
    Step(
        "choose",
        "choose learning rates and thresholds of adaptation on development subjects",
        run=f"{_STAGES}.choose:choose",
        reads={
            "segments": Input("segments_of_corpus", _SEGMENTS),
            "runs": Input(
                "choosing_checkpoints", "results/runs/{experiment}/{part}/{seed} of both dimensions", above=1
            ),
        },
        writes={"out": "results/choices/{corpus_edition}/chosen.json"},
        settings="adaptation_settings",
        model=f"{_TOLD}:ChoosingSettings",
        code="choice_code",
        lighter=_LIGHTER,
        **_LONG,
        needs=needs.CHOOSE,
        resumes=True,
    ),
    Step(
        "adapt",
        "adapt to the test segments of a part's folds, by every method",
        run=f"{_STAGES}.adapt:adapt",
        reads={
            "segments": Input("segments_of_part", _SEGMENTS),
            "run": Input("checkpoint_of", "results/runs/{experiment}/{part}/{seed}", one=True, above=1),
            "masks": Input("masks", "masks of the shards that are tested"),
            "chosen": Input("chosen", "what choose has written", one=True),
        },
        writes={"out": f"{_RUN}/adapted.parquet", "streams": f"{_RUN}/streams.parquet"},
        settings="adapted_run_settings",
        model=f"{_TOLD}:AdaptationRunSettings",
        code="adaptation_code",
        lighter=_LIGHTER,
        **_LONG,
        needs=needs.ADAPT,
        resumes=True,
    ),
    Step(
        "evaluate_adaptation",
        "score every method of adaptation",
        run=f"{_STAGES}.evaluate:evaluate_adaptation",
        reads={
            "segments": Input("segments_of_corpus", _SEGMENTS),
            "adapted": Input("adapted_predictions", "adapted.parquet of every part and seed"),
            "streams": Input("adapted_streams", "streams.parquet of every part and seed"),
            "chosen": Input("chosen", "what choose has written", one=True),
        },
        writes={"out": "results/metrics/{experiment}/adapted-seeds-{seeds}.parquet"},
        settings="evaluation_settings",
        model=f"{_TOLD}:EvaluationSettings",
        tables=("bimtta_missing",),
        needs=needs.EVALUATE,
    ),
)
