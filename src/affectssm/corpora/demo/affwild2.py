"""Writes the demo of Aff-Wild2: short videos, crops and annotations as the owner lays them out, the same each time.

Below ``out``: ``affwild2/`` as the owner lays it out, ``truth/`` with what was planted and where the specimens of
faults lie, and ``card.json`` with the hash of every file.
"""

from __future__ import annotations

import csv
from pathlib import Path

import cv2
import numpy as np
import pyarrow as pa

from affectssm.corpora.demo import affwild2_videos as videos
from affectssm.corpora.demo import affwild2_world as world
from affectssm.corpora.demo.affwild2_texts import write_annotation, write_bad, write_tests
from affectssm.corpora.demo.affwild2_videos import FPS, Layout, Video
from affectssm.corpora.demo.affwild2_world import Affect
from affectssm.corpora.demo.media import write_video
from affectssm.corpora.demo.seeds import generator
from affectssm.corpora.demo.whole import write_card, written_whole
from affectssm.media.numbered import picture_name
from affectssm.store.parquet import write_parquet

CONTENT = {"affwild2", "truth", "card.json"}
GAPS = 3  # runs of frames without a picture in a specimen of it
_SCHEMA = pa.schema(
    [("recording", pa.string()), ("participant", pa.string()), ("split", pa.string()), ("frame", pa.int64()),
     ("valence", pa.float64()), ("arousal", pa.float64())]
)  # fmt: skip


def write_affwild2_demo(edition: str, out: Path) -> None:
    """Write an edition as the folder ``out``, whole or not at all; an earlier edition there is replaced.

    Raises:
        ConfigError: if there is no such edition.
        DataError: if ``out`` holds something else, or cannot be written.
    """
    found = videos.layout(edition)
    with written_whole(Path(out), CONTENT) as folder:
        root = folder / "affwild2"
        root.mkdir()
        truths: dict[str, Affect] = {}
        for video in found.videos:
            truths |= _write(video, root, found)
        write_tests(found, root)
        for name, kind in found.bad.items():
            write_bad(name, kind, root, found)
        _write_unlisted(root)
        _write_truth(found, truths, folder / "truth")
        write_card(folder, edition)


def planted(video: Video) -> dict[str, Affect]:
    """Return person -> what is planted, over the frames of the video."""
    return {person: world.affect(video.name, person, video.frames) for person in video.persons}


def _write(video: Video, root: Path, found: Layout) -> dict[str, Affect]:
    """Write the files of a video and its people; return the truth."""
    truths = planted(video)
    shown = []
    for person, truth in truths.items():
        crops, frames = zip(*world.render(video.name, person, truth), strict=True)
        shown.append(frames)
        if not video.has(person, "no_crops"):
            _write_crops(video, person, crops, root)
        if video.split != "test":
            write_annotation(video, person, truth.value, root, found)
    if video.place:
        path = root / video.place
        path.parent.mkdir(exist_ok=True)
        first = video.persons[0]
        heard = world.sound(video.name, first, truths[first]) if video.sound else None
        write_video(path, (np.concatenate(both, axis=1) for both in zip(*shown, strict=True)), heard, fps=FPS)
    return truths


def _write_crops(video: Video, person: str, crops: tuple[np.ndarray, ...], root: Path) -> None:
    folder = root / video.cropped / person
    folder.mkdir(parents=True)
    absent = _gaps(video, person, len(crops))
    for frame, crop in enumerate(crops):
        if frame not in absent:
            _, encoded = cv2.imencode(".jpg", crop[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 90])
            (folder / picture_name(frame + 1)).write_bytes(encoded.tobytes())
    if video.has(person, "other_file"):
        (folder / "Thumbs.db").write_bytes(b"\xd0\xcf\x11\xe0")
    if video.has(person, "no_picture"):
        (folder / picture_name(len(crops) // 2)).write_bytes(b"no picture")


def _gaps(video: Video, person: str, frames: int) -> set[int]:
    """Return the frames without a picture: runs of one to ten, anywhere, the first frame among them."""
    if not video.has(person, "gaps"):
        return set()
    rng = generator("affwild2", video.name, person, "gaps")
    starts = [0, *rng.integers(10, frames - 10, GAPS).tolist()]
    return {frame for start in starts for frame in range(start, start + int(rng.integers(1, 11)))}


def _write_unlisted(root: Path) -> None:
    """Write a video of another of the challenge's tasks, which no list names."""
    picture = np.full((world.FRAME, world.FRAME, 3), 128, np.uint8)
    write_video(root / "batch2" / "video90.mp4", [picture] * 5, None, fps=FPS)


def _write_truth(found: Layout, truths: dict[str, Affect], folder: Path) -> None:
    """Write frames.parquet, the values of every frame, and specimens.csv."""
    folder.mkdir()
    columns: dict[str, list] = {name: [] for name in _SCHEMA.names}
    for video in found.videos:
        for person in video.persons:
            value = truths[person].value
            columns["recording"] += [video.name] * len(value)
            columns["participant"] += [person] * len(value)
            columns["split"] += [video.split] * len(value)
            columns["frame"] += list(range(len(value)))
            columns["valence"] += value[:, 0].tolist()
            columns["arousal"] += value[:, 1].tolist()
    write_parquet(folder / "frames.parquet", columns, _SCHEMA, {})  # card.json speaks for all files
    with (folder / "specimens.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["recording", "participant", "stream", "kind", "code"])
        writer.writerows(videos.specimens(found))
