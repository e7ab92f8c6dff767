"""What the workflow has to know of recordings with a label as a whole: their segments, runs and answers."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Sequence
from typing import Any

from affectssm.families.base import Family
from affectssm.families.recordings import experiments, needs
from affectssm.families.recordings.catalogue import CORPUS
from affectssm.families.recordings.experiments import Experiment
from affectssm.families.recordings.settings import RecordingsSettings
from affectssm.settings.groups import features_of
from affectssm.vocabulary import stages
from affectssm.vocabulary.features import in_shard

ITEM_LABELS, TEST_ITEM_LABELS = "folder_item", "folder_item_test"


class AsWhole(Family[Experiment]):
    """The part of the family that is asked of labels of recordings as a whole."""

    @property
    @abstractmethod
    def own(self) -> RecordingsSettings:
        """The section of this family."""

    @property
    @abstractmethod
    def parts(self) -> list[str]:
        """The parts of the division."""

    @abstractmethod
    def _tracks(self, features: Iterable[str]) -> list[str]:
        """Return the files of features."""

    def item_tracks(self, shard: str, task: str) -> list[str]:
        """Return the feature files of a shard's recordings: those of a source that there are."""
        self.wait(self.held)
        kinds = self.places.shard_index(CORPUS)["shards"].get(shard, {})
        (folder,) = self.features.folders(self.held)
        read = [name for name in features_of(self.own.items.groups[task]) if in_shard(name, kinds)]
        return [f"{folder}/{feature}/{shard}.h5" for feature in read]

    def cut_settings(self, task: str) -> dict[str, Any]:
        """Return how recordings as a whole are cut for a source of features."""
        return experiments.cut_settings(self.config, task)

    def cut_content(self, shard: str) -> str:
        """Return a word that changes with the streams of a shard."""
        return self.places.shard_content(CORPUS, shard)

    def segments_of(self, experiment: str) -> list[str]:
        """Return the segments of all shards of an experiment's source."""
        self.wait(self.held)
        folder = f"{self.results}/segments/{self.places.name(CORPUS)}/{self.experiment(experiment).source}"
        return [f"{folder}/{shard}.h5" for shard in self.places.shards(CORPUS)]

    def item_labels(self) -> list[str]:
        """Return the files of the labels of recordings as a whole that may be learnt from."""
        return self._tracks([ITEM_LABELS])

    def all_item_labels(self) -> list[str]:
        """Return the files of the labels of recordings as a whole, those of test parts included."""
        return self._tracks([ITEM_LABELS, TEST_ITEM_LABELS])

    def item_run_settings(self, experiment: str, seeds: Sequence[int]) -> dict[str, Any]:
        """Return what the runs of some seeds on recordings as a whole are told."""
        return experiments.item_run_settings(self.config, self.experiment(experiment), seeds)

    def item_threads(self) -> int:
        """Return the CPU threads of a run on recordings as a whole."""
        return self.own.items.training.threads

    def item_seconds(self, experiment: str, seeds: Sequence[int]) -> float:
        """Return the CPU seconds of the runs of some seeds over all parts."""
        passes = self.own.items.training.epochs * self.places.extent(CORPUS).recordings
        each = needs.ITEM_MS[self.experiment(experiment).model] / 1000
        return len(seeds) * len(self.parts) * passes * each

    def item_training_code(self, experiment: str) -> str:
        """Return the hash of the code that trains on recordings as a whole."""
        return self.code(*stages.item_training_modules(self.experiment(experiment).model))

    def item_predictions_of(self, experiment: str, seeds: Sequence[int]) -> list[str]:
        """Return the answers of an experiment over some seeds."""
        folder = f"{self.results}/runs/{experiment}/seeds-{'-'.join(map(str, seeds))}"
        return [f"{folder}/predictions.parquet"]

    def item_evaluation_settings(self, experiment: str, seeds: Sequence[int]) -> dict[str, Any]:
        """Return what an evaluation of recordings as a whole is told."""
        return experiments.item_evaluation_settings(self.config, self.experiment(experiment), seeds)
