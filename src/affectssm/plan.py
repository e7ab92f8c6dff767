"""What the workflow has to know before anything runs: editions, paths, experiments, and the hashes that decide reruns.

Everything here is cheap (no torch, no pandas): Snakemake evaluates it in every process it starts.
"""

from __future__ import annotations

import hashlib
import json
import shlex
from collections.abc import Iterable, Mapping
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from affectssm.config import DEMO_EDITIONS, NO_CORPUS, Config, CorpusSettings
from affectssm.errors import ConfigError
from affectssm.features import registry
from affectssm.settings_io import load_config, slice_json
from affectssm.store import layout
from affectssm.store.atomic import write_text
from affectssm.store.code import code_hash
from affectssm.training import experiments as catalogue

CORPORA = ("noxi", "noxi_add", "mpiigi")
TRAINING_SPLITS = ("train", "val")
FOLDER_OF = {"noxi": "noxi", "noxi_add": "noxi", "mpiigi": "mpiigi"}
"""Where a corpus lies below a demo's folder."""


class Plan:
    """The workflow's view of a configuration.

    Args:
        given: the configuration as Snakemake merged it from config.yaml and ``--configfile``.
        results: the folder everything is computed into.

    Raises:
        ConfigError: for an unknown key or a value out of range.
    """

    def __init__(self, given: Mapping[str, Any], results: str = "results") -> None:
        self.config: Config = load_config(given)
        self.results = results

    # -- corpora -----------------------------------------------------------------------------------------------

    def settings_of(self, corpus: str) -> CorpusSettings:
        """Return the settings of a corpus."""
        return getattr(self.config.corpora, corpus)

    def edition(self, corpus: str) -> str:
        """Return ``demo...``, or a short fingerprint of the root and its settings."""
        settings = self.settings_of(corpus)
        if settings.root in DEMO_EDITIONS:
            return settings.root
        # the test labels may arrive later: they change what is scored, not what was extracted and trained
        identity = settings.model_dump(exclude={"ground_truth"}) | {
            "root": str(Path(settings.root).expanduser().resolve())
        }
        return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:8]

    def is_demo(self, corpus: str) -> bool:
        """Whether the corpus is one that is made here."""
        return self.settings_of(corpus).root in DEMO_EDITIONS

    @cached_property
    def corpora(self) -> tuple[str, ...]:
        """The corpora this configuration has; a lab need not hold all."""
        return tuple(corpus for corpus in CORPORA if self.settings_of(corpus).root != NO_CORPUS)

    @cached_property
    def corpus_editions(self) -> dict[str, str]:
        """``{corpus}-{edition}`` -> corpus, for the corpora of this configuration."""
        return {f"{corpus}-{self.edition(corpus)}": corpus for corpus in self.corpora}

    def name(self, corpus: str) -> str:
        """Return ``{corpus}-{edition}``."""
        return f"{corpus}-{self.edition(corpus)}"

    def demo_card(self, corpus: str) -> list[str]:
        """Return the file that says that a corpus's demo is whole, or nothing for an owner's root."""
        return [f"{self.results}/demo/{self.edition(corpus)}/card.json"] if self.is_demo(corpus) else []

    def root(self, corpus: str) -> str:
        """Return the folder of a corpus."""
        if self.is_demo(corpus):
            return f"{self.results}/demo/{self.edition(corpus)}/{FOLDER_OF[corpus]}"
        return str(Path(self.settings_of(corpus).root).expanduser())

    def ground_truth(self, corpus: str) -> str | None:
        """Return the folder with the test labels, or None where they are withheld."""
        given = self.settings_of(corpus).ground_truth
        if given is not None:
            return str(Path(given).expanduser())
        if self.is_demo(corpus) and "withheld" not in self.edition(corpus):
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
        return _join(
            corpus,
            "--root",
            self.root(corpus),
            *(["--ground-truth", truth] if truth else []),
            "--settings",
            slice_json(self.settings_of(corpus)),
        )

    # -- shards and features -----------------------------------------------------------------------------------

    def shard_index(self, corpus: str) -> dict[str, dict[str, dict[str, str]]]:
        """Return shards.json of a corpus: content hashes by shard and kind, and by split and kind."""
        return layout.shard_index(Path(self.results, "corpora", self.name(corpus)))

    def shards(self, corpus: str) -> list[str]:
        """Return the shards of a corpus that hold recordings."""
        return sorted(self.shard_index(corpus)["shards"])

    def split_content(self, corpus: str, splits: Iterable[str]) -> str:
        """Return a hash over the streams of some splits; a word before the manifest says what there is.

        Snakemake asks once before the manifest is made, to draw up a first plan, and again after it.
        """
        if not Path(self.results, "corpora", self.name(corpus), "shards.json").is_file():
            return "not known before the manifest"
        found = self.shard_index(corpus)["splits"]
        return _hash(json.dumps(found.get(split, {}), sort_keys=True) for split in splits)

    def feature_content(self, corpus: str, shard: str, feature: str) -> str:
        """Return the hash of the files a feature of a shard is made of."""
        return self.shard_index(corpus)["shards"].get(shard, {}).get(registry.spec(feature).kind, "none")

    def feature_arguments(self, corpus: str, feature: str) -> str:
        """Return the arguments of ``affectssm extract`` that the rule's own files do not say."""
        truth = self.ground_truth(corpus) if feature == "engagement_test" else None
        return _join(
            "--root",
            self.root(corpus),
            *(["--ground-truth", truth] if truth else []),
            "--settings",
            self.feature_settings(feature),
        )

    def feature_settings(self, feature: str) -> str:
        """Return what decides an extractor's values, as JSON."""
        settings = registry.settings_of(feature, self.config.features)
        return json.dumps(registry.decisive(settings), sort_keys=True)

    def write_computing(self) -> None:
        """Write how things are computed (batches, where weights lie, workers) to computing.json.

        The rules name that file but do not depend on it: a change of it reruns nothing.
        """
        how: dict[str, Any] = {"workers": self.config.experiments.training.workers}
        for feature in self.network_features:
            settings = registry.settings_of(feature, self.config.features)
            how[feature] = {name: settings[name] for name in registry.NOT_THE_RESULT if name in settings}
        path = Path(self.results, "computing.json")
        text = json.dumps(how, indent=2, sort_keys=True) + "\n"
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            write_text(path, text)

    def feature_code(self, feature: str) -> str:
        """Return the hash of the code that makes a feature."""
        return self.code(*registry.modules_of(feature))

    def needs_faces(self, feature: str) -> bool:
        """Whether a feature reads the face track."""
        return registry.spec(feature).needs_faces

    @property
    def network_features(self) -> list[str]:
        """The features a network computes, which a GPU makes faster."""
        return [name for name in registry.FEATURES if registry.spec(name).network]

    @property
    def cpu_features(self) -> list[str]:
        """The features that need no network."""
        return [name for name in registry.FEATURES if not registry.spec(name).network]

    def features_of(self, experiment: str) -> list[str]:
        """Return the features an experiment reads, audio before visual."""
        groups = registry.GROUPS[self.experiment(experiment).source]
        return [feature for group in groups.values() for feature in group]

    def features_behind(self, table: str) -> list[str]:
        """Return every feature that is computed for a table, face track and labels included."""
        read = {feature for name in self.experiments_of(table) for feature in self.features_of(name)}
        faces = {"face_track"} if any(self.needs_faces(feature) for feature in read) else set()
        return sorted(read | faces | {"engagement", "engagement_test"})

    def feature_files(self, corpus: str, feature: str) -> list[str]:
        """Return the files of a feature over a corpus's shards."""
        folder = Path(self.results, "features", self.name(corpus))
        return [str(layout.track(folder, feature, shard)) for shard in self.shards(corpus)]

    def track_folders(self) -> list[str]:
        """Return the folder of the feature files of each corpus."""
        return [f"{self.results}/features/{name}" for name in self.corpus_editions]

    # -- tasks and experiments ---------------------------------------------------------------------------------

    @cached_property
    def joint_edition(self) -> str:
        """The edition of tasks over all corpora: their common one, or a hash of the three."""
        editions = [self.edition(corpus) for corpus in self.corpora]
        return editions[0] if len(set(editions)) == 1 else _hash(editions)[:8]

    def task(self, experiment: str) -> str:
        """Return the name of the task an experiment learns: engagement, on a source of features."""
        return f"engagement-{self.experiment(experiment).source}-{self.joint_edition}"

    def window_arguments(self, task: str) -> str:
        """Return the arguments of ``affectssm windows``."""
        return _join("--source", task.split("-")[1], "--settings", slice_json(self.config.timeline))

    def windows(self, experiment: str, *parts: str) -> list[str]:
        """Return window indexes of an experiment's task."""
        return [f"{self.results}/windows/{self.task(experiment)}/{part}.parquet" for part in parts]

    @cached_property
    def _experiments(self) -> dict[str, catalogue.Experiment]:
        return {
            f"{experiment.name}-{self.joint_edition}": experiment
            for table in catalogue.TABLES
            for experiment in catalogue.experiments_of(table, self.config)
        }

    def experiment(self, name: str) -> catalogue.Experiment:
        """Return an experiment of this configuration by its full name, which ends in the edition."""
        try:
            return self._experiments[name]
        except KeyError:
            raise ConfigError(
                f"experiment {name}",
                "no table of this configuration has it",
                "one of " + ", ".join(self._experiments),
                "mend the name, or set experiments and features.sources so that a table needs it",
            ) from None

    def experiments_of(self, table: str) -> list[str]:
        """Return the full names of the experiments a table is made of."""
        found = catalogue.experiments_of(table, self.config)
        return [f"{experiment.name}-{self.joint_edition}" for experiment in found]

    def adapts(self, experiment: str) -> bool:
        """Whether an experiment continues from another one's runs, on MPIIGI."""
        return self.experiment(experiment).variant == "adapt_mpiigi"

    def training_corpora(self, experiment: str) -> tuple[str, ...]:
        """Return the corpora an experiment learns from."""
        return ("mpiigi",) if self.adapts(experiment) else ("noxi",)

    def training_windows(self, experiment: str) -> list[str]:
        """Return the window indexes an experiment learns from."""
        return (
            self.windows(experiment, "test")
            if self.adapts(experiment)
            else self.windows(experiment, "train", "val")
        )

    def base_checkpoint(self, experiment: str, seed: str) -> list[str]:
        """Return the checkpoint an adapted run continues from."""
        if not self.adapts(experiment):
            return []
        base = self.experiment(experiment).base
        return [
            f"{self.results}/runs/{base.name}-{self.joint_edition}/{base.fold}/{seed}/checkpoint.safetensors"
        ]

    def run_arguments(self, experiment: str, seed: str) -> str:
        """Return the arguments that ``affectssm train`` and ``predict`` share."""
        settings = catalogue.run_settings(self.config, self.experiment(experiment), int(seed))
        return _join(
            "--windows",
            f"{self.results}/windows/{self.task(experiment)}",
            "--features",
            *self.track_folders(),
            "--settings",
            json.dumps(settings, sort_keys=True),
        )

    def training_code(self, experiment: str) -> str:
        """Return the hash of the code that trains."""
        return self.code(*catalogue.training_modules(self.experiment(experiment)))

    def prediction_code(self, experiment: str) -> str:
        """Return the hash of the code that predicts with a trained run."""
        return self.code(*catalogue.prediction_modules(self.experiment(experiment)))

    def training_content(self, experiment: str) -> str:
        """Return a hash of all that an experiment learns from: recordings of its splits, extractors and their settings.

        A run also follows its feature files by time; this notices edits even where a file was not made anew.
        """
        parts = [self.split_content(corpus, TRAINING_SPLITS) for corpus in self.training_corpora(experiment)]
        read = self.features_of(experiment)
        behind = ["face_track"] if any(self.needs_faces(feature) for feature in read) else []
        for feature in [*behind, *read, "engagement"]:
            parts += [feature, self.feature_code(feature), self.feature_settings(feature)]
        return _hash(parts)

    def predictions_of(self, experiment: str) -> list[str]:
        """Return the predictions of an experiment over its seeds."""
        folder = f"{self.results}/runs/{experiment}/{self.experiment(experiment).fold}"
        return [f"{folder}/{seed}/predictions.parquet" for seed in self.config.experiments.seeds]

    # -- tables ------------------------------------------------------------------------------------------------

    @property
    def tables(self) -> tuple[str, ...]:
        """The tables there are."""
        return catalogue.TABLES

    def metrics_of(self, table: str) -> list[str]:
        """Return the metrics a table is made of."""
        return [f"{self.results}/metrics/{experiment}.parquet" for experiment in self.experiments_of(table)]

    def submissions_of(self, table: str) -> list[str]:
        """Return the submissions to write beside a table whose test labels are withheld."""
        if not catalogue.test_labels_withheld(self.config):
            return []
        tested = [name for name in self.experiments_of(table) if self.experiment(name).split == "test"]
        return [f"{self.results}/submissions/{experiment}/index.json" for experiment in tested]

    def evaluation_arguments(self, experiment: str) -> str:
        """Return the arguments of ``affectssm evaluate`` that the rule's own files do not say."""
        settings = catalogue.evaluation_settings(self.config, self.experiment(experiment))
        return _join("--features", *self.track_folders(), "--settings", json.dumps(settings, sort_keys=True))

    def table_arguments(self, table: str) -> str:
        """Return the arguments of ``affectssm table`` that the rule's own files do not say."""
        return _join(
            "--corpora",
            *(f"{self.results}/corpora/{name}" for name in self.corpus_editions),
            "--fault-features",
            *self.features_behind(table),
            "--settings",
            json.dumps(catalogue.table_settings(self.config, table), sort_keys=True),
        )

    # -- how things are computed -------------------------------------------------------------------------------

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


def _hash(parts: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def _join(*words: str) -> str:
    return shlex.join(words)
