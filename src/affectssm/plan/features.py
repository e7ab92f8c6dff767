"""The features of a configuration: their files, their settings and their code."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from affectssm.plan.corpora import CorpusPlan
from affectssm.plan.text import shell_words
from affectssm.settings.features import NOT_THE_RESULT, decisive, settings_of
from affectssm.store import layout, own
from affectssm.store.atomic import write_text
from affectssm.store.code import code_hash
from affectssm.vocabulary import stages
from affectssm.vocabulary.features import FEATURES, in_shard, spec
from affectssm.vocabulary.outside import brought_by


class FeaturePlan:
    """The features of some corpora."""

    def __init__(self, places: CorpusPlan) -> None:
        self.places = places
        self.config, self.results = places.config, places.results
        self._files: dict[tuple[str, str], tuple[object, list[str]]] = {}

    def feature_content(self, corpus: str, shard: str, feature: str) -> str:
        """Return the hash of the files a feature of a shard is made of."""
        return self.places.shard_index(corpus)["shards"].get(shard, {}).get(spec(feature).content, "none")

    def feature_arguments(self, corpus: str, feature: str) -> str:
        """Return the arguments of ``affectssm extract`` that the rule's own files do not say."""
        place = self.places.place_arguments(corpus, with_truth=spec(feature).held_out)
        family = brought_by("feature", feature) or brought_by("corpus", corpus)
        return shell_words(*family, *place, "--settings", self.feature_settings(feature))

    def feature_settings(self, feature: str) -> str:
        """Return what decides an extractor's values, as JSON."""
        settings = settings_of(feature, self.config.features)
        corpus = spec(feature).of_corpus
        if corpus in type(self.config.corpora).model_fields:
            settings = self.places.settings_of(corpus).told_of_labels
        return json.dumps(decisive(settings), sort_keys=True)

    def write_computing(self, beside: Mapping[str, Any]) -> None:
        """Mark the results folder; write how things are computed (batches, weights), and where corpora lie.

        The rules name these files but do not depend on them: a change of them reruns nothing.

        Args:
            beside: how else things are computed, as families say.
        """
        self.places.write_places()
        how = dict(beside)
        for feature in self.network_features:
            settings = settings_of(feature, self.config.features)
            how[feature] = {name: settings[name] for name in NOT_THE_RESULT if name in settings}
        path = Path(self.results, "computing.json")
        own.mark(Path(self.results))
        text = json.dumps(how, indent=2, sort_keys=True) + "\n"
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            write_text(path, text)

    def feature_code(self, feature: str, corpus: str = "") -> str:
        """Return the hash of the code that makes a feature, of a corpus."""
        return code_hash(*stages.feature_modules(feature, [corpus] if corpus else []))

    def needs_faces(self, feature: str) -> bool:
        """Whether a feature reads the face track."""
        return spec(feature).needs_faces

    @property
    def network_features(self) -> list[str]:
        """The features a network computes, which a GPU makes faster; those of a fold are their family's."""
        return [name for name in FEATURES if spec(name).network and not spec(name).by_fold]

    @property
    def cpu_features(self) -> list[str]:
        """The features that need no network."""
        return [name for name in FEATURES if not spec(name).network]

    def feature_files(self, corpus: str, feature: str) -> list[str]:
        """Return the files of a feature over a corpus's shards; none of a shard without the stream it is made of."""
        shards = self.places.shard_index(corpus)["shards"]
        known = self._files.get((corpus, feature))
        if known is None or known[0] is not shards:
            folder = Path(self.results, "features", self.places.name(corpus))
            found = [
                str(layout.track(folder, feature, shard))
                for shard, kinds in sorted(shards.items())
                if in_shard(feature, kinds)
            ]
            known = self._files[corpus, feature] = shards, found
        return list(known[1])

    def folders(self, corpora: Iterable[str]) -> list[str]:
        """Return the folder of the feature files of each corpus."""
        return [f"{self.results}/features/{self.places.name(corpus)}" for corpus in corpora]

    def faces_of(self, corpus: str, feature: str, shard: str) -> list[str]:
        """Return the face track of a shard, where the feature needs one."""
        folder = f"{self.results}/features/{self.places.name(corpus)}"
        return [f"{folder}/face_track/{shard}.h5"] if self.needs_faces(feature) else []
