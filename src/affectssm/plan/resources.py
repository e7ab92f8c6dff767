"""What the rules ask for their jobs: memory, minutes, a GPU. All of it follows from what jobs are measured to take."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from affectssm.plan.corpora import CorpusPlan
from affectssm.plan.machine import local_gpus
from affectssm.settings.features import settings_of
from affectssm.vocabulary.feature_needs import FULL_PIXELS, picture_seconds, share_of_work
from affectssm.vocabulary.features import spec
from affectssm.vocabulary.needs import Need, Needs, by_scale, everywhere

Asked = Callable[[Any, int], int]
"""What Snakemake calls with a job's wildcards and the number of its attempt, by these names."""

SHARED: Mapping[str, Needs] = {
    "demo_corpora": by_scale(
        Need(2000, 10, cpu_s=30, kb=400_000, source="demo run"),
        Need(2000, 10, cpu_s=30, kb=400_000, source="demo run"),
        Need(2000, 10, cpu_s=2, kb=40_000, source="tiny run"),
    ),
    "manifest": by_scale(
        Need(2000, 120, "recording", cpu_s=0.04, source="benchmark of discovery"),
        Need(1000, 20, cpu_s=2, source="demo run"),
    ),
    "complete": everywhere(Need(1000, 10, cpu_s=0.6, source="demo run")),
    "edition_table": everywhere(Need(2000, 30, cpu_s=1.6, kb=300, source="demo run")),
    "table": everywhere(Need(500, 5, cpu_s=0.1, kb=300, source="demo run")),
}
"""Rule that all families share -> what its jobs take; families and features say their own."""

GPU_CORES = 20
"""Cores whose work a GPU is taken to do: an assumption, as no figures of one exist yet."""
SPARE = 2
"""A time limit is this many times what a job is expected to take at worst: not all machines are alike."""
LEAST_MINUTES = 60
"""The least that is asked for an extraction."""
MINUTE = 60


class Resources:
    """What jobs of a configuration ask for.

    Args:
        places: the corpora, and with them the configuration.
        elsewhere: whether jobs are sent to a cluster; on one machine they ask for the GPU that there is.
    """

    def __init__(self, places: CorpusPlan, elsewhere: bool = False) -> None:
        self.places, self.elsewhere = places, elsewhere
        self.cluster, self.scale = places.config.cluster, places.config.scale

    def gpus(self, faster: bool, need: Need) -> int:
        """Return the GPUs of a job.

        Args:
            faster: whether a GPU makes it faster.
            need: what it takes.
        """
        if self.elsewhere:
            return self.cluster.gpus if need.gpu else 0
        return local_gpus() if faster else 0

    def memory(self, mem_mb: int, attempt: int) -> int:
        """Return MB of memory of an attempt, from 1: as much again each time, up to what nodes have."""
        most = self.cluster.memory_gb
        return mem_mb * attempt if most is None else min(mem_mb * attempt, round(1000 * most))

    def minutes(self, minutes: int, attempt: int) -> int:
        """Return the time limit of an attempt, from 1: as much again each time, up to what the partition allows."""
        return min(minutes * attempt, math.floor(MINUTE * self.cluster.hours))

    # -- the rules that all families share ---------------------------------------------------------------------

    def shared(self, rule: str) -> dict[str, Asked]:
        """Return memory and minutes of a rule of :data:`SHARED`."""
        need = SHARED[rule][self.scale]
        return self.asked(lambda wildcards: int(need.mem_mb), lambda wildcards: need.minutes)

    def threads(self, rule: str) -> int:
        """Return the CPUs of a rule of :data:`SHARED`; those of a discovery mostly wait for a network's disk."""
        return {"demo_corpora": 2, "manifest": 4 if self.scale == "paper" else 1}.get(rule, 1)

    def extraction(self, network: bool) -> dict[str, Asked]:
        """Return what the rule of the features asks for that a network computes, or of the others."""
        asked = self.asked(lambda wildcards: int(self._feature(wildcards).mem_mb), self._extraction_minutes)
        if network:
            asked["gpu"] = lambda wildcards, attempt: self.gpus(True, self._feature(wildcards))
        return asked

    def asked(self, memory: Callable[[Any], int], minutes: Callable[[Any], int]) -> dict[str, Asked]:
        """Return ``mem_mb`` and ``runtime`` of a rule, given what a first attempt of a job asks for."""
        return {
            "mem_mb": lambda wildcards, attempt: self.memory(memory(wildcards), attempt),
            "runtime": lambda wildcards, attempt: self.minutes(minutes(wildcards), attempt),
        }

    def _feature(self, wildcards: Any) -> Need:
        return spec(wildcards.feature).needs[self.scale]

    def _extraction_minutes(self, wildcards: Any) -> int:
        """The limit of the jobs of a feature and corpus: that of the longest shard, where its length is known."""
        need = self._feature(wildcards)
        corpus = self.places.corpus_editions[wildcards.corpus_edition]
        return self.extraction_limit(wildcards.feature, self.places.shard_seconds(corpus)) or need.minutes

    def extraction_limit(self, feature: str, seconds: Mapping[str, float]) -> int | None:
        """Return the limit in minutes of a feature's jobs: that of the longest shard; None where that is not known.

        Args:
            feature: the feature.
            seconds: shard -> seconds of media in it.
        """
        if not seconds or spec(feature).needs[self.scale].per != "second":
            return None
        return max(
            LEAST_MINUTES, limit(self.extraction_cost(feature, FULL_PIXELS)[1] * max(seconds.values()))
        )

    def extraction_cost(self, feature: str, pixels: int) -> tuple[float, float]:
        """Return the seconds that a job takes a second of its media, or a recording: as a rule, and at worst.

        Args:
            feature: a feature whose need is of one of the two.
            pixels: of a picture.
        """
        found, features = spec(feature), self.places.config.features
        need = found.needs[self.scale]
        share, more = 1.0, 0.0
        if self.scale == "paper":
            share = share_of_work(settings_of(feature, features))
            more = picture_seconds(found.kind, pixels)
        reading = need.reading_s + more
        threads = features.threads if found.network else 1
        on_gpu = bool(self.gpus(found.network, need))
        usual, worst = (
            seconds_of(share * (float(given or 0.0) - need.reading_s) + reading, reading, on_gpu, threads)
            for given in (need.cpu_s, need.worst_s)
        )
        return usual, worst


def seconds_of(cpu_s: float, reading_s: float, on_gpu: bool, threads: int = 1) -> float:
    """Return the seconds that a job takes.

    Args:
        cpu_s: its CPU seconds where there is no GPU.
        reading_s: of them, what a GPU does not take over.
        on_gpu: whether it has one.
        threads: that compute.
    """
    return reading_s + (cpu_s - reading_s) / (GPU_CORES if on_gpu else threads)


def limit(seconds: float) -> int:
    """Return a time limit in minutes for what is expected to take so many seconds at worst."""
    return math.ceil(SPARE * seconds / MINUTE)
