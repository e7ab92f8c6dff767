"""What the workflow has to know of clips before anything runs: segments, runs, scores, tables."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import Any, ClassVar

from affectssm.families.base import Family
from affectssm.families.cells import Cell, Manifests
from affectssm.families.clips import catalogue, experiments, needs, served
from affectssm.families.clips.experiments import CORPORA as NAMES
from affectssm.families.clips.experiments import TOKEN_FEATURES, Experiment
from affectssm.families.clips.measured_settings import measure_settings
from affectssm.families.clips.settings import PRESETS, ClipsSettings, own
from affectssm.families.clips.stages.modalities import LABEL, TOKENS
from affectssm.families.clips.steps import STEPS
from affectssm.features.wanted import in_languages, wanted_by
from affectssm.features.weights import Wanted
from affectssm.settings.features import settings_of
from affectssm.settings.groups import features_of
from affectssm.vocabulary import stages
from affectssm.vocabulary.corpora import CORPORA
from affectssm.vocabulary.features import in_shard, kinds_of
from affectssm.vocabulary.tables import PAGES


class Clips(Family[Experiment]):
    """Clips: one sentiment each, from what is said, how it sounds and how the speaker looks."""

    name = "clips"
    corpora: ClassVar = {name: CORPORA[name] for name in NAMES}
    tables: ClassVar = {name: PAGES[name] for name in catalogue.TABLES}
    settings = ClipsSettings
    presets = PRESETS
    sections = "corpora and clips"
    steps = STEPS
    described: ClassVar = needs.CORPORA
    foresees = "affectssm.families.clips.stages.foreseen:missing"
    answering = (served.ANSWERING,)
    word = name

    @property
    def own(self) -> ClipsSettings:
        """The section of this family."""
        return own(self.config)

    @cached_property
    def experiments(self) -> dict[str, Experiment]:
        """Full name, which ends in the corpus's edition -> experiment, of all tables."""
        return {
            self._full(one): one
            for table in self.tables
            for one in catalogue.experiments_of(table, self.config)
        }

    def _full(self, experiment: Experiment) -> str:
        return f"{experiment.name}-{self.places.edition(experiment.corpus)}"

    def corpus_of(self, experiment: str) -> str:
        """Return the corpus of an experiment."""
        return self.experiment(experiment).corpus

    def expected(self) -> dict[str, Any]:
        """Return what the tables expect of the corpora: corpus -> source -> the kinds of rows it is made of."""
        return {
            "kinds": {
                corpus: {source: self._kinds(source) for source in sources}
                for corpus, sources in catalogue.sources_read(self.config).items()
            },
            "splits": ["train", "val", "test"],
        }

    def _kinds(self, source: str) -> list[str]:
        return sorted(kinds_of(features_of(self.own.groups[source])))

    # -- segments ----------------------------------------------------------------------------------------------

    @property
    def tasks(self) -> Sequence[str]:
        """The sources of features, each of which has segments of its own."""
        return list(self.own.groups)

    def manifest(self, corpus: str) -> list[str]:
        """Return the manifest of a corpus."""
        return self.manifests([corpus])

    def clip_tracks(self, corpus: str, shard: str, task: str) -> list[str]:
        """Return the feature files of a shard's clips: those of a source that there are, and the labels."""
        self.wait([corpus])
        kinds = self.places.shard_index(corpus)["shards"].get(shard, {})
        (folder,) = self.features.folders([corpus])
        read = [name for name in (*features_of(self._groups(task)), LABEL) if in_shard(name, kinds)]
        return [f"{folder}/{feature}/{shard}.h5" for feature in read]

    def _groups(self, source: str) -> dict[str, tuple[str, ...]]:
        """The features of a source, those that a tuned text encoder reads among them."""
        tuned = self.own.tune_text and source in TOKEN_FEATURES
        return self.own.groups[source] | ({TOKENS: (TOKEN_FEATURES[source],)} if tuned else {})

    def cut_settings(self, task: str) -> dict[str, Any]:
        """Return how clips are cut for a source of features."""
        groups = {modality: list(own) for modality, own in self._groups(task).items()}
        return {
            "source": task,
            "groups": groups,
            "steps": self.own.steps,
            "words": task in self.own.words,
        }

    def shard_content(self, corpus: str, shard: str) -> str:
        """Return a word that changes with the streams of a shard."""
        return self.places.shard_content(corpus, shard)

    def segments_of(self, experiment: str) -> list[str]:
        """Return the segments of all shards of an experiment's corpus and source."""
        one = self.experiment(experiment)
        self.wait([one.corpus])
        folder = f"{self.results}/segments/{self.places.name(one.corpus)}/{one.source}"
        return [f"{folder}/{shard}.h5" for shard in self.places.shards(one.corpus)]

    # -- runs --------------------------------------------------------------------------------------------------

    def run_settings(self, experiment: str, seeds: Sequence[int]) -> dict[str, Any]:
        """Return what the runs of some seeds are told."""
        return experiments.run_settings(self.config, self.experiment(experiment), list(seeds))

    def text_encoder_of(self, experiment: str) -> tuple[Wanted, ...]:
        """Return the pretrained weights of the text encoder that is tuned in the runs of an experiment."""
        one = self.experiment(experiment)
        if one.variant != experiments.TUNED:
            return ()
        settings = settings_of("bert", self.config.features)
        return wanted_by("bert", in_languages(settings, [experiments.LANGUAGES[one.corpus]]))

    def threads(self) -> int:
        """Return the CPU threads of a run."""
        return self.own.training.threads

    def training_seconds(self, experiment: str, seeds: Sequence[int]) -> float:
        """Return the CPU seconds of the runs of some seeds: steps, and answers for a tenth of the clips an epoch."""
        one = self.experiment(experiment)
        extent = self.places.extent(one.corpus)
        each = needs.STEP_MS.get(one.variant) or needs.STEP_MS[one.model]
        passes = extent.recordings * (extent.learnt + 0.1 * needs.ANSWERS)
        return len(seeds) * self.own.training.epochs * passes * each / 1000

    def training_code(self, experiment: str) -> str:
        """Return the hash of the code that trains."""
        return self.code(*stages.clip_training_modules(self.experiment(experiment).model))

    def predictions_of(self, experiment: str, seeds: Sequence[int]) -> list[str]:
        """Return the predictions of an experiment over some seeds, as many a job as the configuration says."""
        size = self.own.seeds_a_job
        jobs = [seeds[at : at + size] for at in range(0, len(seeds), size)]
        folder = f"{self.results}/runs/{experiment}"
        return [f"{folder}/seeds-{'-'.join(map(str, own))}/predictions.parquet" for own in jobs]

    # -- memory and time ---------------------------------------------------------------------------------------

    def efficiency_settings(self) -> dict[str, Any]:
        """Return what the measurement of memory and time is told."""
        sizes = (
            getattr(self.own, name).model_dump(mode="json") for name in ("coupled_mamba", "attention_fusion")
        )
        return measure_settings(self.own.efficiency, *sizes)

    def efficiency_file(self) -> str:
        """Return the measurement of this configuration."""
        return self.measurement(self.efficiency_settings())

    def efficiency_threads(self) -> int:
        """Return the CPU threads of the measurement."""
        return self.own.efficiency.threads

    def efficiency_mb(self) -> int:
        """Return the memory that the measurement itself may take, in MB."""
        return 4000 + round(1000 * self.own.efficiency.limit_gb)

    def efficiency_code(self) -> str:
        """Return the hash of the code that measures."""
        models = self.efficiency_settings()["models"].values()
        return self.code(*stages.efficiency_modules(one["model"] for one in models))

    # -- evaluation and tables ---------------------------------------------------------------------------------

    def evaluation_settings(self, experiment: str, seeds: Sequence[int]) -> dict[str, Any]:
        """Return what an evaluation over some seeds is told."""
        one = self.experiment(experiment)
        return {
            "experiment": one.name,
            "corpus": one.corpus,
            "source": one.source,
            "task": one.task,
            "seeds": list(seeds),
        }

    def experiments_of(self, table: str) -> list[str]:
        """Return the full names of the experiments a table is made of."""
        return [self._full(one) for one in catalogue.experiments_of(table, self.config)]

    def cells_of(self, table: str, manifests: Manifests) -> list[Cell]:
        """Return the cells of a table: one an experiment."""
        from affectssm.families.clips.cells import cells

        named = [self.experiment(name) for name in self.experiments_of(table)]
        return cells(named, {one.source: self._kinds(one.source) for one in named}, manifests)

    def seeds_of(self, table: str) -> tuple[int, ...]:
        """Return the seeds whose runs a table averages."""
        return self.own.seeds

    def corpora_behind(self, table: str) -> tuple[str, ...]:
        """Return the corpora a table rests on."""
        return tuple(dict.fromkeys(one.corpus for one in catalogue.experiments_of(table, self.config)))

    def needed_by(self, table: str) -> tuple[str, ...]:
        """Return the corpus that a table needs; the measurement needs none."""
        return () if table == catalogue.EFFICIENCY else (catalogue.learnt_in(table)[0],)

    def features_behind(self, table: str) -> list[str]:
        """Return every feature that is computed for a table, face track and labels included."""
        sources = {one.source for one in catalogue.experiments_of(table, self.config)}
        return sorted(
            self._with_faces(name for source in sources for name in features_of(self._groups(source)))
        )

    def _with_faces(self, read: Iterable[str]) -> set[str]:
        found = {*read, LABEL}
        return found | ({"face_track"} if any(map(self.features.needs_faces, found)) else set())

    def table_settings(self, table: str) -> dict[str, Any]:
        """Return what a table is told."""
        return catalogue.table_settings(self.config, table)
