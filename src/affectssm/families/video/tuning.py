"""What the jobs ask that tune an encoder on a fold's training videos and extract features with it.

Light on purpose (no torch): the workflow reads it when it builds its graph.
"""

from __future__ import annotations

import json
from abc import abstractmethod
from typing import Any

from affectssm.families.base import Family
from affectssm.families.video import needs
from affectssm.families.video.catalogue import CORPUS
from affectssm.families.video.experiments import TUNED, Experiment
from affectssm.families.video.settings import VideoSettings, own
from affectssm.features.wanted import wanted_by
from affectssm.features.weights import Wanted
from affectssm.plan.text import short_hash
from affectssm.settings.features import settings_of
from affectssm.settings.groups import features_of
from affectssm.vocabulary.stages import encoding_modules

TUNING = "affectssm.families.video.stages.tune"
# what a tuning follows from, of the settings of mae
WEIGHTS = ("model", "revision", "weights", "size", "threads")
SEED = 1  # of every tuning: seeds of runs share an encoder


class TunedEncoders(Family[Experiment]):
    """The questions about tuned encoders; the rest of the family is beside it."""

    @property
    def own(self) -> VideoSettings:
        """The section of this family."""
        return own(self.config)

    def task_of_tuning(self, part: str) -> str:
        """Return the task whose windows say who a fold learns from; all sources with a tuned encoder agree on that."""
        groups = self.own.groups
        source = next(one for one in self.own.sources if TUNED in features_of(groups[one]))
        return self.task_of(source, fold_of(part))

    @abstractmethod
    def task_of(self, source: str, fold: int) -> str:
        """Return the name of the task of a source of features and the windows of a fold."""

    def tuning_windows(self, task: str) -> list[str]:
        """Return the window index that says who has labels."""
        return [f"{self.results}/windows/{task}/labelled.parquet"]

    def tuning_settings(self, part: str) -> dict[str, Any]:
        """Return what the tuning of an encoder is told."""
        return {
            "fold": fold_of(part),
            "cross_folds": self.own.cross_folds,
            "encoder": {name: value for name, value in self._encoder().items() if name in WEIGHTS},
            "tuning": self.own.tuning.model_dump(exclude={"workers"}),  # how, not what
            "seed": SEED,
            "place": self.places.place(CORPUS, with_truth=False),
        }

    def _encoder(self) -> dict[str, Any]:
        return json.loads(self.features.feature_settings(TUNED)) | {"tuned": None}

    def encoder_wanted(self) -> tuple[Wanted, ...]:
        """Return the pretrained weights that a tuning begins with, and an extraction with a tuned encoder."""
        return wanted_by(TUNED, settings_of(TUNED, self.config.features))

    def tuned_encoder(self, part: str) -> str:
        """Return the file of the encoder of a fold."""
        return f"{self.results}/encoders/{self.task_of_tuning(part)}/{part}.safetensors"

    def encoding_settings(self) -> dict[str, Any]:
        """Return what an extraction with a tuned encoder is told."""
        return {
            "feature": TUNED,
            "encoder": self._encoder(),
            "place": self.places.place(CORPUS, with_truth=False),
        }

    def encoding_content(self, corpus: str, shard: str) -> str:
        """Return the hash of the files that a shard's features are made of."""
        return self.features.feature_content(corpus, shard, TUNED)

    def encoding_code(self) -> str:
        """Return the hash of the code that extracts features with a tuned encoder."""
        return self.code(*encoding_modules(TUNED))

    def tuning_seconds(self) -> float:
        """Return the CPU seconds of a tuning's steps."""
        return self.own.tuning.steps * self.own.tuning.batch * needs.TUNING_S

    def tuning_threads(self) -> int:
        """Return the CPUs of a tuning: the encoder's threads, and the processes that read pictures."""
        return self.config.features.threads + self.own.tuning.workers

    def encoder_threads(self) -> int:
        """Return the CPU threads of an encoder."""
        return self.config.features.threads

    def tuned_content(self, part: str) -> str:
        """Return a hash of what the features of a fold's tuned encoder follow from, beside their own settings."""
        told = {**self.tuning_settings(part), "place": None}  # wherever the corpus lies
        return short_hash([json.dumps(told, sort_keys=True), self.encoding_code(), self.code(TUNING)])


def fold_of(part: str) -> int:
    """Return the fold of a folder's name, ``fold{k}``."""
    return int(part.removeprefix("fold"))
