"""Adapt the trained folds of a part to their test segments: every pattern, ratio and method over the same streams.

A method meets each stream as the trained model; labels of test segments are opened by the evaluation alone.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import torch

from affectssm.adaptation.fold_stream import FoldStream, tuned
from affectssm.adaptation.mask_files import SavedMasks
from affectssm.adaptation.patterns import NOTHING, streams_of
from affectssm.adaptation.stream import Streamed, run_stream
from affectssm.errors import DataError
from affectssm.families.biosignals.run_settings import SECTION, AdaptationRunSettings
from affectssm.families.biosignals.stages.chosen import read_chosen
from affectssm.families.biosignals.stages.format import EPOCHS
from affectssm.families.biosignals.stages.segments import open_store, rated_folds
from affectssm.settings.adaptation import AdaptationSettings
from affectssm.settings.segments import MissingSettings
from affectssm.store.card import make_card, read_card
from affectssm.store.parquet import write_parquet
from affectssm.timeline.segments import SegmentStore
from affectssm.training.finished_folds import FinishedFolds, TableFiles
from affectssm.training.fold_runs import FoldRuns
from affectssm.training.folds import Fold
from affectssm.training.run_files import CHECKPOINT
from affectssm.training.scans import with_backends
from affectssm.training.segments import rows_tested, segment_ids
from affectssm.vocabulary.stages import adaptation_modules

log = logging.getLogger(__name__)
NAME = pa.dictionary(pa.int32(), pa.string())
STREAM = pa.schema([("fold", NAME), ("pattern", NAME), ("ratio", pa.float64()), ("method", NAME)])
ADAPTED = EPOCHS.answers(STREAM, NAME)
COUNTS = ("segments", "batches", "updates", "used", "refused")
LOOKS = ("majority_share", "mean_entropy", "late_majority_share", "late_mean_entropy")
STREAMS = pa.schema(
    [*STREAM, (EPOCHS.group, NAME)]
    + [("missing_share", pa.float64())]  # of the units, where the ratio is what was asked
    + [(name, pa.int32()) for name in COUNTS]
    + [(name, pa.float64()) for name in LOOKS]
    + [("collapsed", pa.bool_())]
)


def adapt(
    settings: AdaptationRunSettings,
    segments: Sequence[Path],
    run: Path,
    masks: Sequence[Path],
    chosen: Path,
    out: Path,
    streams: Path,
) -> None:
    """Adapt the folds of a part, or go on after the last finished one of a killed job.

    Args:
        settings: of the run, the methods in the order of the rows, the authors' constants, patterns and ratios.
        segments: those that the part was trained with.
        run: ``results/runs/{experiment}/{part}/{seed}``.
        masks: of the run's seed, for every shard that the part tests.
        chosen: chosen.json, whose constants take the place of the authors'; folds that test nobody but its development
            subjects are not adapted to.
        out: adapted.parquet, to be written: a row a segment and stream in the order of the streams (:data:`ADAPTED`);
            finished folds of an unfinished job lie in ``.adapted.parquet.resume`` beside it.
        streams: streams.parquet, to be written before it: a row a stream (:data:`STREAMS`).

    Raises:
        DataError: if run, segments or masks do not belong together.
        ConfigError: for a method that the model cannot be adapted by.
    """
    torch.set_num_threads(settings.training.threads)
    runs, store, choice = FoldRuns(run), open_store(segments), read_chosen(chosen)
    _check_run(runs, settings)
    left_out = set(choice.development_subjects)
    given = rated_folds(store.index, settings.protocol, runs.part, settings.dimension)
    folds = [fold for fold in runs.folds(given) if not _subjects(fold) <= left_out]
    saved = _masks(masks, settings, store, folds)
    constants = {name: tuned(settings.adaptation, name, choice.chosen.get(name)) for name in settings.methods}
    decisive = {"chosen": choice.chosen, "left_out": sorted(left_out)}
    told = settings.model_dump(mode="json", exclude={"choice"}) | decisive
    card = _card(told, runs, [*segments, *masks])
    kept = FinishedFolds(out, card, TableFiles("adapted", "streams"), SECTION)

    def one(fold: Fold) -> Sequence[pa.Table]:
        return adapt_fold(
            FoldStream(runs, store, fold), constants, settings.adaptation.batch, saved, settings.missing
        )

    done: list[Sequence[pa.Table]] = [[ADAPTED.empty_table(), STREAMS.empty_table()]]
    for number, fold in enumerate(folds):
        done.append(kept.get(number, partial(one, fold), settings.training.scan_backend))
        log.info(
            "fold %d/%d %s: %d streams, %d updates, %d collapsed",
            number + 1, len(folds), fold.name, *_summary(done[-1][1]),
        )  # fmt: skip
    answers, looks = (pa.concat_tables(parts).unify_dictionaries() for parts in zip(*done, strict=True))
    card = with_backends(card, kept.ran)
    write_parquet(streams, looks, STREAMS, card)
    write_parquet(out, answers, ADAPTED, card)
    kept.clear()


def adapt_fold(
    stream: FoldStream,
    constants: Mapping[str, AdaptationSettings],
    batch: int,
    masks: SavedMasks,
    missing: MissingSettings,
) -> list[pa.Table]:
    """Adapt to the test segments of one fold.

    Args:
        stream: the fold.
        constants: method -> settings, in the order of the rows.
        batch: segments a batch.
        masks: of the fold's test segments.
        missing: patterns and ratios.

    Returns:
        Rows as of :data:`ADAPTED` and of :data:`STREAMS`.
    """
    methods = {name: stream.method(name, own) for name, own in constants.items()}
    subjects = {key[1] for key in stream.keys}
    subject = subjects.pop() if len(subjects) == 1 else ""
    answers, looks = [], []
    for pattern, ratio in streams_of(missing):
        own = None if pattern == NOTHING else masks.of(pattern, ratio)
        batches = stream.batches(own, batch)
        share = own.missing_share_of(stream.segments) if own else 0.0
        for name, method in methods.items():
            found = run_stream(method, batches)
            head = {"fold": stream.fold.name, "pattern": pattern, "ratio": ratio, "method": name}
            answers.append(_answers(head, stream, found))
            looks.append({**head, EPOCHS.group: subject, "missing_share": share, **_look(found)})
    return [pa.concat_tables(answers).unify_dictionaries(), pa.Table.from_pylist(looks, STREAMS)]


def _subjects(fold: Fold) -> set[str]:
    return {"/".join(trial[:2]) for trial in fold.test}


def _masks(
    files: Sequence[Path], settings: AdaptationRunSettings, store: SegmentStore, folds: Sequence[Fold]
) -> SavedMasks:
    """The masks of all segments that the folds test."""
    tested = np.concatenate([np.zeros(0, np.int64), *(rows_tested(store.index, fold) for fold in folds)])
    shapes = store.shapes_of(settings.modalities)
    return SavedMasks(files, settings.seed, shapes, segment_ids(store.index, tested))


def _card(told: Mapping[str, Any], runs: FoldRuns, inputs: Sequence[Path]) -> dict[str, Any]:
    checkpoint = runs.folder / CHECKPOINT
    return make_card(
        "adaptation/trials",
        adaptation_modules(told["model"], told["methods"]),
        told,
        inputs=[checkpoint, *inputs],
        part=runs.part,
        run=read_card(checkpoint),
    )


def _check_run(runs: FoldRuns, settings: AdaptationRunSettings) -> None:
    found, asked = (runs.settings["experiment"], runs.settings["seed"]), (settings.experiment, settings.seed)
    if found != asked:
        raise DataError(
            runs.folder,
            f"a run of {found[0]} seed {found[1]}",
            f"{asked[0]} seed {asked[1]}",
            "name the run's own folder",
        )


def _answers(head: Mapping[str, Any], stream: FoldStream, found: Streamed) -> pa.Table:
    count, index = len(stream.rows), stream.store.index
    columns: dict[str, Any] = {name: [value] * count for name, value in head.items()}
    columns |= dict(zip(EPOCHS.key, zip(*stream.keys, strict=True), strict=True))
    columns[EPOCHS.number] = index.number[stream.rows]
    columns[EPOCHS.answer] = found.probabilities[:, 1].cpu().numpy()
    return pa.table({name: pa.array(columns[name], ADAPTED.field(name).type) for name in ADAPTED.names})


def _look(found: Streamed) -> dict[str, Any]:
    counts = {"segments": len(found.probabilities)} | {name: getattr(found, name) for name in COUNTS[1:]}
    return {**counts, **asdict(found.collapse), "collapsed": found.collapse.collapsed}


def _summary(streams: pa.Table) -> tuple[int, int, int]:
    return len(streams), sum(streams["updates"].to_pylist()), sum(streams["collapsed"].to_pylist())
