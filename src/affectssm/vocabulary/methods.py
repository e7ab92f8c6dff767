"""The methods of test-time adaptation, by the name they have in the configuration: ``module:Class``."""

METHODS: dict[str, str] = {
    "none": "affectssm.adaptation.method:Method",
    "tent": "affectssm.adaptation.tent:Tent",
    "eata": "affectssm.adaptation.eata:EATA",
    "read": "affectssm.adaptation.read:READ",
    "tltta": "affectssm.adaptation.tltta:TLTTA",
    "bim_tta": "affectssm.adaptation.bim_tta:BiMTTA",
}
TITLES: dict[str, str] = {
    "none": "none",
    "tent": "Tent",
    "eata": "EATA",
    "read": "READ",
    "tltta": "2LTTA",
    "bim_tta": "BiM-TTA",
}
