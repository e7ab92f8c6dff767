"""The tables: ``module:function`` of what makes each one's page of its metrics."""

PAGES: dict[str, str] = {
    "noxi_ccc": "affectssm.tables.noxi_ccc:page",
    "noxi_controls": "affectssm.tables.noxi_controls:page",
    "damamba_ablation": "affectssm.tables.damamba_ablation:page",
    "damamba_memory": "affectssm.tables.damamba_memory:page",
    "bimtta_accuracy": "affectssm.tables.bimtta_accuracy:page",
    "bimtta_missing": "affectssm.tables.bimtta_missing:page",
    "bimtta_controls": "affectssm.tables.bimtta_controls:page",
}
