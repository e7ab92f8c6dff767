"""The tasks and experiments of a configuration: windows, runs, predictions and metrics."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from functools import cached_property
from typing import TypeVar

from affectssm.errors import ConfigError, listed
from affectssm.plan.corpora import CORPORA
from affectssm.plan.features import FeaturePlan
from affectssm.plan.text import shell_words, short_hash
from affectssm.settings.load import slice_json
from affectssm.tables import catalogue
from affectssm.training import experiments
from affectssm.training.experiments import Experiment
from affectssm.training.trial_experiments import CORPORA as TRIAL_CORPORA
from affectssm.vocabulary.features import GROUPS, kinds_of

TRAINING_SPLITS = ("train", "val")
Found = TypeVar("Found")


def found_in(known: Mapping[str, Found], name: str, sections: str) -> Found:
    """Return the experiment of this full name.

    Raises:
        ConfigError: when no table has it; ``sections`` of the configuration decide which there are.
    """
    if name in known:
        return known[name]
    raise ConfigError(
        f"experiment {name}",
        "no table of this configuration has it",
        "one of " + listed(get_close_matches(name, known, n=8, cutoff=0) or list(known), 8),
        f"mend the name, or set {sections} so that a table needs it",
    )


class ExperimentPlan(FeaturePlan):
    """The experiments above the features."""

    @cached_property
    def joint_edition(self) -> str:
        """The edition of tasks over all corpora of dialogues."""
        return self.joint_of(self.corpora)

    def joint_of(self, corpora: Sequence[str]) -> str:
        """Return the common edition of the corpora held of a family, its name and their shards, or a hash of theirs.

        Shards, and corpora that are not held, are part of a name's joint edition: what is made of features must have
        another path wherever theirs do, or else Snakemake, which does not know yet what lies behind a manifest to be
        made, finds nothing to do.
        """
        names = {self.settings_of(corpus).edition for corpus in corpora}
        if len(names) == 1 and None not in names:
            family = next(family for family in (CORPORA, TRIAL_CORPORA) if corpora[0] in family)
            shards = [str(self.settings_of(corpus).shards) if corpus in corpora else "0" for corpus in family]
            return "-".join([*map(str, names), *(shards[:1] if len(set(shards)) == 1 else shards)])
        editions = [self.edition(corpus) for corpus in corpora]
        return editions[0] if len(set(editions)) == 1 else short_hash(editions)[:8]

    def task(self, experiment: str) -> str:
        """Return the name of the task an experiment learns: engagement, on a source of features."""
        return f"engagement-{self.experiment(experiment).source}-{self.joint_edition}"

    def window_arguments(self, task: str) -> str:
        """Return the arguments of ``affectssm windows``."""
        kinds = kinds_of(task.split("-")[1])
        return shell_words("--kinds", *kinds, "--settings", slice_json(self.config.timeline))

    def windows(self, experiment: str, *parts: str) -> list[str]:
        """Return window indexes of an experiment's task."""
        return [f"{self.results}/windows/{self.task(experiment)}/{part}.parquet" for part in parts]

    @cached_property
    def experiments(self) -> dict[str, Experiment]:
        """Full name, which ends in the edition -> experiment, of all tables of dialogues."""
        return {
            f"{experiment.name}-{self.joint_edition}": experiment
            for table in catalogue.TABLES
            for experiment in catalogue.experiments_of(table, self.config)
        }

    def experiment(self, name: str) -> Experiment:
        """Return an experiment of this configuration by its full name, which ends in the edition."""
        return found_in(self.experiments, name, "experiments and features.sources")

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
        settings = experiments.run_settings(self.config, self.experiment(experiment), int(seed))
        return shell_words(
            "--windows",
            f"{self.results}/windows/{self.task(experiment)}",
            "--features",
            *self.track_folders(),
            "--settings",
            json.dumps(settings, sort_keys=True),
        )

    def training_code(self, experiment: str) -> str:
        """Return the hash of the code that trains."""
        return self.code(*experiments.training_modules(self.experiment(experiment)))

    def prediction_code(self, experiment: str) -> str:
        """Return the hash of the code that predicts with a trained run."""
        return self.code(*experiments.prediction_modules(self.experiment(experiment)))

    def training_content(self, experiment: str) -> str:
        """Return a hash of all that an experiment learns from: recordings of its splits, extractors and their settings.

        A run also follows its feature files by time; this notices edits even where a file was not made anew.
        """
        parts = [self.split_content(corpus, TRAINING_SPLITS) for corpus in self.training_corpora(experiment)]
        read = self.features_of(experiment)
        behind = ["face_track"] if any(self.needs_faces(feature) for feature in read) else []
        for feature in [*behind, *read, "engagement"]:
            parts += [feature, self.feature_code(feature), self.feature_settings(feature)]
        return short_hash(parts)

    def predictions_of(self, experiment: str, seeds: Sequence[int]) -> list[str]:
        """Return the predictions of an experiment over some seeds."""
        folder = f"{self.results}/runs/{experiment}/{self.experiment(experiment).fold}"
        return [f"{folder}/{seed}/predictions.parquet" for seed in seeds]

    def evaluation_arguments(self, experiment: str, seeds: Sequence[int]) -> str:
        """Return the arguments of ``affectssm evaluate`` that the rule's own files do not say."""
        settings = experiments.evaluation_settings(self.config, self.experiment(experiment), seeds)
        return shell_words(
            "--features", *self.track_folders(), "--settings", json.dumps(settings, sort_keys=True)
        )

    def features_of(self, experiment: str) -> list[str]:
        """Return the features an experiment reads, audio before visual."""
        groups = GROUPS[self.experiment(experiment).source]
        return [feature for group in groups.values() for feature in group]

    def features_behind(self, table: str) -> list[str]:
        """Return every feature that is computed for a table, face track and labels included."""
        read = {feature for name in self.experiments_of(table) for feature in self.features_of(name)}
        if not read:
            return []
        faces = {"face_track"} if any(self.needs_faces(feature) for feature in read) else set()
        return sorted(read | faces | {"engagement", "engagement_test"})
