"""The finished runs of a results folder with their scores, one experiment after the other.

Of thousands of runs one experiment's are held at a time. A folder that is no finished run is a line that says why.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import groupby
from pathlib import Path
from typing import Any

from affectssm.errors import DataError
from affectssm.serving.run_facts import CHECKPOINT, RunFacts, as_json, read_run, run_folders
from affectssm.serving.scores import HeldOut, metrics_of, scores_of
from affectssm.serving.training_features import read_by, weights_of
from affectssm.vocabulary.models import TITLES

NAMED = 6  # scores of a run that a line for people names


@dataclass(frozen=True)
class Listed:
    """A run of the list.

    Attributes:
        path: its folder.
        run: what is known of it; None where it is broken.
        scores: on held-out data.
        trouble: what is wrong with it; "" for nothing.
    """

    path: Path
    run: RunFacts | None
    scores: tuple[HeldOut, ...] = ()
    trouble: str = ""

    def told(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        if self.run is None:
            return {"path": str(self.path), "trouble": self.trouble}
        run = self.run
        return {
            "path": str(self.path),
            "experiment": run.config["experiment"],
            "edition": run.edition,
            "part": run.part,
            "seeds": list(run.seeds),
            "family": run.family.name if run.family is not None else "",
            "model": run.config.get("model", ""),
            "corpora": list(run.corpora),
            "data": run.data,
            "features": read_by(run),
            "weights": weights_of(run),
            "epoch": run.config.get("best_epoch"),
            "validation": dict([run.validation]) if run.validation else {},
            "scores": [asdict(score) for score in self.scores],
            "packs": run.answering is not None,
        }

    @property
    def text(self) -> str:
        """What filters look at."""
        return as_json(self.told()).lower()


def listed(results: Path, words: Sequence[str] = ()) -> Iterator[Listed]:
    """Yield the runs of a results folder that have all of some words in what is told of them, whatever the case."""
    wanted = [word.lower() for word in words]
    for experiment, folders in groupby(run_folders(results), lambda path: path.relative_to(results).parts[1]):
        metrics: dict[str, list[dict[str, Any]]] = {}
        for folder in folders:
            one = _look(folder, experiment, results, metrics)
            if all(word in one.text for word in wanted):
                yield one


def _look(folder: Path, experiment: str, results: Path, metrics: dict[str, list[dict[str, Any]]]) -> Listed:
    try:
        run = read_run(folder)
        if experiment not in metrics:
            metrics[experiment] = metrics_of(results, experiment)
        return Listed(folder, run, tuple(scores_of(run, metrics)))
    except DataError as error:
        where = "" if error.where == str(folder) else f"{Path(error.where).name}: "
        return Listed(folder, None, trouble=f"{where}{error.found}")


def lines(found: Iterator[Listed]) -> Iterator[str]:
    """Yield the list for people: a head an experiment, and below it a line a run."""
    head: tuple[Any, ...] = ()
    pooled: set[str] = set()
    count = broken = 0
    for one in found:
        count += 1
        if one.run is None:
            broken += 1
            yield f"  broken: {one.path}: {one.trouble}"
            continue
        if (own := _alike(one.run)) != head:
            head, pooled = own, set()
            yield _head(one.run)
        if (over := _pooled(one)) and over not in pooled:  # once: it is that of several runs
            pooled.add(over)
            yield f"  {over}"
        yield f"  {_line(one)}"
    runs = f"{count} run{'s' * (count != 1)}"
    yield f"{runs}{f', {broken} of them broken' if broken else ''}" if count else "no runs"


def _alike(run: RunFacts) -> tuple[Any, ...]:
    """What runs under one head have in common, as far as their own files tell."""
    return run.name, run.config.get("model", ""), run.corpora, run.data, run.weights, sorted(run.made)


def _head(run: RunFacts) -> str:
    title = TITLES.get(run.config.get("model", ""), run.config.get("model", ""))
    told = [title, "+".join(run.corpora) or "?", f"{run.data or 'unknown'} data"]
    if weights := weights_of(run):
        told.append(f"{weights} weights")
    features = ", ".join(read_by(run))
    return f"{run.name}: {', '.join(told)}{f'; features {features}' if features else ''}"


def _line(one: Listed) -> str:
    run = one.run
    assert run is not None
    told = [str(one.path)]
    if run.config.get("best_epoch") is not None:
        told.append(f"epoch {run.config['best_epoch']}")
    if run.validation:
        told.append(f"{run.validation[0]} {run.validation[1]:.3f}")
    told += _named([score for score in one.scores if not score.parts])
    trained = time.localtime((one.path / CHECKPOINT).stat().st_mtime)
    told.append(f"trained {time.strftime('%Y-%m-%d %H:%M', trained)}")
    return "  ".join(told if one.scores else [*told, "no held-out score"])


def _pooled(one: Listed) -> str:
    """The scores that a run shares with those of other parts, in words; "" where it has none."""
    over = [score for score in one.scores if score.parts]
    if not over or one.run is None:
        return ""
    parts, seeds = over[0].parts, "-".join(map(str, one.run.seeds))
    return f"pooled over {parts}, seed {seeds}: {', '.join(_named([replace(own, parts='') for own in over]))}"


def _named(scores: Sequence[HeldOut]) -> list[str]:
    more = [f"and {len(scores) - NAMED} more scores"] if len(scores) > NAMED else []
    return [*(score_text(score) for score in scores[:NAMED]), *more]


def score_text(score: HeldOut | Mapping[str, Any]) -> str:
    """Return a score with what it is of and of how many units."""
    own = score if isinstance(score, HeldOut) else HeldOut(**score)
    where = own.cell or " ".join(part for part in (own.corpus, own.split) if part)
    over = f", pooled over the runs of {own.parts}" if own.parts else ""
    return f"{where} {own.metric} {own.value:.3f} (n {own.n} of {own.of}{over})".strip()
