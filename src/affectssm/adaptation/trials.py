"""Adapt the trained folds of a part to their test segments: every pattern, ratio and method over the same streams.

A method meets each stream as the trained model; labels of test segments are opened by the evaluation alone.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import torch

from affectssm.adaptation.fold_stream import FoldStream, folds_of_runs, tuned
from affectssm.adaptation.mask_files import SavedMasks, shapes_of
from affectssm.adaptation.patterns import NOTHING, streams_of
from affectssm.adaptation.stream import Streamed, run_stream
from affectssm.errors import DataError
from affectssm.settings.adaptation import AdaptationSettings
from affectssm.settings.trials import MissingSettings
from affectssm.store.card import make_card, read_card
from affectssm.store.parquet import write_parquet
from affectssm.timeline.epoch_store import EpochStore
from affectssm.training.finished_folds import FinishedFolds, TableFiles
from affectssm.training.folds import Fold
from affectssm.training.run_files import CHECKPOINT
from affectssm.training.scans import with_backends
from affectssm.training.trial_data import open_store, segment_ids, test_numbers
from affectssm.training.trial_runs import TrialRuns
from affectssm.vocabulary.stages import adaptation_modules

log = logging.getLogger(__name__)
NAME = pa.dictionary(pa.int32(), pa.string())
STREAM = [("fold", NAME), ("pattern", NAME), ("ratio", pa.float64()), ("method", NAME)]
ADAPTED = pa.schema(
    [
        *STREAM,
        ("corpus", NAME),
        ("subject", NAME),
        ("trial", NAME),
        ("epoch", pa.int32()),
        ("high", pa.float32()),
    ]
)
COUNTS = ("segments", "batches", "updates", "used", "refused")
LOOKS = ("majority_share", "mean_entropy", "late_majority_share", "late_mean_entropy")
STREAMS = pa.schema(
    [
        *STREAM,
        ("subject", NAME),
        ("missing_share", pa.float64()),
    ]  # of the units, where the ratio is what was asked
    + [(name, pa.int32()) for name in COUNTS]
    + [(name, pa.float64()) for name in LOOKS]
    + [("collapsed", pa.bool_())]
)


@dataclass(frozen=True)
class PartFiles:
    """Where the files of a part lie.

    Attributes:
        epochs: the epochs that the part was trained with.
        run_dir: ``results/runs/{experiment}/{part}/{seed}``.
        masks: ``write_mask_files`` of the run's seed, for every shard that the part tests.
        adapted: adapted.parquet, to be written: a row a segment and stream in the order of the streams
            (:data:`ADAPTED`); finished folds of an unfinished job lie in ``.adapted.parquet.resume`` beside it.
        streams: streams.parquet, to be written before it: a row a stream (:data:`STREAMS`).
    """

    epochs: Sequence[Path]
    run_dir: Path
    masks: Sequence[Path]
    adapted: Path
    streams: Path


def adapt_part(
    settings: Mapping[str, Any],
    adaptation: Mapping[str, Any],
    missing: Mapping[str, Any],
    chosen: Mapping[str, Mapping[str, float | None]],
    files: PartFiles,
    left_out: Collection[str] = (),
) -> None:
    """Adapt the folds of a part, or go on after the last finished one of a killed job.

    Args:
        settings: ``run_settings`` of the family of bio-signals, and ``methods`` in order.
        adaptation: AdaptationSettings, the authors' constants.
        missing: MissingSettings: patterns and ratios, and whether there is a control.
        chosen: method -> ``learning_rate`` and ``entropy_margin`` that take their place (``choose.read_chosen``).
        files: what is read and what is written.
        left_out: ``{corpus}/{subject}`` of development subjects: folds that test nobody else are not adapted to.

    Raises:
        DataError: if run, epochs or masks do not belong together.
        ConfigError: for a method that the model cannot be adapted by.
    """
    torch.set_num_threads(settings["training"]["threads"])
    runs, store = TrialRuns(files.run_dir), open_store(files.epochs)
    asked, plain = MissingSettings.model_validate(missing), AdaptationSettings.model_validate(adaptation)
    _check_run(runs, settings)
    folds = [fold for fold in folds_of_runs(runs, store) if not _subjects(fold) <= set(left_out)]
    masks = _masks(files.masks, runs, store, folds)
    constants = {name: tuned(plain, name, chosen.get(name)) for name in settings["methods"]}
    decisive = {"adaptation": adaptation, "missing": missing, "chosen": chosen, "left_out": sorted(left_out)}
    card = _card({**settings, **decisive}, files)
    kept = FinishedFolds(files.adapted, card, TableFiles("adapted", "streams"))

    def adapt(fold: Fold) -> Sequence[pa.Table]:
        return adapt_fold(FoldStream(runs, store, fold), constants, plain.batch, masks, asked)

    done: list[Sequence[pa.Table]] = [[ADAPTED.empty_table(), STREAMS.empty_table()]]
    for number, fold in enumerate(folds):
        done.append(kept.get(number, settings["training"], partial(adapt, fold)))
        log.info(
            "fold %d/%d %s: %d streams, %d updates, %d collapsed",
            number + 1, len(folds), fold.name, *_summary(done[-1][1]),
        )  # fmt: skip
    answers, streams = (pa.concat_tables(parts).unify_dictionaries() for parts in zip(*done, strict=True))
    card = with_backends(card, kept.ran)
    write_parquet(files.streams, streams, STREAMS, card)
    write_parquet(files.adapted, answers, ADAPTED, card)
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
            looks.append({**head, "subject": subject, "missing_share": share, **_look(found)})
    return [pa.concat_tables(answers).unify_dictionaries(), pa.Table.from_pylist(looks, STREAMS)]


def _subjects(fold: Fold) -> set[str]:
    return {"/".join(trial[:2]) for trial in fold.test}


def _masks(files: Sequence[Path], runs: TrialRuns, store: EpochStore, folds: Sequence[Fold]) -> SavedMasks:
    """The masks of all segments that the folds test."""
    tested = np.concatenate([np.zeros(0, np.int64), *(test_numbers(store.index, fold) for fold in folds)])
    shapes = shapes_of(store, runs.settings["modalities"])
    return SavedMasks(files, runs.settings["seed"], shapes, segment_ids(store.index, tested))


def _card(settings: Mapping[str, Any], files: PartFiles) -> dict[str, Any]:
    checkpoint = files.run_dir / CHECKPOINT
    return make_card(
        "adaptation/trials",
        adaptation_modules(settings["model"], settings["methods"]),
        settings,
        inputs=[checkpoint, *files.epochs, *files.masks],
        part=files.run_dir.absolute().parent.name,
        run=read_card(checkpoint),
    )


def _check_run(runs: TrialRuns, settings: Mapping[str, Any]) -> None:
    found, asked = ((s["experiment"], s["seed"]) for s in (runs.settings, settings))
    if found != asked:
        raise DataError(
            runs.folder,
            f"a run of {found[0]} seed {found[1]}",
            f"{asked[0]} seed {asked[1]}",
            "name the run's own folder",
        )


def _answers(head: Mapping[str, Any], stream: FoldStream, found: Streamed) -> pa.Table:
    count = len(stream.numbers)
    columns: dict[str, Any] = {name: [value] * count for name, value in head.items()}
    columns |= dict(zip(("corpus", "subject", "trial"), zip(*stream.keys, strict=True), strict=True))
    columns["epoch"] = stream.store.index.epoch[stream.numbers]
    columns["high"] = found.probabilities[:, 1].cpu().numpy()
    return pa.table({name: pa.array(columns[name], ADAPTED.field(name).type) for name in ADAPTED.names})


def _look(found: Streamed) -> dict[str, Any]:
    counts = {"segments": len(found.probabilities)} | {name: getattr(found, name) for name in COUNTS[1:]}
    return {**counts, **asdict(found.collapse), "collapsed": found.collapse.collapsed}


def _summary(streams: pa.Table) -> tuple[int, int, int]:
    return len(streams), sum(streams["updates"].to_pylist()), sum(streams["collapsed"].to_pylist())
