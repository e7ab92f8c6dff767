"""Predictions of the test videos in the challenge's format, for the owner's server: test labels are withheld.

``<out>/<experiment>.txt``: ``image_location,valence,arousal`` and a line for each frame that the owner's template
lists, in its order (``video1/00001.jpg,0.1234,-0.0567``), of the mean over seeds; without a template a line for every
frame of every test video. A listed frame beyond a video's end has the values of its last one, one of a person who could
not be predicted the mean of all others. ``index.json``, written last, says how many lines there are, and of whom values
were filled in.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from affectssm.corpora.affwild2_tests import HEADER, location
from affectssm.corpora.manifest import is_test_split
from affectssm.errors import DataError
from affectssm.evaluation.frame_reading import Run, Seat, read_run
from affectssm.families.video.run_settings import SubmissionSettings
from affectssm.families.video.stages.frames import COLUMNS
from affectssm.store.atomic import write_json, write_text
from affectssm.store.card import make_card
from affectssm.store.parquet import read_parquet
from affectssm.store.shards import ShardReader

Tracks = dict[Seat, NDArray[np.float64]]
Line = tuple[str, NDArray[np.float64]]


def write_submission(
    settings: SubmissionSettings,
    predictions: Sequence[Path],
    missing: Path,
    frames: Sequence[Path],
    out: Path,
) -> None:
    """Write the submission of an experiment.

    Args:
        settings: ``experiment``, its name.
        predictions: predictions.parquet of every seed of the official split.
        missing: missing.parquet of the task; index.json lists the test people who are not predicted, and why.
        frames: files of the feature ``listed_frames``, none without a template.
        out: folder of the submission.

    Raises:
        DataError: when seeds differ in what they predicted, or nobody was predicted.
    """
    predicted = [_mean([read_run(path, column) for path in predictions], out) for column in COLUMNS]
    tracks = {seat: np.stack([own[seat] for own in predicted], axis=-1) for seat in predicted[0]}
    if not tracks:
        raise DataError(
            missing, "nobody of the test videos predicted", "one at least",
            "look into this file and the fault table; set corpora.affwild2.lacks: [test] if you hold no test videos",
        )  # fmt: skip
    lines, filled = _listed(frames, tracks) if frames else (_every_frame(tracks), {})
    name = settings.file
    rows = [f"{where},{valence:.4f},{arousal:.4f}\n" for where, (valence, arousal) in lines]
    write_text(out / name, "".join([",".join(HEADER) + "\n", *rows]))
    left_out = [row for row in read_parquet(missing).to_pylist() if is_test_split(row["split"])]
    card = make_card("video/submission", [__name__], settings.told(), inputs=[*predictions, missing, *frames])
    found = {"files": {name: len(rows)}, "filled": filled, "left_out": left_out, "card": card}
    write_json(out / "index.json", found)


def _mean(runs: Sequence[Run], out: Path) -> Tracks:
    """Mean over seeds of the predictions of test people, within [-1, 1]."""
    tests = [
        {
            seat: track
            for (_, split), own in run.parts.items()
            if is_test_split(split)
            for seat, track in own.items()
        }
        for run in runs
    ]
    if any(own.keys() != tests[0].keys() for own in tests):
        raise DataError(
            out, "seeds that predicted different people", "the same from every seed", "predict again"
        )
    return {seat: np.clip(np.mean([own[seat] for own in tests], axis=0), -1, 1) for seat in tests[0]}


def _listed(files: Iterable[Path], tracks: Tracks) -> tuple[list[Line], dict[str, int]]:
    """Where and what, of each frame of the template, in its order; and of whom how many were filled in."""
    found: list[tuple[float, str, NDArray[np.float64]]] = []
    filled: dict[str, int] = {}
    neutral = np.nanmean(np.concatenate(list(tracks.values())), axis=0)[None]
    for path in files:
        with ShardReader(path) as reader:
            for seat in reader.keys():  # noqa: SIM118 - not a mapping
                listed = reader.track(*seat)
                frame = np.round(listed.time * listed.rate - 0.5).astype(np.int64)
                own = tracks.get(seat, neutral)
                beyond = int((frame >= len(own)).sum()) if seat in tracks else len(frame)
                filled |= {seat[1]: beyond} if beyond else {}
                values = own[np.minimum(frame, len(own) - 1)]
                places = [location(seat[1], at + 1) for at in frame.tolist()]
                found += zip(listed.value[:, 0].tolist(), places, values, strict=True)
    lines = [(where, values) for _, where, values in sorted(found, key=lambda one: one[0])]
    return lines, filled


def _every_frame(tracks: Tracks) -> list[Line]:
    """Where and what, of every frame of every test person."""
    return [
        (location(seat[1], at + 1), values)
        for seat, track in sorted(tracks.items(), key=lambda one: one[0][1])
        for at, values in enumerate(track)
    ]
