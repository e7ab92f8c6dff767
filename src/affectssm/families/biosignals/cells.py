"""The cells of the tables of bio-signals: which corpora have trials with all modalities, in enough folds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from affectssm.families.biosignals.experiments import TrialExperiment
from affectssm.families.cells import Cell, Manifests


def cells(
    experiments: Sequence[TrialExperiment], settings: Mapping[str, Any], manifests: Manifests
) -> list[Cell]:
    """Return the cells of some experiments: one each.

    Args:
        experiments: a row each.
        settings: ``modalities`` by corpus and the ``protocol``.
        manifests: of the corpora of bio-signals.
    """
    corpora = dict.fromkeys(one.corpus for one in experiments)
    held = {corpus: _look(corpus, settings, manifests) for corpus in corpora}
    return [Cell(one.name, one.target, *held[one.corpus]) for one in experiments]


def _look(corpus: str, settings: Mapping[str, Any], manifests: Manifests) -> tuple[str, tuple[str, ...]]:
    """Return why nothing can be learnt from a corpus ("" where it can), and subjects that no fold tests."""
    from affectssm.corpora.manifest import read_manifest
    from affectssm.settings.biosignals import ProtocolSettings
    from affectssm.training.folds import folds

    if corpus not in manifests:
        return f"nothing of {corpus} can be read", ()
    rows = read_manifest(manifests[corpus])
    kinds = {row.kind for row in rows}
    lacking = [name for name in (*settings["modalities"][corpus], "ratings") if name not in kinds]
    if lacking:
        return f"no trial of {corpus} with {', '.join(lacking)}", ()
    trials = {(row.corpus, row.participant, row.recording) for row in rows}
    dealt = folds(trials, ProtocolSettings.model_validate(settings["protocol"]))
    tested = {trial[1] for fold in dealt for trial in fold.test}
    if not tested:
        subjects = len({trial[1] for trial in trials})
        return f"{len(trials)} trials of {subjects} subjects leave nothing to learn from", ()
    return "", tuple(sorted({trial[1] for trial in trials} - tested))
