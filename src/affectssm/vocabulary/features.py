"""The features: what each is made of and where its extractor lies; imports no extractor."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from affectssm.errors import ConfigError
from affectssm.vocabulary import feature_needs
from affectssm.vocabulary.kinds import (
    CSD_KINDS,
    LABEL_KINDS,
    SENTIMENT,
    SIGNAL_KINDS,
    STREAM_KINDS,
    SUPPLIED_KINDS,
    TEST_LABELS,
    TRANSCRIPT,
)
from affectssm.vocabulary.needs import LIGHT, Needs


@dataclass(frozen=True)
class Spec:
    """An extractor by name.

    Attributes:
        name: the feature's name.
        target: ``module:Class`` of the extractor.
        kind: kind of the manifest rows it reads (audio, video, annotation or a stream's).
        network: whether a network computes it (and a GPU makes it faster), or it is made of a network's files.
        needs_faces: whether it reads the face track.
        held_out: whether it reads the rows of test parts, and the others do not.
        trained_on: corpora whose labels its weights were trained on; it is refused for these.
        by_fold: whether every fold has one of its own, ``{name}-fold{k}``, which its family makes with a step of its
            own; no fold reads that of another.
        section: of the settings of features; the one of its name where empty.
        wants: ``module:function`` that names the pretrained weights it is computed with, told of its name and settings
            (:mod:`affectssm.features.wanted`); empty where it has none.
        needs: the memory, time and room that a job takes which extracts it from a shard; those of this package stand
            in :mod:`affectssm.vocabulary.feature_needs`.
    """

    name: str
    target: str
    kind: str
    network: bool = False
    needs_faces: bool = False
    held_out: bool = False
    trained_on: tuple[str, ...] = ()
    by_fold: bool = False
    section: str = ""
    wants: str = ""
    needs: Needs = field(default_factory=lambda: LIGHT, hash=False)

    @property
    def content(self) -> str:
        """What it is made of, by the name it has in shards.json."""
        return TEST_LABELS if self.held_out else self.kind


_HERE = "affectssm.features"
_SPEECH, _BERT, _MAE, _CLIP = (f"{_HERE}.wanted:{kind}" for kind in ("speech", "bert", "mae", "clip"))
_SPECS = (
    Spec("face_track", f"{_HERE}.faces:FaceTrack", "video"),
    Spec("wav2vec2", f"{_HERE}.wav2vec2:Wav2Vec2", "audio", network=True, wants=_SPEECH),
    Spec("speech_emotion", f"{_HERE}.speech_emotion:SpeechEmotion", "audio", network=True, wants=_SPEECH),
    Spec("clip_face", f"{_HERE}.clip_face:ClipFace", "video", network=True, needs_faces=True, wants=_CLIP),
    Spec("optical_flow", f"{_HERE}.optical_flow:OpticalFlow", "video", needs_faces=True),
    Spec("landmark_flow", f"{_HERE}.landmark_flow:LandmarkFlow", "video", needs_faces=True),
    Spec("mae", f"{_HERE}.mae:Mae", "crops", network=True, wants=_MAE),
    Spec("mae_video", f"{_HERE}.mae:MaeVideo", "video", network=True, needs_faces=True, wants=_MAE),
    Spec("mae_tuned", f"{_HERE}.mae:Mae", "crops", network=True, by_fold=True, section="mae", wants=_MAE),
    Spec("bert", f"{_HERE}.bert:Bert", TRANSCRIPT, network=True, wants=_BERT),
    Spec(
        "bert_tokens",
        f"{_HERE}.transcripts:BertTokens",
        TRANSCRIPT,
        network=True,
        section="bert",
        wants=_BERT,
    ),
    *(Spec(kind, f"{_HERE}.multimediate:Stream", kind) for kind in STREAM_KINDS),
    *(Spec(kind, f"{_HERE}.biosignals:Signals", kind) for kind in SIGNAL_KINDS),
    Spec("ratings", f"{_HERE}.biosignals:Ratings", "ratings"),
    *(Spec(kind, f"{_HERE}.supplied:Supplied", kind) for kind in SUPPLIED_KINDS),
    *(Spec(kind, f"{_HERE}.csd:Timed", kind) for kind in CSD_KINDS),
    Spec(SENTIMENT, f"{_HERE}.sentiment:Label", SENTIMENT),
    Spec("listed_frames", f"{_HERE}.listed_frames:ListedFrames", "frame_list"),
    Spec("valence_arousal", f"{_HERE}.valence_arousal:Labels", "annotation"),
    Spec("engagement", f"{_HERE}.engagement:Labels", "annotation"),
    Spec("engagement_test", f"{_HERE}.engagement:TestLabels", "annotation", held_out=True),
)
FEATURES: dict[str, Spec] = {
    spec.name: replace(spec, needs=feature_needs.BY_NAME.get(spec.name, spec.needs)) for spec in _SPECS
}


def spec(feature: str) -> Spec:
    """Return a feature's entry; also by the name that it has in a fold.

    Raises:
        ConfigError: for a name that is none.
    """
    name, _, fold = feature.partition("-fold")
    found = FEATURES.get(feature) or FEATURES.get(name)
    if found is not None and (found.name == feature or (found.by_fold and fold.isdecimal())):
        return found
    known = ", ".join(FEATURES)
    raise ConfigError(f"feature {feature!r}", "no such feature", f"one of {known}", "mend the name")


def in_fold(feature: str, fold: int) -> str:
    """Return the name of the files that a fold reads of a feature."""
    return f"{feature}-fold{fold}" if spec(feature).by_fold else feature


_KNOWN_TO_HAVE_SEEN = {"pyfeat": ("affwild2",), "facemultitask": ("affwild2",)}
"""Letters and digits of a name -> corpora that weights of this name were trained on, whatever a family says of them.

py-feat's list of models names Aff-Wild2 among what its action units (svm, xgb) were trained on, and its face_multitask
models answer valence and arousal too.
"""


def trained_on(feature: str) -> tuple[str, ...]:
    """Return the corpora whose labels a feature's weights were trained on, as its entry or its name tells."""
    found = spec(feature)
    names = [re.sub("[^a-z0-9]", "", name.lower()) for name in (found.name, found.target)]
    known = (seen for part, seen in _KNOWN_TO_HAVE_SEEN.items() if any(part in name for name in names))
    return tuple(dict.fromkeys((*found.trained_on, *(corpus for seen in known for corpus in seen))))


def refuse_trained_on(features: Iterable[str], corpus: str) -> None:
    """Refuse features of a corpus whose weights were trained on its labels.

    Raises:
        ConfigError: for the first such feature.
    """
    for feature in features:
        if corpus in trained_on(feature):
            raise ConfigError(
                f"feature {feature}",
                f"its weights were trained on labels of {corpus}: scores there would be of what they have seen",
                f"features whose weights have not seen {corpus}",
                f"leave it out of what is computed of {corpus}, or take weights that were trained without it",
            )


def in_shard(feature: str, kinds: Iterable[str]) -> bool:
    """Return whether a feature has a file of a shard whose manifest rows are of these kinds.

    Labels always have one, of withheld ones it is empty; of anything else there is none without its stream.
    """
    return spec(feature).kind in {*LABEL_KINDS, *kinds}


def kinds_of(features: Iterable[str]) -> tuple[str, ...]:
    """Return the kinds of manifest rows that some features are made of."""
    return tuple(dict.fromkeys(spec(name).kind for name in features))
