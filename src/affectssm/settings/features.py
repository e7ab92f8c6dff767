"""The section of features: what extractors are told, and which of it decides a feature's values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from affectssm.errors import ConfigError
from affectssm.settings.base import Strict, at_scale, with_defaults
from affectssm.settings.corpora import settings_class
from affectssm.vocabulary.corpora import NO_CORPUS
from affectssm.vocabulary.features import spec

Revision = Annotated[str, Field(pattern=r"^([0-9a-f]{40})?$")]


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


class TextModelSettings(Strict):
    """Which BERT reads a language."""

    model: str = Field(description="Hugging Face model id of a BERT")
    revision: Revision = Field("", description="40-character commit; empty: recorded by the first real load")


class BertSettings(Strict):
    """A frozen BERT over the transcripts of clips, and its tokens."""

    english: TextModelSettings = Field(
        default_factory=lambda: TextModelSettings(model="google-bert/bert-base-uncased"),
        description="of transcripts in English (Apache-2.0)",
    )
    chinese: TextModelSettings = Field(
        default_factory=lambda: TextModelSettings(model="google-bert/bert-base-chinese"),
        description="of transcripts in Chinese (its model card names no licence)",
    )
    tokens: int = Field(
        50, ge=3, le=512, description="tokens at most, CLS and SEP among them; longer transcripts are cut"
    )
    batch: int = Field(32, ge=1, description="transcripts in a forward pass")


class ClipSettings(Strict):
    """CLIP image embeddings of the tracked face region."""

    model: str = Field("ViT-B-32", description="open-clip architecture")
    pretrained: str = Field("openai", description="name of the pretrained weights, for the record")
    revision: Revision = Field("", description="40-character commit; empty: recorded by the first real load")
    fps: float = Field(gt=0, description="pictures a second to encode; at most the video's own rate")
    batch: int = Field(32, ge=1, description="pictures in a forward pass")
    int8: bool = Field(False, description="int8 linear layers on CPUs (about twice as fast, cosine 0.9998)")
    margin: float = Field(0.25, ge=0, le=2, description="face box enlarged by this share on each side")


class MaeSettings(Strict):
    """The frozen encoder of a masked autoencoder on crops of faces."""

    model: Literal["facebook/vit-mae-base", "facebook/vit-mae-large"] = Field(
        "facebook/vit-mae-large", description="Hugging Face model id; base has 768 columns, large 1024"
    )
    revision: Revision = Field("", description="40-character commit; empty: recorded by the first real load")
    tuned: str | None = Field(
        None, description="file of an encoder that was tuned from this model; null: as published"
    )
    every: int = Field(1, ge=1, description="encode every k-th frame; loaders interpolate between its rows")
    batch: int = Field(32, ge=1, description="pictures in a forward pass")
    int8: bool = Field(False, description="int8 linear layers on CPUs (about 1.8 times faster, cosine 0.998)")


class MaeVideoSettings(MaeSettings):
    """The same on the tracked face of a video."""

    margin: float = Field(0.1, ge=0, le=2, description="face box enlarged by this share on each side")


class FlowSettings(Strict):
    """Dense optical flow between successive face crops."""

    size: int = Field(112, ge=32, le=512, description="face crop in pixels (square)")
    grid: int = Field(4, ge=1, le=16, description="cells a side the flow is pooled to (optical_flow only)")
    method: Literal["dis_fast", "dis_medium", "farneback"] = Field("dis_medium", description="flow algorithm")
    margin: float = Field(0.25, ge=0, le=2, description="face box enlarged by this share on each side")


class Features(Strict):
    """Extractors."""

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
    bert: BertSettings = Field(
        default_factory=BertSettings,
        description="BERT embeddings of transcripts, and their tokens (bert_tokens)",
    )
    clip_face: ClipSettings = Field(description="CLIP embeddings of the face region")
    mae: MaeSettings = Field(
        default_factory=MaeSettings,
        description="masked autoencoder on crops (CC BY-NC 4.0: non-commercial)",
    )
    mae_video: MaeVideoSettings = Field(
        default_factory=MaeVideoSettings,
        description="the same on the tracked face of a video (CC BY-NC 4.0: non-commercial)",
    )
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


_SMALL: dict[str, Any] = {
    "weights": "random",
    "size": "small",
    "clip_face": {"fps": 5.0},
    "face_track": {"zoom": 1},
    "optical_flow": {"method": "dis_fast"},  # a quarter of the time of dis_medium
    "landmark_flow": {"method": "dis_fast"},
}
SCALES: dict[str, dict[str, Any]] = {
    "paper": {
        "weights": "pretrained",
        "size": "full",
        "clip_face": {"fps": 25.0},
        "face_track": {"zoom": 4},
        "optical_flow": {"method": "dis_medium"},
        "landmark_flow": {"method": "dis_medium"},
    },
    "demo": _SMALL,
    "tiny": _SMALL,
}
"""Scale -> what it decides of the section."""


def settings_of(feature: str, features: Features) -> dict[str, Any]:
    """Return the slice of the configuration that an extractor is given, of a corpus's labels their defaults."""
    if corpus := spec(feature).of_corpus:
        return settings_class(corpus).model_validate({"root": NO_CORPUS}).told_of_labels
    section = getattr(features, spec(feature).section or feature, None)
    own = section.model_dump(mode="json") if section is not None else {}
    if not spec(feature).network:
        return own
    shared = ("weights", "size", "threads", "weights_dir")
    return own | {name: getattr(features, name) for name in shared}


NOT_THE_RESULT = ("weights_dir", "batch")
"""Settings that say where or how something is computed; the weights' hashes are in the card."""


def decisive(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings that decide a feature's values."""
    return {name: value for name, value in settings.items() if name not in NOT_THE_RESULT}


def completed(feature: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings with the defaults of the demo where a key is not given.

    Raises:
        ConfigError: for a key the feature does not have.
    """
    known = settings_of(feature, at_scale(Features, SCALES["demo"]))
    unknown = sorted(set(settings) - set(known))
    if unknown:
        raise ConfigError(
            f"settings of {feature}", ", ".join(unknown), f"some of {', '.join(known)}", "mend --settings"
        )
    return with_defaults(dict(settings), known)
