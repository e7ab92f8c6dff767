"""``bert``: the last hidden states of a frozen BERT over a clip's transcript, a row a token; 768 columns."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from itertools import groupby, islice
from typing import Any

import numpy as np
import torch

from affectssm.errors import DataError
from affectssm.features.base import Source
from affectssm.features.bert_network import embed, load
from affectssm.features.transcripts import Transcripts
from affectssm.features.weights import ready
from affectssm.store.boundary import boundary

_AHEAD = 16  # batches, among which texts are sorted by their lengths


class Bert(Transcripts):
    """Clips with as many tokens share a pass: nothing is padded, and on a CPU a clip's rows are the same bit for bit
    whatever is computed beside it.
    """

    dtype = np.float16

    def __init__(self, name: str, settings: Mapping[str, Any]) -> None:
        super().__init__(name, settings)
        self._networks: dict[str, tuple[Any, torch.device]] = {}
        self._prepared: dict[tuple[str, str], np.ndarray] = {}

    @property
    def ahead(self) -> int:
        return _AHEAD * self.settings["batch"]

    def prepare(self, sources: Sequence[Source]) -> None:
        texts: dict[str, list[tuple[tuple[str, str], list[int]]]] = defaultdict(list)
        for source in sources:
            try:
                with boundary(source.path):
                    ids = self.ids(source)
            except DataError:
                continue  # is raised again where it is the clip's own error
            if ids:
                texts[source.row.language].append((_key(source), ids))
        self._prepared = {}
        for language, held in texts.items():
            held.sort(key=lambda one: len(one[1]))
            for _, alike in groupby(held, key=lambda one: len(one[1])):
                while part := list(islice(alike, self.settings["batch"])):
                    rows = self.forward(language, [ids for _, ids in part])
                    self._prepared |= {key: value for (key, _), value in zip(part, rows, strict=True)}

    def values(self, source: Source, ids: list[int]) -> np.ndarray:
        found = self._prepared.pop(_key(source), None)
        return found if found is not None else self.forward(source.row.language, [ids])[0]

    def forward(self, language: str, texts: Sequence[list[int]]) -> np.ndarray:
        """Return the hidden states (B, T, D) float16 of B texts of T token ids each."""
        if language not in self._networks:
            self._networks[language] = ready(load(self.files(language)), int8=False)
        network, device = self._networks[language]
        return embed(network, texts, device).astype(self.dtype)


def _key(source: Source) -> tuple[str, str]:
    return source.row.recording, source.row.participant
