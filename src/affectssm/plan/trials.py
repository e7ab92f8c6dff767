"""Trials of bio-signals: epochs, the parts that jobs train, masks, choices, adaptation and their metrics."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cached_property

from affectssm.plan.experiments import ExperimentPlan, found_in
from affectssm.plan.text import shell_words
from affectssm.settings.load import slice_json
from affectssm.tables import trial_catalogue
from affectssm.tables.trial_catalogue import ADAPTED_MODEL
from affectssm.timeline.dimensions import DIMENSIONS
from affectssm.training import trial_experiments
from affectssm.training.trial_experiments import TrialExperiment
from affectssm.vocabulary import stages
from affectssm.vocabulary.features import in_shard
from affectssm.vocabulary.kinds import SIGNAL_KINDS


class TrialPlan(ExperimentPlan):
    """The trials above the features."""

    @cached_property
    def trial_experiments(self) -> dict[str, TrialExperiment]:
        """Full name, which ends in the corpus's edition -> experiment, of all tables."""
        return {
            self.trial_name(experiment): experiment
            for table in trial_catalogue.TABLES
            for experiment in trial_catalogue.experiments_of(table, self.config)
        }

    def trial_name(self, experiment: TrialExperiment) -> str:
        """Return the full name of an experiment."""
        return f"{experiment.name}-{self.edition(experiment.corpus)}"

    def trial_experiment(self, name: str) -> TrialExperiment:
        """Return an experiment of this configuration by its full name."""
        return found_in(self.trial_experiments, name, "corpora and physiology.models")

    # -- epochs ----------------------------------------------------------------------------------------------

    def signal_features(self, corpus: str, shard: str) -> list[str]:
        """Return the features of a shard's trials: the modalities that are there, and the ratings."""
        kinds = self.shard_index(corpus)["shards"].get(shard, {})
        return [name for name in (*SIGNAL_KINDS, "ratings") if in_shard(name, kinds)]

    def epochs_arguments(self, corpus: str) -> str:
        """Return the arguments of ``affectssm epochs`` that the rule's own files do not say."""
        return shell_words(
            "--features",
            f"{self.results}/features/{self.name(corpus)}",
            "--settings",
            slice_json(self.config.physiology.epochs),
        )

    def shard_content(self, corpus: str, shard: str) -> str:
        """Return a word that changes with the streams of a shard."""
        return json.dumps(self.shard_index(corpus)["shards"].get(shard, {}), sort_keys=True)

    def epochs(self, corpus: str, shards: Sequence[str] | None = None) -> list[str]:
        """Return the epochs of some shards of a corpus, or of all."""
        names = self.shards(corpus) if shards is None else shards
        return [f"{self.results}/epochs/{self.name(corpus)}/{shard}.h5" for shard in names]

    # -- parts -----------------------------------------------------------------------------------------------

    def parts(self, corpus: str) -> list[str]:
        """Return what the jobs of an experiment train: shards, or the folds of the pooled protocol."""
        protocol = self.config.physiology.protocol
        if protocol.protocol == "pooled":
            return [f"f{number:02d}" for number in range(protocol.folds)]
        return self.shards(corpus)

    def shards_of_part(self, corpus: str, part: str) -> list[str]:
        """Return the shards a part's folds read: within subjects its own, else all."""
        return [part] if self.config.physiology.protocol.protocol == "within" else self.shards(corpus)

    def tested_shards(self, corpus: str, part: str) -> list[str]:
        """Return the shards a part's folds test: its own, or all where folds run across subjects."""
        return [part] if part in self.shards(corpus) else self.shards(corpus)

    def trial_run_arguments(self, experiment: str, seed: str) -> str:
        """Return the settings of a run, as arguments."""
        settings = trial_experiments.run_settings(self.config, self.trial_experiment(experiment), int(seed))
        return shell_words("--settings", json.dumps(settings, sort_keys=True))

    def trial_training_code(self, experiment: str) -> str:
        """Return the hash of the code that trains."""
        return self.code(*stages.trial_training_modules(self.trial_experiment(experiment).model))

    def trial_runs(self, experiment: str, seeds: Sequence[int]) -> list[str]:
        """Return the folders of an experiment's runs over parts and seeds."""
        folder = f"{self.results}/runs/{experiment}"
        parts = self.parts(self.trial_experiment(experiment).corpus)
        return [f"{folder}/{part}/{seed}" for part in parts for seed in seeds]

    # -- adaptation ------------------------------------------------------------------------------------------

    @property
    def mask_names(self) -> list[str]:
        """The masks of a shard and seed: ``{pattern}-{ratio}``."""
        asked = self.config.physiology.missing
        return [f"{pattern}-{ratio:g}" for pattern in asked.patterns for ratio in asked.ratios]

    def masks(self, corpus: str, part: str, seed: str) -> list[str]:
        """Return the masks of the segments that a part tests."""
        folder = f"{self.results}/masks/{self.name(corpus)}"
        return [
            f"{folder}/{shard}/{seed}/{name}.parquet"
            for shard in self.tested_shards(corpus, part)
            for name in self.mask_names
        ]

    def chosen(self, corpus: str) -> str:
        """Return the file of the learning rates and thresholds chosen on a corpus."""
        return f"{self.results}/choices/{self.name(corpus)}/chosen.json"

    def chosen_from(self, corpus: str) -> list[str]:
        """Return the runs that choose: those of the first seed, over both dimensions."""
        first = self.config.physiology.seeds[:1]
        experiments = [TrialExperiment(ADAPTED_MODEL, corpus, dimension) for dimension in DIMENSIONS]
        return [run for one in experiments for run in self.trial_runs(self.trial_name(one), first)]

    def adaptation_arguments(self, corpus: str) -> str:
        """Return what adaptation on a corpus is told beside its runs, as arguments."""
        settings = trial_experiments.adaptation_settings(self.config, corpus)
        return shell_words("--adaptation", json.dumps(settings, sort_keys=True))

    def adaptation_code(self) -> str:
        """Return the hash of the code that adapts."""
        return self.code(*stages.adaptation_modules(ADAPTED_MODEL, self.config.physiology.methods))

    def choice_code(self) -> str:
        """Return the hash of the code that chooses."""
        return self.code(*stages.choice_modules([ADAPTED_MODEL], self.config.physiology.methods))

    def mask_code(self) -> str:
        """Return the hash of the code that draws masks."""
        return self.code(*stages.mask_modules())

    # -- metrics ---------------------------------------------------------------------------------------------

    def trial_evaluation_arguments(self, experiment: str, seeds: Sequence[int]) -> str:
        """Return the settings of an evaluation, as arguments."""
        settings = trial_experiments.evaluation_settings(
            self.config, self.trial_experiment(experiment), seeds
        )
        return shell_words("--settings", json.dumps(settings, sort_keys=True))

    def trial_metrics(self, table: str) -> list[str]:
        """Return the metrics that a table of trials is made of."""
        seeds = "-".join(map(str, trial_catalogue.seeds_of(table, self.config)))
        kind = "adapted-" if table in trial_catalogue.ADAPTED else ""
        return [
            f"{self.results}/metrics/{self.trial_name(experiment)}/{kind}seeds-{seeds}.parquet"
            for experiment in trial_catalogue.experiments_of(table, self.config)
        ]

    @cached_property
    def trial_edition(self) -> str:
        """The edition of the tables of trials."""
        return self.joint_of(self.trial_corpora)
