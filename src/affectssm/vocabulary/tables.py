"""The tables: ``module:function`` of what makes each one's page of its metrics."""

PAGES: dict[str, str] = {
    "noxi_ccc": "affectssm.families.dialogue.stages.tables.noxi_ccc:page",
    "noxi_controls": "affectssm.families.dialogue.stages.tables.noxi_controls:page",
    "damamba_ablation": "affectssm.families.dialogue.stages.tables.damamba_ablation:page",
    "damamba_memory": "affectssm.families.dialogue.stages.tables.damamba_memory:page",
    "affwild2_va": "affectssm.families.video.stages.tables.affwild2_va:page",
    "affwild2_controls": "affectssm.families.video.stages.tables.affwild2_controls:page",
    "bimtta_accuracy": "affectssm.families.biosignals.stages.tables.accuracy:page",
    "bimtta_missing": "affectssm.families.biosignals.stages.tables.missing:page",
    "bimtta_controls": "affectssm.families.biosignals.stages.tables.controls:page",
    "coupled_efficiency": "affectssm.families.clips.stages.tables.coupled_efficiency:page",
}
