"""Predictions in the challenge's format, for the owner's server where test labels are withheld.

``<out>/<dataset>/<tag>/<session>/<role>.engagement.pred.csv``: one float a line, one line a label frame. NoXi and
NoXi-Add share the dataset folder ``noxi``, as the challenge has it. There is a tag for every seed and one for the mean
over seeds; ``index.json``, written last, lists all files with their rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from affectssm.errors import DataError
from affectssm.evaluation.frame_reading import Part, Run, Seat, read_run
from affectssm.families.dialogue.run_settings import SubmissionSettings
from affectssm.store.atomic import write_json, write_text
from affectssm.store.card import make_card
from affectssm.store.ids import file_name
from affectssm.store.parquet import read_parquet

DATASETS = {"noxi": "noxi", "noxi_add": "noxi", "mpiigi": "mpiigroupinteraction"}
TEST_PARTS: tuple[Part, ...] = (("noxi", "test-base"), ("noxi_add", "test-additional"), ("mpiigi", "test"))
DECIMALS = 6


def write_submission(
    settings: SubmissionSettings, predictions: Sequence[Path], missing: Path, out: Path
) -> None:
    """Write the submission files of an experiment.

    Args:
        settings: ``experiment``, its name; the tags are ``{experiment}-seed{seed}`` and ``{experiment}-mean``.
        predictions: predictions.parquet of every seed.
        missing: missing.parquet of the task; index.json lists those of the test parts who have no file, and why.
        out: folder of the submission.

    Raises:
        DataError: when a session or role is no id, when seeds differ in what they predicted, or when a
            frame has no prediction.
    """
    runs = [read_run(path) for path in predictions]
    experiment = settings.experiment.replace("+", "_")  # the tag becomes the name of a folder
    tracks = {
        f"{experiment}-seed{run.seed}": _test_tracks(run, path)
        for run, path in zip(runs, predictions, strict=True)
    }
    tracks[f"{experiment}-mean"] = _mean(list(tracks.values()), out)
    index = {
        _write_track(out, tag, part, seat, track): len(track)
        for tag, own in sorted(tracks.items())
        for (part, seat), track in sorted(own.items())
    }
    card = make_card(
        "evaluation/submission",
        ["affectssm.families.dialogue.stages.submission"],
        {"experiment": experiment},
        inputs=[*predictions, missing],
    )
    left_out = [
        row for row in read_parquet(missing).to_pylist() if (row["corpus"], row["split"]) in TEST_PARTS
    ]
    write_json(out / "index.json", {"files": index, "left_out": left_out, "card": card})


def _test_tracks(run: Run, path: Path) -> dict[tuple[Part, Seat], NDArray[np.float64]]:
    own = {(part, seat): track for part in TEST_PARTS for seat, track in run.parts.get(part, {}).items()}
    for (part, seat), track in own.items():
        gaps = int(np.isnan(track).sum())
        if gaps:
            raise DataError(
                path,
                f"{gaps} frames of {'/'.join((*part, *seat))} without prediction",
                "every frame",
                "run predict again",
            )
    return own


def _mean(
    tracks: Sequence[dict[tuple[Part, Seat], NDArray[np.float64]]], out: Path
) -> dict[tuple[Part, Seat], NDArray[np.float64]]:
    if any(own.keys() != tracks[0].keys() for own in tracks):
        raise DataError(
            out,
            "seeds that predicted different participants",
            "the same from every seed",
            "run predict again",
        )
    return {key: np.mean([own[key] for own in tracks], axis=0) for key in tracks[0]}


def _write_track(out: Path, tag: str, part: Part, seat: Seat, track: NDArray[np.float64]) -> str:
    """Write one participant's file; return its path below ``out``."""
    session, role = file_name(seat[0], "session"), file_name(seat[1], "role")
    relative = Path(DATASETS[part[0]], file_name(tag, "tag"), session, f"{role}.engagement.pred.csv")
    write_text(out / relative, "".join(f"{value:.{DECIMALS}f}\n" for value in track))
    return relative.as_posix()
