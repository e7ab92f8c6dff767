"""Recordings with a label as a whole, every modality brought to L steps, as clips are.

``{shard}.h5`` holds ``{modality}/value`` (E, D, L) float32, not yet standardised, and ``{modality}/valid`` (E, L) bool;
``{shard}.parquet`` a row an item. The labels are not there: they are read where they are learnt or scored.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from affectssm.corpora.manifest import StreamRow, content_hash, read_manifest
from affectssm.families.clips.run_settings import CutSettings
from affectssm.families.clips.stages.cut import _cut, _dim, _report, _there, spread_of
from affectssm.families.recordings.stages.items import ITEMS, labelled, name_of
from affectssm.store import layout
from affectssm.store.card import make_card
from affectssm.store.faults import FaultLog
from affectssm.store.shards import ShardReader
from affectssm.timeline.segment_writer import write_index, written_segments
from affectssm.vocabulary.features import kinds_of


def cut_shard(
    settings: CutSettings, manifest: Path, features: Path, shard: str, out: Path, index: Path, faults: Path
) -> None:
    """Cut the items of a shard; arguments and errors as of ``families/clips/stages/cut.py``."""
    rows = [row for row in read_manifest(manifest) if row.shard == shard]
    names = [name for own in settings.groups.values() for name in own]
    files = {name: layout.track(features, name, shard) for name in names}
    files = {name: path for name, path in files.items() if path.is_file()}
    card = make_card(
        "recordings/segments", [__name__], settings.told(), inputs=files.values(), content=content_hash(rows),
        shard=shard,
    )  # fmt: skip
    readers = {name: ShardReader(path) for name, path in files.items()}
    log = FaultLog(rows[0].corpus if rows else "")
    try:
        dims = {name: dim for name, reader in readers.items() if (dim := _dim(reader)) is not None}
        groups = _there(settings.groups, dims, out)
        shapes = {name: (sum(dims[one] for one in own), settings.steps) for name, own in groups.items()}
        with written_segments(out, ITEMS, shapes, card, masked=True) as file:
            for item in items_of(rows, names):
                cuts = {
                    modality: found
                    for modality, own in groups.items()
                    if (found := _cut(item, own, dims, readers, settings, spread_of(settings, modality)))
                    is not None
                }
                _report(item, settings, cuts, log)
                file.append(_row(item), 1, item.duration_s, cuts)
    finally:
        for reader in readers.values():
            reader.close()
    log.write(faults, card)
    write_index(index, ITEMS, file.rows, card)


def items_of(rows: Sequence[StreamRow], features: Sequence[str]) -> list[StreamRow]:
    """Return a row of every item with a label that has something of some features, in the order of their names."""
    kinds, known = kinds_of(features), labelled(rows)
    found = {name_of(row.recording, row.participant): row for row in rows if row.kind in kinds}
    return [found[name] for name in sorted(found) if name in known]


def _row(item: StreamRow) -> dict[str, object]:
    return {
        "corpus": item.corpus, "shard": item.shard, "group": item.fold_group,
        "item": name_of(item.recording, item.participant), "split": item.split, "recording": item.recording,
    }  # fmt: skip
