"""The corpora of a configuration: their editions, where they lie and what is in them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from affectssm.config import (
    DEMO_EDITIONS,
    NO_CORPUS,
    PHYSIO_EDITIONS,
    Config,
    CorpusSettings,
    TrialCorpusSettings,
)
from affectssm.plan.text import one_of, shell_words, short_hash
from affectssm.settings_io import load_config, slice_json
from affectssm.store import layout
from affectssm.store.code import code_hash
from affectssm.tables.catalogue import CORPORA
from affectssm.training.trial_experiments import CORPORA as TRIAL_CORPORA

FOLDER_OF = {"noxi_add": "noxi"}
"""Where a corpus lies below a demo's folder, if not in one of its own name."""


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
        """Return ``demo...`` or ``physio...``, or a short fingerprint of the root and its settings."""
        settings = self.settings_of(corpus)
        if self.is_demo(corpus):
            if getattr(settings, "variant", "") == "original":
                return "physio-original"
            return PHYSIO_EDITIONS[settings.root] if corpus in TRIAL_CORPORA else settings.root
        # the test labels may arrive later: they change what is scored, not what was extracted and trained
        identity = settings.model_dump(exclude={"ground_truth"}) | {
            "root": str(Path(settings.root).expanduser().resolve())
        }
        return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:8]

    def is_demo(self, corpus: str) -> bool:
        """Whether the corpus is one that is made here."""
        made = PHYSIO_EDITIONS if corpus in TRIAL_CORPORA else DEMO_EDITIONS
        return self.settings_of(corpus).root in made

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
        truth = self.ground_truth(corpus)
        return shell_words(
            corpus,
            "--root",
            self.root(corpus),
            *(["--ground-truth", truth] if truth else []),
            "--settings",
            slice_json(self.settings_of(corpus)),
        )

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
