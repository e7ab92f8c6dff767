"""What every extractor is: a name, a size, and rows that come in blocks."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from affectssm.media.probe import Action, MediaNote
from affectssm.store.shards import Track
from affectssm.vocabulary.features import spec
from affectssm.vocabulary.targets import load

if TYPE_CHECKING:
    from affectssm.corpora.manifest import StreamRow
    from affectssm.features.facebox import FaceRows

BLOCK_ROWS = 256


@dataclass
class Source:
    """One participant's stream, as an extractor reads it.

    Attributes:
        row: its row of the manifest.
        path: the file.
        faces: the participant's face track, for extractors that need one.
        notes: what the extractor finds wrong; becomes fault rows.
    """

    row: StreamRow
    path: Path
    faces: FaceRows | None = None
    notes: list[MediaNote] = field(default_factory=list)

    def note(self, code: str, found: str, expected: str, action: Action) -> None:
        """Report something odd about the stream."""
        self.notes.append(MediaNote(code, found, expected, action))


class Extractor(ABC):
    """Turns a participant's stream into a track of feature rows.

    What it reads and whether it needs faces or a network stands in :mod:`affectssm.vocabulary.features`, which
    does not import it. Rows without content (no face, a picture that cannot be decoded) are not valid and have value
    0, but for ``mae`` and ``mae_video``, whose rows carry the value before them forward.

    Attributes:
        dtype: float16 for encoder embeddings, float32 for everything else.
    """

    dtype: ClassVar[type[np.floating]] = np.float32

    def __init__(self, name: str, settings: Mapping[str, Any]) -> None:
        self.name, self.settings = name, dict(settings)

    @property
    def dim(self) -> int | None:
        """The number of columns, or None where the stream decides."""
        return None

    @property
    def ahead(self) -> int:
        """How many recordings it is told of at once, by :meth:`prepare`; those are lost together in a kill."""
        return 1

    @property
    def least(self) -> str:
        """What a file must hold to give a single row, for the fault of one that gives none."""
        return "at least one row"

    def card(self) -> dict[str, Any]:
        """What decides the values besides code and settings, for the card (weights, chunking)."""
        return {}

    def wants(self, row: StreamRow) -> bool:
        """Whether the feature covers a row of the manifest that has its kind."""
        return True

    def meet(self, rows: Iterable[StreamRow]) -> None:  # noqa: B027 - most need nothing
        """Be told the rows of a shard that it covers, before it is asked for its card."""

    def prepare(self, sources: Sequence[Source]) -> None:  # noqa: B027
        """Be told what is extracted next, so that several can be computed together.

        What cannot be read is passed over: :meth:`extract` tells it.
        """

    @abstractmethod
    def extract(self, source: Source) -> Iterator[Track]:
        """Yield the track of one participant in blocks of bounded size, all of one dimension and rate.

        Raises:
            DataError: if the stream cannot be read at all.
        """


def make(feature: str, settings: Mapping[str, Any]) -> Extractor:
    """Import and build the extractor of a feature."""
    return load(spec(feature).target)(feature, settings)


def finite_track(source: Source, found: np.ndarray, time: np.ndarray) -> Track:
    """Return the track of rows (T, D) at their times, of which those that are not finite are noted and masked."""
    with np.errstate(over="ignore", invalid="ignore"):  # what float32 cannot hold becomes infinite
        value = found.astype(np.float32)
    valid = np.asarray(np.isfinite(value).all(axis=1))
    if not valid.all():
        text = f"{int((~valid).sum())} of {len(valid)} rows"
        source.note("stream_not_finite", text, "finite values", "masked")
    return Track(np.where(valid[:, None], value, np.float32(0)), time, valid, source.row.rate)


class Rows:
    """Collects single rows into blocks.

    Args:
        dim: columns.
        rate: nominal rate in Hz.
        dtype: of the values.
    """

    def __init__(self, dim: int, rate: float, dtype: type[np.floating] = np.float32) -> None:
        self.rate = rate
        self._value = np.zeros((BLOCK_ROWS, dim), dtype)
        self._time = np.zeros(BLOCK_ROWS)
        self._valid = np.zeros(BLOCK_ROWS, bool)
        self._count = 0
        self.rows = self.valid_rows = 0

    def add(self, time: float, value: np.ndarray | None) -> Iterator[Track]:
        """Add a row (None: an invalid one); yields a block whenever one is full."""
        at = self._count
        self._time[at], self._valid[at] = time, value is not None
        self._value[at] = 0 if value is None else value
        self._count += 1
        self.rows += 1
        self.valid_rows += value is not None
        if self._count == BLOCK_ROWS:
            yield from self.rest()

    def rest(self) -> Iterator[Track]:
        """Yield what has been collected since the last block."""
        if self._count:
            at = slice(self._count)
            yield Track(self._value[at].copy(), self._time[at].copy(), self._valid[at].copy(), self.rate)
            self._count = 0
