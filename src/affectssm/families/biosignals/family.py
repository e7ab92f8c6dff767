"""What the workflow has to know of bio-signals before anything runs: segments, runs, masks, choices, tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from functools import cached_property
from typing import Any, ClassVar

from affectssm.families.base import Family
from affectssm.families.biosignals import catalogue, experiments, needs, served
from affectssm.families.biosignals.catalogue import ADAPTED_MODEL
from affectssm.families.biosignals.experiments import TrialExperiment
from affectssm.families.biosignals.run_settings import (
    AdaptedSettings,
    ChoosingSettings,
    EvaluationSettings,
    RunSettings,
)
from affectssm.families.biosignals.settings import PRESETS, BiosignalsSettings, own
from affectssm.families.biosignals.stages.dimensions import DIMENSIONS
from affectssm.families.biosignals.steps import STEPS
from affectssm.families.cells import Cell, Manifests
from affectssm.vocabulary import stages
from affectssm.vocabulary.corpora import CORPORA
from affectssm.vocabulary.features import in_shard
from affectssm.vocabulary.kinds import SIGNAL_KINDS
from affectssm.vocabulary.tables import PAGES


class Biosignals(Family[TrialExperiment]):
    """Bio-signals: a label per trial, whose segments are the items; streams of test segments are adapted to."""

    name = "biosignals"
    corpora: ClassVar = {name: CORPORA[name] for name in experiments.CORPORA}
    tables: ClassVar = {name: PAGES[name] for name in catalogue.TABLES}
    settings = BiosignalsSettings
    presets = PRESETS
    sections = "corpora and biosignals.models"
    steps = STEPS
    described: ClassVar = needs.CORPORA
    foresees = "affectssm.families.biosignals.stages.foreseen:missing"
    answering = (served.ANSWERING,)
    word = name

    @property
    def own(self) -> BiosignalsSettings:
        """The section of this family."""
        return own(self.config)

    @cached_property
    def experiments(self) -> dict[str, TrialExperiment]:
        """Full name, which ends in the corpus's edition -> experiment, of all tables."""
        return {
            self._full(experiment): experiment
            for table in self.tables
            for experiment in catalogue.experiments_of(table, self.config)
        }

    def _full(self, experiment: TrialExperiment) -> str:
        return f"{experiment.name}-{self.places.edition(experiment.corpus)}"

    def corpus_of(self, experiment: str) -> str:
        """Return the corpus of an experiment."""
        return self.experiment(experiment).corpus

    def expected(self) -> dict[str, Any]:
        """Return what the tables expect of the corpora."""
        asked = self.own.model_dump(mode="json", include={"modalities", "protocol"})
        return asked | {"modalities": {name: asked["modalities"][name] for name in self.held}}

    # -- segments ----------------------------------------------------------------------------------------------

    def signal_tracks(self, corpus: str, shard: str) -> list[str]:
        """Return the feature files of a shard's trials: the modalities that are there, and the ratings."""
        self.wait([corpus])
        kinds = self.places.shard_index(corpus)["shards"].get(shard, {})
        (folder,) = self.features.folders([corpus])
        read = [name for name in (*SIGNAL_KINDS, "ratings") if in_shard(name, kinds)]
        return [f"{folder}/{feature}/{shard}.h5" for feature in read]

    def manifest(self, corpus: str) -> list[str]:
        """Return the manifest of a corpus."""
        return self.manifests([corpus])

    def epoch_settings(self) -> dict[str, Any]:
        """Return how trials are cut."""
        return self.own.epochs.model_dump(mode="json")

    def epoch_code(self) -> str:
        """Return the hash of the code that cuts trials."""
        return self.code("affectssm.families.biosignals.stages.cut")

    def shard_content(self, corpus: str, shard: str) -> str:
        """Return a word that changes with the streams of a shard."""
        return self.places.shard_content(corpus, shard)

    def segments_of_corpus(self, corpus: str) -> list[str]:
        """Return the segments of all shards of a corpus."""
        self.wait([corpus])
        return self._segments(corpus, self.places.shards(corpus))

    def segments_of_shard(self, corpus: str, shard: str) -> list[str]:
        """Return the segments of a shard."""
        return self._segments(corpus, [shard])

    def _segments(self, corpus: str, shards: Sequence[str]) -> list[str]:
        return [f"{self.results}/segments/{self.places.name(corpus)}/{shard}.h5" for shard in shards]

    # -- parts -------------------------------------------------------------------------------------------------

    def parts(self, corpus: str) -> list[str]:
        """Return what the jobs of an experiment train: shards, or the folds of the pooled protocol."""
        protocol = self.own.protocol
        if protocol.protocol == "pooled":
            return [f"f{number:02d}" for number in range(protocol.folds)]
        return self.places.shards(corpus)

    def segments_of_part(self, corpus: str, part: str) -> list[str]:
        """Return the segments that a part's folds read: within subjects those of its shard, else all."""
        self.wait([corpus])
        within = self.own.protocol.protocol == "within"
        return self._segments(corpus, [part] if within else self.places.shards(corpus))

    def tested_shards(self, corpus: str, part: str) -> list[str]:
        """Return the shards a part's folds test: its own, or all where folds run across subjects."""
        shards = self.places.shards(corpus)
        return [part] if part in shards else shards

    def run_settings(self, experiment: str, seed: str) -> dict[str, Any]:
        """Return what the runs of a part are told."""
        found, asked = self.experiment(experiment), self.own
        told = RunSettings(
            experiment=found.name,
            **asdict(found),
            seed=int(seed),
            modalities=getattr(asked.modalities, found.corpus),
            rate_hz=asked.epochs.rate_hz,
            protocol=asked.protocol,
            model_settings=getattr(asked, found.model),
            training=asked.training,
        )
        return told.model_dump(mode="json")

    def threads(self) -> int:
        """Return the CPU threads of a run."""
        return self.own.training.threads

    def training_seconds(self, experiment: str, part: str) -> float:
        """Return the CPU seconds that the folds of a part take."""
        one = self.experiment(experiment)
        seconds, folds = self._signals(one.corpus, part)
        return needs.FOLD_S[one.model] * seconds * folds * self.own.training.epochs / 30

    def adaptation_seconds(self, experiment: str, part: str) -> float:
        """Return the CPU seconds that all methods take on the test segments of a part's folds."""
        seconds, folds = self._signals(self.corpus_of(experiment), part)
        tested = seconds if folds > 1 else seconds / self.own.protocol.folds
        return needs.STREAM_S * tested * len(self.mask_names)

    def choosing_seconds(self, corpus: str) -> float:
        """Return the CPU seconds that all candidates take on the development subjects, about a tenth of all."""
        return needs.CANDIDATES * needs.STREAM_S * self.places.extent(corpus).total / 10

    def _signals(self, corpus: str, part: str) -> tuple[float, int]:
        """Seconds of signals that a part's folds read, and how many folds there are."""
        extent = self.places.extent(corpus)
        if part in extent.seconds:
            within = self.own.protocol.protocol == "within"
            return extent.seconds[part] if within else extent.total, self.own.protocol.folds if within else 1
        return extent.total, 1

    def training_code(self, experiment: str) -> str:
        """Return the hash of the code that trains."""
        return self.code(*stages.segment_training_modules(self.experiment(experiment).model))

    def runs(self, experiment: str, seeds: Sequence[int]) -> list[str]:
        """Return the folders of an experiment's runs over parts and seeds."""
        folder, corpus = f"{self.results}/runs/{experiment}", self.corpus_of(experiment)
        self.wait([corpus])
        return [f"{folder}/{part}/{seed}" for part in self.parts(corpus) for seed in seeds]

    # -- adaptation --------------------------------------------------------------------------------------------

    @property
    def mask_names(self) -> list[str]:
        """The masks of a shard and seed: ``{pattern}-{ratio}``."""
        asked = self.own.missing
        return [f"{pattern}-{ratio:g}" for pattern in asked.patterns for ratio in asked.ratios]

    def mask_files(self) -> list[str]:
        """Return the patterns of the files of a shard's masks."""
        folder = "results/masks/{corpus_edition}/{shard}/{seed}"
        return [f"{folder}/{name}.parquet" for name in self.mask_names]

    def masks(self, corpus: str, part: str, seed: str) -> list[str]:
        """Return the masks of the segments that a part tests."""
        self.wait([corpus])
        folder = f"{self.results}/masks/{self.places.name(corpus)}"
        return [
            f"{folder}/{shard}/{seed}/{name}.parquet"
            for shard in self.tested_shards(corpus, part)
            for name in self.mask_names
        ]

    def chosen(self, corpus: str) -> str:
        """Return the file of the learning rates and thresholds chosen on a corpus."""
        self.wait([corpus])
        return f"{self.results}/choices/{self.places.name(corpus)}/chosen.json"

    def choosing_checkpoints(self, corpus: str) -> list[str]:
        """Return the checkpoints of the runs that choose: those of the first seed, over both dimensions."""
        first = self.own.seeds[:1]
        found = [TrialExperiment(ADAPTED_MODEL, corpus, dimension) for dimension in DIMENSIONS]
        return [f"{run}/checkpoint.safetensors" for one in found for run in self.runs(self._full(one), first)]

    def adaptation_settings(self, corpus: str) -> dict[str, Any]:
        """Return what adaptation on a corpus is told beside its runs."""
        shared = {name: getattr(self.own, name) for name in AdaptedSettings.model_fields}
        told = ChoosingSettings(**shared, modalities=getattr(self.own.modalities, corpus))
        return told.model_dump(mode="json")

    def adapted_run_settings(self, experiment: str, seed: str) -> dict[str, Any]:
        """Return what adapting a run is told: the run's own settings and those of adaptation."""
        return self.run_settings(experiment, seed) | self.adaptation_settings(self.corpus_of(experiment))

    def adaptation_code(self) -> str:
        """Return the hash of the code that adapts."""
        return self.code(*stages.adaptation_modules(ADAPTED_MODEL, self.own.methods))

    def choice_code(self) -> str:
        """Return the hash of the code that chooses."""
        return self.code(*stages.choice_modules([ADAPTED_MODEL], self.own.methods))

    def mask_code(self) -> str:
        """Return the hash of the code that draws masks."""
        return self.code(*stages.mask_modules())

    # -- evaluation --------------------------------------------------------------------------------------------

    def predictions_of(self, experiment: str, seeds: Sequence[int]) -> list[str]:
        """Return the predictions of an experiment over parts and seeds."""
        return [f"{run}/predictions.parquet" for run in self.runs(experiment, seeds)]

    def adapted_predictions(self, experiment: str, seeds: Sequence[int]) -> list[str]:
        """Return what the methods of adaptation answered, over parts and seeds."""
        return [f"{run}/adapted.parquet" for run in self.runs(experiment, seeds)]

    def adapted_streams(self, experiment: str, seeds: Sequence[int]) -> list[str]:
        """Return what the streams did that were adapted to, over parts and seeds."""
        return [f"{run}/streams.parquet" for run in self.runs(experiment, seeds)]

    def evaluation_settings(self, experiment: str, seeds: Sequence[int]) -> dict[str, Any]:
        """Return what an evaluation over some seeds is told."""
        found = self.experiment(experiment)
        told = EvaluationSettings(
            experiment=found.name,
            corpus=found.corpus,
            dimension=found.dimension,
            seeds=tuple(seeds),
            protocol=self.own.protocol,
        )
        return told.model_dump(mode="json")

    # -- tables ------------------------------------------------------------------------------------------------

    def experiments_of(self, table: str) -> list[str]:
        """Return the full names of the experiments a table is made of."""
        return [self._full(one) for one in catalogue.experiments_of(table, self.config)]

    def cells_of(self, table: str, manifests: Manifests) -> list[Cell]:
        """Return the cells of a table: one an experiment, of a corpus and a dimension."""
        from affectssm.families.biosignals.cells import cells

        return cells(
            [self.experiment(name) for name in self.experiments_of(table)], self.expected(), manifests
        )

    def seeds_of(self, table: str) -> tuple[int, ...]:
        """Return the seeds whose runs a table averages."""
        return catalogue.seeds_of(table, self.config)

    def features_behind(self, table: str) -> list[str]:
        """Return every feature that is computed for a table: of signals, those that a corpus has."""
        return [*SIGNAL_KINDS, "ratings"]

    def table_settings(self, table: str) -> dict[str, Any]:
        """Return what a table is told."""
        return catalogue.table_settings(self.config, table)
