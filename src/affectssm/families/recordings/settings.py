"""The section ``recordings`` of the configuration, and what each scale decides of it.

The models and their sizes are those of dialogues, video and clips at the same scale; the recipe is for a corpus of some
tens of recordings. ``tiny`` only proves that every job runs.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, ValidationInfo, field_validator

from affectssm.families.clips.stages.modalities import MODALITIES
from affectssm.settings.base import Strict
from affectssm.settings.clips import ClipTraining, Task
from affectssm.settings.config import Config
from affectssm.settings.dialogues import DAMambaSettings, DATSettings, TrainingSettings
from affectssm.settings.fusion_models import AttentionFusionSettings, CoupledMambaSettings
from affectssm.settings.groups import Groups, one_of, sources_there_are
from affectssm.settings.video import MambaVASettings

GROUPS: Groups = {
    "extracted": {"audio": ("wav2vec2",), "visual": ("clip_face", "optical_flow")},
    "sound": {"audio": ("wav2vec2",)},
    "picture": {"visual": ("clip_face", "optical_flow")},
}
ITEM_GROUPS: Groups = {
    "extracted": {"text": ("bert_text",), "audio": ("wav2vec2",), "vision": ("clip_face",)},
    "heard": {"audio": ("wav2vec2",)},
    "seen": {"vision": ("clip_face",)},
}
Seed = Annotated[int, Field(ge=0)]


class ItemSettings(Strict):
    """Labels of recordings as a whole (corpora.folder.labels.per: item), by the models of clips."""

    groups: Groups = Field(
        ITEM_GROUPS,
        description="source -> modality (text, audio, vision) -> features, joined where there are several; add sources "
        "of your own. What a recording lacks is masked; what none has is left out",
    )
    sources: tuple[str, ...] = Field(
        ("extracted",), min_length=1, description="of items.groups: a row each and model"
    )
    models: tuple[Literal["coupled_mamba", "attention_fusion"], ...] = Field(
        ("coupled_mamba",), min_length=1, description="rows of recordings_items"
    )
    task: Task = Field(
        "regression",
        description="regression, or classification of one label, whose classes corpora.folder.labels.values names",
    )
    steps: int = Field(ge=1, description="steps that a recording is divided into, equal shares of it")
    batch: int = Field(ge=1, description="recordings a step of training")
    training: ClipTraining = Field(description="the recipe")
    coupled_mamba: CoupledMambaSettings = Field(
        default_factory=CoupledMambaSettings, description="Coupled Mamba"
    )
    attention_fusion: AttentionFusionSettings = Field(
        default_factory=AttentionFusionSettings, description="a Transformer with cross-attention"
    )

    @field_validator("groups")
    @classmethod
    def _features_there_are(cls, groups: Groups) -> Groups:
        for source, own in groups.items():
            for modality in own:
                one_of(modality, MODALITIES, f"modalities of {source}")
        return sources_there_are(groups)

    @field_validator("sources")
    @classmethod
    def _of_groups(cls, sources: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        for source in sources:
            one_of(source, info.data.get("groups", sources), "sources of recordings.items.groups")
        return sources


class RecordingsSettings(Strict):
    """Recordings of your own (corpora.folder): what is learnt from which features, and how it is tested."""

    groups: Groups = Field(
        GROUPS,
        description="source -> modality group (audio, visual) -> features in the order models see them; add sources of "
        "your own. What a recording lacks (sound, say) is masked; what none has is left out",
    )
    sources: tuple[str, ...] = Field(
        ("extracted",), min_length=1, description="of groups: a row each and model"
    )
    models: tuple[Literal["da_mamba", "mamba_va", "dat"], ...] = Field(
        ("da_mamba",),
        min_length=1,
        description="of labels over time: da_mamba and dat see partners, the others in a recording; mamba_va does not",
    )
    folds: int = Field(
        5,
        ge=2,
        description="parts that recordings without a split are dealt to, whole groups; as many as groups where these "
        "are fewer, so that 1000 leaves one group out at a time",
    )
    seeds: tuple[Seed, ...] = Field(min_length=1, description="one run each and fold; a cell is their mean")
    clock_hz: float = Field(
        25.0,
        gt=0,
        le=1000,
        description="frames a second that models see, about: a whole number of them a label; labels that are faster "
        "are the clock",
    )
    context: int = Field(
        32, ge=0, description="frames on either side of a window's centre, seen and not predicted"
    )
    centre: int = Field(32, ge=1, description="frames of a window that are predicted")
    da_mamba: DAMambaSettings = Field(description="DA-Mamba")
    dat: DATSettings = Field(description="DAT; positions is at least context + centre + context")
    mamba_va: MambaVASettings = Field(description="Mamba-VA")
    training: TrainingSettings = Field(description="the recipe of all three")
    items: ItemSettings = Field(description="what is learnt of labels of recordings as a whole")

    @field_validator("groups")
    @classmethod
    def _features_there_are(cls, groups: Groups) -> Groups:
        return sources_there_are(groups)

    @field_validator("sources")
    @classmethod
    def _of_groups(cls, sources: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        for source in sources:
            one_of(source, info.data.get("groups", sources), "sources of recordings.groups")
        return sources


def own(config: Config) -> RecordingsSettings:
    """Return the section of this family."""
    return vars(config)["recordings"]


PRESETS: dict[str, dict[str, Any]] = {
    "paper": {
        "recordings": {
            "seeds": [1, 2, 3],
            "da_mamba": {
                "d_model": 384, "d_state": 16, "expand": 2, "ffn": 4, "blocks": 4, "heads": 4, "dropout": 0.1,
            },
            "dat": {"d_model": 512, "heads": 8, "dim_head": 64, "dim_head_cross": 128, "dropout": 0.1},
            "mamba_va": {
                "channels": [1024, 768, 512, 256], "kernel": 15, "layers": 4, "d_state": 8, "hidden": 128,
                "conv_init": "normal",
            },
            "training": {
                "learning_rate": 5e-5, "batch": 32, "steps": 4000, "scan_backend": "auto", "steps_per_epoch": 200,
                "warmup_steps": 200, "ema_decay": 0.99, "ema_bias_correction": True,
            },
            "items": {
                "steps": 50, "batch": 32, "training": {"epochs": 150, "learning_rate": 5e-4, "scan_backend": "auto"},
                "coupled_mamba": {"d_model": 128, "layers": 3, "d_state": 64, "dt_rank": 16, "hidden": 64},
                "attention_fusion": {"d_model": 128, "layers": 3, "hidden": 64},
            },
        },
    },
    "demo": {
        "recordings": {
            "seeds": [1, 2, 3],
            "da_mamba": {"d_model": 32, "d_state": 4, "expand": 1, "ffn": 2, "blocks": 1, "heads": 2, "dropout": 0.0},
            "dat": {"d_model": 16, "heads": 2, "dim_head": 8, "dim_head_cross": 16, "dropout": 0.0},
            "mamba_va": {
                "channels": [32, 32], "kernel": 7, "layers": 2, "d_state": 4, "hidden": 32, "conv_init": "fan_in",
            },
            "training": {
                "learning_rate": 3e-3, "batch": 32, "steps": 100, "scan_backend": "auto", "steps_per_epoch": 20,
                "warmup_steps": 15, "ema_decay": 0.9, "ema_bias_correction": True,
            },
            "items": {
                "steps": 50, "batch": 8, "training": {"epochs": 30, "learning_rate": 1e-3, "scan_backend": "auto"},
                "coupled_mamba": {"d_model": 32, "layers": 2, "d_state": 4, "dt_rank": 4, "hidden": 16},
                "attention_fusion": {"d_model": 32, "layers": 2, "hidden": 16},
            },
        },
    },
    "tiny": {
        "recordings": {
            "seeds": [1],
            "da_mamba": {"d_model": 8, "d_state": 2, "expand": 1, "ffn": 1, "blocks": 1, "heads": 2, "dropout": 0.0},
            "dat": {"d_model": 8, "heads": 2, "dim_head": 4, "dim_head_cross": 4, "dropout": 0.0},
            "mamba_va": {
                "channels": [8, 8], "kernel": 3, "layers": 1, "d_state": 2, "hidden": 8, "conv_init": "fan_in",
            },
            "training": {
                "learning_rate": 3e-3, "batch": 16, "steps": 4, "scan_backend": "reference", "steps_per_epoch": 2,
                "warmup_steps": 2, "ema_decay": 0.9, "ema_bias_correction": True,
            },
            "items": {
                "steps": 10, "batch": 16, "training": {"epochs": 2, "learning_rate": 4e-3, "scan_backend": "reference"},
                "coupled_mamba": {"d_model": 8, "layers": 1, "d_state": 2, "dt_rank": 1, "hidden": 8},
                "attention_fusion": {"d_model": 8, "layers": 1, "hidden": 8},
            },
        },
    },
}  # fmt: skip
"""Scale -> what it decides, of the whole configuration."""
