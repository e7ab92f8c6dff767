"""The section ``biosignals`` of the configuration, and what each scale decides of it and of the corpora of trials.

``paper`` is what the papers and the released code state; what ``demo`` and ``tiny`` are for is said of dialogues.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from affectssm.settings.adaptation import AdaptationSettings
from affectssm.settings.base import Strict
from affectssm.settings.biosignals import (
    ChoiceSettings,
    EpochSettings,
    ModalitySettings,
    ProtocolSettings,
    TrialTrainingSettings,
)
from affectssm.settings.config import Config
from affectssm.settings.segments import MissingSettings
from affectssm.settings.signal_models import (
    BiMambaTTASettings,
    LGGNetSettings,
    MambaFormerSettings,
    TSceptionSettings,
)


class BiosignalsSettings(Strict):
    """DEAP and MAHNOB-HCI to BiMamba-TTA's tables."""

    modalities: ModalitySettings = Field(
        default_factory=ModalitySettings, description="which modalities models see"
    )
    epochs: EpochSettings = Field(default_factory=EpochSettings, description="how trials are cut")
    protocol: ProtocolSettings = Field(
        default_factory=ProtocolSettings, description="folds, and what counts as high"
    )
    models: tuple[Literal["bimamba_tta", "tsception", "lggnet", "mambaformer"], ...] = Field(
        ("bimamba_tta", "tsception", "lggnet", "mambaformer"),
        min_length=1,
        description="measured rows of bimtta_accuracy",
    )
    seeds: tuple[Annotated[int, Field(ge=0)], ...] = Field(
        (1, 2, 3, 4, 5), min_length=1, description="one run each; a cell is their mean"
    )
    control_seeds: tuple[Annotated[int, Field(ge=0)], ...] = Field(
        (1, 2, 3, 4, 5),
        min_length=1,
        description="runs of bimtta_controls: one exchange of labels may agree with the truth by luck",
    )
    training: TrialTrainingSettings = Field(
        default_factory=TrialTrainingSettings, description="the recipe of all models"
    )
    bimamba_tta: BiMambaTTASettings = Field(default_factory=BiMambaTTASettings, description="BiMamba-TTA")
    tsception: TSceptionSettings = Field(default_factory=TSceptionSettings, description="TSception")
    lggnet: LGGNetSettings = Field(default_factory=LGGNetSettings, description="LGGNet")
    mambaformer: MambaFormerSettings = Field(default_factory=MambaFormerSettings, description="MambaFormer")
    missing: MissingSettings = Field(
        default_factory=MissingSettings, description="what goes missing from test segments"
    )
    methods: tuple[Literal["none", "tent", "eata", "read", "tltta", "bim_tta"], ...] = Field(
        ("none", "tent", "eata", "read", "tltta", "bim_tta"),
        description="measured rows of bimtta_missing; none is what the others are compared with",
    )
    adaptation: AdaptationSettings = Field(
        default_factory=AdaptationSettings, description="test-time adaptation"
    )
    choice: ChoiceSettings = Field(
        default_factory=ChoiceSettings, description="how its learning rates and thresholds are chosen"
    )

    @model_validator(mode="after")
    def _compared_with_none(self) -> BiosignalsSettings:
        if "none" not in self.methods:
            raise ValueError("methods with none, which the others are compared with; it is left out")
        return self


def own(config: Config) -> BiosignalsSettings:
    """Return the section of this family."""
    return vars(config)["biosignals"]


_WIDTHS = {"eeg": 16, "eog": 8, "emg": 6, "ecg": 8, "gsr": 6, "other": 8}
PRESETS: dict[str, dict[str, Any]] = {
    "paper": {
        "corpora": {"deap": {"shards": 16}, "mahnob": {"shards": 16}},
        "biosignals": {
            "protocol": {"protocol": "within", "deal": "random", "folds": 10},
            "seeds": [1, 2, 3, 4, 5],
            "control_seeds": [1, 2, 3, 4, 5],
            "training": {"scan_backend": "auto", "learning_rate": 1e-3, "batch": 64, "epochs": 30},
            "bimamba_tta": {"widths": _WIDTHS, "d_state": 36, "inter_d_state": 12},
            "tsception": {"temporal": 15, "spatial": 15},
            "lggnet": {"temporal": 64, "graph": 32},
            "mambaformer": {"d_model": 64, "layers": 2},
            "missing": {"ratios": [0.2, 0.4, 0.6, 0.8], "control": True},
            "choice": {
                "development_subjects": 2, "factors": [1.0, 0.1, 10.0, 100.0], "entropy_margins": [0.4, 0.8],
                "ratios": [0.2, 0.4, 0.6, 0.8],
            },
        },
    },
    "demo": {
        "corpora": {"deap": {"shards": 1}, "mahnob": {"shards": 1}},
        "biosignals": {
            "protocol": {"protocol": "pooled", "deal": "blocks", "folds": 2},
            "seeds": [1],
            "control_seeds": [1, 2, 3],
            "training": {"scan_backend": "auto", "learning_rate": 4e-3, "batch": 16, "epochs": 12},
            "bimamba_tta": {"widths": dict.fromkeys(_WIDTHS, 6), "d_state": 8, "inter_d_state": 4},
            "tsception": {"temporal": 3, "spatial": 6},
            "lggnet": {"temporal": 3, "graph": 16},
            "mambaformer": {"d_model": 16, "layers": 1},
            "missing": {"ratios": [0.4, 0.8], "control": True},
            "choice": {
                "development_subjects": 3, "factors": [1.0, 10.0, 100.0], "entropy_margins": [0.4, 0.8],
                "ratios": [0.6],
            },
        },
    },
    "tiny": {
        "corpora": {"deap": {"shards": 1}, "mahnob": {"shards": 1}},
        "biosignals": {
            "protocol": {"protocol": "within", "deal": "random", "folds": 2},
            "seeds": [1],
            "control_seeds": [1],
            "training": {"scan_backend": "reference", "learning_rate": 4e-3, "batch": 16, "epochs": 1},
            "bimamba_tta": {"widths": dict.fromkeys(_WIDTHS, 2), "d_state": 2, "inter_d_state": 2},
            "tsception": {"temporal": 2, "spatial": 2},
            "lggnet": {"temporal": 2, "graph": 4},
            "mambaformer": {"d_model": 8, "layers": 1},
            "missing": {"ratios": [0.8], "control": False},
            "choice": {"development_subjects": 1, "factors": [1.0], "entropy_margins": [0.4], "ratios": [0.8]},
        },
    },
}  # fmt: skip
"""Scale -> what it decides, of the whole configuration."""
