"""Writes the demo of clips with a sentiment: CMU-MOSEI, CH-SIMS and CH-SIMS v2 as their owners lay them out.

Below ``out``: ``mosei/``, ``sims/`` and ``simsv2/``, ``truth/`` with what was planted and where the specimens of faults
lie, and ``card.json`` with the hash of every file. The same bytes each time.
"""

from __future__ import annotations

import csv
from itertools import groupby
from pathlib import Path

import pyarrow as pa

from affectssm.corpora.demo import sentiment_pickles as pickles
from affectssm.corpora.demo.sentiment_clips import FORMS, UNLABELLED, Layout, layout
from affectssm.corpora.demo.sentiment_csd import write_csd
from affectssm.corpora.demo.sentiment_raw import write_raw
from affectssm.corpora.demo.sentiment_words import planted
from affectssm.corpora.demo.sentiment_world import SHARES
from affectssm.corpora.demo.whole import write_card, written_whole
from affectssm.store.parquet import write_parquet

CONTENT = {*FORMS, "truth", "card.json"}
UNSUPERVISED = "ch-simsv2u"  # the part of CH-SIMS v2 without labels
_NAMES = ("corpus", "recording", "video", "split")
_NUMBERS = (*SHARES, "sentiment", "label")
_SCHEMA = pa.schema([(name, pa.string()) for name in _NAMES] + [(name, pa.float64()) for name in _NUMBERS])


def write_sentiment_demo(edition: str, out: Path) -> None:
    """Write an edition as the folder ``out``, whole or not at all; an earlier edition there is replaced.

    Raises:
        ConfigError: if there is no such edition.
        DataError: if ``out`` holds something else, or cannot be written.
    """
    found = layout(edition)
    with written_whole(Path(out), CONTENT) as folder:
        for corpus, clips in found.clips.items():
            root = folder / corpus
            pickles.write_pickles(corpus, clips, root / "Processed")
            shown = [clip for clip in (*clips, *found.extra[corpus]) if clip.raw]
            write_raw(corpus, [clip for clip in shown if clip.split != UNLABELLED], found.raw_s, root)
            if corpus == "simsv2":
                pickles.write_unlabelled(corpus, clips, root / UNSUPERVISED / f"{UNSUPERVISED}.pkl")
                unlabelled = [clip for clip in shown if clip.split == UNLABELLED]
                write_raw(corpus, unlabelled, found.raw_s, root / UNSUPERVISED)
        write_csd(
            {video: list(of) for video, of in groupby(found.timed, lambda clip: clip.video)}, folder / "mosei"
        )
        _write_truth(found, folder / "truth")
        write_card(folder, edition)


def _write_truth(found: Layout, folder: Path) -> None:
    """Write clips.parquet, what is planted in each clip, and specimens.csv."""
    folder.mkdir()
    columns: dict[str, list] = {name: [] for name in _SCHEMA.names}
    for corpus, clips in found.clips.items():
        for clip in (*clips, *found.extra[corpus], *(found.timed if corpus == "mosei" else ())):
            truth = planted(clip)
            row = {"corpus": corpus, "recording": clip.recording, "video": clip.video, "split": clip.split}
            numbers = dict(zip(SHARES, truth.shares.tolist(), strict=True))
            numbers |= {"sentiment": truth.sentiment, "label": pickles.label(FORMS[corpus], truth.sentiment)}
            for name, value in {**row, **numbers}.items():
                columns[name].append(value)
    write_parquet(folder / "clips.parquet", columns, _SCHEMA, {})  # card.json speaks for all files
    with (folder / "specimens.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["corpus", "recording", "kind", "code"])
        writer.writerows(found.specimens())
