"""Settings of the models of bio-signals and of test-time adaptation."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from affectssm.settings_base import Strict

Width = Annotated[int, Field(ge=2)]


class Widths(Strict):
    """Channels T that the encoder of a modality ends with."""

    eeg: Width = Field(16, description="EEG (16 as released)")
    eog: Width = Field(8, description="EOG (8 as released)")
    emg: Width = Field(6, description="EMG (6 as released)")
    ecg: Width = Field(8, description="ECG (not known; that of EOG)")
    gsr: Width = Field(6, description="skin conductance (not known; that of EMG)")
    other: Width = Field(8, description="any other modality")

    def of(self, modality: str) -> int:
        """The width of a modality by its name."""
        return getattr(self, modality) if modality in type(self).model_fields else self.other


class BiMambaTTASettings(Strict):
    """BiMamba-TTA's sizes and switches; the defaults are the released DEAP configuration."""

    widths: Widths = Field(default_factory=Widths, description="width T of every modality's encoder")
    windows_s: tuple[Annotated[float, Field(gt=0)], ...] = Field(
        (0.5, 0.25, 0.125),
        min_length=1,
        description="temporal kernels in seconds, one branch each (int(w * rate) samples)",
    )
    pool_s: float = Field(0.125, gt=0, description="seconds averaged after the temporal kernels")
    hemispheres: tuple[str, ...] = Field(
        ("eeg",), description="modalities whose channels come left half first, right half second"
    )
    d_state: int = Field(36, ge=1, description="states of the intra-modal BiMamba")
    d_conv: int = Field(4, ge=1, description="convolution width of the intra-modal BiMamba")
    inter_d_state: int = Field(12, ge=1, description="states of the inter-modal BiMamba")
    inter_d_conv: int = Field(2, ge=1, description="convolution width of the inter-modal BiMamba")
    expand: int = Field(1, ge=1, description="expansion of both (d_inner = expand * d)")
    smooth_steps: int = Field(16, ge=1, description="kernel, in steps, of the convolution after the BiMamba")
    smooth_pool: int = Field(6, ge=1, description="steps averaged after it")
    dropout: float = Field(0.5, ge=0, lt=1, description="dropout")
    bidirectional: bool = Field(True, description="both directions; off: the past only, as released")
    auxiliary_weight: float = Field(0.3, ge=0, description="weight alpha of every modality's own loss")


class TSceptionSettings(Strict):
    """TSception's sizes; the defaults are its paper's."""

    windows_s: tuple[Annotated[float, Field(gt=0)], ...] = Field(
        (0.5, 0.25, 0.125), min_length=1, description="temporal kernels in seconds"
    )
    temporal: int = Field(15, ge=1, description="temporal filters a window")
    spatial: int = Field(15, ge=1, description="spatial filters")
    hidden: int = Field(32, ge=1, description="width of the hidden layer")
    pool_s: float = Field(
        0.0625, gt=0, description="seconds averaged after the temporal filters (8 at 128 Hz)"
    )
    dropout: float = Field(0.5, ge=0, lt=1, description="dropout")
    hemispheres: tuple[str, ...] = Field(
        ("eeg",), description="modalities whose channels come left half first, right half second"
    )


class LGGNetSettings(Strict):
    """LGGNet's sizes; the defaults are its paper's."""

    windows_s: tuple[Annotated[float, Field(gt=0)], ...] = Field(
        (0.5, 0.25, 0.125), min_length=1, description="temporal kernels in seconds"
    )
    temporal: int = Field(64, ge=1, description="temporal filters a window")
    graph: int = Field(32, ge=1, description="width of the graph layer")
    pool_s: float = Field(0.125, gt=0, description="seconds a power is averaged over (16 at 128 Hz)")
    dropout: float = Field(0.5, ge=0, lt=1, description="dropout")


class MambaFormerSettings(Strict):
    """MambaFormer's sizes, as a classifier; its paper forecasts and gives none for this task."""

    d_model: int = Field(64, ge=4, description="width")
    layers: int = Field(2, ge=1, description="layers of attention and Mamba")
    heads: int = Field(4, ge=1, description="attention heads")
    d_state: int = Field(16, ge=1, description="states of a Mamba")
    d_conv: int = Field(4, ge=1, description="convolution width of a Mamba")
    expand: int = Field(2, ge=1, description="expansion of a Mamba")
    token_s: float = Field(0.03125, gt=0, description="seconds a token (4 samples at 128 Hz)")
    dropout: float = Field(0.1, ge=0, lt=1, description="dropout")

    @model_validator(mode="after")
    def _heads_divide(self) -> MambaFormerSettings:
        if self.d_model % self.heads:
            raise ValueError(f"heads that divide d_model ({self.d_model}); heads is {self.heads}")
        return self


class TentSettings(Strict):
    """Tent: the entropy of every sample, BatchNorms alone."""

    learning_rate: float = Field(1e-3, gt=0, description="Adam's step size (Tent: 1e-3)")


class EATASettings(Strict):
    """EATA: confident samples unlike the last ones, held near the source by Fisher information.

    Its margins are for 1000 classes. Of two, 0.4 ln 2 lets pass what has p > 0.92 and a cosine of 0.05 only what is
    certain and opposite, which is next to nothing.
    """

    learning_rate: float = Field(2.5e-4, gt=0, description="SGD's step size (EATA: 2.5e-4)")
    momentum: float = Field(0.9, ge=0, lt=1, description="SGD's momentum")
    entropy_margin: float = Field(
        0.8, gt=0, le=1, description="largest entropy, as a share of ln N (EATA: 0.4); 0.8 is p > 0.76 of two"
    )
    cosine_margin: float = Field(
        0.9,
        gt=0,
        description="largest cosine to the average prediction (EATA: 0.05); 0.9: whatever passes the entropy passes "
        "beside an undecided average, and only the rarer class beside a decided one",
    )
    average: float = Field(0.9, ge=0, lt=1, description="weight of the past in the average prediction")
    fisher_weight: float = Field(2000.0, ge=0, description="weight of the Fisher penalty; 0 is ETA")
    fisher_samples: int = Field(2000, ge=1, description="source segments it is estimated on (all, if fewer)")
    fisher_batch: int = Field(64, ge=1, description="segments whose gradient is squared together")


class READSettings(Strict):
    """READ: confidence-aware loss and balance of classes, the fusion layer alone."""

    learning_rate: float = Field(1e-4, gt=0, description="Adam's step size (READ: 1e-4)")
    log_gamma: float = Field(-1.0, description="ln of the threshold gamma (READ: gamma = 1/e)")
    balance_weight: float = Field(1.0, ge=0, description="weight of the balance of classes")


class TLTTASettings(Strict):
    """2LTTA: weighted entropy within modalities and diversity across them, norms and fusion."""

    learning_rate: float = Field(1e-4, gt=0, description="Adam's step size (2LTTA: 1e-4)")
    entropy_of: Literal["modalities", "joint"] = Field(
        "modalities",
        description="whose entropy falls: each modality's own answer (mean over those a segment has), or the joint one",
    )
    entropy_margin: float = Field(0.4, gt=0, description="entropy of weight one, as a share of ln N")
    diversity_weight: float = Field(0.5, ge=0, description="weight of the diversity term")


class ModalityWeights(Strict):
    """Weights mu of the modalities' own entropies."""

    eeg: float = Field(1.0, ge=0, description="EEG")
    eog: float = Field(0.3, ge=0, description="EOG")
    emg: float = Field(0.2, ge=0, description="EMG")
    ecg: float = Field(0.3, ge=0, description="ECG (not known; that of EOG)")
    gsr: float = Field(0.2, ge=0, description="skin conductance (not known; that of EMG)")
    other: float = Field(0.2, ge=0, description="any other modality")

    def of(self, modality: str) -> float:
        """The weight of a modality by its name."""
        return getattr(self, modality) if modality in type(self).model_fields else self.other


class BiMTTASettings(Strict):
    """BiM-TTA: two-level entropy filter and mutual information sharing; the constants are the released code's."""

    learning_rate: float = Field(1e-4, gt=0, description="Adam's step size (not published; READ's)")
    iterations: int = Field(7, ge=1, description="updates a batch, each with other samples")
    beta: float = Field(0.2, ge=0, le=1, description="smoothing factor beta before the first update")
    beta_form: Literal["closed", "recursion"] = Field(
        "closed", description="beta + (1 - beta) t / T as the code runs it, or the paper's recursion"
    )
    variance_weight: float = Field(2.0, ge=0, description="gamma' as a multiple of the entropies' variance")
    mutual_weight: float = Field(1.0, ge=0, description="weight lambda of mutual information sharing")
    mutual_form: Literal["sample", "batch"] = Field(
        "sample",
        description="L_mis of each sample by its own weight, as in the paper's text, or the batch's mean by every "
        "sample's, as in the released code",
    )
    entropy_margin: float = Field(0.4, gt=0, description="Ent_0, entropy of weight one, as a share of ln N")
    mu: ModalityWeights = Field(default_factory=ModalityWeights, description="weights of the modalities")


class AdaptationSettings(Strict):
    """How a trained model meets a stream of test segments, the same for every method."""

    batch: int = Field(16, ge=1, description="segments a batch of the stream")
    predict: Literal["pre", "post"] = Field("post", description="score a batch before or after its update")
    episodic: bool = Field(False, description="forget after every batch; off: one stream, online")
    bn_stats: Literal["running", "batch"] = Field(
        "running", description="BatchNorm statistics: of the training, or of each test batch"
    )
    tent: TentSettings = Field(default_factory=TentSettings, description="Tent")
    eata: EATASettings = Field(default_factory=EATASettings, description="EATA")
    read: READSettings = Field(default_factory=READSettings, description="READ")
    tltta: TLTTASettings = Field(default_factory=TLTTASettings, description="2LTTA")
    bim_tta: BiMTTASettings = Field(default_factory=BiMTTASettings, description="BiM-TTA")
