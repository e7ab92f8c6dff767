"""The look at all manifests that comes before anything is extracted or trained."""

from __future__ import annotations

import json
from functools import cached_property
from typing import Any

from affectssm.plan.text import shell_words, short_hash
from affectssm.plan.trials import TrialPlan
from affectssm.vocabulary.features import kinds_of


class CompletePlan(TrialPlan):
    """What the tables expect of the corpora, above the experiments."""

    @cached_property
    def checks(self) -> dict[str, tuple[tuple[str, ...], dict[str, Any]]]:
        """Name of a check, which changes with all that it asks -> the corpora it looks at, and its settings."""
        found = {}
        for kind, corpora, asked in (
            ("dialogues", self.corpora, self._of_dialogues()),
            ("trials", self.trial_corpora, self._of_trials()),
        ):
            settings = {"allow_incomplete": self.config.tables.allow_incomplete, **asked}
            key = short_hash([*map(self.name, corpora), json.dumps(settings, sort_keys=True)])[:8]
            found[f"{kind}-{key}"] = corpora, settings
        return found

    def check_of(self, corpus: str) -> str:
        """Return the name of the check that a corpus waits for."""
        return next(name for name, (corpora, _) in self.checks.items() if corpus in corpora)

    def check_arguments(self, name: str) -> str:
        """Return the arguments of ``affectssm complete`` that the rule's own files do not say."""
        return shell_words("--settings", json.dumps(self.checks[name][1], sort_keys=True))

    def _of_dialogues(self) -> dict[str, Any]:
        asked = {(one.source, one.split, one.cells) for one in self.experiments.values()}
        return {
            "kinds": {source: kinds_of(source) for source in sorted({source for source, _, _ in asked})},
            "clock_hz": self.config.timeline.clock_hz,
            "experiments": sorted([source, split, list(cells)] for source, split, cells in asked),
        }

    def _of_trials(self) -> dict[str, Any]:
        asked = self.config.physiology.model_dump(mode="json", include={"modalities", "protocol"})
        return asked | {"modalities": {name: asked["modalities"][name] for name in self.trial_corpora}}
