"""What the workflow has to know of one's own recordings before anything runs: tasks, parts, runs, metrics, tables."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

from affectssm.errors import ConfigError
from affectssm.families.cells import Cell, Manifests
from affectssm.families.recordings import catalogue, experiments, needs, served
from affectssm.families.recordings.as_whole import ITEM_LABELS, TEST_ITEM_LABELS, AsWhole
from affectssm.families.recordings.experiments import Experiment
from affectssm.families.recordings.settings import PRESETS, RecordingsSettings, own
from affectssm.families.recordings.steps import STEPS
from affectssm.plan.text import short_hash
from affectssm.settings.config import Config
from affectssm.settings.groups import features_of
from affectssm.vocabulary import stages
from affectssm.vocabulary.corpora import CORPORA
from affectssm.vocabulary.features import kinds_of
from affectssm.vocabulary.tables import PAGES

LABELS, TEST_LABELS = "folder_labels", "folder_labels_test"
KINDS = {"frame": "annotation", "item": "item_label"}
"""What labels are of -> the kind of their rows."""
CORPUS = catalogue.CORPUS


class Recordings(AsWhole):
    """Recordings of your own: labels over time, or one a recording, by the models of the other families."""

    name = "recordings"
    corpora: ClassVar = {CORPUS: CORPORA[CORPUS]}
    tables: ClassVar = {name: PAGES[name] for name in catalogue.TABLES}
    settings = RecordingsSettings
    presets = PRESETS
    sections = "corpora.folder and recordings"
    steps = STEPS
    described: ClassVar = needs.CORPORA
    foresees = "affectssm.families.recordings.stages.foreseen:missing"
    word = name
    answering = served.ANSWERING

    @staticmethod
    def check(config: Config) -> None:
        """Classes are those of one label, named by the corpus; DAT has positions enough for the windows.

        Raises:
            ValueError: where they are not.
        """
        asked, labels = own(config), experiments.labels_of(config)
        classes = asked.items.task == "classification" and catalogue.held(config)
        if classes and (len(set(labels.values.values())) < 2 or len(labels.columns) > 1):
            raise ValueError(
                f"corpora.{CORPUS}.labels.values with two classes at least, of one label, for classification; "
                f"{len(labels.values)} values of {len(labels.columns)} labels; give them, e.g. values: {{no: 0, "
                "yes: 1}, or set recordings.items.task: regression"
            )
        length = 2 * asked.context + asked.centre
        if "dat" in asked.models and asked.dat.positions < length:
            raise ValueError(
                f"recordings.dat.positions of {length} at least, the frames of a window; {asked.dat.positions}; raise "
                "it, or shorten recordings.context and centre"
            )

    @property
    def own(self) -> RecordingsSettings:
        """The section of this family."""
        return own(self.config)

    @property
    def computing(self) -> dict[str, Any]:
        """Processes that read batches."""
        return {"workers": self.own.training.workers}

    def require(self, table: str) -> None:
        """Refuse a table of recordings that there are not, or of labels of the other kind.

        Raises:
            ConfigError: with what to write.
        """
        if not self.held:
            raise ConfigError(
                f"results/tables/{table}.csv",
                f"corpora.{CORPUS}.root is none: there are no recordings of your own in this configuration",
                "the folder of your recordings",
                catalogue.SIX_LINES,
            )
        per, wanted = self.per, catalogue.PER[table]
        if per != wanted:
            other = next(name for name, one in catalogue.PER.items() if one == per)
            raise ConfigError(
                f"results/tables/{table}.csv",
                f"corpora.{CORPUS}.labels.per is {per}",
                f"{wanted}, which this table is of",
                f"ask for results/tables/{other}.csv, or mend corpora.{CORPUS}.labels",
            )

    @cached_property
    def experiments(self) -> dict[str, Experiment]:
        """Full name, which ends in the edition -> experiment, of all tables."""
        return {
            self._full(one): one
            for table in self.tables
            for one in catalogue.experiments_of(table, self.config)
        }

    def _full(self, experiment: Experiment) -> str:
        return f"{experiment.name}-{self.edition}"

    @property
    def per(self) -> str:
        """What the labels are of: frame or item."""
        return experiments.labels_of(self.config).per

    def expected(self) -> dict[str, Any]:
        """Return what the tables expect of the corpus."""
        asked = self.own if self.per == "frame" else self.own.items
        kinds = {
            source: list(kinds_of(features_of(asked.groups[source]))) for source in sorted(asked.sources)
        }
        return {"labels": KINDS[self.per], "kinds": kinds, "folds": self.own.folds}

    # -- windows -----------------------------------------------------------------------------------------------

    def task(self, experiment: str) -> str:
        """Return the name of the task of an experiment: the labels, on a source of features."""
        return self._task(self.experiment(experiment).source)

    def _task(self, source: str) -> str:
        return f"labels-{source}-{self.edition}"

    @property
    def tasks(self) -> tuple[str, ...]:
        """All tasks."""
        return (*map(self._task, self.own.sources), *self.own.items.sources)

    def window_settings(self, task: str) -> dict[str, Any]:
        """Return what the windows of a task are told."""
        source = next(one for one in self.own.sources if self._task(one) == task)
        kinds = kinds_of(features_of(self.own.groups[source]))
        return experiments.window_settings(self.config, source, kinds)

    def manifest(self) -> list[str]:
        """Return the manifest of the corpus."""
        return self.manifests(self.held)

    def all_content(self) -> str:
        """Return a hash over all streams."""
        return self.places.whole_content(self.held)

    def scored_content(self) -> str:
        """Return a hash over all streams, and over who belongs to each recording, file or no file."""
        return self.places.scored_content(self.held)

    def _windows(self, experiment: str, *names: str) -> list[str]:
        return [f"{self.results}/windows/{self.task(experiment)}/{name}" for name in names]

    def windows(self, experiment: str) -> list[str]:
        """Return the windows of a run, who has which media, and the division."""
        return self._windows(experiment, "labelled.parquet", "people.parquet", "division.json")

    def scored_windows(self, experiment: str) -> list[str]:
        """Return the division, which says what is reported."""
        return self._windows(experiment, "division.json")

    def missing(self, experiment: str) -> list[str]:
        """Return the people of whom there are no windows."""
        return self._windows(experiment, "missing.parquet")

    # -- parts -------------------------------------------------------------------------------------------------

    @cached_property
    def _asked_parts(self) -> list[str]:
        return [f"fold{number}" for number in range(1, self.own.folds + 1)]

    @property
    def parts(self) -> list[str]:
        """The parts of the division: ``main`` of one that the corpus makes, else one a fold.

        Before the manifest says what there is, as many as the configuration asks for.
        """
        path = Path(self.places.manifest(CORPUS))
        if CORPUS in self.places.imagined or not path.is_file():
            return self._asked_parts
        stat = path.stat()
        state = stat.st_ino, stat.st_size, stat.st_mtime_ns
        if self._known[0] != state:
            self._known = state, self._parts_in(path)
        return self._known[1]

    _known: tuple[tuple[int, int, int], list[str]] = ((0, 0, 0), [])

    def _parts_in(self, path: Path) -> list[str]:
        # here: they take a while to import, for which configurations without recordings should not wait
        from affectssm.corpora.manifest import read_manifest
        from affectssm.families.recordings.stages.folds import groups_of, parts_of

        return parts_of(groups_of(read_manifest(path), KINDS[self.per]), self.own.folds)

    # -- runs --------------------------------------------------------------------------------------------------

    def features_of(self, experiment: str) -> list[str]:
        """Return the features a run reads."""
        return features_of(catalogue.groups_of(self.config, self.experiment(experiment)))

    def labelled_tracks(self, experiment: str) -> list[str]:
        """Return the feature files a run reads, labels that it may learn from included."""
        return self._tracks([*self.features_of(experiment), LABELS])

    def label_tracks(self) -> list[str]:
        """Return the files of all labels, those of test parts included."""
        return self._tracks([LABELS, TEST_LABELS])

    def _tracks(self, features: Iterable[str]) -> list[str]:
        self.wait(self.held)
        return [file for feature in features for file in self.features.feature_files(CORPUS, feature)]

    def run_settings(self, experiment: str, part: str, seed: str) -> dict[str, Any]:
        """Return what a run is told."""
        return experiments.run_settings(self.config, self.experiment(experiment), part, int(seed))

    def threads(self) -> int:
        """Return the CPUs of a run: its threads, and the processes that read its batches."""
        return self.own.training.threads + self.own.training.workers

    def training_seconds(self, experiment: str) -> float:
        """Return the CPU seconds of a run's steps; its validations come on top."""
        recipe = self.own.training
        return needs.STEP_S[self.experiment(experiment).model] * recipe.batch * recipe.steps

    def prediction_seconds(self, experiment: str) -> float:
        """Return the CPU seconds that a run's predictions take."""
        frames = self.places.extent(CORPUS).total * self.own.clock_hz / max(1, len(self.parts))
        return needs.ANSWER_S[self.experiment(experiment).model] * frames / self.own.centre

    def training_code(self, experiment: str) -> str:
        """Return the hash of the code that trains."""
        return self.code(*stages.recording_training_modules(self.experiment(experiment).model))

    def prediction_code(self, experiment: str) -> str:
        """Return the hash of the code that predicts with a trained run."""
        return self.code(*stages.recording_prediction_modules(self.experiment(experiment).model))

    def training_content(self, experiment: str) -> str:
        """Return a hash of all that a run learns from: recordings, extractors and their settings.

        A run also follows its feature files by time; this notices edits even where a file was not made anew.
        """
        read = self.features_of(experiment)
        parts = [self.all_content()]
        for feature in [*self._faces(read), *read, LABELS]:
            parts += [feature, self.features.feature_code(feature), self.features.feature_settings(feature)]
        return short_hash(parts)

    def _faces(self, read: Iterable[str]) -> list[str]:
        return ["face_track"] if any(map(self.features.needs_faces, read)) else []

    # -- evaluation --------------------------------------------------------------------------------------------

    def predictions_of(self, experiment: str, seeds: Sequence[int]) -> list[str]:
        """Return the predictions of an experiment over its parts and some seeds."""
        self.wait(self.held)  # so that Snakemake looks at the job again after the manifest
        folder = f"{self.results}/runs/{experiment}"
        return [f"{folder}/{part}/{seed}/predictions.parquet" for part in self.parts for seed in seeds]

    def evaluation_settings(self, experiment: str, seeds: Sequence[int]) -> dict[str, Any]:
        """Return what an evaluation over some seeds is told."""
        return experiments.evaluation_settings(self.config, self.experiment(experiment), seeds)

    # -- tables ------------------------------------------------------------------------------------------------

    def experiments_of(self, table: str) -> list[str]:
        """Return the full names of the experiments a table is made of."""
        return [self._full(one) for one in catalogue.experiments_of(table, self.config)]

    def cells_of(self, table: str, manifests: Manifests) -> list[Cell]:
        """Return the cells of a table: one an experiment and label."""
        from affectssm.families.recordings.cells import cells

        named = catalogue.experiments_of(table, self.config)
        columns = experiments.labels_of(self.config).columns
        return cells(named, columns, self.expected(), manifests.get(CORPUS))

    def seeds_of(self, table: str) -> tuple[int, ...]:
        """Return the seeds whose runs a table averages."""
        return self.own.seeds

    def features_behind(self, table: str) -> list[str]:
        """Return every feature that is computed for a table, face track and labels included."""
        read = {feature for name in self.experiments_of(table) for feature in self.features_of(name)}
        items = catalogue.PER[table] == "item"
        labels = (ITEM_LABELS, TEST_ITEM_LABELS) if items else (LABELS, TEST_LABELS)
        return sorted({*read, *self._faces(read), *labels})

    def table_settings(self, table: str) -> dict[str, Any]:
        """Return what a table is told."""
        return catalogue.table_settings(self.config, table)
