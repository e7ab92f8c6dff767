"""The methods' step sizes and entropy margins, chosen on development subjects, who are not tested.

Here, and in the adaptation's stages only here, labels of test segments are opened: those of development subjects, on
the folds that test them. What counts is the mean improvement of accuracy over ``none``, in points, over subjects,
dimensions and ratios of missing modalities.
"""

from __future__ import annotations

import logging
import math
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import torch

from affectssm.adaptation.fold_stream import FoldStream, tuned
from affectssm.adaptation.missing import draw
from affectssm.adaptation.stream import Streamed, run_stream
from affectssm.families.biosignals.run_settings import SECTION, ChoosingSettings, RunSettings
from affectssm.families.biosignals.stages.chosen import Setting
from affectssm.families.biosignals.stages.labels import classes
from affectssm.families.biosignals.stages.segments import open_store, rated_folds
from affectssm.settings.adaptation import AdaptationSettings
from affectssm.settings.biosignals import ChoiceSettings
from affectssm.store.atomic import write_json
from affectssm.store.card import make_card
from affectssm.timeline.segments import SegmentStore
from affectssm.training.finished_folds import FinishedFolds, TableFiles
from affectssm.training.fold_runs import FoldRuns
from affectssm.training.folds import Fold
from affectssm.training.run_files import CHECKPOINT
from affectssm.training.scans import with_backends
from affectssm.training.segments import development_groups
from affectssm.vocabulary.stages import choice_modules

log = logging.getLogger(__name__)
PATTERN: Final = "modality"
THRESHOLDED = ("eata",)  # elsewhere the margin scales the loss, or a term of it; it lets nothing pass or stop
CONSTANTS = ("learning_rate", "entropy_margin")
GAINED = pa.schema(
    [
        ("method", pa.string()),
        ("place", pa.int32()),
        ("run", pa.string()),
        ("subject", pa.string()),
        ("ratio", pa.float64()),
        ("gained", pa.int8()),
    ]
)
"""A segment of a fold, adapted to with one place of a method's grid: won (1), lost (-1) or neither. What counts alike
is (run, subject, ratio), the run being an experiment and its seed."""


def choose(settings: ChoosingSettings, segments: Sequence[Path], runs: Sequence[Path], out: Path) -> None:
    """Choose the constants of a corpus, or go on after the last finished fold of a killed job.

    Masks are drawn here, by the rule and the seed by which ``write_mask_files`` draws them.

    Args:
        settings: methods, of which ``none`` is what the others are compared with, the authors' constants, and how to
            choose.
        segments: of all shards of the corpus, by whose subjects development subjects are found.
        runs: finished runs of one model, of both dimensions and every part that tests development subjects; other parts
            do no harm.
        out: chosen.json: ``chosen`` (method -> constants), ``development_subjects``, ``tried``, and ``reason`` where
            nothing was tried and the authors' constants stand. Finished folds of an unfinished job lie in
            ``.chosen.json.resume`` beside it.

    Raises:
        DataError: if runs and segments do not belong together.
    """
    store, parts = open_store(segments), [FoldRuns(folder) for folder in sorted(runs)]
    told = {own.folder: RunSettings.of_run(own.settings, own.folder) for own in parts}
    subjects = development_groups(store.index, settings.choice.development_subjects)
    grids = {
        name: grid(settings.adaptation, name, settings.choice) for name in settings.methods if name != "none"
    }
    card = make_card(
        "adaptation/choose",
        choice_modules({own.model for own in told.values()}, settings.methods),
        settings.model_dump(mode="json", include={"methods", "choice", "adaptation"}),
        inputs=[*(own.folder / CHECKPOINT for own in parts), *segments],
    )
    kept, gains = FinishedFolds(out, card, TableFiles("gained"), SECTION), Gains()

    def gained(own: FoldRuns, fold: Fold) -> Sequence[pa.Table]:
        stream = FoldStream(own, store, fold, subjects)
        return [try_fold(stream, told[own.folder], grids, settings.adaptation, settings.choice.ratios)]

    for own in parts:
        recipe = told[own.folder].training
        torch.set_num_threads(recipe.threads)
        for fold in _folds(own, told[own.folder], store, subjects):
            gains.add(kept.get(gains.folds, partial(gained, own, fold), recipe.scan_backend)[0])
    found = _outcome(grids, gains, subjects)
    write_json(out, {"card": with_backends(card, kept.ran), **found})
    kept.clear()


def _outcome(
    grids: Mapping[str, Sequence[Setting]], gains: Gains, subjects: Collection[tuple[str, str]]
) -> dict[str, Any]:
    """What chosen.json says beside its card."""
    tried = [
        {"method": name, **setting, "improvement": gains.mean(name, number), "folds": gains.folds}
        for name, settings in grids.items()
        for number, setting in enumerate(settings)
        if gains.folds
    ]
    found: dict[str, Any] = {
        "chosen": {name: _best(tried, name) for name in grids if tried},
        "development_subjects": sorted("/".join(subject) for subject in subjects),
        "tried": tried,
    }
    return found if gains.folds else {**found, "reason": _reason(subjects)}


def grid(settings: AdaptationSettings, method: str, choice: ChoiceSettings) -> list[Setting]:
    """Return what a method is tried with, the nearest to its authors' constants first (of those as near, as listed)."""
    own = getattr(settings, method)
    margin = own.entropy_margin if method in THRESHOLDED else None
    pairs = [
        (factor, other)
        for factor in choice.factors
        for other in ((None,) if margin is None else choice.entropy_margins)
    ]
    pairs.sort(key=lambda pair: (abs(math.log(pair[0])), abs((pair[1] or 0) - (margin or 0))))
    return [{"learning_rate": own.learning_rate * factor, "entropy_margin": other} for factor, other in pairs]


class Gains:
    """How much more is right than without adaptation, by (method, place in its grid) and (run, subject, ratio)."""

    def __init__(self) -> None:
        self.folds = 0
        self._found: dict[tuple, dict[tuple, list[int]]] = defaultdict(lambda: defaultdict(list))

    def add(self, fold: pa.Table) -> None:
        """Take in the segments of a fold, rows of :data:`GAINED`."""
        for *what, gained in zip(*(fold[name].to_pylist() for name in GAINED.names), strict=True):
            self._found[tuple(what[:2])][tuple(what[2:])].append(gained)
        self.folds += 1

    def mean(self, method: str, number: int) -> float:
        """Mean improvement of accuracy in points, every unit alike."""
        units = self._found[method, number].values()
        return 100 * math.fsum(sum(values) / len(values) for values in units) / len(units)


def _folds(
    runs: FoldRuns, told: RunSettings, store: SegmentStore, subjects: Collection[tuple[str, str]]
) -> Iterator[Fold]:
    """The folds of a part that test development subjects."""
    found = []
    if subjects:
        found = runs.folds(rated_folds(store.index, told.protocol, runs.part, told.dimension))
    found = [fold for fold in found if any(trial[:2] in subjects for trial in fold.test)]
    for number, fold in enumerate(found):
        log.info("%s: fold %d/%d %s", told.experiment, number + 1, len(found), fold.name)
        yield fold


def try_fold(
    stream: FoldStream,
    told: RunSettings,
    grids: Mapping[str, Sequence[Setting]],
    plain: AdaptationSettings,
    ratios: Sequence[float],
) -> pa.Table:
    """Adapt to the segments of one fold with everything in the grids; rows of :data:`GAINED`."""
    labels = classes(stream.store.index, stream.rows, told.protocol, told.dimension)
    methods = {name: stream.method(name, plain) for name in ("none", *grids)}
    run = f"{told.experiment}/{told.seed}"
    subjects = ["/".join(key[:2]) for key in stream.keys]
    tables = []
    for ratio in ratios:
        masks = draw(stream.segments, stream.data.channels, stream.data.samples, ratio, told.seed, PATTERN)
        batches = stream.batches(masks, plain.batch)
        still = _right(run_stream(methods["none"], batches), labels)
        for name, tried in grids.items():
            for number, setting in enumerate(tried):
                methods[name].retune(tuned(plain, name, setting))
                gained = _right(run_stream(methods[name], batches), labels) - still
                same = {"method": name, "place": number, "run": run, "ratio": ratio}
                columns = {key: [value] * len(gained) for key, value in same.items()}
                tables.append(pa.table(columns | {"subject": subjects, "gained": gained}, schema=GAINED))
    return pa.concat_tables(tables)


def _right(found: Streamed, labels: np.ndarray) -> np.ndarray:
    """Which answers are right, (n,) of 0 and 1."""
    return ((found.probabilities[:, 1] > 0.5).cpu().numpy() == labels).astype(np.int64)


def _best(tried: Sequence[Mapping[str, Any]], method: str) -> Setting:
    """The constants with the largest improvement, of those as good the first."""
    best = max((line for line in tried if line["method"] == method), key=lambda line: line["improvement"])
    return {name: best[name] for name in CONSTANTS if best[name] is not None}


def _reason(subjects: Collection[tuple[str, str]]) -> str:
    what = "no run tests a development subject" if subjects else "there are no development subjects"
    return f"{what}: the authors' constants stand"
