"""What the workflow has to know of dialogues before anything runs: tasks, runs, predictions, metrics, tables."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any, ClassVar

from affectssm.families.base import Family
from affectssm.families.cells import Cell, Manifests
from affectssm.families.dialogue import catalogue, experiments, needs, served
from affectssm.families.dialogue.experiments import Experiment
from affectssm.families.dialogue.settings import PRESETS, DialogueSettings, own
from affectssm.families.dialogue.steps import STEPS
from affectssm.plan.text import short_hash
from affectssm.settings.config import Config
from affectssm.settings.groups import features_of
from affectssm.vocabulary.corpora import CORPORA, NO_CORPUS
from affectssm.vocabulary.features import kinds_of
from affectssm.vocabulary.stages import memory_modules
from affectssm.vocabulary.tables import PAGES

TRAINING_SPLITS = ("train", "val")
LABELS, TEST_LABELS = "engagement", "engagement_test"


class Dialogue(Family[Experiment]):
    """Dialogues: a label per frame of every participant, on a clock that all streams share."""

    name = "dialogue"
    corpora: ClassVar = {name: CORPORA[name] for name in catalogue.CORPORA}
    tables: ClassVar = {name: PAGES[name] for name in catalogue.TABLES}
    settings = DialogueSettings
    presets = PRESETS
    sections = name
    steps = STEPS
    described: ClassVar = needs.CORPORA
    foresees = "affectssm.families.dialogue.stages.foreseen:missing"
    word = name
    answering = (served.ANSWERING,)

    @staticmethod
    def check(config: Config) -> None:
        """Models learn from a whole NoXi.

        Raises:
            ValueError: when it is not held, or lacks more than test parts.
        """
        noxi = vars(config.corpora)["noxi"]
        if noxi.root == NO_CORPUS:
            raise ValueError(
                "corpora.noxi.root: a folder or a demo, since the models of these tables learn from NoXi; none; "
                "leave dialogue out of families, or give its folder"
            )
        if learned := [part for part in noxi.lacks if not part.startswith("test")]:
            raise ValueError(
                "corpora.noxi.lacks of test parts alone: models learn from the others; it has "
                f"{', '.join(learned)}"
            )

    @property
    def own(self) -> DialogueSettings:
        """The section of this family."""
        return own(self.config)

    @property
    def computing(self) -> dict[str, Any]:
        """Processes that read batches."""
        return {"workers": self.own.training.workers}

    @cached_property
    def experiments(self) -> dict[str, Experiment]:
        """Full name, which ends in the edition -> experiment, of all tables."""
        return {
            self._full(experiment): experiment
            for table in self.tables
            for experiment in catalogue.experiments_of(table, self.config)
        }

    def _full(self, experiment: Experiment) -> str:
        return f"{experiment.name}-{self.edition}"

    def expected(self) -> dict[str, Any]:
        """Return what the tables expect of the corpora."""
        asked = {(one.source, one.split, one.cells) for one in self.experiments.values()}
        return {
            "kinds": {source: self._kinds(source) for source in sorted({source for source, _, _ in asked})},
            "clock_hz": self.own.clock_hz,
            "experiments": sorted([source, split, list(cells)] for source, split, cells in asked),
        }

    # -- windows -----------------------------------------------------------------------------------------------

    def task(self, experiment: str) -> str:
        """Return the name of the task an experiment learns: engagement, on a source of features."""
        return f"engagement-{self.experiment(experiment).source}-{self.edition}"

    @cached_property
    def tasks(self) -> tuple[str, ...]:
        """All tasks."""
        return tuple(sorted({self.task(name) for name in self.experiments}))

    def training_window_settings(self, task: str) -> dict[str, Any]:
        """Return what is told of the windows that are learnt from."""
        return self._window_settings(task, "training")

    def prediction_window_settings(self, task: str) -> dict[str, Any]:
        """Return what is told of the windows that are predicted."""
        return self._window_settings(task, "prediction")

    def _kinds(self, source: str) -> tuple[str, ...]:
        return kinds_of(features_of(self.own.groups[source]))

    def _window_settings(self, task: str, part: str) -> dict[str, Any]:
        kinds = list(self._kinds(task.split("-")[1]))
        return {"part": part, "kinds": kinds, "clock_hz": self.own.clock_hz}

    def training_manifests(self) -> list[str]:
        """Return the manifests of the corpora whose recordings are learnt from."""
        return self.manifests(["noxi"])

    def prediction_manifests(self) -> list[str]:
        """Return the manifests of the corpora whose recordings are predicted."""
        return self.manifests(self.held)

    def window_code(self) -> str:
        """Return the hash of the code that makes windows."""
        return self.code("affectssm.families.dialogue.stages.windows")

    def training_splits(self) -> str:
        """Return a hash over the streams of the recordings that are learnt from."""
        return self.places.split_content("noxi", TRAINING_SPLITS)

    def all_content(self) -> str:
        """Return a hash over all streams of all corpora."""
        return self.places.whole_content(self.held)

    def windows(self, experiment: str, *parts: str) -> list[str]:
        """Return window indexes of an experiment's task."""
        return [f"{self.results}/windows/{self.task(experiment)}/{part}.parquet" for part in parts]

    def prediction_windows(self, experiment: str) -> list[str]:
        """Return the index of the windows that an experiment predicts."""
        return self.windows(experiment, "test")

    def missing(self, experiment: str) -> list[str]:
        """Return the participants of whom there are no windows."""
        return self.windows(experiment, "missing")

    # -- runs --------------------------------------------------------------------------------------------------

    def adapts(self, experiment: str) -> bool:
        """Whether an experiment continues from another one's runs, on MPIIGI."""
        return self.experiment(experiment).variant == "adapt_mpiigi"

    def training_corpora(self, experiment: str) -> tuple[str, ...]:
        """Return the corpora an experiment learns from."""
        return ("mpiigi",) if self.adapts(experiment) else ("noxi",)

    def training_windows(self, experiment: str) -> list[str]:
        """Return the window indexes an experiment learns from."""
        if self.adapts(experiment):
            return self.windows(experiment, "test")
        return self.windows(experiment, "train", "val")

    def training_tracks(self, experiment: str) -> list[str]:
        """Return the feature files an experiment learns from, labels included."""
        return self._tracks(self.training_corpora(experiment), [*self.features_of(experiment), LABELS])

    def prediction_tracks(self, experiment: str) -> list[str]:
        """Return the feature files that an experiment predicts from."""
        return self._tracks(self.held, [*self.features_of(experiment), LABELS])

    def label_tracks(self) -> list[str]:
        """Return the files of all labels, those of test parts included."""
        return self._tracks(self.held, [LABELS, TEST_LABELS])

    def _tracks(self, corpora: Sequence[str], features: Sequence[str]) -> list[str]:
        self.wait(corpora)
        return [
            file
            for corpus in corpora
            for feature in features
            for file in self.features.feature_files(corpus, feature)
        ]

    def base_checkpoint(self, experiment: str, seed: str) -> list[str]:
        """Return the checkpoint an adapted run continues from."""
        if not self.adapts(experiment):
            return []
        base = self.experiment(experiment).base
        return [f"{self.results}/runs/{self._full(base)}/{base.fold}/{seed}/checkpoint.safetensors"]

    def run_settings(self, experiment: str, seed: str) -> dict[str, Any]:
        """Return what a run is told."""
        return experiments.run_settings(self.config, self.experiment(experiment), int(seed))

    def threads(self) -> int:
        """Return the CPUs of a run: its threads, and the processes that read its batches."""
        return self.own.training.threads + self.own.training.workers

    def training_seconds(self, experiment: str) -> float:
        """Return the CPU seconds of a run's steps; its validations come on top."""
        one, recipe = self.experiment(experiment), self.own.training
        steps = self.own.adapt_steps if self.adapts(experiment) else recipe.steps
        return needs.STEP_S[one.model] * recipe.batch * steps

    def prediction_seconds(self, experiment: str) -> float:
        """Return the CPU seconds that a run's predictions take, of all that is not learnt from."""
        extents = [self.places.extent(corpus) for corpus in self.held]
        seconds = sum(one.total * (1 - one.learnt) for one in extents)
        return needs.ANSWER_S[self.experiment(experiment).model] * seconds / needs.HOP_S

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
        corpora = self.training_corpora(experiment)
        parts = [self.places.split_content(corpus, TRAINING_SPLITS) for corpus in corpora]
        read = self.features_of(experiment)
        behind = ["face_track"] if any(map(self.features.needs_faces, read)) else []
        for feature in [*behind, *read, LABELS]:
            parts += [feature, self.features.feature_code(feature), self.features.feature_settings(feature)]
        return short_hash(parts)

    def features_of(self, experiment: str) -> list[str]:
        """Return the features an experiment reads, audio before visual."""
        return features_of(self.own.groups[self.experiment(experiment).source])

    # -- evaluation --------------------------------------------------------------------------------------------

    def predictions_of(self, experiment: str, seeds: Sequence[int]) -> list[str]:
        """Return the predictions of an experiment over some seeds."""
        folder = f"{self.results}/runs/{experiment}/{self.experiment(experiment).fold}"
        return [f"{folder}/{seed}/predictions.parquet" for seed in seeds]

    def submitted_predictions(self, experiment: str) -> list[str]:
        """Return the predictions that a submission holds."""
        self.wait(self.held)  # so that Snakemake looks at the job again after the manifests
        return self.predictions_of(experiment, self.own.seeds)

    def submission_settings(self, experiment: str) -> dict[str, Any]:
        """Return what a submission is told."""
        return {"experiment": experiment}

    def evaluation_settings(self, experiment: str, seeds: Sequence[int]) -> dict[str, Any]:
        """Return what an evaluation over some seeds is told."""
        return experiments.evaluation_settings(self.config, self.experiment(experiment), seeds)

    def scored_content(self) -> str:
        """Return a hash over all streams, and over who belongs to each recording, file or no file."""
        return self.places.scored_content(self.held)

    # -- memory ------------------------------------------------------------------------------------------------

    def memory_settings(self) -> dict[str, Any]:
        """Return what the memory measurement is told."""
        return catalogue.memory_settings(self.config)

    def memory_file(self) -> str:
        """Return the memory measurement of this configuration; each has its own, as corpora have editions."""
        return self.measurement(self.memory_settings())

    def memory_threads(self) -> int:
        """Return the CPU threads of the measurement: those of a run."""
        return self.own.training.threads

    def memory_mb(self) -> int:
        """Return the memory that the measurement itself may take, in MB."""
        asked = self.own.memory
        limits = [asked.limit_gb, *(asked.paper.limit_gb for _ in asked.paper.lengths[:1])]
        return 4000 + round(1000 * max(limits))

    def memory_code(self) -> str:
        """Return the hash of the code that decides what a training step is measured to take."""
        return self.code(*memory_modules(self.memory_settings()["models"]))

    # -- tables ------------------------------------------------------------------------------------------------

    def experiments_of(self, table: str) -> list[str]:
        """Return the full names of the experiments a table is made of."""
        return [self._full(one) for one in catalogue.experiments_of(table, self.config)]

    def cells_of(self, table: str, manifests: Manifests) -> list[Cell]:
        """Return the cells of a table: of every experiment, the parts of corpora that it answers, and all together."""
        from affectssm.families.dialogue.cells import cells

        named = [self.experiment(name) for name in self.experiments_of(table)]
        return cells(named, self.expected(), manifests)

    def seeds_of(self, table: str) -> tuple[int, ...]:
        """Return the seeds whose runs a table averages."""
        return catalogue.seeds_of(table, self.config)

    def submissions_of(self, table: str) -> list[str]:
        """Return the submissions to write beside a table whose test labels are withheld."""
        if not catalogue.test_labels_withheld(self.config):
            return []
        tested = [name for name in self.experiments_of(table) if self.experiment(name).split == "test"]
        return [f"{self.results}/submissions/{experiment}/index.json" for experiment in tested]

    def corpora_behind(self, table: str) -> tuple[str, ...]:
        """Return the corpora a table rests on; a measurement needs none."""
        return () if table in catalogue.MEASUREMENTS else self.held

    def features_behind(self, table: str) -> list[str]:
        """Return every feature that is computed for a table, face track and labels included."""
        read = {feature for name in self.experiments_of(table) for feature in self.features_of(name)}
        if not read:
            return []
        faces = {"face_track"} if any(map(self.features.needs_faces, read)) else set()
        return sorted(read | faces | {LABELS, TEST_LABELS})

    def table_settings(self, table: str) -> dict[str, Any]:
        """Return what a table is told."""
        return catalogue.table_settings(self.config, table)
