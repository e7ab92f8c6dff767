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
    "mosei_regression": "affectssm.families.clips.stages.tables.pages:mosei_regression",
    "sims_regression": "affectssm.families.clips.stages.tables.pages:sims_regression",
    "simsv2_regression": "affectssm.families.clips.stages.tables.pages:simsv2_regression",
    "mosei_classification": "affectssm.families.clips.stages.tables.pages:mosei_classification",
    "sims_classification": "affectssm.families.clips.stages.tables.pages:sims_classification",
    "coupled_attention": "affectssm.families.clips.stages.tables.pages:coupled_attention",
    "coupled_timescale": "affectssm.families.clips.stages.tables.pages:coupled_timescale",
    "coupled_state": "affectssm.families.clips.stages.tables.pages:coupled_state",
    "coupled_fusion": "affectssm.families.clips.stages.tables.pages:coupled_fusion",
    "coupled_controls": "affectssm.families.clips.stages.tables.pages:coupled_controls",
    "coupled_efficiency": "affectssm.families.clips.stages.tables.coupled_efficiency:page",
}
