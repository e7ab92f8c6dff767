"""The corpora of a configuration: their editions, where they lie and what is in them."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from affectssm.plan.text import one_of, shell_words, short_hash
from affectssm.settings.config import Config, CorpusSettings, TrialCorpusSettings
from affectssm.settings.load import load_config, slice_json
from affectssm.store import layout, own
from affectssm.store.code import code_hash
from affectssm.tables.catalogue import CORPORA
from affectssm.training.trial_experiments import CORPORA as TRIAL_CORPORA
from affectssm.vocabulary.corpora import DEMO_EDITIONS, NO_CORPUS, PHYSIO_EDITIONS
from affectssm.vocabulary.stages import demo_modules, discovery_modules

FOLDER_OF = {"noxi_add": "noxi"}
"""Where a corpus lies below a demo's folder, if not in one of its own name."""
_MADE_HERE = re.compile(r"(demo|physio)[a-z-]*")


class CorpusPlan:
    """The workflow's view of a configuration's corpora.

    Args:
        given: the configuration as Snakemake merged it from config.yaml and ``--configfile``.
        results: the folder everything is computed into.

    Raises:
        ConfigError: for an unknown key or a value out of range.
    """

    def __init__(self, given: Mapping[str, Any], results: str = "results") -> None:
        self.config: Config = load_config(given)
        self.results = results

    def settings_of(self, corpus: str) -> CorpusSettings | TrialCorpusSettings:
        """Return the settings of a corpus."""
        return getattr(self.config.corpora, corpus)

    def edition(self, corpus: str) -> str:
        """Return ``demo...`` or ``physio...``, a lab's own name and its shards, or a fingerprint of root and settings.

        Another number of shards is another edition: its files lie beside the others, which it takes recordings from.
        """
        settings = self.settings_of(corpus)
        if settings.edition is not None:
            return f"{settings.edition}-{settings.shards}"
        if self.is_demo(corpus):
            if getattr(settings, "variant", "") == "original":
                return "physio-original"
            return PHYSIO_EDITIONS[settings.root] if corpus in TRIAL_CORPORA else settings.root
        # the test labels may arrive later: they change what is scored, not what was extracted and trained
        identity = settings.model_dump(exclude={"ground_truth", "edition", "lacks"}) | {
            "root": str(Path(settings.root).expanduser().resolve())
        }
        return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:8]

    def edition_folder(self, corpus: str) -> Path | None:
        """Return the folder of a corpus's named edition, or None where the edition has no name."""
        name = self.settings_of(corpus).edition
        return layout.edition(Path(self.results), corpus, name) if name is not None else None

    def write_places(self) -> None:
        """Write where the corpora of named editions lie now; nothing is run again because of it."""
        for corpus in (*self.corpora, *self.trial_corpora):
            folder = self.edition_folder(corpus)
            if folder is not None:
                layout.write_places(folder, self.root(corpus), self.ground_truth(corpus))

    def is_demo(self, corpus: str) -> bool:
        """Whether the corpus is one that is made here."""
        made = PHYSIO_EDITIONS if corpus in TRIAL_CORPORA else DEMO_EDITIONS
        return self.settings_of(corpus).root in made

    @cached_property
    def demo_data(self) -> tuple[str, ...]:
        """The corpora whose data is a demo's, also where its folder is given as if it were an owner's."""
        return tuple(corpus for corpus in (*self.corpora, *self.trial_corpora) if self._is_demo_data(corpus))

    def _is_demo_data(self, corpus: str) -> bool:
        folders = [self.root(corpus), self.ground_truth(corpus)]
        return self.is_demo(corpus) or any(own.within_demo(folder) for folder in folders if folder)

    @cached_property
    def corpora(self) -> tuple[str, ...]:
        """The corpora of dialogues that this configuration has; a lab need not hold all."""
        return self._held(CORPORA)

    @cached_property
    def trial_corpora(self) -> tuple[str, ...]:
        """The corpora of trials of bio-signals that this configuration has."""
        return self._held(TRIAL_CORPORA)

    def _held(self, corpora: Iterable[str]) -> tuple[str, ...]:
        return tuple(corpus for corpus in corpora if self.settings_of(corpus).root != NO_CORPUS)

    @cached_property
    def corpus_editions(self) -> dict[str, str]:
        """``{corpus}-{edition}`` -> corpus, for all corpora of this configuration."""
        return {self.name(corpus): corpus for corpus in (*self.corpora, *self.trial_corpora)}

    def name(self, corpus: str) -> str:
        """Return ``{corpus}-{edition}``."""
        return f"{corpus}-{self.edition(corpus)}"

    def demo_code(self, edition: str) -> str:
        """Return the hash of the code that writes an edition that is made here."""
        return self.code(*demo_modules(edition))

    def demo_card(self, corpus: str) -> list[str]:
        """Return the file that says that a corpus's demo is whole, or nothing for an owner's root."""
        return [f"{self.results}/demo/{self.edition(corpus)}/card.json"] if self.is_demo(corpus) else []

    def root(self, corpus: str) -> str:
        """Return the folder of a corpus."""
        if self.is_demo(corpus):
            return f"{self.results}/demo/{self.edition(corpus)}/{FOLDER_OF.get(corpus, corpus)}"
        return str(Path(self.settings_of(corpus).root).expanduser())

    def ground_truth(self, corpus: str) -> str | None:
        """Return the folder with the test labels, or None where they are withheld."""
        given = self.settings_of(corpus).ground_truth
        if given is not None:
            return str(Path(given).expanduser())
        if corpus in CORPORA and self.is_demo(corpus) and "withheld" not in self.edition(corpus):
            return f"{self.results}/demo/{self.edition(corpus)}/ground_truth"
        return None

    def listing(self, corpus: str) -> str:
        """Return a fingerprint of what lies below an owner's root, so that a new session is noticed."""
        if self.is_demo(corpus):
            return "made here"
        return _listing(self.root(corpus), self.ground_truth(corpus))

    def discover_arguments(self, corpus: str) -> str:
        """Return the arguments of ``affectssm discover``."""
        return shell_words(
            corpus, *self.place_arguments(corpus), "--settings", self._discover_settings(corpus)
        )

    def discovery_code(self, corpus: str) -> str:
        """Return the hash of the code that finds what is in a corpus."""
        return self.code(*discovery_modules(corpus))

    def place_arguments(self, corpus: str, with_truth: bool = True) -> list[str]:
        """Return the arguments that say where a corpus lies.

        Snakemake runs a job again whose arguments differ: those of a named edition name a file that says it instead.
        """
        folder = self.edition_folder(corpus)
        if folder is not None:
            return ["--edition", str(folder)]
        truth = self.ground_truth(corpus) if with_truth else None
        return ["--root", self.root(corpus), *(["--ground-truth", truth] if truth else [])]

    def _discover_settings(self, corpus: str) -> str:
        """Return what a discovery is told, as JSON: what does not decide is left out, and runs nothing again."""
        settings = self.settings_of(corpus)
        without = {"edition"} if getattr(settings, "lacks", ()) else {"edition", "lacks"}
        if settings.edition is not None:
            without |= {"root", "ground_truth"}
        return slice_json(settings, without)

    def shard_index(self, corpus: str) -> dict[str, dict[str, dict[str, str]]]:
        """Return shards.json of a corpus: content hashes by shard and kind, and by split and kind."""
        return layout.shard_index(Path(self.results, "corpora", self.name(corpus)))

    def shards(self, corpus: str) -> list[str]:
        """Return the shards of a corpus that hold recordings."""
        return sorted(self.shard_index(corpus)["shards"])

    def split_content(self, corpus: str, splits: Iterable[str]) -> str:
        """Return a hash over the streams of some splits, and over how many shards they are in.

        Before the manifest says what there is, it is a word: Snakemake asks then, to draw up a first plan, and again
        after it.
        """
        if not Path(self.results, "corpora", self.name(corpus), "shards.json").is_file():
            return "not known before the manifest"
        found = self.shard_index(corpus)["splits"]
        shards = f"{self.settings_of(corpus).shards} shards"
        return short_hash([shards, *(json.dumps(found.get(split, {}), sort_keys=True) for split in splits)])

    def whole_content(self) -> str:
        """Return a hash over all streams of the corpora of dialogues, and over their shards."""
        return short_hash(self.split_content(corpus, sorted(self._splits(corpus))) for corpus in self.corpora)

    def scored_content(self) -> str:
        """Return a hash over :meth:`whole_content` and over who belongs to each recording, file or no file."""
        made = [name for name in self.corpora if self._splits(name)]
        seats = [json.dumps(self.shard_index(name).get("seats"), sort_keys=True) for name in made]
        return short_hash([self.whole_content(), *seats])

    def _splits(self, corpus: str) -> list[str]:
        made = Path(self.results, "corpora", self.name(corpus), "shards.json").is_file()
        return list(self.shard_index(corpus)["splits"]) if made else []

    def notices(self) -> list[str]:
        """Return what a lab should know before anything starts: editions that are new beside others of the corpus."""
        return [
            notice
            for corpus in (*self.corpora, *self.trial_corpora)
            if not self.is_demo(corpus)
            for notice in self._notice(corpus)
        ]

    def _notice(self, corpus: str) -> Iterator[str]:
        folder = Path(self.results, "corpora")
        if (folder / self.name(corpus) / "shards.json").is_file():
            return
        settings = self.settings_of(corpus)
        others = sorted(path.parent.name for path in folder.glob(f"{corpus}-*/shards.json"))
        others = [name for name in others if not _MADE_HERE.fullmatch(name.partition("-")[2])]
        if not others:
            return
        same = [name for name in others if name.rpartition("-")[0] == f"{corpus}-{settings.edition}"]
        if same:
            what = f"{corpus}: edition {settings.edition} over {settings.shards} shards, so far {', '.join(same)}"
        elif settings.edition is not None:
            what = f"{corpus}: edition {settings.edition} is new beside {', '.join(others)}"
        else:
            what = (
                f"{corpus}: a new edition, {self.edition(corpus)}, beside {', '.join(others)}, as its root or its "
                f"settings are others (corpora.{corpus}.edition names an edition wherever it lies)"
            )
        yield (
            f"{what}. Features of the same files are copied from there, recording by recording; what is made of the "
            "features (windows, epochs, training and the rest) is made again."
        )

    @staticmethod
    def one_of(names: Iterable[str]) -> str:
        """Return a wildcard's pattern that matches these names alone."""
        return one_of(names)

    @staticmethod
    def code(*modules: str) -> str:
        """Return the hash of the code behind some modules."""
        return code_hash(*modules)

    @property
    def local_gpus(self) -> int:
        """1 where this machine has an NVIDIA card, so that the default profile runs one job on it at a time."""
        return int(Path("/dev/nvidia0").exists())


@cache
def _listing(root: str, truth: str | None) -> str:
    from affectssm.corpora.discover import listing_fingerprint

    return listing_fingerprint(Path(root), Path(truth) if truth else None)
