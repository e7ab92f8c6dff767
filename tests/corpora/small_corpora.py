"""A small corpus of every kind that is registered, made of units of which each holds the same files.

A unit is what may be lost as a whole: a session, or a subject. Its files are written once and copied, so that whatever
was not damaged must give the same tracks in every unit.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from affectssm.corpora.demo.bdf import Sheet, write_bdf
from affectssm.corpora.demo.pickle2 import dumps_dat
from affectssm.corpora.mosei_csd import folds
from tests.corpora import test_deap, test_mahnob
from tests.corpora.clip_corpora import ALIGNED, UNALIGNED, dump, sequences, table, write_table
from tests.corpora.trees import MM24, MM25, SETTINGS, label, stream
from tests.media.synthetic import regular, write_media

ROWS = 10
NOT_WHOLE = {"lacks": SETTINGS.lacks}


@dataclass(frozen=True)
class Small:
    """A corpus.

    Attributes:
        corpus: its name; ``settings`` those of its discovery.
        unit: writes unit number n below a root and returns its files.
        whole: writes what all units share.
        damaged: which files of a unit may be damaged: those of one participant, where it has several.
    """

    corpus: str
    unit: Callable[[Path, int], list[Path]]
    whole: Callable[[Path, int], None] = lambda root, units: None
    damaged: Callable[[Path], bool] = lambda path: True
    settings: dict[str, Any] = field(default_factory=dict)


def face() -> np.ndarray:
    """A small picture of a face, without which some features have no row: (96, 96, 3) uint8."""
    from skimage.data import astronaut

    return cv2.resize(astronaut()[:240, 110:350], (96, 96), interpolation=cv2.INTER_AREA)


def _dialogue(split: str, roles: tuple[str, str], names: dict[str, int], media: tuple[str, str]) -> Callable:
    held: dict[str, bytes] = {}

    def files_of(root: Path) -> dict[str, bytes]:
        """Name -> content of the files of a session, made once."""
        if held:
            return held
        folder, rng = root / "made", np.random.default_rng(0)
        for role in roles:
            for name, dim in names.items():
                header = stream(folder, f"{role}.{name}", dim, ROWS)
                body = header.with_name(header.name + "~")
                body.write_bytes(rng.normal(size=(ROWS, dim)).astype("<f4").tobytes())
            label(folder, role, ROWS)
            (folder / f"{role}.audio.transcript.annotation.csv").write_text("0.1;0.3;hello;0.9\n")
            wave = rng.normal(0, 0.1, ROWS * 640).astype(np.float32)
            write_media(folder / f"{role}.{media[0]}", audio=wave, codec="pcm_s16le")
            write_media(folder / f"{role}.{media[1]}", regular(ROWS, 25), picture=face())
        (folder / "language.annotation.csv").write_text("0.0;9.0;french;1.0\n")
        held.update({path.name: path.read_bytes() for path in sorted(folder.iterdir())})
        for path in folder.iterdir():
            path.unlink()
        folder.rmdir()
        return held

    def unit(root: Path, number: int) -> list[Path]:
        folder = root / split / f"{number:03d}"
        folder.mkdir(parents=True)
        for name, content in files_of(root).items():
            (folder / name).write_bytes(content)
        return sorted(folder.iterdir())

    return unit


def _dat(root: Path, number: int) -> list[Path]:
    path = root / "data_preprocessed_python" / f"s{number:02d}.dat"
    path.parent.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    path.write_bytes(dumps_dat(rng.normal(size=(1, 40, 8064)), np.full((1, 4), 6.0)))
    return [path]


def _bdf(root: Path, number: int) -> list[Path]:
    path, rate = root / "data_original" / f"s{number:02d}.bdf", test_deap.RATE
    status = np.full(80 * rate, 0x58FF00, np.int64)
    status[5 * rate : 6 * rate] |= 4
    values = np.random.default_rng(0).uniform(1, 900, (len(status), len(test_deap.LABELS) - 1))
    write_bdf(path, Sheet(test_deap.LABELS, test_deap.UNITS, rate), values, status)
    return [path]


def _ratings(root: Path, units: int) -> None:
    test_deap.table(root, [test_deap.line(number, 1, 1) for number in range(1, units + 1)])


def _mahnob(root: Path, number: int) -> list[Path]:
    path = test_mahnob.session(root, 2 * number)
    rate = test_mahnob.RATE
    status = np.zeros(60 * rate, np.int64)
    for pulse in (30, 42):
        status[pulse * rate : pulse * rate + 2] = 0x10000 | 268
    values = np.random.default_rng(0).uniform(1, 900, (len(status), len(test_mahnob.LABELS) - 1))
    write_bdf(path, test_mahnob.SHEET, values, status)
    return [path.parent / "session.xml", path]


def _pictures(root: Path, person: str) -> list[Path]:
    """A folder of six pictures, of which the third frame has none."""
    folder = root / "cropped_aligned" / person
    folder.mkdir(parents=True, exist_ok=True)
    rng, made = np.random.default_rng(0), []
    for number in (1, 2, 4, 5, 6, 7):
        _, encoded = cv2.imencode(".jpg", rng.integers(0, 255, (112, 112, 3), np.uint8))
        made.append(folder / f"{number:05d}.jpg")
        made[-1].write_bytes(encoded.tobytes())
    return made


def _film(path: Path) -> Path:
    """A video of a second with sound; the same bytes each time."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if not _FILM:
        wave = np.random.default_rng(0).normal(0, 0.1, 16000).astype(np.float32)
        write_media(path, regular(10, 10), size=(48, 32), audio=wave)
        _FILM.append(path.read_bytes())
    path.write_bytes(_FILM[0])
    return path


_FILM: list[bytes] = []


def _annotated(root: Path, number: int) -> list[Path]:
    person = f"video{number}"
    text = root / "VA_Estimation_Challenge" / "Train_Set" / f"{person}.txt"
    text.parent.mkdir(parents=True, exist_ok=True)
    values = np.random.default_rng(0).uniform(-1, 1, (10, 2)).round(3).tolist()
    text.write_text("valence,arousal\n" + "".join(f"{one},{other}\n" for one, other in values))
    return [_film(root / "batch1" / f"{person}.mp4"), text, *_pictures(root, person)]


def _listed(root: Path, number: int) -> list[Path]:
    person = f"video{number}"
    return [_film(root / "batch1" / f"{person}.mp4"), *_pictures(root, person)]


def _template(root: Path, units: int) -> None:
    frames = [
        f"video{number}/{frame:05d}.jpg,0,0\n" for number in range(1, units + 1) for frame in range(1, 11)
    ]
    (root / "VA_test_set_sample.txt").write_text("image_location,valence,arousal\n" + "".join(frames))


def _arrays(root: Path, number: int) -> list[Path]:
    """The pickles of a clip in all forms, and the sequences of its video."""
    video, folder = list(folds())[number], root / f"{number:02d}"
    forms = {"aligned": (ALIGNED, 768), "glove": (ALIGNED, 300), "unaligned": (UNALIGNED, 768)}
    made = [
        dump(folder / f"{name}.pkl", {"train": table([f"{video}$_$0"], "mosei", rows, text)})
        for name, (rows, text) in forms.items()
    ]
    return [*made, *sequences(folder, video, [0.2])]


def _pickled(root: Path, number: int) -> list[Path]:
    return [dump(root / f"{number:02d}.pkl", {"train": table([f"aqgy3_{number:04d}$_$00000"], "simsv2")})]


def _clip(root: Path, number: int) -> list[Path]:
    return [_film(root / "Raw" / f"video_{number:04d}" / "0001.mp4")]


def _labels(root: Path, units: int) -> None:
    write_table(
        root / "label.csv",
        [f"video_{n:04d},0001,so it is,0.2,0,0,0,Positive,train" for n in range(1, units + 1)],
    )


def _own(split: str, items: bool = False) -> dict[str, Any]:
    """Own recordings of two people, with labels over time or in the table."""
    held: dict[str, bytes] = {}

    def unit(root: Path, number: int) -> list[Path]:
        folder = root / f"{number:03d}"
        folder.mkdir(parents=True, exist_ok=True)
        if not held:
            held["left.mp4"] = _film(folder / "left.mp4").read_bytes()
            wave = np.random.default_rng(0).normal(0, 0.1, 16000).astype(np.float32)
            sound = write_media(folder / "right.wav", audio=wave, codec="pcm_s16le")
            held["right.wav"] = sound.read_bytes()
        texts = {} if items else {f"{who}.csv": _OVER_TIME for who in ("left", "right")}
        texts |= {} if items or split == "test" else {"left.txt": b"so it is", "right.txt": b"is it so"}
        for name, content in (held | texts).items():
            (folder / name).write_bytes(content)
        return sorted(folder.iterdir())

    def whole(root: Path, units: int) -> None:
        label, text = "0.5" if items else "{at}.csv", "" if items or split == "test" else "{at}.txt"
        lines = [f"recording,participant,video,audio,{'label' if items else 'labels'},transcript,split\n"]
        for folder in (f"{number:03d}" for number in range(1, units + 1)):
            for who, media in (("left", f"{folder}/left.mp4,"), ("right", f",{folder}/right.wav")):
                own = f"{label},{text}".format(at=f"{folder}/{who}")
                lines.append(f"{folder},{who},{media},{own},{split}\n")
        (root / "all.csv").write_text("".join(lines))

    labels = {"per": "item"} if items else {}
    return {
        "unit": unit, "whole": whole, "damaged": lambda path: path.name.startswith("left"),
        "settings": {"table": "all.csv", "labels": labels},
    }  # fmt: skip


_OVER_TIME = "".join(["time,engagement\n", *(f"{row / 10},{row / 10}\n" for row in range(10))]).encode()


def _first(role: str) -> Callable[[Path], bool]:
    return lambda path: path.name.startswith((f"{role}.", "language"))


CORPORA = {
    "noxi": Small(
        "noxi",
        _dialogue("train", ("expert", "novice"), MM24, ("audio.wav", "video.mp4")),
        damaged=_first("expert"),
        settings=NOT_WHOLE,
    ),
    "noxi_add": Small(
        "noxi_add",
        _dialogue("test-additional", ("expert", "novice"), MM24, ("audio.wav", "video.mp4")),
        damaged=_first("novice"),
    ),
    "mpiigi": Small(
        "mpiigi",
        _dialogue("val", ("subjectPos1", "subjectPos3"), MM25, ("wav", "mp4")),
        damaged=_first("subjectPos3"),
        settings=NOT_WHOLE,
    ),
    "deap": Small("deap", _dat, _ratings),
    "deap-original": Small("deap", _bdf, _ratings, settings={"variant": "original"}),
    "mahnob": Small("mahnob", _mahnob),
    # whose annotation is no file is nobody, and then nobody looks at the pictures: they are damaged apart
    "affwild2": Small(
        "affwild2",
        _annotated,
        damaged=lambda path: path.suffix != ".txt",
        settings={"lacks": ("val", "test")},
    ),
    "affwild2-labels": Small(
        "affwild2",
        _annotated,
        damaged=lambda path: path.suffix not in (".jpg", ".mp4"),
        settings={"lacks": ("val", "test")},
    ),
    "mosei": Small("mosei", _arrays),
    "simsv2": Small("simsv2", _pickled),
    "sims": Small("sims", _clip, _labels),
    "folder": Small("folder", **_own("train")),
    "folder-test": Small("folder", **_own("test")),
    "folder-items": Small("folder", **_own("train", items=True)),
    "folder-items-test": Small("folder", **_own("test", items=True)),
    "affwild2-test": Small("affwild2", _listed, _template, settings={"lacks": ("train", "val")}),
}
