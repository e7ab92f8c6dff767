"""What the workflow has to know of video before anything runs: tasks, runs, predictions, metrics, tables."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import Any, ClassVar

from affectssm.families.cells import Cell, Manifests
from affectssm.families.video import catalogue, experiments, needs, served
from affectssm.families.video.experiments import MODEL, OFFICIAL, Experiment
from affectssm.families.video.run_settings import SubmissionSettings
from affectssm.families.video.settings import PRESETS, VideoSettings, own
from affectssm.families.video.steps import STEPS
from affectssm.families.video.tuning import TunedEncoders
from affectssm.plan.text import short_hash
from affectssm.settings.config import Config
from affectssm.settings.groups import features_of
from affectssm.vocabulary import stages
from affectssm.vocabulary.corpora import CORPORA
from affectssm.vocabulary.features import kinds_of, refuse_trained_on, spec
from affectssm.vocabulary.tables import PAGES

LABELS, LISTED = "valence_arousal", "listed_frames"
CORPUS = catalogue.CORPUS


class Video(TunedEncoders):
    """Video: valence and arousal of every frame of a person, on the clock of the video's own pictures."""

    name = "video"
    corpora: ClassVar = {CORPUS: CORPORA[CORPUS]}
    tables: ClassVar = {name: PAGES[name] for name in catalogue.TABLES}
    settings = VideoSettings
    presets = PRESETS
    sections = name
    steps = STEPS
    described: ClassVar = needs.CORPORA
    foresees = "affectssm.families.video.stages.foreseen:missing"
    word = name
    answering = (served.ANSWERING,)

    @staticmethod
    def check(config: Config) -> None:
        """No feature may have seen the corpus's labels, and what sources and folds are of must be held.

        Raises:
            ConfigError: for a feature that has seen them.
            ValueError: for a source or the official fold without what it is of.
        """
        asked = own(config)
        read = {feature for source in asked.sources for feature in features_of(asked.groups[source])}
        refuse_trained_on(sorted(read), CORPUS)
        catalogue.require_held(config)

    @property
    def computing(self) -> dict[str, Any]:
        """Processes that read batches, and pictures."""
        return {"workers": self.own.training.workers, "tuning": {"workers": self.own.tuning.workers}}

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

    def expected(self) -> dict[str, Any]:
        """Return what the tables expect of the corpora."""
        splits = catalogue.LABELLED_SPLITS if any(self.own.folds) else ("val",)
        return {
            "kinds": {source: self._kinds(source) for source in sorted(self.own.sources)},
            "splits": list(splits),
        }

    # -- windows -----------------------------------------------------------------------------------------------

    @cached_property
    def _tasks(self) -> dict[str, tuple[str, int]]:
        """Task -> its source of features, and a fold that has its windows."""
        asked = {(one.source, min(fold, 1)) for one in self.experiments.values() for fold in one.folds}
        return {self.task_of(source, fold): (source, fold) for source, fold in sorted(asked)}

    def task_of(self, source: str, fold: int) -> str:
        """Return the name of the task of a source of features and the windows of a fold."""
        return f"valence_arousal-{source}-{'cross' if fold else 'official'}-{self.edition}"

    def task(self, experiment: str, part: str) -> str:
        """Return the name of the task of a run: its source of features and the windows of its fold."""
        one = self.experiment(experiment)
        return self.task_of(one.source, one.parts[part])

    @property
    def tasks(self) -> tuple[str, ...]:
        """All tasks."""
        return tuple(self._tasks)

    def training_window_settings(self, task: str) -> dict[str, Any]:
        """Return what is told of the windows of videos with labels."""
        return self._window_settings(task, "training")

    def prediction_window_settings(self, task: str) -> dict[str, Any]:
        """Return what is told of the windows of the others."""
        return self._window_settings(task, "prediction")

    def _kinds(self, source: str) -> tuple[str, ...]:
        return kinds_of(features_of(self.own.groups[source]))

    def _window_settings(self, task: str, part: str) -> dict[str, Any]:
        source, fold = self._tasks[task]
        recipe = self.own.recipe(fold)
        return {
            "part": part,
            "kinds": list(self._kinds(source)),
            "length": recipe.length,
            "stride": recipe.stride,
            "predicted_stride": max(1, round(recipe.length * (1 - self.own.overlap))),
        }

    def manifest(self) -> list[str]:
        """Return the manifest of the corpus."""
        return self.manifests(self.held)

    def window_code(self) -> str:
        """Return the hash of the code that makes windows."""
        return self.code("affectssm.families.video.stages.windows")

    def labelled_content(self) -> str:
        """Return a hash over the streams of the videos with labels: a new test video trains and tunes nothing again."""
        return self.places.split_content(CORPUS, catalogue.LABELLED_SPLITS)

    def all_content(self) -> str:
        """Return a hash over all streams."""
        return self.places.whole_content(self.held)

    def _windows(self, task: str, *names: str) -> list[str]:
        return [f"{self.results}/windows/{task}/{name}.parquet" for name in names]

    def training_windows(self, experiment: str, part: str) -> list[str]:
        """Return the window indexes of a run's labelled videos."""
        return self._windows(self.task(experiment, part), "learnt", "labelled")

    def prediction_windows(self, experiment: str, part: str) -> list[str]:
        """Return the window indexes that a run predicts."""
        own = "test" if self.experiment(experiment).parts[part] == OFFICIAL else "labelled"
        return self._windows(self.task(experiment, part), own)

    def scored_windows(self, experiment: str) -> list[str]:
        """Return the index of who can be learnt from, which decides the folds."""
        return self._windows(self._first_task(experiment), "labelled")

    def missing(self, experiment: str) -> list[str]:
        """Return the people of whom there are no windows."""
        return self._windows(self._first_task(experiment), "missing")

    def _first_task(self, experiment: str) -> str:
        return self.task(experiment, next(iter(self.experiment(experiment).parts)))

    # -- runs --------------------------------------------------------------------------------------------------

    def labelled_tracks(self, experiment: str, part: str) -> list[str]:
        """Return the feature files a run reads, labels included."""
        return self._tracks([*self.features_of(experiment, part), LABELS])

    def label_tracks(self) -> list[str]:
        """Return the files of the labels."""
        return self._tracks([LABELS])

    def listed_frames(self) -> list[str]:
        """Return the files of the frames that the owner wants an answer for."""
        return self._tracks([LISTED])

    def _tracks(self, features: Iterable[str]) -> list[str]:
        self.wait(self.held)
        return [file for feature in features for file in self.features.feature_files(CORPUS, feature)]

    def run_settings(self, experiment: str, part: str, seed: str) -> dict[str, Any]:
        """Return what a run is told."""
        one = self.experiment(experiment)
        return experiments.run_settings(self.config, one, one.parts[part], int(seed))

    def threads(self) -> int:
        """Return the CPUs of a run: its threads, and the processes that read its batches."""
        return self.own.training.threads + self.own.training.workers

    def training_seconds(self, experiment: str, part: str) -> float:
        """Return the CPU seconds of a run: its steps, and an answer a frame of the rest after every epoch."""
        fold = self.experiment(experiment).parts[part]
        recipe, extent = self.own.recipe(fold), self.places.extent(CORPUS)
        learnt = needs.CROSS_LEARNT if fold else extent.learnt
        seen = learnt * recipe.length / recipe.stride * needs.STEP_S + learnt / 4 * needs.ANSWER_S
        return self.own.training.epochs * extent.total * extent.hz * seen

    def prediction_seconds(self, experiment: str, part: str) -> float:
        """Return the CPU seconds that a run's predictions take, of all that is not learnt from."""
        extent = self.places.extent(CORPUS)
        return extent.total * extent.hz * (1 - extent.learnt) * 2 * needs.ANSWER_S

    def training_code(self) -> str:
        """Return the hash of the code that trains."""
        return self.code(*stages.video_training_modules(MODEL))

    def prediction_code(self) -> str:
        """Return the hash of the code that predicts with a trained run."""
        return self.code(*stages.video_prediction_modules(MODEL))

    def training_content(self, experiment: str, part: str) -> str:
        """Return a hash of all that a run learns from: recordings of its splits, extractors and their settings.

        A run also follows its feature files by time; this notices edits even where a file was not made anew.
        """
        read = self.features_of(experiment, part)
        tuned = [self.tuned_content(part)] if any(spec(feature).by_fold for feature in read) else []
        read = [*self._faces(read), *read, LABELS]
        parts = [self.labelled_content(), *tuned]
        for feature in read:
            parts += [feature, self.features.feature_code(feature), self.features.feature_settings(feature)]
        return short_hash(parts)

    def features_of(self, experiment: str, part: str) -> list[str]:
        """Return the features a run reads."""
        one = self.experiment(experiment)
        return features_of(experiments.groups_in(self.own, one.source, one.parts[part]))

    def _faces(self, read: Iterable[str]) -> list[str]:
        return ["face_track"] if any(map(self.features.needs_faces, read)) else []

    # -- evaluation --------------------------------------------------------------------------------------------

    def predictions_of(self, experiment: str, seeds: Sequence[int]) -> list[str]:
        """Return the predictions of an experiment over its folds and some seeds."""
        parts = self.experiment(experiment).parts
        folder = f"{self.results}/runs/{experiment}"
        return [f"{folder}/{part}/{seed}/predictions.parquet" for part in parts for seed in seeds]

    def submitted_predictions(self, experiment: str) -> list[str]:
        """Return the predictions that a submission holds: those of the official split."""
        self.wait(self.held)  # so that Snakemake looks at the job again after the manifests
        folder = f"{self.results}/runs/{experiment}/fold{OFFICIAL}"
        return [f"{folder}/{seed}/predictions.parquet" for seed in self.own.seeds]

    def submission_settings(self, experiment: str) -> dict[str, Any]:
        """Return what a submission is told."""
        return {"experiment": experiment}

    def evaluation_settings(self, experiment: str, seeds: Sequence[int]) -> dict[str, Any]:
        """Return what an evaluation over some seeds is told."""
        return experiments.evaluation_settings(self.experiment(experiment), self.own.cross_folds, seeds)

    def scored_content(self) -> str:
        """Return a hash over all streams, and over who belongs to each recording, file or no file."""
        return self.places.scored_content(self.held)

    # -- tables ------------------------------------------------------------------------------------------------

    def experiments_of(self, table: str) -> list[str]:
        """Return the full names of the experiments a table is made of."""
        return [self._full(one) for one in catalogue.experiments_of(table, self.config)]

    def cells_of(self, table: str, manifests: Manifests) -> list[Cell]:
        """Return the cells of a table: the folds of every experiment."""
        from affectssm.families.video.cells import cells

        named = [self.experiment(name) for name in self.experiments_of(table)]
        return cells(named, self.expected(), self.own.cross_folds, manifests)

    def seeds_of(self, table: str) -> tuple[int, ...]:
        """Return the seeds whose runs a table averages."""
        return catalogue.seeds_of(table, self.config)

    def submissions_of(self, table: str) -> list[str]:
        """Return the submissions to write beside the main table: test labels are withheld."""
        return [f"{self.results}/submissions/{name}/index.json" for name in self._submitted(table)]

    def _submitted(self, table: str) -> list[str]:
        if table != "affwild2_va" or "test" in getattr(self.places.settings_of(CORPUS), "lacks", ()):
            return []
        own = {name: self.experiment(name) for name in self.experiments_of(table)}
        return [name for name, one in own.items() if one.variant == "" and OFFICIAL in one.folds]

    def features_behind(self, table: str) -> list[str]:
        """Return every feature that is computed for a table, face track and labels included."""
        read = {
            feature
            for name in self.experiments_of(table)
            for part in self.experiment(name).parts
            for feature in self.features_of(name, part)
        }
        return sorted({*read, *self._faces(read), LABELS, LISTED})

    def table_settings(self, table: str) -> dict[str, Any]:
        """Return what a table is told."""
        files = {name: SubmissionSettings(experiment=name).file for name in self._submitted(table)}
        submissions = {
            self.experiment(name).name: f"results/submissions/{name}/{file}" for name, file in files.items()
        }
        return catalogue.table_settings(self.config, table) | {"submissions": submissions}
