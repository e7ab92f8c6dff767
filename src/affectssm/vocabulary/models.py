"""The models, by the name they have in the configuration: ``module:Class``."""

_CLIPS = "affectssm.families.clips.stages.models"
_RECORDINGS = "affectssm.families.recordings.stages.models"

DIALOGUE_MODELS: dict[str, str] = {
    "da_mamba": "affectssm.families.dialogue.stages.models.da_mamba:DAMamba",
    "dat": "affectssm.families.dialogue.stages.models.dat:DAT",
}
VIDEO_MODELS: dict[str, str] = {
    "mamba_va": "affectssm.families.video.stages.models.mamba_va:MambaVA",
}
LABELLED_MODELS: dict[str, str] = {
    "da_mamba": "labelled_da_mamba",
    "mamba_va": "labelled_mamba_va",
    "dat": "labelled_dat",
}
"""A model of dialogues or video -> that with any number of labels, each in a range of its own."""
RECORDING_MODELS: dict[str, str] = {
    "labelled_da_mamba": f"{_RECORDINGS}.da_mamba:LabelledDAMamba",
    "labelled_mamba_va": f"{_RECORDINGS}.mamba_va:LabelledMambaVA",
    "labelled_dat": f"{_RECORDINGS}.dat:LabelledDAT",
}
FRAME_MODELS: dict[str, str] = DIALOGUE_MODELS | VIDEO_MODELS | RECORDING_MODELS
"""Those with an answer per frame."""
SEGMENT_MODELS: dict[str, str] = {
    "bimamba_tta": "affectssm.models.bimamba_tta:BiMambaTTA",
    "tsception": "affectssm.models.baselines.tsception:TSception",
    "lggnet": "affectssm.models.baselines.lggnet:LGGNet",
    "mambaformer": "affectssm.models.baselines.mambaformer:MambaFormer",
}
CLIP_MODELS: dict[str, str] = {
    "coupled_mamba": f"{_CLIPS}.coupled_mamba:CoupledMamba",
    "average_fusion": f"{_CLIPS}.fusions:AverageFusion",
    "concat_fusion": f"{_CLIPS}.fusions:ConcatFusion",
    "mamba_fusion": f"{_CLIPS}.fusions:MambaFusion",
    "attention_fusion": f"{_CLIPS}.fusions:AttentionFusion",
    "tfn": f"{_CLIPS}.tfn:TFN",
    "lmf": f"{_CLIPS}.lmf:LMF",
    "mult": f"{_CLIPS}.mult:MulT",
}
"""Those with one answer a clip."""
TITLES: dict[str, str] = {
    "da_mamba": "DA-Mamba",
    "dat": "DAT",
    "mamba_va": "Mamba-VA",
    "labelled_da_mamba": "DA-Mamba",
    "labelled_dat": "DAT",
    "labelled_mamba_va": "Mamba-VA",
    "bimamba_tta": "BiMamba-TTA",
    "tsception": "TSception",
    "lggnet": "LGGNet",
    "mambaformer": "MambaFormer",
    "coupled_mamba": "Coupled Mamba",
    "average_fusion": "Average fusion",
    "concat_fusion": "Concat fusion",
    "mamba_fusion": "Mamba fusion",
    "attention_fusion": "Cross-attention",
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
