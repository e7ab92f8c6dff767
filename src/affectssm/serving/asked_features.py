"""Which features a packed model wants of media that are handed over, and whether they can be had there.

A feature is made of a media file with the very settings of training. What only a corpus's owner distributes cannot be.

Crops are a case of their own: ``mae`` reads the crops that a corpus's owners cut, aligned by landmarks of their own
detector and cut tightly around the face. Of a new video the tracked face stands in for them, a square around the face
that is not aligned; its features are others than those the model learnt from, and it is unknown by how much answers
suffer. So that is done only for who asks for it, and the answers say so; a model of ``mae_video`` has no such gap.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from affectssm.errors import ConfigError, DataError
from affectssm.serving.pack_format import ENCODER, Description, Wanted
from affectssm.serving.training_features import encoder_told
from affectssm.settings.base import at_scale
from affectssm.settings.features import SCALES, Features, completed, settings_of
from affectssm.store.atomic import staged
from affectssm.store.card import read_card, sha256
from affectssm.vocabulary.features import spec
from affectssm.vocabulary.kinds import CROPS

FACES = "face_track"
STAND_IN = {"mae": "mae_video", "mae_tuned": "mae_video"}
"""Feature of crops -> the one of the tracked face."""
OTHER_CROPS = (
    "the model learnt from the crops of a corpus's owner; here the tracked face stands in for them, which is neither "
    "aligned nor cut as tightly: values are not those that its scores are of"
)


@dataclass(frozen=True)
class Asked:
    """A feature that is to be made.

    Attributes:
        name: as the model calls it.
        made_as: the extractor's name; another one where something stands in.
        settings: of the extraction.
        wanted: how it was in training.
    """

    name: str
    made_as: str
    settings: Mapping[str, Any]
    wanted: Wanted


def asked_of(
    told: Description, run: Path, work: Path, weights_dir: Path, accept_other_crops: bool
) -> tuple[list[Asked], dict[str, Any]]:
    """Return the features to make, and the settings of the face track.

    Args:
        told: of the model.
        run: the unpacked run, with the tuned encoder where there is one.
        work: folder of what is kept; the tuned encoder is put there, so that a second call goes on with its features.
        weights_dir: folder with the pretrained weights of encoders.
        accept_other_crops: let the tracked face stand in for supplied crops.

    Raises:
        ConfigError: for features that a media file cannot give.
    """
    _refuse(told, accept_other_crops)
    faces = told.tracks.get(FACES) or settings_of(FACES, at_scale(Features, SCALES["paper"]))
    found = []
    for name, wanted in told.features.items():
        made_as = STAND_IN.get(spec(name).name, name) if spec(name).kind == CROPS else name
        settings = completed(made_as, wanted.settings)
        if "weights_dir" in settings:
            settings |= {"weights_dir": str(weights_dir)}
        if wanted.tuned is not None:
            settings |= {"tuned": str(_kept(run / ENCODER, work))}
        found.append(Asked(name, made_as, settings, wanted))
    return found, dict(faces)


def _refuse(told: Description, accept_other_crops: bool) -> None:
    able = {"video", "audio", "transcript", *(("crops",) if accept_other_crops else ()), *_of_signals(told)}
    lacking = [name for name in told.features if spec(name).kind not in able]
    if not lacking:
        return
    crops = [name for name in lacking if spec(name).kind == CROPS]
    if crops == lacking:
        raise ConfigError(
            f"feature {', '.join(crops)}",
            "a model of crops that a corpus's owner cut and aligned, which a new video does not have",
            "a model of the tracked face (a run of video.sources: [mae_video])",
            "pack such a run; or say --accept-other-crops, and let the tracked face stand in, unlike in training",
        )
    raise ConfigError(
        f"feature{'s' * (len(lacking) > 1)} {', '.join(lacking)}",
        "what the owners of a corpus distribute, and no media file gives",
        "a model whose features are computed from media",
        f"pack another run of {told.title}, of a source that is computed from sound, pictures or transcripts "
        "(affectssm models lists what runs read)",
    )


def _of_signals(told: Description) -> tuple[str, ...]:
    """Kinds of signals, of a family that reads them from files."""
    return tuple({spec(name).kind for name in told.features}) if "signals" in told.reads else ()


def _kept(encoder: Path, work: Path) -> Path:
    """The packed encoder under a name of its content, where it stays.

    Raises:
        DataError: if its card does not say what the card of a tuned encoder does.
    """
    told = (read_card(encoder) or {}).get("extra", {})
    if absent := [name for name in ("base", "fold", "recordings") if name not in told]:
        raise DataError(
            ENCODER,
            f"a card without {', '.join(absent)}",
            "the card of a tuned encoder",
            "pack the run again",
        )
    kept = work / f"encoder-{sha256(encoder)[:16]}.safetensors"
    if not kept.is_file():
        with staged(kept) as temporary:
            shutil.copyfile(encoder, temporary)
    return kept


def take_names(asked: Sequence[Asked], features: Path) -> None:
    """Let the files of what stands in be found by the model's names."""
    for one in asked:
        if one.made_as != one.name:
            link = features / one.name
            if not link.exists():
                link.symlink_to(one.made_as, target_is_directory=True)


def check_encoders(asked: Sequence[Asked], features: Path) -> None:
    """Refuse features of other weights than those of training.

    Of a model that read texts in several languages, those that were handed over may be in one of them. Where there is
    no text, no encoder was opened.

    Raises:
        DataError: naming the feature and both.
    """
    for one in asked:
        for path in sorted((features / one.made_as).glob("s*.h5")):
            extra = json.loads(json.dumps((read_card(path) or {}).get("extra", {})))
            found = encoder_told(extra)
            if "encoders" in extra and (not found or _identity(found) < _identity(one.wanted.encoder)):
                continue
            if _identity(found) != _identity(one.wanted.encoder):
                raise DataError(
                    f"feature {one.name}", f"an encoder of other weights ({_worded(found)})",
                    f"those of training ({_worded(one.wanted.encoder)})",
                    "give --weights-dir the folder that has them"
                    + (", and the texts in the language of training" if "encoders" in extra else ""),
                )  # fmt: skip


def _identity(encoder: Mapping[str, Any]) -> frozenset[Any]:
    hashes, seed = encoder.get("sha256"), encoder.get("random_seed")
    if isinstance(hashes, dict):
        return frozenset(map(str, hashes.values()))
    return (
        frozenset(map(str, seed if isinstance(seed, list) else [seed]))
        if "random_seed" in encoder
        else frozenset()
    )


def _worded(encoder: Mapping[str, Any]) -> str:
    hashes = encoder.get("sha256")
    if isinstance(hashes, dict):
        return ", ".join(f"{name} sha256 {str(digest)[:16]}..." for name, digest in hashes.items())
    return f"random, of seed {encoder['random_seed']}" if "random_seed" in encoder else "none"
