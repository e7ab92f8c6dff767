"""The configuration: one pydantic model, the source of config.yaml, the JSON schema and the option reference.

Only what changes results lives here; cores, memory, time and the GPU live in the profiles. Every stage of the
workflow gets its own slice of this model, as JSON, on its command line.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, Field, field_validator, model_validator

from affectssm.settings.base import Strict, default_tree, with_defaults
from affectssm.settings.presets import SCALES, fill
from affectssm.settings.trials import Physiology
from affectssm.vocabulary.corpora import CORPORA, DEMO_EDITIONS, NO_CORPUS, PHYSIO_EDITIONS
from affectssm.vocabulary.targets import load, named

Scale = Literal["paper", "demo", "tiny"]
Source = Literal["extracted", "multimediate"]
Revision = Annotated[str, Field(pattern=r"^([0-9a-f]{40})?$")]


def _named(folder: str) -> str:
    if not folder.strip():  # a path of no characters is the folder one happens to be in
        raise ValueError(f"the name of a folder; {folder!r}, which would be the working folder")
    return folder


Folder = Annotated[str, AfterValidator(_named)]


_RESERVED = re.compile(r"(demo|physio|none).*|[0-9a-f]{8}", re.IGNORECASE)
"""What other editions are called: the demos, and fingerprints of eight digits."""


class PlaceSettings(Strict):
    """Where a corpus lies: what the settings of all corpora have in common."""

    edition: Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_]{0,31}$")] | None = Field(
        None,
        description="a name for your copy: its files decide, wherever they lie, and up to half of its recordings may "
        "change; null: named by root and settings",
    )
    root: Folder = Field(description="folder of the corpus")
    shards: int = Field(1, ge=1, le=256, description="how many shards the recordings are spread over")
    checksum: Literal["sha256", "mtime"] = Field(
        "sha256", description="fingerprint files by content (sha256) or by size and modification time (mtime)"
    )

    @field_validator("edition")
    @classmethod
    def _not_reserved(cls, name: str | None) -> str | None:
        if name is not None and _RESERVED.fullmatch(name):
            raise ValueError(
                "a name that begins neither with demo, physio nor none, and is no eight hex digits"
            )
        return name

    @property
    def ground_truth_folder(self) -> str | None:
        """The folder with withheld test labels, where there is one."""
        return getattr(self, "ground_truth", None)

    def edition_made(self, demos: Mapping[str, str]) -> str:
        """Return the edition that is made here.

        Args:
            demos: what the root may say -> the edition.
        """
        return demos[self.root]


def _root(demos: Iterable[str]) -> Any:
    words = f"folder of the corpus, {NO_CORPUS} (you do not hold it), or {', '.join(demos)}"
    return Field("demo", description=words)


class CorpusSettings(PlaceSettings):
    """Where one corpus of dialogues lies."""

    root: Folder = _root(DEMO_EDITIONS)
    ground_truth: Folder | None = Field(
        None, description="folder with the withheld test labels, if you have them"
    )
    shards: int = Field(
        2,
        ge=1,
        le=256,
        description="how many shards the recordings are spread over; over another number features are copied, training "
        "runs again",
    )
    lacks: tuple[Literal["train", "val", "test-base", "test-additional", "test", "labels"], ...] = Field(
        (), description="parts of the corpus that you do not hold, e.g. [test-base]"
    )


class TrialCorpusSettings(PlaceSettings):
    """Where one corpus of trials of bio-signals lies."""

    root: Folder = _root(PHYSIO_EDITIONS)
    shards: int = Field(1, ge=1, le=256, description="how many shards the subjects are spread over")


class DeapSettings(TrialCorpusSettings):
    """Where DEAP lies, and which of its editions is read."""

    variant: Literal["preprocessed", "original"] = Field(
        "preprocessed", description="the owner's preprocessed .dat files, or the original .bdf recordings"
    )
    lacks: tuple[Literal["ratings"], ...] = Field(
        (), description="parts of the corpus that you do not hold: its table of ratings"
    )

    def edition_made(self, demos: Mapping[str, str]) -> str:
        """Return the edition that is made here."""
        return "physio-original" if self.variant == "original" else super().edition_made(demos)


class Corpora(Strict):
    """The corpora of the tables."""

    noxi: CorpusSettings = Field(default_factory=CorpusSettings, description="NoXi")
    noxi_add: CorpusSettings = Field(
        default_factory=lambda: CorpusSettings(shards=1), description="NoXi-Add (shares NoXi's root)"
    )
    mpiigi: CorpusSettings = Field(
        default_factory=lambda: CorpusSettings(shards=1), description="MPIIGroupInteraction"
    )
    deap: DeapSettings = Field(default_factory=DeapSettings, description="DEAP")
    mahnob: TrialCorpusSettings = Field(default_factory=TrialCorpusSettings, description="MAHNOB-HCI")

    @model_validator(mode="after")
    def _noxi_trains(self) -> Corpora:
        if self.noxi.root == NO_CORPUS:
            raise ValueError("noxi.root cannot be none: the models of these tables learn from NoXi")
        learned = [part for part in self.noxi.lacks if not part.startswith("test")]
        if learned:
            raise ValueError(
                f"noxi.lacks of test parts alone: models learn from the others; it has {', '.join(learned)}"
            )
        return self

    @model_validator(mode="after")
    def _editions_are_of_own_roots(self) -> Corpora:
        for corpus in type(self).model_fields:
            settings = getattr(self, corpus)
            if settings.edition is not None and settings.root in CORPORA[corpus].demos:
                raise ValueError(
                    f"{corpus}.edition beside a root of your own; {corpus}.root is {settings.root}, which is made here"
                )
        return self


def settings_class(corpus: str) -> type[PlaceSettings]:
    """The settings of a corpus.

    Raises:
        ConfigError: no such corpus.
    """
    return load(named(CORPORA, corpus, "corpus").settings)


class FaceSettings(Strict):
    """Face tracking (MediaPipe short-range detection and mesh)."""

    min_confidence: float = Field(0.5, ge=0, le=1, description="confidence from which a detection is a face")
    zoom: int = Field(
        ge=1,
        le=8,
        description="look for faces in squares of 1/zoom of the height; 1 misses faces under a fifth of it, as of "
        "distant cameras",
    )


class SpeechEncoderSettings(Strict):
    """A frozen speech encoder run over overlapping chunks."""

    model: str = Field(description="Hugging Face model id")
    revision: Revision = Field("", description="40-character commit; empty: recorded by the first real load")
    chunk_s: float = Field(20.0, gt=0, description="seconds a forward pass sees")
    overlap_s: float = Field(1.5, ge=0, description="seconds on each side that are computed and dropped")
    batch: int = Field(8, ge=1, description="chunks in a forward pass")
    int8: bool = Field(False, description="int8 linear layers on CPUs (about 1.5 times faster, cosine 0.999)")


class ClipSettings(Strict):
    """CLIP image embeddings of the tracked face region."""

    model: str = Field("ViT-B-32", description="open-clip architecture")
    pretrained: str = Field("openai", description="name of the pretrained weights, for the record")
    revision: Revision = Field("", description="40-character commit; empty: recorded by the first real load")
    fps: float = Field(gt=0, description="pictures a second to encode; at most the video's own rate")
    batch: int = Field(32, ge=1, description="pictures in a forward pass")
    int8: bool = Field(False, description="int8 linear layers on CPUs (about twice as fast, cosine 0.9998)")
    margin: float = Field(0.25, ge=0, le=2, description="face box enlarged by this share on each side")


class FlowSettings(Strict):
    """Dense optical flow between successive face crops."""

    size: int = Field(112, ge=32, le=512, description="face crop in pixels (square)")
    grid: int = Field(4, ge=1, le=16, description="cells a side the flow is pooled to (optical_flow only)")
    method: Literal["dis_fast", "dis_medium", "farneback"] = Field("dis_medium", description="flow algorithm")
    margin: float = Field(0.25, ge=0, le=2, description="face box enlarged by this share on each side")


class Features(Strict):
    """Feature sources and extractors."""

    sources: tuple[Source, ...] = Field(
        ("extracted", "multimediate"),
        min_length=1,
        description="extracted (computed here from audio and video), multimediate (as distributed)",
    )
    weights: Literal["pretrained", "random"] = Field(
        description="encoder weights; random (seeded) is for the demo"
    )
    size: Literal["full", "small"] = Field(description="encoder size; small only with random weights")
    threads: int = Field(
        1, ge=1, description="CPU threads of a network extractor (sums may differ in the last digits)"
    )
    weights_dir: str = Field("weights", description="folder with pretrained weights, one folder a model")
    face_track: FaceSettings = Field(
        description="face tracking, shared; a track is one person's: who is seen first, unless another is seen three "
        "times as long"
    )
    wav2vec2: SpeechEncoderSettings = Field(
        default_factory=lambda: SpeechEncoderSettings(model="facebook/wav2vec2-base-960h"),
        description="wav2vec 2.0 speech embeddings",
    )
    speech_emotion: SpeechEncoderSettings = Field(
        default_factory=lambda: SpeechEncoderSettings(
            model="audeering/wav2vec2-large-robust-12-ft-emotion-msp-dim"
        ),
        description="speech encoder tuned for emotion (CC BY-NC-SA 4.0: non-commercial)",
    )
    clip_face: ClipSettings = Field(description="CLIP embeddings of the face region")
    optical_flow: FlowSettings = Field(
        default_factory=FlowSettings, description="dense flow on the face crop, pooled to a grid"
    )
    landmark_flow: FlowSettings = Field(
        default_factory=FlowSettings, description="flow magnitude at the landmarks"
    )

    @model_validator(mode="after")
    def _small_is_random(self) -> Features:
        if self.size == "small" and self.weights == "pretrained":
            raise ValueError("weights: random with size: small; weights is pretrained")
        return self


class Timeline(Strict):
    """The clock."""

    clock_hz: Literal[25, 100] = Field(100, description="100 as the paper says, or 25 as the labels")


class DAMambaSettings(Strict):
    """DA-Mamba's sizes and switches (d = 384 and four blocks land near the paper's 28.7 M)."""

    d_model: int = Field(ge=4, description="width d")
    d_state: int = Field(ge=1, description="SSM state size N")
    blocks: int = Field(ge=1, description="hybrid blocks a modality group (K)")
    heads: int = Field(ge=1, description="attention heads")
    dropout: float = Field(ge=0, lt=1, description="dropout")
    expand: int = Field(ge=1, description="expansion of a Mamba block (d_inner = expand * d)")
    ffn: int = Field(ge=1, description="width of the feed-forward layers, as a multiple of d")
    d_conv: int = Field(4, ge=1, description="causal convolution width of a Mamba block")
    chunk: int = Field(16, ge=1, description="frames a chunk of the local attention")
    backbone: Literal["mamba", "transformer"] = Field(
        "mamba", description="global branch: SSM, or attention instead"
    )
    local_attention: bool = Field(True, description="chunked local attention beside the global branch")
    modality_fusion: bool = Field(
        True,
        description="fuse the audio and the visual group; otherwise each has a score and their mean counts",
    )
    partner_fusion: bool = Field(True, description="context from the partners; off: the target alone")
    seats: Literal["exchangeable", "ordered"] = Field(
        "exchangeable", description="several partners: in any order alike, or joined and numbered by seat"
    )
    cross_attention: bool = Field(True, description="light cross-attention between the modality groups")
    alignment: bool = Field(True, description="frame-wise symmetric InfoNCE between the groups")

    @model_validator(mode="after")
    def _heads_divide(self) -> DAMambaSettings:
        if self.d_model % self.heads:
            raise ValueError(f"heads that divide d_model ({self.d_model}); heads is {self.heads}")
        return self


class DATSettings(Strict):
    """DAT in its M configuration (dialogue-aware Transformer, the parent of DA-Mamba)."""

    d_model: int = Field(ge=4, description="width a cue")
    heads: int = Field(ge=1, description="attention heads")
    dim_head: int = Field(ge=1, description="width of a head in the modality Transformers")
    dim_head_cross: int = Field(ge=1, description="width of a head in the group and cross Transformers")
    dropout: float = Field(ge=0, lt=1, description="dropout")
    positions: int = Field(96, ge=1, description="learned positions: the longest window in frames")
    output: Literal["sigmoid", "selu"] = Field(
        "sigmoid", description="last activation; selu is DAT's own, whose values may leave 0 to 1"
    )


class TrainingSettings(Strict):
    """The recipe (DA-Mamba, training setup)."""

    learning_rate: float = Field(gt=0, description="AdamW's peak learning rate")
    weight_decay: float = Field(0.01, ge=0, description="AdamW's weight decay")
    batch: int = Field(ge=1, description="windows a step")
    steps: int = Field(ge=1, description="optimiser steps")
    steps_per_epoch: int = Field(ge=1, description="steps between two validations (an epoch)")
    warmup_steps: int = Field(ge=0, description="linear warm-up before the cosine")
    clip_norm: float = Field(5.0, gt=0, description="largest gradient norm")
    ema_decay: float = Field(gt=0, lt=1, description="decay of the weights' moving average")
    ema_bias_correction: bool = Field(description="divide the average by 1 - decay^t, as Adam does")
    lambda_ccc: float = Field(1.0, ge=0, description="weight of 1 - CCC")
    lambda_align: float = Field(0.4, ge=0, description="weight of the alignment loss")
    temperature: float = Field(0.07, gt=0, description="temperature of InfoNCE")
    negatives: int = Field(256, ge=2, description="label frames of a batch that enter InfoNCE")
    scan_backend: Literal["auto", "reference", "numba", "triton", "mamba_ssm"] = Field(
        "auto",
        description="what computes the scans; auto: the first of mamba_ssm, triton, numba, reference that can",
    )
    threads: int = Field(1, ge=1, description="CPU threads of a run (part of the result's definition)")
    workers: int = Field(0, ge=0, description="processes that read batches")

    @model_validator(mode="after")
    def _an_epoch_fits(self) -> TrainingSettings:
        if self.steps_per_epoch > self.steps:
            raise ValueError(f"steps_per_epoch up to steps ({self.steps}); it is {self.steps_per_epoch}")
        return self


class Experiments(Strict):
    """What is trained."""

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
    ablation_source: Source = Field(
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


class Evaluation(Strict):
    """Scoring."""

    scorer: Literal["by_frame", "official"] = Field(
        "by_frame",
        description="by_frame pairs frames by index; official skips blank lines as the challenge does",
    )


class Memory(Strict):
    """One training step, by model and window length."""

    lengths: tuple[Annotated[int, Field(ge=64)], ...] = Field(
        (64, 96, 128, 192), min_length=1, description="window lengths in frames"
    )
    device: Literal["auto", "cpu", "cuda"] = Field("auto", description="auto: a GPU where there is one")
    scale: Literal["auto", "paper", "demo", "tiny"] = Field(
        "auto", description="whose sizes are measured; auto: paper on a GPU, demo on a CPU"
    )
    batch: Annotated[int, Field(ge=1)] | None = Field(
        None, description="windows; null: the batch of that scale"
    )
    limit_gb: float = Field(8.0, gt=0, description="GB a step may take on a CPU; beyond, it is out of memory")
    gpu_limit_gb: Annotated[float, Field(gt=0)] | None = Field(
        None, description="GB a step may take on a GPU (24: the paper's card); null: all it has"
    )


class Tables(Strict):
    """The tables."""

    allow_incomplete: bool = Field(
        False,
        description="write a table with missing units, naming them; false stops before anything is extracted",
    )


class Config(Strict):
    """The whole configuration. A null takes the value of the scale."""

    presets: ClassVar[Mapping[str, Any]] = SCALES
    """Scale -> the values that it decides."""

    scale: Scale = Field(
        "demo", description="demo (small, learns what was planted), paper, or tiny (seconds)"
    )
    families: tuple[str, ...] = Field(
        ("dialogue", "biosignals"),
        description="kinds of tasks: those of affectssm, and modules that hold others (mylab.tasks); those of "
        "installed packages come by themselves",
    )
    corpora: Corpora = Field(default_factory=Corpora, description="where the corpora lie")
    features: Features = Field(description="feature sources and extractors")
    timeline: Timeline = Field(default_factory=Timeline, description="the common time line")
    experiments: Experiments = Field(description="models, seeds and the recipe")
    physiology: Physiology = Field(
        default_factory=Physiology, description="trials of bio-signals: DEAP and MAHNOB-HCI"
    )
    evaluation: Evaluation = Field(default_factory=Evaluation, description="scoring")
    memory: Memory = Field(default_factory=Memory, description="the memory measurement (damamba_memory)")
    tables: Tables = Field(default_factory=Tables, description="the tables")

    @model_validator(mode="after")
    def _paper_is_pretrained(self) -> Config:
        if self.scale == "paper" and self.features.weights == "random":
            raise ValueError(
                "features.weights: pretrained at scale paper, whose numbers random weights say nothing about; "
                "features.weights is random; to try everything without pretrained weights set scale: demo"
            )
        return self

    @model_validator(mode="before")
    @classmethod
    def _fill_in(cls, given: Any) -> Any:
        if not isinstance(given, dict):
            return given
        scale = given.get("scale", cls.model_fields["scale"].default)
        preset = cls.presets.get(scale, {}) if isinstance(scale, str) else {}
        return with_defaults(fill(given, preset), default_tree(cls))
