"""Small corpora of clips as their owners write them: pickles, computational sequences, tables of labels."""

from __future__ import annotations

import pickle
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np

TEXT, GLOVE = 768, 300
COLUMNS = {"mosei": (74, 35), "sims": (33, 709), "simsv2": (25, 177), "mosi": (5, 20)}
ALIGNED, UNALIGNED = (4, 4, 4), (4, 6, 5)  # rows of text, audio and vision
HEADER = "video_id,clip_id,text,label,label_T,label_A,label_V,annotation,mode"


def table(
    ids: Sequence[str],
    corpus: str = "mosei",
    rows: tuple[int, int, int] = UNALIGNED,
    text: int = TEXT,
    **more: Any,
) -> dict[str, Any]:
    """Return a table of some clips; a sequence loses its last row in padding, and labels are 0.2, 0.4, ..."""
    rng, count = np.random.default_rng(0), len(ids)
    sizes = {
        "text": (rows[0], text),
        "audio": (rows[1], COLUMNS[corpus][0]),
        "vision": (rows[2], COLUMNS[corpus][1]),
    }
    found: dict[str, Any] = {name: rng.normal(size=(count, *size)) for name, size in sizes.items()}
    for name in sizes:
        found[name][:, -1] = 0
    mask = np.arange(rows[0]) < rows[0] - 1
    found["text_bert"] = np.broadcast_to(np.stack([mask * 7, mask, mask * 0]), (count, 3, rows[0])).astype(
        float
    )
    found |= {"id": list(ids), "raw_text": ["so it is"] * count}
    found["regression_labels"] = np.arange(1, count + 1) * 0.2 % 1
    if corpus.startswith("sims"):
        found |= {f"regression_labels_{which}": np.full(count, -0.4) for which in "TAV"}
    if rows != ALIGNED:
        found |= {f"{name}_lengths": [rows[at] - 1] * count for at, name in ((1, "audio"), (2, "vision"))}
    return found | more


def dump(path: Path, held: Any) -> Path:
    """Write a pickle."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(pickle.dumps(held, 4))
    return path


def write_csd(path: Path, root: str, videos: Mapping[str, tuple[np.ndarray, np.ndarray]]) -> Path:
    """Write a file of sequences: video -> features and intervals."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w") as file:
        for video, (features, intervals) in videos.items():
            group = file.create_group(f"{root}/data/{video}")
            group["features"], group["intervals"] = features, np.asarray(intervals, float).reshape(-1, 2)
        file.create_group(f"{root}/metadata")
    return path


def steps(start: float, end: float, rows: int) -> np.ndarray:
    """Return (rows, 2) intervals that follow each other."""
    ends = np.linspace(start, end, rows + 1)
    return np.stack([ends[:-1], ends[1:]], axis=1)


def sequences(folder: Path, video: str, labels: Sequence[float] = (1.0,), seconds: float = 2.0) -> list[Path]:
    """Write the labels of a video, clips of two seconds one after another, and features of five rows a second."""
    rng, end = np.random.default_rng(0), 2.0 * len(labels)
    value = np.zeros((len(labels), 7))
    value[:, 0] = labels
    made = [
        write_csd(folder / "CMU_MOSEI_Labels.csd", "All Labels", {video: (value, steps(0, end, len(labels)))})
    ]
    for name, columns in (("glove", 300), ("COVAREP", 74), ("FACET 4.2", 35), ("OpenFace_2", 713)):
        rows = round(5 * seconds)
        features = rng.normal(size=(rows, columns))
        made.append(write_csd(folder / f"{name}.csd", name, {video: (features, steps(0, seconds, rows))}))
    return made


def write_table(path: Path, lines: Sequence[str], header: str = HEADER, encoding: str = "utf-8") -> Path:
    """Write a table of labels."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(
        "".join(f"{line}\n" for line in ([header, *lines] if header else lines)).encode(encoding)
    )
    return path
