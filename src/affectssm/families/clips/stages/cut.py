"""Clips as models see them: every modality brought to L steps, whatever it was extracted from.

``{shard}.h5`` holds ``{modality}/value`` (E, D, L) float32, not yet standardised, and ``{modality}/valid`` (E, L) bool;
``{shard}.parquet`` a row a clip: where it lies, its source video, split and sentiment (NaN where there is no label).
The features of a modality are joined column by column; a step counts where one of them does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from affectssm.corpora.manifest import StreamRow, content_hash, read_manifest
from affectssm.errors import DataError
from affectssm.families.clips.run_settings import CutSettings, Groups
from affectssm.families.clips.stages.format import CLIPS
from affectssm.families.clips.stages.modalities import LABEL, TOKENS
from affectssm.store import layout
from affectssm.store.card import make_card
from affectssm.store.faults import FaultLog
from affectssm.store.shards import ShardReader
from affectssm.timeline.segment_writer import Cut, write_index, written_segments
from affectssm.timeline.steps import Spread, to_steps
from affectssm.vocabulary.features import kinds_of


def cut_shard(
    settings: CutSettings, manifest: Path, features: Path, shard: str, out: Path, index: Path, faults: Path
) -> None:
    """Cut the clips of a shard.

    Args:
        settings: the features of each modality, and the steps.
        manifest: the corpus's manifest.
        features: ``results/features/{corpus}-{edition}``.
        shard: the shard's name.
        out: ``{shard}.h5`` to write; ``index`` the index beside it, which is written last.
        faults: the fault table to write: modalities that a clip lacks.

    Raises:
        DataError: if of the features of a modality some are there and others are not.
    """
    rows = [row for row in read_manifest(manifest) if row.shard == shard]
    names = [*(name for own in settings.groups.values() for name in own), LABEL]
    files = {name: layout.track(features, name, shard) for name in names}
    files = {name: path for name, path in files.items() if path.is_file()}
    card = make_card(
        "clips/segments", ["affectssm.families.clips.stages.cut"], settings.told(), inputs=files.values(),
        content=content_hash(rows), shard=shard,
    )  # fmt: skip
    readers = {name: ShardReader(path) for name, path in files.items()}
    log = FaultLog(rows[0].corpus if rows else "")
    try:
        dims = {name: dim for name, reader in readers.items() if (dim := _dim(reader)) is not None}
        groups = _there(settings.groups, dims, out)
        shapes = {
            modality: (sum(dims[name] for name in own), settings.steps) for modality, own in groups.items()
        }
        with written_segments(out, CLIPS, shapes, card, masked=True) as file:
            for clip in _clips(rows, names[:-1]):
                cuts = {
                    modality: found
                    for modality, own in groups.items()
                    if (found := _cut(clip, own, dims, readers, settings, spread_of(settings, modality)))
                    is not None
                }
                _report(clip, settings, cuts, log)
                file.append(_item(clip, readers.get(LABEL)), 1, clip.duration_s, cuts)
    finally:
        for reader in readers.values():
            reader.close()
    log.write(faults, card)
    write_index(index, CLIPS, file.rows, card)


def spread_of(settings: CutSettings, modality: str) -> Spread:
    """Return how a modality's rows come to steps; ids of tokens are never averaged."""
    if modality == TOKENS:
        return "whole"
    return "row" if settings.words else "share"


def _clips(rows: Sequence[StreamRow], features: Sequence[str]) -> list[StreamRow]:
    """A row of each clip that has something of the source, in the order of their names."""
    kinds = kinds_of(features)
    found = {row.recording: row for row in rows if row.kind in kinds}
    return [found[name] for name in sorted(found)]


def _dim(reader: ShardReader) -> int | None:
    """The columns of a feature; None where no clip of the shard has it."""
    found = (reader.info(*key) for key in reader.keys())  # noqa: SIM118
    return next((info.dim for info in found if info.rows), None)


def _there(groups: Groups, dims: Mapping[str, int], out: Path) -> Groups:
    """The modalities that some clip of the shard has; the store reads zeros of the others.

    Raises:
        DataError: if of the features of a modality some are there and others are not.
    """
    for modality, own in groups.items():
        lacking = [name for name in own if name not in dims]
        if lacking and len(lacking) < len(own):
            raise DataError(
                out, f"no clip with {', '.join(lacking)}", f"all of {', '.join(own)}, which {modality} joins",
                "look into the fault table beside the feature, or leave it out of clips.groups",
            )  # fmt: skip
    return {modality: own for modality, own in groups.items() if own[0] in dims}


def _cut(
    clip: StreamRow,
    names: Sequence[str],
    dims: Mapping[str, int],
    readers: Mapping[str, ShardReader],
    settings: CutSettings,
    spread: Spread,
) -> Cut | None:
    """A modality of a clip: (1, D, L); None where it has none of its features."""
    parts, counts = [], np.zeros(settings.steps, bool)
    for name in names:
        value, valid = np.zeros((settings.steps, dims[name]), np.float32), np.zeros(settings.steps, bool)
        key = (clip.recording, clip.participant)
        if name in readers and key in readers[name] and readers[name].info(*key).rows:
            track = readers[name].track(*key)
            value, valid = to_steps(track.value.astype(np.float32), track.valid, settings.steps, spread)
        parts.append(value)
        counts |= valid
    if not counts.any():
        return None
    return Cut(np.concatenate(parts, axis=1).T[None], np.array([True]), counts[None])


def _item(clip: StreamRow, labels: ShardReader | None) -> dict[str, object]:
    key = (clip.recording, clip.participant)
    label = float("nan")
    if labels is not None and key in labels:
        track = labels.track(*key)
        label = float(track.value[0, 0]) if track.valid[0] else label
    return {
        "corpus": clip.corpus, "shard": clip.shard, "video": clip.fold_group, "recording": clip.recording,
        "split": clip.split, LABEL: label,
    }  # fmt: skip


def _report(clip: StreamRow, settings: CutSettings, cuts: Mapping[str, Cut], log: FaultLog) -> None:
    for modality, own in settings.groups.items():
        if modality not in cuts:
            log.add(
                "modality_missing", recording=clip.recording, participant=clip.participant, stream=modality,
                found=f"no valid row of {', '.join(own)}", expected="at least one", action="masked",
            )  # fmt: skip
