"""The jobs of clips: segments of each source of features, runs over some seeds, scores."""

from affectssm.families.clips import needs
from affectssm.families.step import Input, Step, lighter_training

_STAGES = "affectssm.families.clips.stages"
_TOLD = "affectssm.families.clips.run_settings"
_RUN = "results/runs/{experiment}/seeds-{seeds}"
_CUT = "results/segments/{corpus_edition}/{task}/{shard}"
_BATCH = "clips.batch (of the models tfn, lmf and mult: clips.tfn.batch and so on)"
_SEGMENTS = "results/segments/{corpus}-{edition}/{source}/{shard}.h5 of all shards"

STEPS = (
    Step(
        "segments",
        "bring a shard's clips to a common length, with their index",
        run=f"{_STAGES}.cut:cut_shard",
        reads={
            "manifest": Input("manifest", "manifest.parquet of the corpus", one=True, by_content=True),
            "features": Input("clip_tracks", "results/features/{corpus}-{edition}", one=True, above=2),
        },
        writes={"out": f"{_CUT}.h5", "index": f"{_CUT}.parquet", "faults": f"{_CUT}.faults.parquet"},
        settings="cut_settings",
        model=f"{_TOLD}:CutSettings",
        words=("shard",),
        content="shard_content",
        needs=needs.SEGMENTS,
    ),
    Step(
        "train",
        "train an experiment over some seeds; a killed job goes on from its last epoch",
        run=f"{_STAGES}.train:train",
        reads={"segments": Input("segments_of", _SEGMENTS)},
        writes={
            "checkpoint": f"{_RUN}/checkpoint.safetensors",
            "config": f"{_RUN}/config.yaml",
            "history": f"{_RUN}/history.csv",
            "predictions": f"{_RUN}/predictions.parquet",
        },
        out=_RUN,
        settings="run_settings",
        model=f"{_TOLD}:RunSettings",
        code="training_code",
        computing=True,
        threads="threads",
        gpu=True,
        lighter=lighter_training("clips.training", _BATCH),
        weights="text_encoder_of",
        needs=needs.TRAIN,
        resumes=True,
    ),
    Step(
        "evaluate",
        "score the predictions of an experiment; opens the test labels",
        run=f"{_STAGES}.evaluate:evaluate",
        reads={
            "segments": Input("segments_of", _SEGMENTS),
            "predictions": Input("predictions_of", "predictions.parquet of all seeds"),
        },
        writes={"out": "results/metrics/{experiment}/seeds-{seeds}.parquet"},
        settings="evaluation_settings",
        model=f"{_TOLD}:EvaluationSettings",
        needs=needs.EVALUATE,
    ),
    Step(
        "measure",
        "measure memory and time of inference and of a training step by length",
        run=f"{_STAGES}.efficiency:measure",
        reads={},
        writes={"out": "efficiency_file"},
        settings="efficiency_settings",
        model="affectssm.families.clips.measured_settings:MeasureSettings",
        code="efficiency_code",
        tables=("coupled_efficiency",),
        gpu=True,
        threads="efficiency_threads",
        needs=needs.MEASURE,
    ),
)
