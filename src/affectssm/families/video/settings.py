"""The section ``video`` of the configuration, and what each scale decides of it and of its corpora.

``paper`` has the windows and rates of the released code (github FreedomPuppy77/Charon), which differ by fold; the paper
states one recipe for all, with a weight decay of 0.001 where the code's fold 0 has 0.01, and no windows.
``demo`` learns the planted truth of the demo corpus on two CPU cores; ``tiny`` only proves that every job runs.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, ValidationInfo, field_validator

from affectssm.settings.base import Strict
from affectssm.settings.config import Config
from affectssm.settings.encoder_tuning import EncoderTuningSettings
from affectssm.settings.groups import Groups, features_of, one_of, sources_there_are
from affectssm.settings.video import FoldRecipe, MambaVASettings, VideoTraining
from affectssm.vocabulary.features import kinds_of, spec

GROUPS: Groups = {
    "mae": {"visual": ("mae",)},
    "mae_video": {"visual": ("mae_video",)},
    "mae_sound": {"visual": ("mae",), "audio": ("wav2vec2",)},
    "mae_tuned": {"visual": ("mae_tuned",)},
}
Variant = Literal["frame", "tcn", "mamba", "bidirectional", "reported"]


class VideoSettings(Strict):
    """Video: valence and arousal of every frame, on the official split and in cross-validation."""

    groups: Groups = Field(
        GROUPS,
        description="source -> modality group -> features, all of which a model sees joined; add sources of your "
        "own. mae_tuned is mae of an encoder that was tuned on the videos that a fold learns from, one encoder a fold",
    )
    sources: tuple[str, ...] = Field(
        ("mae",), min_length=1, description="of groups: a row each in affwild2_va"
    )
    folds: tuple[Annotated[int, Field(ge=0)], ...] = Field(
        (0, 1, 2, 3, 4, 5),
        min_length=1,
        description="0: the official split; from 1 on: cross-validation over training and validation videos",
    )
    cross_folds: int = Field(5, ge=2, description="folds of the cross-validation; videos stay whole")
    rows: tuple[Variant, ...] = Field(
        ("frame", "tcn", "mamba", "reported"),
        description="further measured rows on the official split: every frame from itself alone, one part alone at the "
        "parameters of the whole, Mamba in both directions, or (reported) the epoch selected on the reported videos, "
        "as the released code does",
    )
    seeds: tuple[Annotated[int, Field(ge=0)], ...] = Field(
        min_length=1, description="one run each; a cell is their mean"
    )
    control_seeds: tuple[Annotated[int, Field(ge=0)], ...] = Field(
        min_length=1, description="seeds of affwild2_controls; runs of the same seed are shared"
    )
    forward_fill: bool = Field(
        True, description="a frame without a face counts with the last face's features; off: it is masked"
    )
    overlap: float = Field(
        0.5, ge=0, lt=1, description="share of a window that the next one shares when videos are predicted"
    )
    blend: Literal["later", "hann"] = Field(
        "later",
        description="where windows overlap: the first that holds a frame answers for it, so that all but a video's "
        "first frames have a past; or their mean, weighted as by a Hann window",
    )
    mamba_va: MambaVASettings = Field(description="Mamba-VA")
    official: FoldRecipe = Field(description="windows and rates of fold 0")
    cross: FoldRecipe = Field(description="of the other folds")
    training: VideoTraining = Field(description="what all folds share")
    tuning: EncoderTuningSettings = Field(
        description="of the encoder of mae_tuned, on the labels of the videos that the fold learns from; neither those "
        "that select an epoch nor those that are reported are seen; features of an encoder that saw them are refused"
    )

    @field_validator("groups")
    @classmethod
    def _features_there_are(cls, groups: Groups) -> Groups:
        return sources_there_are(groups, by_fold=True)

    @field_validator("sources")
    @classmethod
    def _of_groups(cls, sources: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        groups = info.data.get("groups", {})
        for source in sources if groups else ():
            one_of(source, groups, "sources of video.groups")
            read = features_of(groups[source])
            if any(spec(name).by_fold for name in read) and kinds_of(read) != ("crops",):
                # other people have all that is needed: the folds, and so what an encoder may see, would be others
                raise ValueError(f"mae_tuned with features of crops alone; {source}: {', '.join(read)}")
        return sources

    @field_validator("cross_folds")
    @classmethod
    def _as_many_as_are_asked_for(cls, count: int, info: ValidationInfo) -> int:
        if (highest := max(info.data.get("folds", (0,)))) > count:
            raise ValueError(f"as many as the highest of folds ({highest}); {count}")
        return count

    def recipe(self, fold: int) -> FoldRecipe:
        """Return the recipe of a fold."""
        return self.cross if fold else self.official


def own(config: Config) -> VideoSettings:
    """Return the section of this family."""
    return vars(config)["video"]


PRESETS: dict[str, dict[str, Any]] = {
    "paper": {
        "corpora": {"affwild2": {"shards": 64}},
        "video": {
            "seeds": [1],
            "control_seeds": [1, 2, 3],
            "mamba_va": {
                "channels": [1024, 768, 512, 256], "kernel": 15, "layers": 4, "d_state": 8, "hidden": 128,
                "conv_init": "normal",
            },
            "official": {"length": 1000, "stride": 800, "learning_rate": 3e-4, "weight_decay": 0.01, "dropout": 0.3},
            "cross": {"length": 300, "stride": 200, "learning_rate": 3e-5, "weight_decay": 1e-3, "dropout": 0.2},
            "training": {"batch": 16, "epochs": 50, "warmup_epochs": 5, "ema_decay": 0.0, "scan_backend": "auto"},
            "tuning": {
                "steps": 5000, "steps_per_epoch": 500, "batch": 64, "learning_rate": 1e-5, "warmup_steps": 250,
            },
        },
    },
    "demo": {
        "corpora": {"affwild2": {"shards": 1}},
        "video": {
            "seeds": [1, 2, 3],
            "control_seeds": [1, 2, 3, 4, 5, 6],
            "mamba_va": {
                "channels": [32, 32], "kernel": 7, "layers": 2, "d_state": 4, "hidden": 32, "conv_init": "fan_in",
            },
            "official": {"length": 100, "stride": 80, "learning_rate": 3e-3, "weight_decay": 0.01, "dropout": 0.1},
            "cross": {"length": 60, "stride": 40, "learning_rate": 3e-3, "weight_decay": 1e-3, "dropout": 0.1},
            "training": {"batch": 8, "epochs": 12, "warmup_epochs": 2, "ema_decay": 0.9, "scan_backend": "auto"},
            "tuning": {
                "steps": 200, "steps_per_epoch": 50, "batch": 32, "learning_rate": 1e-3, "warmup_steps": 10,
            },
        },
    },
    "tiny": {
        "corpora": {"affwild2": {"shards": 1}},
        "video": {
            "seeds": [1],
            "control_seeds": [1],
            "mamba_va": {
                "channels": [8, 8], "kernel": 3, "layers": 1, "d_state": 2, "hidden": 8, "conv_init": "fan_in",
            },
            "official": {"length": 40, "stride": 30, "learning_rate": 3e-3, "weight_decay": 0.01, "dropout": 0.0},
            "cross": {"length": 30, "stride": 20, "learning_rate": 3e-3, "weight_decay": 1e-3, "dropout": 0.0},
            "training": {"batch": 8, "epochs": 1, "warmup_epochs": 0, "ema_decay": 0.9, "scan_backend": "reference"},
            "tuning": {"steps": 4, "steps_per_epoch": 2, "batch": 8, "learning_rate": 1e-3, "warmup_steps": 1},
        },
    },
}  # fmt: skip
"""Scale -> what it decides, of the whole configuration."""
