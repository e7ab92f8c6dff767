"""The models, by the name they have in the configuration: ``module:Class``."""

DIALOGUE_MODELS: dict[str, str] = {
    "da_mamba": "affectssm.models.da_mamba:DAMamba",
    "dat": "affectssm.models.baselines.dat:DAT",
}
SIGNAL_MODELS: dict[str, str] = {
    "bimamba_tta": "affectssm.models.bimamba_tta:BiMambaTTA",
    "tsception": "affectssm.models.baselines.tsception:TSception",
    "lggnet": "affectssm.models.baselines.lggnet:LGGNet",
    "mambaformer": "affectssm.models.baselines.mambaformer:MambaFormer",
}
