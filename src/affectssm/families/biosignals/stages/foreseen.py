"""What the tables of bio-signals will miss, as far as the manifests tell."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from affectssm.corpora.manifest import StreamRow, read_manifest
from affectssm.errors import DataError
from affectssm.settings.biosignals import ProtocolSettings
from affectssm.store.layout import corpus_of
from affectssm.training.folds import folds


def missing(settings: Mapping[str, Any], manifests: Sequence[Path]) -> Iterator[str]:
    """Yield subjects that no fold tests.

    Args:
        settings: ``modalities`` by corpus and the ``protocol``.
        manifests: of all corpora of bio-signals.

    Raises:
        DataError: when a corpus lacks a modality that the models are to see.
    """
    protocol = ProtocolSettings.model_validate(settings["protocol"])
    for path in manifests:
        rows, corpus = read_manifest(path), corpus_of(path.parent)
        _require_modalities(path, rows, settings["modalities"][corpus])
        trials = {(row.corpus, row.participant, row.recording) for row in rows}
        tested = {trial[1] for fold in folds(trials, protocol) for trial in fold.test}
        for subject in sorted({trial[1] for trial in trials} - tested):
            count = sum(trial[1] == subject for trial in trials)
            yield f"{corpus} {subject} ({count} trial{'s' * (count != 1)}: none is left to learn from)"


def _require_modalities(path: Path, rows: Sequence[StreamRow], wanted: Sequence[str]) -> None:
    lacking = [name for name in wanted if all(row.kind != name for row in rows)]
    if lacking:
        raise DataError(
            path.parent,
            f"no trial with {', '.join(lacking)}",
            f"trials with {', '.join(wanted)}",
            f"mend biosignals.modalities.{corpus_of(path.parent)}, or the files (faults.parquet says what is wrong)",
        )
