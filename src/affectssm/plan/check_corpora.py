"""Corpora that asked tables rest on, discovered where that is still to be done.

What the workflow has discovered is looked at where it lies, if it is of this configuration. Else a corpus is discovered
into ``results/checks``, with what was read before of files that have not changed, and what was read now is left where
the workflow's own discovery finds it. The workflow then discovers again, without reading files again, and remembers of
what: a manifest of which it does not would stay when sessions come or go.
"""

from __future__ import annotations

import base64
import json
import logging
import os
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from affectssm.errors import AffectError, DataError
from affectssm.plan.plan import Plan
from affectssm.runs.folder import RunFolder
from affectssm.settings.corpora import settings_class
from affectssm.settings.load import validate
from affectssm.store import layout
from affectssm.store.atomic import staged, write_json
from affectssm.store.memory_file import NAME
from affectssm.vocabulary.corpora import DEMOS
from affectssm.vocabulary.targets import load_from

CHECKS = "checks"
"""Folder below results/ that holds what a look here discovers."""
STATE = "looked.json"
How = Literal["discovered by the workflow", "discovered", "looked at before", "refused", "not held"]
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Looked:
    """A corpus that was looked at.

    Attributes:
        corpus: its name.
        how: where its manifest comes from.
        folder: of its manifest, faults and shard index; None where there are none.
        error: why the workflow will refuse it.
    """

    corpus: str
    how: How
    folder: Path | None = None
    error: AffectError | None = None


def look(plan: Plan, corpora: Iterable[str], threads: int) -> Iterator[Looked]:
    """Yield corpora, each once its manifest is there.

    Args:
        plan: of the configuration; where corpora lie is written, as the workflow does whenever it plans.
        corpora: their names.
        threads: files that are read at a time.
    """
    plan.write_computing()
    for corpus in corpora:
        yield _Look(plan, corpus, threads).look() if corpus in plan.places.all else Looked(corpus, "not held")


class _Look:
    def __init__(self, plan: Plan, corpus: str, threads: int) -> None:
        self._plan, self._corpus, self._threads = plan, corpus, threads
        name = plan.places.name(corpus)
        self._there = Path(plan.results, "corpora", name)
        self._here = Path(plan.results, CHECKS, "corpora", name)

    def look(self) -> Looked:
        """Return the corpus with its manifest, discovered if need be."""
        if (self._there / "shards.json").is_file() and not self._will_be_made_again():
            return Looked(self._corpus, "discovered by the workflow", self._there)
        try:
            self._write_demo()
            state = self._state()
            if (self._here / "shards.json").is_file() and _read(self._here / STATE) == state:
                return Looked(self._corpus, "looked at before", self._here)
            self._discover(self._here)
        except AffectError as error:
            return self._as_far_as_it_goes(error)
        write_json(self._here / STATE, state)
        return Looked(self._corpus, "discovered", self._here)

    def _write_demo(self) -> None:
        """Write the small corpus that is made here, unless it is there."""
        for card in self._plan.places.demo_card(self._corpus):
            if not Path(card).is_file():
                edition = self._plan.places.edition(self._corpus)
                log.info("the demo %s is written", edition)
                load_from(DEMOS, edition, "edition")(edition, Path(card).parent)

    def _discover(self, folder: Path, lacks: tuple[str, ...] | None = None) -> None:
        """Discover as the rule does.

        Args:
            folder: to write into.
            lacks: what may be missing, in place of what the configuration says; None for that.
        """
        from affectssm.corpora.discover import discover_corpus

        places = self._plan.places
        place = {name: Path(path) for name, path in places.place(self._corpus).items()}
        edition = place.get("edition")
        root, truth = layout.places(edition) if edition else (place["root"], place.get("ground_truth"))
        given = json.loads(places.discover_settings(self._corpus))
        settings = validate(settings_class(self._corpus), given, f"corpora.{self._corpus}")
        if lacks is not None:
            settings, edition = settings.model_copy(update={"lacks": lacks}), None
        _copy_newer(self._there, folder)
        log.info("%s: looked at", self._corpus)
        try:
            discover_corpus(self._corpus, root, truth, settings, folder, edition, self._threads)
        finally:
            _copy_newer(folder, self._there)

    def _as_far_as_it_goes(self, error: AffectError) -> Looked:
        """What can be read of a corpus that the workflow refuses: as one that lacks all that is not there."""
        from affectssm.corpora.complete import whole

        settings = self._plan.places.settings_of(self._corpus)
        folder = self._here.parent.parent / "refused" / self._here.name
        if isinstance(error, DataError) and "lacks" in type(settings).model_fields:
            try:
                self._discover(folder, tuple(whole(self._corpus, settings).units))
            except AffectError:
                return Looked(self._corpus, "refused", None, error)
            return Looked(self._corpus, "refused", folder, error)
        return Looked(self._corpus, "refused", None, error)

    def _state(self) -> dict[str, str]:
        """What a discovery follows from, as the rule has it."""
        places = self._plan.places
        return {
            "arguments": places.discover_arguments(self._corpus),
            "listing": places.listing(self._corpus),
            "code": places.discovery_code(self._corpus),
        }

    def _will_be_made_again(self) -> bool:
        """Whether Snakemake remembers that a manifest was made of something else, by its record of the job."""
        path = self._there / "manifest.parquet"
        name = base64.urlsafe_b64encode(os.fsencode(str(path))).decode()
        parts = [name[at : at + _NAME_MAX] for at in range(0, len(name), _NAME_MAX)]
        memory = RunFolder(Path(self._plan.results)).memory / "metadata"
        record = _read(memory.joinpath(*(f"@{part}" for part in parts[:-1]), parts[-1]))
        said = record.get("params") if isinstance(record, dict) else None
        if not isinstance(said, list):
            return False  # it does not remember, and makes none again for that
        return not {repr(value) for value in self._state().values()} <= set(map(str, said))


_NAME_MAX = 254


def _read(path: Path) -> object:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def _copy_newer(one: Path, other: Path) -> None:
    """Copy what was read of files, and which recordings lie in which shards, to a folder in which it is older."""
    for name in (NAME, layout.assignment(one).name):
        source, target = one / name, other / name
        if not source.is_file():
            continue
        if not target.is_file() or target.stat().st_mtime_ns < source.stat().st_mtime_ns:
            with staged(target) as temporary:
                shutil.copyfile(source, temporary)
