"""What affectssm has to know of clips: settings, corpora, features, jobs, experiments and tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any, ClassVar

from affectssm.families.base import Family
from affectssm.families.step import Input, Step
from affectssm.vocabulary.corpora import Corpus
from affectssm.vocabulary.features import Spec
from affectssm.vocabulary.needs import Described, Need, by_scale, everywhere
from minilab.settings import ClipSettings

RUN = "results/runs/{experiment}/{part}/{seed}"
TRACKS = "results/features/{corpus}-{edition}"

# what jobs take, and where the numbers come from: the rules ask for it, and estimates follow from it
READ = everywhere(Need(1000, 10, "recording", cpu_s=0.001, kb=1, source="demo run"))
FIT = by_scale(
    Need(2000, 60, cpu_s="fit_seconds", kb=100, source="demo run, scaled"),
    Need(1000, 10, cpu_s=1, kb=20, source="demo run"),
)
SCORE = everywhere(Need(1000, 10, cpu_s=1, kb=20, source="demo run"))


@dataclass(frozen=True)
class Experiment:
    """A penalty."""

    ridge: float

    @property
    def name(self) -> str:
        """Without the edition."""
        return f"ridge{self.ridge:g}"


class Clips(Family[Experiment]):
    """Clips with one label each."""

    name = "mini"
    sections = "mini"
    settings = ClipSettings
    presets: ClassVar = {
        "paper": {"mini": {"seeds": [1, 2, 3, 4, 5]}, "corpora": {"mini": {"shards": 4}}},
        "demo": {"mini": {"seeds": [1, 2, 3]}},
        "tiny": {"mini": {"seeds": [1]}},
    }
    corpora: ClassVar = {
        "mini": Corpus(
            "Mini",
            "minilab.corpus",
            "minilab.settings:MiniSettings",
            ("clips.csv", "vectors.pkl"),
            {"demo": "mini-demo"},
        )
    }
    demos: ClassVar = {"mini-demo": "minilab.demo:write_demo"}
    extractors = (
        Spec("clip_vectors", "minilab.extractors:Vectors", "vectors", needs=READ),
        Spec("clip_sentiment", "minilab.extractors:Sentiment", "sentiment", needs=READ),
    )
    faults: ClassVar = {
        "vectors_missing": "a clip without vectors",
        "sentiment_unparsable": "a clip whose label is no number from -3 to 3",
    }
    described: ClassVar = {"mini": Described(5000, 0.1, learnt=0.5, source="assumed")}
    tables: ClassVar = {"mini_mae": "minilab.table:page"}
    foresees = "minilab.foreseen:missing"
    steps = (
        Step(
            "train",
            "fit a linear model; a killed run goes on with the next resample",
            run="minilab.train:fit",
            reads={
                "vectors": Input("vectors", TRACKS, above=2),
                "labels": Input("labels", TRACKS, above=2),
                "manifest": Input("manifest", "manifest.parquet of the corpus", one=True, by_content=True),
            },
            writes={"checkpoint": f"{RUN}/checkpoint.safetensors", "config": f"{RUN}/config.yaml"},
            out=RUN,
            settings="run_settings",
            model="minilab.settings:RunSettings",
            content="content",
            needs=FIT,
            resumes=True,
        ),
        Step(
            "predict",
            "predict every clip that is not trained on",
            run="minilab.predict:predict",
            reads={
                "run": Input("checkpoint_of", RUN, one=True, above=1),
                "vectors": Input("vectors", TRACKS, above=2),
                "manifest": Input("manifest", "manifest.parquet of the corpus", one=True, by_content=True),
            },
            writes={"out": f"{RUN}/predictions.parquet"},
            settings="run_settings",
            model="minilab.settings:RunSettings",
            content="content",
            needs=SCORE,
        ),
        Step(
            "evaluate",
            "score the predictions of an experiment; opens the test labels",
            run="minilab.evaluate:evaluate",
            reads={
                "predictions": Input("predictions_of", "predictions.parquet of every seed"),
                "labels": Input("labels", TRACKS, above=2),
                "manifest": Input("manifest", "manifest.parquet of the corpus", one=True, by_content=True),
            },
            writes={"out": "results/metrics/{experiment}/seeds-{seeds}.parquet"},
            settings="evaluation_settings",
            model="minilab.settings:EvaluationSettings",
            content="content",
            needs=SCORE,
        ),
    )

    @property
    def own(self) -> ClipSettings:
        """The section of this family."""
        return getattr(self.config, self.name)

    @cached_property
    def experiments(self) -> dict[str, Experiment]:
        """Full name, which ends in the edition -> experiment."""
        found = [Experiment(ridge) for ridge in self.own.ridges] if self.held else []
        return {f"{one.name}-{self.edition}": one for one in found}

    def expected(self) -> dict[str, Any]:
        """Return what the table expects of the corpus: vectors of every labelled clip."""
        return {"kinds": ["vectors", "sentiment"]}

    # -- answers to the steps' questions -----------------------------------------------------------------------

    def manifest(self) -> list[str]:
        """Return the manifest."""
        return self.manifests(self.held)

    def vectors(self) -> list[str]:
        """Return the files of the vectors."""
        return self._tracks("clip_vectors")

    def labels(self) -> list[str]:
        """Return the files of the labels."""
        return self._tracks("clip_sentiment")

    def _tracks(self, feature: str) -> list[str]:
        self.wait(self.held)
        return [file for corpus in self.held for file in self.features.feature_files(corpus, feature)]

    def content(self) -> str:
        """Return a hash over what the manifest says."""
        return self.places.whole_content(self.held)

    def run_settings(self, experiment: str, seed: str) -> dict[str, Any]:
        """Return what a run is told."""
        own = {"experiment": experiment, "members": self.own.members, "seed": int(seed)}
        return own | asdict(self.experiment(experiment))

    def fit_seconds(self, experiment: str) -> float:
        """Return the CPU seconds of a run: a hundredth of a second a resample and thousand clips."""
        return 1e-5 * self.own.members * self.places.extent("mini").recordings

    def evaluation_settings(self, experiment: str, seeds: Sequence[int]) -> dict[str, Any]:
        """Return what an evaluation is told."""
        return {"experiment": experiment, "seeds": list(seeds)}

    def predictions_of(self, experiment: str, seeds: Sequence[int]) -> list[str]:
        """Return the predictions of an experiment over some seeds."""
        return [f"{self.results}/runs/{experiment}/main/{seed}/predictions.parquet" for seed in seeds]

    # -- tables ------------------------------------------------------------------------------------------------

    def experiments_of(self, table: str) -> list[str]:
        """Return the full names of the experiments a table is made of."""
        return list(self.experiments)

    def seeds_of(self, table: str) -> Sequence[int]:
        """Return the seeds whose runs a table averages."""
        return self.own.seeds

    def features_behind(self, table: str) -> list[str]:
        """Return every feature that is computed for a table."""
        return ["clip_vectors", "clip_sentiment"]

    def table_settings(self, table: str) -> dict[str, Any]:
        """Return what a table is told."""
        return {
            "table": table,
            "scale": self.config.scale,
            "experiments": list(self.experiments),
            "described": {name: asdict(one) for name, one in self.experiments.items()},
            "titles": {name: f"linear, penalty {one.ridge:g}" for name, one in self.experiments.items()},
            "demo": [corpus for corpus in self.held if self.places.is_demo(corpus)],
            "seeds": list(self.own.seeds),
            "allow_incomplete": self.config.tables.allow_incomplete,
        }
