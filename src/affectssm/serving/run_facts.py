"""What is known of a finished run: whose it is, of what it was trained and how it scores, from the files it left.

Nothing heavy is imported: the header of a checkpoint, ``config.yaml``, ``history.csv`` and the metrics are read.
"""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from affectssm.errors import DataError
from affectssm.families import OWN
from affectssm.families.answering import Answering
from affectssm.families.base import Family
from affectssm.families.registry import find_all, installed
from affectssm.store.card import read_card
from affectssm.store.files import read_whole
from affectssm.vocabulary.corpora import CORPORA
from affectssm.vocabulary.features import FEATURES, spec
from affectssm.vocabulary.kinds import LABEL_KINDS
from affectssm.vocabulary.targets import load

CHECKPOINT, CONFIG, HISTORY = "checkpoint.safetensors", "config.yaml", "history.csv"
LARGEST = 64 << 20  # bytes of a configuration or a history
_YAML: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # ten times as fast, where libyaml is there
_TRAIN = "train and select"


@dataclass(frozen=True)
class RunFacts:
    """A finished run.

    Attributes:
        path: its folder.
        name: its experiment's folder, ``{experiment}-{edition}``.
        edition: of the corpora that it learnt from.
        part: the folders between experiment and run (``main``, ``fold0``); "" where there is none.
        family: whose it is; None where nobody knows the stage that its card names.
        config: its effective configuration.
        card: of its checkpoint.
        validation: score of the epoch that was selected; None where none selects.
    """

    path: Path
    name: str
    edition: str
    part: str
    family: type[Family] | None
    config: Mapping[str, Any]
    card: Mapping[str, Any]
    validation: tuple[str, float] | None

    @property
    def seeds(self) -> tuple[int, ...]:
        """Its seed, or those of the runs that share a folder."""
        found = self.config.get("seeds", [self.config.get("seed", -1)])
        return tuple(int(seed) for seed in found)

    @property
    def answering(self) -> Answering | None:
        """How runs of its kind answer for new media; None where they do not."""
        return answering_of(self.family, self.card["stage"])

    @property
    def corpora(self) -> tuple[str, ...]:
        """Keys of the corpora whose labels it learnt from, as far as its family tells."""
        if self.answering is not None:
            return tuple(load(self.answering.corpora)(self.config))
        return (self.config["corpus"],) if "corpus" in self.config else ()

    @property
    def data(self) -> str:
        """``demo`` where it learnt from corpora that are made here, ``real``, or "" where that is not known."""
        results = self.path.parents[2 if not self.part else 3]
        told = {edition_is_demo(corpus, self.edition, results) for corpus in self.corpora}
        return told.pop() if len(told) == 1 else ""

    @property
    def made(self) -> dict[str, Mapping[str, Any]]:
        """Feature -> how it was made (code, settings, extra), without the labels."""
        found = self.card["extra"].get("features")
        if not isinstance(found, dict):  # a run on segments, whose card names the segments
            return {}
        return {name: one for name, one in found.items() if _kind(name) not in LABEL_KINDS}

    @property
    def weights(self) -> str:
        """``random`` where an encoder of one of its features has random weights, ``pretrained``, or "" for none."""
        return weights_in(self.made.values())


def weights_in(made: Iterable[Mapping[str, Any]]) -> str:
    """Return ``random`` where a feature is of random weights, ``pretrained``, or "" for none, by how each was made."""
    told = {one["settings"].get("weights") for one in made} - {None}
    return "random" if "random" in told else "".join(told)


def _kind(feature: str) -> str:
    return spec(feature).kind if feature.partition("-fold")[0] in FEATURES else ""


def edition_is_demo(corpus: str, edition: str, results: Path) -> str:
    """Return ``demo`` or ``real``; "" where an edition of several corpora does not tell, and their folders neither."""
    demos = set(CORPORA[corpus].demos.values()) if corpus in CORPORA else set()
    if edition in demos:
        return "demo"
    folders = [path.name.removeprefix(f"{corpus}-") for path in results.glob(f"corpora/{corpus}-*")]
    if not folders or edition in folders:
        return "real" if edition in folders else ""
    told = {"demo" if name in demos else "real" for name in folders}
    return told.pop() if len(told) == 1 else ""


@cache
def families() -> dict[str, type[Family]]:
    """Return the families of this package and of installed ones by name."""
    return {family.name: family for family in find_all(dict.fromkeys([*OWN, *installed()]))}


def family_of(stage: str) -> type[Family] | None:
    """Return the family whose checkpoints a stage writes."""
    return next((one for one in families().values() if answering_of(one, stage) is not None), None)


def answering_of(family: type[Family] | None, stage: str) -> Answering | None:
    """Return how runs of a family answer whose checkpoints a stage wrote."""
    kinds = family.answering if family is not None else ()
    return next((one for one in kinds if stage in one.stages), None)


def run_folders(results: Path) -> Iterator[Path]:
    """Yield the folders of runs below a results folder, by name; those that did not finish among them."""
    for experiment in _folders(results / "runs"):
        for part in _folders(experiment):
            if any((part / name).exists() for name in (CHECKPOINT, CONFIG, HISTORY)):
                yield part
                continue
            yield from _folders(part)


def _folders(above: Path) -> list[Path]:
    if not above.is_dir():
        return []
    return sorted(path for path in above.iterdir() if path.is_dir() and not path.name.startswith("."))


def read_run(path: Path) -> RunFacts:
    """Return what is known of a run.

    Raises:
        DataError: for a folder that is no finished run, or one whose files are damaged.
    """
    card = _card(path / CHECKPOINT)
    config = _config(path / CONFIG)
    experiment = str(config.get("experiment", ""))
    direct = path.parent.name.startswith(experiment) and path.parent.parent.name == "runs"
    name = path.parent.name if direct else path.parent.parent.name
    if not experiment or not name.startswith(experiment):
        raise DataError(
            path, f"a run of {experiment or 'no experiment'} in a folder {name}", "a folder of its experiment",
            "name the run's own folder, results/runs/{experiment}-{edition}/{part}/{seed}",
        )  # fmt: skip
    edition = name.removeprefix(experiment).removeprefix("-")
    family, part = family_of(card["stage"]), "" if direct else path.parent.name
    return RunFacts(path, name, edition, part, family, config, card, _validation(path / HISTORY, config))


def _card(path: Path) -> Mapping[str, Any]:
    if not path.is_file():
        raise DataError(path, "no such file", "the checkpoint of a finished run", "train it to its end")
    card = read_card(path)
    if not isinstance(card, dict) or "stage" not in card or not isinstance(card.get("extra"), dict):
        raise DataError(path, "no card", "a checkpoint of this workflow", "train again")
    return card


def _config(path: Path) -> Mapping[str, Any]:
    try:
        found = yaml.load(read_whole(path, LARGEST), _YAML)  # a safe loader
    except (OSError, yaml.YAMLError, ValueError) as error:
        raise DataError(
            path, f"not readable: {error}", "config.yaml of a finished run", "train again"
        ) from error
    if not isinstance(found, dict):
        raise DataError(path, "no mapping", "config.yaml of a finished run", "train again")
    return found


def _validation(path: Path, config: Mapping[str, Any]) -> tuple[str, float] | None:
    """The score that selected the epoch: the best of the history's column ``val_...``."""
    for name in ("best_val_ccc",):
        if isinstance(config.get(name), float):
            return name.removeprefix("best_"), config[name]
    try:
        rows = list(csv.DictReader(read_whole(path, LARGEST).decode().splitlines()))
    except (OSError, ValueError, csv.Error):
        return None
    names = [name for name in (rows[0] if rows else {}) if name and name.startswith("val_")]
    scores = [_number(row[name]) for name in names[:1] for row in rows]
    finite = [score for score in scores if math.isfinite(score)]
    return (names[0], max(finite)) if finite else None


def _number(text: str | None) -> float:
    try:
        return float(text or "nan")
    except ValueError:
        return math.nan


def as_json(value: Any) -> str:
    """Return a value as one line of JSON."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, default=str)
