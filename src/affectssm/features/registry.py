"""Which features there are, what each is made of and where its extractor lives; imports no extractor."""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from affectssm.corpora.manifest import TEST_LABELS
from affectssm.errors import ConfigError

if TYPE_CHECKING:
    from affectssm.config import Features
    from affectssm.features.base import Extractor


@dataclass(frozen=True)
class Spec:
    """An extractor by name.

    Attributes:
        name: the feature's name.
        target: ``module:Class`` of the extractor.
        kind: kind of the manifest rows it reads (audio, video, annotation or a stream's).
        network: whether a network computes it (and a GPU makes it faster).
        needs_faces: whether it reads the face track.
        held_out: whether it reads the rows of test parts, and the others do not.
    """

    name: str
    target: str
    kind: str
    network: bool = False
    needs_faces: bool = False
    held_out: bool = False

    @property
    def content(self) -> str:
        """What it is made of, by the name it has in shards.json."""
        return TEST_LABELS if self.held_out else self.kind

    @property
    def module(self) -> str:
        """The extractor's module."""
        return self.target.partition(":")[0]


_HERE = "affectssm.features"
_SPECS = (
    Spec("face_track", f"{_HERE}.faces:FaceTrack", "video"),
    Spec("wav2vec2", f"{_HERE}.wav2vec2:Wav2Vec2", "audio", network=True),
    Spec("speech_emotion", f"{_HERE}.speech_emotion:SpeechEmotion", "audio", network=True),
    Spec("clip_face", f"{_HERE}.clip_face:ClipFace", "video", network=True, needs_faces=True),
    Spec("optical_flow", f"{_HERE}.optical_flow:OpticalFlow", "video", needs_faces=True),
    Spec("landmark_flow", f"{_HERE}.landmark_flow:LandmarkFlow", "video", needs_faces=True),
    *(
        Spec(kind, f"{_HERE}.multimediate:Stream", kind)
        for kind in ("egemapsv2", "w2vbert2", "clip", "openface2", "openpose")
    ),
    *(Spec(kind, f"{_HERE}.physio:Signals", kind) for kind in ("eeg", "eog", "emg", "ecg", "gsr")),
    Spec("ratings", f"{_HERE}.physio:Ratings", "ratings"),
    Spec("engagement", f"{_HERE}.engagement:Labels", "annotation"),
    Spec("engagement_test", f"{_HERE}.engagement:TestLabels", "annotation", held_out=True),
)
LABELS = ("annotation", "ratings")  # kinds of manifest rows
FEATURES: dict[str, Spec] = {spec.name: spec for spec in _SPECS}

GROUPS: dict[str, dict[str, list[str]]] = {
    "extracted": {
        "audio": ["wav2vec2", "speech_emotion"],
        "visual": ["clip_face", "optical_flow", "landmark_flow"],
    },
    "multimediate": {"audio": ["egemapsv2", "w2vbert2"], "visual": ["clip", "openface2", "openpose"]},
}
"""Source -> modality group -> features, in the order models see them."""


def spec(feature: str) -> Spec:
    """Return a feature's entry.

    Raises:
        ConfigError: for a name that is none.
    """
    try:
        return FEATURES[feature]
    except KeyError:
        known = ", ".join(FEATURES)
        raise ConfigError(
            f"feature {feature!r}", "no such feature", f"one of {known}", "mend the name"
        ) from None


def in_shard(feature: str, kinds: Iterable[str]) -> bool:
    """Return whether a feature has a file of a shard whose manifest rows are of these kinds.

    Labels always have one, of withheld ones it is empty; of anything else there is none without its stream.
    """
    return spec(feature).kind in {*LABELS, *kinds}


def modules_of(feature: str) -> tuple[str, ...]:
    """Return the modules whose code decides a feature's values."""
    return spec(feature).module, f"{_HERE}.extract"


def settings_of(feature: str, features: Features) -> dict[str, Any]:
    """Return the slice of the configuration that an extractor is given."""
    section = getattr(features, feature, None)
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
    from affectssm.settings_io import load_config

    known = settings_of(feature, load_config({}).features)
    unknown = sorted(set(settings) - set(known))
    if unknown:
        raise ConfigError(
            f"settings of {feature}", ", ".join(unknown), f"some of {', '.join(known)}", "mend --settings"
        )
    return known | dict(settings)


def make(feature: str, settings: dict[str, Any]) -> Extractor:
    """Import and build an extractor."""
    module, _, name = spec(feature).target.partition(":")
    return getattr(importlib.import_module(module), name)(feature, settings)
