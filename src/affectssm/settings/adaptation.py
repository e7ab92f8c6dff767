"""Settings of test-time adaptation."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from affectssm.settings.base import Strict


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
