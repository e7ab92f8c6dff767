"""The models, by the name they have in the configuration: ``module:Class``."""

DIALOGUE_MODELS: dict[str, str] = {
    "da_mamba": "affectssm.families.dialogue.stages.models.da_mamba:DAMamba",
    "dat": "affectssm.families.dialogue.stages.models.dat:DAT",
}
VIDEO_MODELS: dict[str, str] = {
    "mamba_va": "affectssm.families.video.stages.models.mamba_va:MambaVA",
}
FRAME_MODELS: dict[str, str] = DIALOGUE_MODELS | VIDEO_MODELS
"""Those with an answer per frame."""
SEGMENT_MODELS: dict[str, str] = {
    "bimamba_tta": "affectssm.models.bimamba_tta:BiMambaTTA",
    "tsception": "affectssm.models.baselines.tsception:TSception",
    "lggnet": "affectssm.models.baselines.lggnet:LGGNet",
    "mambaformer": "affectssm.models.baselines.mambaformer:MambaFormer",
}
CLIP_MODELS: dict[str, str] = {
    "tfn": "affectssm.families.clips.stages.models.tfn:TFN",
    "lmf": "affectssm.families.clips.stages.models.lmf:LMF",
    "mult": "affectssm.families.clips.stages.models.mult:MulT",
}
TITLES: dict[str, str] = {
    "da_mamba": "DA-Mamba",
    "dat": "DAT",
    "mamba_va": "Mamba-VA",
    "bimamba_tta": "BiMamba-TTA",
    "tsception": "TSception",
    "lggnet": "LGGNet",
    "mambaformer": "MambaFormer",
    "tfn": "TFN",
    "lmf": "LMF",
    "mult": "MulT",
}
SIZES: dict[str, tuple[str, ...]] = {
    "bimamba_tta": ("d_state", "inter_d_state"),
    "tsception": ("temporal", "spatial"),
    "lggnet": ("temporal", "graph"),
    "mambaformer": ("d_model", "layers"),
}
"""The settings by which a table tells how large a model of bio-signals is."""
