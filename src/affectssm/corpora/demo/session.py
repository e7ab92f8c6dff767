"""Writes the files of one recording: streams, media and labels where the owner puts them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from affectssm.corpora.demo import face, media, speech, ssi, streams, texts
from affectssm.corpora.demo.dialogue_sessions import NOT_A_SESSION, Session
from affectssm.corpora.demo.world import LABEL_HZ, World, at_labels

SHORT_BODY_BYTES = 20 * 88 * ssi.ELEMENT_BYTES + 10  # twenty rows and a piece of one
EXTRA_DIMS = {"xlm_roberta_embeddings": 768, "dino": 2304}


@dataclass(frozen=True)
class Folders:
    """Where a recording's streams, media and labels lie: one folder in NoXi, parallel trees in MPIIGI."""

    streams: Path
    media: Path
    labels: Path

    @classmethod
    def of(cls, session: Session, out: Path) -> Folders:
        split = out / session.folder / session.split
        if session.folder == "noxi":
            return cls(split / session.name, split / session.name, split / session.name)
        trees = ("precomputed-features", "originalAudioVideo", "engagement-annotations")
        return cls(*(split / f"{tree}-{session.split}" / session.name for tree in trees))


def write_surroundings(session: Session, out: Path) -> None:
    """Write what belongs to no participant: folders, small annotations, scene streams, a folder of notes."""
    folders = Folders.of(session, out)
    folders.streams.mkdir(parents=True)
    if session.raw_media:
        folders.media.mkdir(parents=True, exist_ok=True)
    if session.folder == "noxi":
        texts.write_annotations(folders.streams, session)
        notes = out / session.folder / "train" / NOT_A_SESSION
        notes.mkdir(parents=True, exist_ok=True)
        (notes / "readme.txt").write_text("Notes of the annotators.\n", encoding="utf-8")
    if session.has("s", "scene_stream"):
        rows = texts.label_rows(session)
        scene = streams.other_stream(session.key, "s", "clip", rows, streams.DIMS["clip"])
        ssi.write_stream(folders.streams / "s.clip.stream", scene, LABEL_HZ)


def write_seat(session: Session, seat: str, world: World, out: Path) -> None:
    """Write one participant's streams, media and label."""
    folders = Folders.of(session, out)
    motion = None if session.has(seat, "no_face") else face.motion(session.key, seat, world.zv[seat])
    values = streams.audio_streams(session.key, seat, at_labels(world.za[seat]))
    values |= streams.visual_streams(session.key, seat, at_labels(world.zv[seat]), motion)
    _write_streams(session, seat, values, folders.streams)
    _write_others(session, seat, world.rows, folders.streams)
    if session.raw_media and not session.has(seat, "features_only"):
        _write_media(session, seat, world, motion, folders.media)
    if not session.is_test and not session.has(seat, "label_missing"):
        label = folders.labels / f"{seat}.engagement.annotation.csv"
        texts.write_labels(label, world.engagement[seat], session, seat)


def write_empty_seat(session: Session, seat: str, out: Path) -> None:
    """Write the visual streams of a seat that nobody occupies."""
    nobody = np.zeros(texts.label_rows(session))
    values = streams.visual_streams(session.key, seat, nobody, None)
    _write_streams(session, seat, values, Folders.of(session, out).streams)


def _write_streams(session: Session, seat: str, values: dict[str, np.ndarray], folder: Path) -> None:
    for feature, rows in values.items():
        path = folder / f"{seat}.{session.stream_names[feature]}.stream"
        rate = session.w2vbert2_rate if feature == "w2vbert2" else float(LABEL_HZ)
        unusual = _unusual(session, seat, len(rows)) if feature == "egemapsv2" else {}
        ssi.write_stream(path, rows, rate, **unusual)


def _unusual(session: Session, seat: str, rows: int) -> dict:
    options: dict = {}
    if session.has(seat, "two_chunks"):
        options["chunks"] = (rows // 3, rows - rows // 3)
    if session.has(seat, "loose_key"):
        options["key"] = ssi.LOOSE_KEY
    if session.has(seat, "header_not_xml"):
        options["meta"] = "loudness & pitch"
    if session.has(seat, "short_body"):
        options["drop_bytes"] = SHORT_BODY_BYTES
    return options


def _write_others(session: Session, seat: str, rows: int, folder: Path) -> None:
    if session.has(seat, "xlm_roberta_2hz"):
        name, rate = "xlm_roberta_embeddings", 2.0
        text = streams.other_stream(session.key, seat, name, int(rows * rate / LABEL_HZ), EXTRA_DIMS[name])
        ssi.write_stream(folder / f"{seat}.audio.{name}.stream", text, rate)
    if session.has(seat, "dino_2304"):
        picture = streams.other_stream(session.key, seat, "dino", rows, EXTRA_DIMS["dino"])
        ssi.write_stream(folder / f"{seat}.dino.stream", picture, LABEL_HZ)


def _write_media(session: Session, seat: str, world: World, motion: face.Motion | None, folder: Path) -> None:
    audio, video = (".audio.wav", ".video.mp4") if session.folder == "noxi" else (".wav", ".mp4")
    sound = speech.synthesise(session.key, seat, world.za[seat])
    pictures = face.render_empty(world.rows) if motion is None else face.render(session.key, seat, motion)
    path = folder / f"{seat}{video}"
    media.write_wav(folder / f"{seat}{audio}", sound)
    media.write_video(path, pictures, sound, index_first=session.has(seat, "mp4_cut"))
    if session.has(seat, "mp4_cut") or session.has(seat, "mp4_without_index"):
        media.truncate(path, 0.6)
