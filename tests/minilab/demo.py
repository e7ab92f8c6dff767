"""A small corpus whose labels are a linear function of the clips' mean vectors, with noise, and a few faults."""

from __future__ import annotations

import csv
import pickle
from pathlib import Path

import numpy as np

from affectssm.corpora.demo.whole import written_whole
from affectssm.store.atomic import write_json
from affectssm.store.card import make_card

CLIPS, DIM, NOISE = 60, 8, 0.3


def write_demo(edition: str, out: Path) -> None:
    """Write the demo as the folder ``out``, whole or not at all."""
    rng = np.random.default_rng(7)
    weights = rng.normal(size=DIM)
    with written_whole(out, {"mini", "card.json"}) as folder:
        vectors, rows = {}, []
        for number in range(CLIPS):
            name = f"vid{number % 9}_{number:02d}"
            mean = rng.normal(size=DIM)
            vectors[name] = (mean + 0.5 * rng.normal(size=(int(rng.integers(10, 30)), DIM))).astype(
                np.float32
            )
            label = np.clip(mean @ weights / 2 + NOISE * rng.normal(), -3, 3)
            rows.append(
                [name, ("train", "train", "train", "val", "test", "test")[number % 6], f"{label:.3f}"]
            )
        rows[7][2] = "much"  # what is no number
        del vectors[rows[13][0]]
        (folder / "mini").mkdir()
        with (folder / "mini" / "clips.csv").open("w", encoding="utf-8", newline="") as file:
            csv.writer(file, lineterminator="\n").writerows([["clip", "split", "sentiment"], *rows])
        (folder / "mini" / "vectors.pkl").write_bytes(pickle.dumps(vectors, protocol=4))
        card = make_card("corpora/demo", ["minilab.demo"], {"edition": edition})
        write_json(folder / "card.json", {"card": card})
