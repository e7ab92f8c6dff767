"""The section ``dialogue`` of the configuration, and what each scale decides of it and of the corpora of dialogues.

``paper`` is what the papers state or, where they are silent, what stages/models/da_mamba.py derives; ``demo`` learns
the planted truth of the demo corpora on two CPU cores in about a minute a run (the paper's recipe barely leaves its
initial weights in so few steps); ``tiny`` only proves that every job runs, on the scans that need no compiling.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, ValidationInfo, field_validator

from affectssm.settings.base import Strict
from affectssm.settings.config import Config
from affectssm.settings.dialogues import DAMambaSettings, DATSettings, TrainingSettings
from affectssm.settings.groups import Groups, one_of, sources_there_are
from affectssm.settings.measuring import MeasuringSettings
from affectssm.settings.step import Precision, Recompute

GROUPS: Groups = {
    "extracted": {
        "audio": ("wav2vec2", "speech_emotion"),
        "visual": ("clip_face", "optical_flow", "landmark_flow"),
    },
    "multimediate": {"audio": ("egemapsv2", "w2vbert2"), "visual": ("clip", "openface2", "openpose")},
}


Length = Annotated[int, Field(ge=64)]


class VariantSettings(Strict):
    """Further rows: parts that are computed twice, and half precision."""

    lengths: tuple[Length, ...] = Field(
        (96,), description="window lengths in frames; 96 is the window of training"
    )
    recompute: tuple[Recompute, ...] = Field(min_length=1, description="as of dialogue.training")
    precision: tuple[Precision, ...] = Field(
        ("float32", "bfloat16"), min_length=1, description="as of dialogue.training; bfloat16 on a GPU alone"
    )


class GrowthSettings(Strict):
    """Further rows up to long windows, over which the exponent of growth is fitted."""

    lengths: tuple[Length, ...] = Field(description="window lengths in frames")
    batch: int = Field(ge=1, description="windows: so few that the longest fit")


class PaperSettings(Strict):
    """Further rows at the paper's scale on a CPU in float32, whatever the scale of the others."""

    lengths: tuple[Length, ...] = Field(
        (), description="window lengths in frames; [64, 96] takes a quarter of an hour"
    )
    batch: int = Field(64, ge=1, description="windows; the paper's 128 on a GPU are twice as many")
    recompute: tuple[Recompute, ...] = Field(("none",), min_length=1, description="as of dialogue.training")
    limit_gb: float = Field(20.0, gt=0, description="GB a step may take; beyond, it is out of memory")


class MemorySettings(MeasuringSettings):
    """One training step, by model and window length."""

    lengths: tuple[Length, ...] = Field(
        (64, 96, 128, 192), min_length=1, description="window lengths in frames"
    )
    attention: tuple[Literal["plain", "fused"], ...] = Field(
        ("plain", "fused"), min_length=1, description="of DAT, a row each"
    )
    scale: Literal["auto", "paper", "demo", "tiny"] = Field(
        "auto", description="whose sizes are measured; auto: paper on a GPU, demo on a CPU"
    )
    batch: Annotated[int, Field(ge=1)] | None = Field(
        None, description="windows; null: the batch of that scale"
    )
    variants: VariantSettings = Field(description="rows of other ways to compute a step")
    growth: GrowthSettings = Field(description="rows over which the growth with the window is fitted")
    paper: PaperSettings = Field(
        default_factory=PaperSettings, description="rows at the paper's scale on a CPU"
    )


class DialogueSettings(Strict):
    """Dialogues: what is trained, how it is scored, and what is measured."""

    groups: Groups = Field(
        GROUPS,
        description="source -> modality group -> features in the order models see them; add sources of your own. "
        "DA-Mamba attends across groups, and aligns them, where they are audio and visual",
    )
    sources: tuple[str, ...] = Field(
        ("extracted", "multimediate"),
        min_length=1,
        description="of groups: extracted (computed here from audio and video), multimediate (as distributed)",
    )
    clock_hz: Literal[25, 100] = Field(100, description="100 as the paper says, or 25 as the labels")
    models: tuple[Literal["da_mamba", "dat"], ...] = Field(
        ("da_mamba", "dat"), min_length=1, description="measured rows of noxi_ccc"
    )
    seeds: tuple[Annotated[int, Field(ge=0)], ...] = Field(
        min_length=1, description="one run each; a cell is their mean"
    )
    ablation_seeds: tuple[Annotated[int, Field(ge=0)], ...] = Field(
        min_length=1,
        description="seeds of damamba_ablation, compared in pairs; runs of the same seed are shared",
    )
    ablation_source: str = Field(
        "multimediate", description="feature source of damamba_ablation (another where sources lacks it)"
    )
    adapt_mpiigi: bool = Field(False, description="add rows adapted on MPIIGI, leaving one session out")
    validation_rows: bool = Field(
        False,
        description="add rows on the validation parts (selected on held-out training sessions)",
    )
    adapt_steps: int = Field(100, ge=1, description="optimiser steps of that adaptation")
    da_mamba: DAMambaSettings = Field(description="DA-Mamba")
    dat: DATSettings = Field(description="DAT")
    training: TrainingSettings = Field(description="the recipe")
    scorer: Literal["by_frame", "official"] = Field(
        "by_frame",
        description="by_frame pairs frames by index; official skips blank lines as the challenge does",
    )
    memory: MemorySettings = Field(description="the memory measurement (damamba_memory)")

    @field_validator("groups")
    @classmethod
    def _features_there_are(cls, groups: Groups) -> Groups:
        return sources_there_are(groups)

    @field_validator("sources", "ablation_source")
    @classmethod
    def _of_groups(cls, value: Any, info: ValidationInfo) -> Any:
        for source in [value] if isinstance(value, str) else value:
            one_of(source, info.data.get("groups", [source]), "sources of dialogue.groups")
        return value


def own(config: Config) -> DialogueSettings:
    """Return the section of this family."""
    return vars(config)["dialogue"]


_ONE_SHARD = {corpus: {"shards": 1} for corpus in ("noxi", "noxi_add", "mpiigi")}
PRESETS: dict[str, dict[str, Any]] = {
    "paper": {
        "corpora": {"noxi": {"shards": 16}, "noxi_add": {"shards": 4}, "mpiigi": {"shards": 4}},
        "dialogue": {
            "seeds": [1, 2, 3],
            "ablation_seeds": [1, 2, 3, 4, 5],
            "da_mamba": {
                "d_model": 384, "d_state": 16, "expand": 2, "ffn": 4, "blocks": 4, "heads": 4, "dropout": 0.1,
            },
            "dat": {"d_model": 512, "heads": 8, "dim_head": 64, "dim_head_cross": 128, "dropout": 0.1},
            "training": {
                "learning_rate": 5e-5, "batch": 128, "steps": 20000, "scan_backend": "auto", "steps_per_epoch": 500,
                "warmup_steps": 500, "ema_decay": 0.999, "ema_bias_correction": False,
            },
            "memory": {
                "variants": {"recompute": ["none", "blocks", "all"]},
                "growth": {"lengths": [64, 128, 256, 512, 1000], "batch": 4},
            },
        },
    },
    "demo": {
        "corpora": _ONE_SHARD,
        "dialogue": {
            "seeds": [1, 2, 3],
            "ablation_seeds": [1, 2, 3, 4, 5],
            "da_mamba": {"d_model": 32, "d_state": 4, "expand": 1, "ffn": 2, "blocks": 1, "heads": 2, "dropout": 0.0},
            "dat": {"d_model": 16, "heads": 2, "dim_head": 8, "dim_head_cross": 16, "dropout": 0.0},
            "training": {
                "learning_rate": 3e-3, "batch": 32, "steps": 75, "scan_backend": "auto", "steps_per_epoch": 25,
                "warmup_steps": 15, "ema_decay": 0.98, "ema_bias_correction": True,
            },
            "memory": {
                "variants": {"recompute": ["none", "blocks"]},
                "growth": {"lengths": [64, 512], "batch": 8},
            },
        },
    },
    "tiny": {
        "corpora": _ONE_SHARD,
        "dialogue": {
            "seeds": [1],
            "ablation_seeds": [1, 2],
            "da_mamba": {"d_model": 8, "d_state": 2, "expand": 1, "ffn": 1, "blocks": 1, "heads": 2, "dropout": 0.0},
            "dat": {"d_model": 8, "heads": 2, "dim_head": 4, "dim_head_cross": 4, "dropout": 0.0},
            "training": {
                "learning_rate": 3e-3, "batch": 16, "steps": 4, "scan_backend": "reference", "steps_per_epoch": 2,
                "warmup_steps": 2, "ema_decay": 0.9, "ema_bias_correction": True,
            },
            "memory": {
                "variants": {"recompute": ["none", "blocks", "all"]},
                "growth": {"lengths": [64, 128], "batch": 2},
            },
        },
    },
}  # fmt: skip
"""Scale -> what it decides, of the whole configuration."""
