"""The corpora of a configuration: their editions, where they lie and what is in them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from affectssm.plan.extents import Extent, of_shards
from affectssm.plan.text import shell_words, short_hash
from affectssm.settings.config import Config
from affectssm.settings.corpora import PlaceSettings
from affectssm.settings.load import slice_json
from affectssm.store import layout, own
from affectssm.store.code import code_hash
from affectssm.vocabulary.corpora import CORPORA, DEMOS, NO_CORPUS
from affectssm.vocabulary.needs import Described
from affectssm.vocabulary.outside import brought_by
from affectssm.vocabulary.stages import demo_modules, discovery_modules


class CorpusPlan:
    """The workflow's view of a configuration's corpora.

    Args:
        config: the configuration.
        results: the folder everything is computed into.
    """

    def __init__(self, config: Config, results: str = "results") -> None:
        self.config, self.results = config, results
        self.extents: dict[str, Extent] = {}
        """Corpus -> how much there is of it: what an estimate is told."""
        self.described: dict[str, Described] = {}
        """Corpus -> what its family takes it to hold."""
        self.imagined: dict[str, dict[str, dict[str, Any]]] = {}
        """Corpus -> a shard index in place of that of its manifest."""
        self._editions: dict[str, str] = {}

    def settings_of(self, corpus: str) -> PlaceSettings:
        """Return the settings of a corpus."""
        return getattr(self.config.corpora, corpus)

    def edition(self, corpus: str) -> str:
        """Return that of a demo, a lab's own name and its shards, or a fingerprint of root and settings.

        Another number of shards is another edition: its files lie beside the others, which it takes recordings from.
        So is every scale but the paper's: to try something out replaces nothing that took weeks.
        It is the same for as long as the plan lives: to follow links to a root takes time, and every job asks.
        """
        if corpus not in self._editions:
            self._editions[corpus] = self._edition(corpus)
        return self._editions[corpus]

    def _edition(self, corpus: str) -> str:
        settings = self.settings_of(corpus)
        if settings.edition is not None:
            return "-".join([settings.edition, str(settings.shards), *self._scale])
        if self.is_demo(corpus):
            return settings.edition_made(CORPORA[corpus].demos)
        # the test labels may arrive later: they change what is scored, not what was extracted and trained
        identity = settings.model_dump(exclude={"ground_truth", "edition", "lacks", "exclude"}) | {
            "root": str(Path(settings.root).expanduser().resolve())
        }
        if settings.exclude:  # why something is left out decides nothing
            identity["exclude"] = [one.model_dump(exclude={"reason"}) for one in settings.exclude]
        if self._scale:
            identity["scale"] = self.config.scale
        return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:8]

    @property
    def _scale(self) -> list[str]:
        """What editions of owners' corpora are told apart by, but those of the paper's scale."""
        return [f"{self.config.scale}_scale"] if self.config.scale != "paper" else []

    def edition_folder(self, corpus: str) -> Path | None:
        """Return the folder of a corpus's named edition, or None where the edition has no name."""
        name = self.settings_of(corpus).edition
        return layout.edition(Path(self.results), corpus, name) if name is not None else None

    def write_places(self) -> None:
        """Write where the corpora of named editions lie now; nothing is run again because of it."""
        for corpus in self.all:
            folder = self.edition_folder(corpus)
            if folder is not None:
                layout.write_places(folder, self.root(corpus), self.ground_truth(corpus))

    def is_demo(self, corpus: str) -> bool:
        """Whether the corpus is one that is made here."""
        return self.settings_of(corpus).root in CORPORA[corpus].demos

    @cached_property
    def demo_data(self) -> tuple[str, ...]:
        """The corpora whose data is a demo's, also where its folder is given as if it were an owner's."""
        return tuple(corpus for corpus in self.all if self._is_demo_data(corpus))

    def _is_demo_data(self, corpus: str) -> bool:
        folders = [self.root(corpus), self.ground_truth(corpus)]
        return self.is_demo(corpus) or any(own.within_demo(folder) for folder in folders if folder)

    @cached_property
    def all(self) -> tuple[str, ...]:
        """The corpora that this configuration has, of any family."""
        return self.held(type(self.config.corpora).model_fields)

    def held(self, corpora: Iterable[str]) -> tuple[str, ...]:
        """Return those of some corpora that this configuration has."""
        return tuple(corpus for corpus in corpora if self.settings_of(corpus).root != NO_CORPUS)

    def joint_edition(self, family: Collection[str]) -> str:
        """Return the common edition of a family's corpora: its name and their shards, or a hash of theirs.

        Shards, and corpora that are not held, are part of a name's joint edition: what is made of features must have
        another path wherever theirs do, or else Snakemake, which does not know yet what lies behind a manifest to be
        made, finds nothing to do. A corpus without a demo is part of it where it is held alone: to add one makes
        nothing again.
        """
        held = self.held(family)
        names = {self.settings_of(corpus).edition for corpus in held}
        if len(names) == 1 and None not in names:
            shards = {
                corpus: str(self.settings_of(corpus).shards) if corpus in held else "0" for corpus in family
            }
            always = [shards[corpus] for corpus in family if CORPORA[corpus].demos]
            added = [f"{corpus}{shards[corpus]}" for corpus in held if not CORPORA[corpus].demos]
            shards_of_all = always[:1] if len(set(always)) == 1 else always
            return "-".join([*map(str, names), *shards_of_all, *added, *self._scale])
        editions = [self.edition(corpus) for corpus in held]
        return editions[0] if len(set(editions)) == 1 else short_hash(editions)[:8]

    @cached_property
    def corpus_editions(self) -> dict[str, str]:
        """``{corpus}-{edition}`` -> corpus, for all corpora of this configuration."""
        return {self.name(corpus): corpus for corpus in self.all}

    def name(self, corpus: str) -> str:
        """Return ``{corpus}-{edition}``."""
        return f"{corpus}-{self.edition(corpus)}"

    def manifest(self, corpus: str) -> str:
        """Return the manifest of a corpus."""
        return f"{self.results}/corpora/{self.name(corpus)}/manifest.parquet"

    def demo_arguments(self, edition: str) -> str:
        """Return the arguments of ``affectssm demo`` that the rule's own files do not say."""
        return shell_words(edition, *brought_by("demo", edition))

    def demo_code(self, edition: str) -> str:
        """Return the hash of the code that writes an edition that is made here."""
        return code_hash(*demo_modules(edition))

    def demo_card(self, corpus: str) -> list[str]:
        """Return the file that says that a corpus's demo is whole, or nothing for an owner's root."""
        return [f"{self.results}/demo/{self.edition(corpus)}/card.json"] if self.is_demo(corpus) else []

    def root(self, corpus: str) -> str:
        """Return the folder of a corpus."""
        if self.is_demo(corpus):
            return f"{self.results}/demo/{self.edition(corpus)}/{CORPORA[corpus].folder or corpus}"
        return str(Path(self.settings_of(corpus).root).expanduser())

    def ground_truth(self, corpus: str) -> str | None:
        """Return the folder with the test labels, or None where they are withheld."""
        given = self.settings_of(corpus).ground_truth_folder
        if given is not None:
            return str(Path(given).expanduser())
        if self.is_demo(corpus) and "ground_truth" in type(self.settings_of(corpus)).model_fields:
            withheld = "withheld" in self.edition(corpus)
            return None if withheld else f"{self.results}/demo/{self.edition(corpus)}/ground_truth"
        return None

    def listing(self, corpus: str) -> str:
        """Return a fingerprint of what lies below an owner's root, so that a new session is noticed."""
        if self.is_demo(corpus):
            return "made here"
        made_of = CORPORA[corpus]
        return _listing(self.root(corpus), made_of.files, self.ground_truth(corpus), made_of.pictures)

    def discover_arguments(self, corpus: str) -> str:
        """Return the arguments of ``affectssm discover``."""
        family = brought_by("corpus", corpus)
        place, settings = self.place_arguments(corpus), self.discover_settings(corpus)
        return shell_words(corpus, *family, *place, "--settings", settings)

    def discovery_code(self, corpus: str) -> str:
        """Return the hash of the code that finds what is in a corpus."""
        return code_hash(*discovery_modules(corpus))

    def place_arguments(self, corpus: str, with_truth: bool = True) -> list[str]:
        """Return the arguments that say where a corpus lies, see :meth:`place`."""
        place = self.place(corpus, with_truth)
        return [word for name, path in place.items() for word in (f"--{name.replace('_', '-')}", path)]

    def place(self, corpus: str, with_truth: bool = True) -> dict[str, str]:
        """Return what a job is told of where a corpus lies: ``root`` and ``ground_truth``, or ``edition``.

        Snakemake runs a job again that is told otherwise: of a named edition it is told a file that says it instead.
        """
        folder = self.edition_folder(corpus)
        if folder is not None:
            return {"edition": str(folder)}
        truth = self.ground_truth(corpus) if with_truth else None
        return {"root": self.root(corpus)} | ({"ground_truth": truth} if truth else {})

    def discover_settings(self, corpus: str) -> str:
        """Return what a discovery is told, as JSON: what does not decide is left out, and runs nothing again."""
        settings = self.settings_of(corpus)
        without = {"edition"} if getattr(settings, "lacks", ()) else {"edition", "lacks"}
        without |= set() if settings.exclude else {"exclude"}
        if settings.edition is not None:
            without |= {"root", "ground_truth"}
        return slice_json(settings, without)

    def shard_index(self, corpus: str) -> dict[str, dict[str, dict[str, str]]]:
        """Return shards.json of a corpus: content hashes by shard and kind, and by split and kind."""
        if corpus in self.imagined:
            return self.imagined[corpus]
        return layout.shard_index(Path(self.results, "corpora", self.name(corpus)))

    def extent(self, corpus: str) -> Extent:
        """Return how much there is of a corpus: as an estimate was told, else as shards.json tells.

        Raises:
            KeyError: when neither does.
        """
        if corpus in self.extents:
            return self.extents[corpus]
        seconds = self.shard_seconds(corpus)
        if not seconds:
            raise KeyError(corpus)
        return of_shards(seconds, self.described.get(corpus, Described()))

    def shards(self, corpus: str) -> list[str]:
        """Return the shards of a corpus that hold recordings."""
        return sorted(self.shard_index(corpus)["shards"])

    def shard_seconds(self, corpus: str) -> dict[str, float]:
        """Return shard -> seconds of media in it; nothing where nobody has counted yet."""
        if not Path(self.results, "corpora", self.name(corpus), "shards.json").is_file():
            return {}
        found: Mapping[str, Any] = self.shard_index(corpus).get("seconds", {})
        return {shard: float(seconds) for shard, seconds in found.items()}

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

    def whole_content(self, corpora: Iterable[str]) -> str:
        """Return a hash over all streams of some corpora, and over their shards."""
        return short_hash(self.split_content(corpus, sorted(self._splits(corpus))) for corpus in corpora)

    def scored_content(self, corpora: Sequence[str]) -> str:
        """Return a hash over :meth:`whole_content` and over who belongs to each recording, file or no file."""
        made = [name for name in corpora if self._splits(name)]
        seats = [json.dumps(self.shard_index(name).get("seats"), sort_keys=True) for name in made]
        return short_hash([self.whole_content(corpora), *seats])

    def shard_content(self, corpus: str, shard: str) -> str:
        """Return a word that changes with the streams of a shard."""
        return json.dumps(self.shard_index(corpus)["shards"].get(shard, {}), sort_keys=True)

    def _splits(self, corpus: str) -> list[str]:
        made = Path(self.results, "corpora", self.name(corpus), "shards.json").is_file()
        return list(self.shard_index(corpus)["splits"]) if made else []

    def notices(self) -> list[str]:
        """Return what a lab should know before anything starts: editions that are new beside others of the corpus."""
        return [notice for corpus in self.all if not self.is_demo(corpus) for notice in self._notice(corpus)]

    def _notice(self, corpus: str) -> Iterator[str]:
        folder = Path(self.results, "corpora")
        if (folder / self.name(corpus) / "shards.json").is_file():
            return
        settings = self.settings_of(corpus)
        others = sorted(path.parent.name for path in folder.glob(f"{corpus}-*/shards.json"))
        others = [name for name in others if name.partition("-")[2] not in DEMOS]
        if not others:
            return
        same = [name for name in others if name.startswith(f"{corpus}-{settings.edition}-")]
        if same:
            what = (
                f"{corpus}: edition {settings.edition} over {settings.shards} shards at scale {self.config.scale}, so "
                f"far {', '.join(same)}"
            )
        elif settings.edition is not None:
            what = f"{corpus}: edition {settings.edition} is new beside {', '.join(others)}"
        else:
            what = (
                f"{corpus}: a new edition, {self.edition(corpus)}, beside {', '.join(others)}, as its root, its "
                f"settings or the scale are others (corpora.{corpus}.edition names an edition wherever it lies)"
            )
        yield (
            f"{what}. Features of the same files are copied from there, recording by recording; what is made of the "
            "features (windows, epochs, training and the rest) is made again."
        )


@cache
def _listing(root: str, files: tuple[str, ...], truth: str | None, pictures: str) -> str:
    from affectssm.corpora.discover import listing_fingerprint

    return listing_fingerprint(Path(root), files, Path(truth) if truth else None, pictures)
