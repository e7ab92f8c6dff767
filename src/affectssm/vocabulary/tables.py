"""The tables: ``module:function`` of what makes each one's page of its metrics."""

PAGES: dict[str, str] = {
    "noxi_ccc": "affectssm.families.dialogue.stages.tables.noxi_ccc:page",
    "noxi_controls": "affectssm.families.dialogue.stages.tables.noxi_controls:page",
    "damamba_ablation": "affectssm.families.dialogue.stages.tables.damamba_ablation:page",
    "damamba_memory": "affectssm.families.dialogue.stages.tables.damamba_memory:page",
    "bimtta_accuracy": "affectssm.tables.bimtta_accuracy:page",
    "bimtta_missing": "affectssm.tables.bimtta_missing:page",
    "bimtta_controls": "affectssm.tables.bimtta_controls:page",
}
