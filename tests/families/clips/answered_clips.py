"""Clips with labels, and answers to them, as the stages before the evaluation write them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from affectssm.families.clips.stages.format import CLIPS
from affectssm.store.card import make_card
from affectssm.store.parquet import write_parquet

MODULE = ["affectssm.families.clips.stages.format"]
ANSWERED = pa.schema(
    [
        ("seed", pa.int32()),
        *((name, pa.string()) for name in ("split", "corpus", "recording", "group", "left_out", "reason")),
    ]
    + [(name, pa.float32()) for name in ("prediction", "negative", "neutral", "positive")]
)


class Clip(NamedTuple):
    """A clip of a video."""

    video: str
    number: int
    label: float
    split: str = "test"

    @property
    def name(self) -> str:
        return f"{self.video}[{self.number}]"


def clips_of(videos: int = 8, a_video: int = 6, seed: int = 0) -> list[Clip]:
    """Test clips whose labels lie between -3 and 3, and one clip each of the other parts."""
    label = np.round(np.random.default_rng(seed).uniform(-3, 3, (videos, a_video)), 1)
    found = [Clip(f"v{v}", n, float(label[v, n])) for v in range(videos) for n in range(a_video)]
    return [*found, Clip("t0", 0, 1.0, "train"), Clip("w0", 0, -1.0, "val")]


def write_index(path: Path, clips: Sequence[Clip], corpus: str = "mosei") -> Path:
    """The index of a shard of segments."""
    schema = CLIPS.index
    columns: dict[str, list[Any]] = {
        "corpus": [corpus] * len(clips), "shard": [path.stem] * len(clips), "video": [c.video for c in clips],
        "recording": [c.name for c in clips], "segment": [0] * len(clips), "row": list(range(len(clips))),
        "start_s": [0.0] * len(clips), "sentiment": [c.label for c in clips], "split": [c.split for c in clips],
    }  # fmt: skip
    columns |= {name: [True] * len(clips) for name in CLIPS.modalities}
    write_parquet(path, columns, schema, make_card("clips/segments", MODULE, {}))
    return path


def write_answers(
    path: Path,
    clips: Sequence[Clip],
    answer: Callable[[Clip, int, str], float | tuple[float, float, float] | None],
    seeds: Sequence[int] = (1, 2),
    left_out: Sequence[str] = ("",),
    corpus: str = "mosei",
    experiment: str = "coupled_mamba-mosei_unaligned_regression",
) -> Path:
    """Answers of some seeds to the clips that are not learnt from; None of a seed that diverged."""
    rows = []
    for seed, way, clip in ((s, w, c) for s in seeds for w in left_out for c in clips if c.split != "train"):
        given = answer(clip, seed, way)
        of_classes = given if isinstance(given, tuple) else (None, None, None)
        why = "diverged" if given is None else ""
        number = None if isinstance(given, tuple) else given
        rows.append((seed, clip.split, corpus, clip.name, clip.video, way, why, number, *of_classes))
    columns = dict(zip(ANSWERED.names, map(list, zip(*rows, strict=True)), strict=True))
    settings = {"experiment": experiment, "seeds": list(seeds)}
    write_parquet(path, columns, ANSWERED, make_card("clips/train", MODULE, settings))
    return path
