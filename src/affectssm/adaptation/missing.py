"""Missing-data masks: drawn once, saved, the same for every method.

A mask says what of a segment is there. Units are modalities (the headline), channels or single sample points; what is
missing is set to zero after standardisation, so to the mean of the training. Every unit gets one uniform number,
drawn from (seed, segment) alone, and is missing where that number is below the ratio: so a segment's mask does not
depend on which other segments there are, and what is missing at a ratio is missing at every higher one. Where a
segment would lose everything, the unit with the highest number stays; the share really missing is therefore below the
ratio where units are few, and the file states it.

U units a segment: modalities in the order given, or their channels, or the samples of their channels.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pyarrow as pa

from affectssm.errors import ConfigError, DataError
from affectssm.store.card import make_card
from affectssm.store.parquet import read_parquet, read_parquet_card, write_parquet

if TYPE_CHECKING:
    from torch import Tensor

    from affectssm.models.segments import Segments

Unit = Literal["modality", "channel", "sample"]
# A bit a unit, eight to a byte (numpy.packbits): as a list of flags, 5 MB of samples' masks take 400 MB to write.
SCHEMA = pa.schema([("segment", pa.string()), ("present", pa.binary())])


@dataclass(frozen=True)
class Masks:
    """What is there, segment by segment."""

    segments: tuple[str, ...]
    present: np.ndarray  # (n, U) bool
    channels: dict[str, int]
    samples: int
    unit: Unit

    @property
    def missing_share(self) -> float:
        """Share of the units that are missing."""
        return float(1 - self.present.mean())

    def missing_share_of(self, segments: Sequence[str]) -> float:
        """Share of these segments' units that are missing."""
        return float(1 - self.present[[self._rows[name] for name in segments]].mean())

    @cached_property
    def _rows(self) -> dict[str, int]:
        return {name: row for row, name in enumerate(self.segments)}

    def apply(self, values: Segments, segments: Sequence[str]) -> dict[str, Tensor]:
        """The values (B, C_m, L) of these segments with zeros where something is missing.

        Raises:
            DataError: for a segment without a mask.
        """
        import torch  # here, since masks are drawn without it

        rows = self._rows
        lacking = [name for name in segments if name not in rows]
        if lacking:
            raise DataError(
                "missing-data masks",
                f"no mask for segment {lacking[0]} and {len(lacking) - 1} more",
                "one for every segment",
                "draw the masks again",
            )
        kept = torch.from_numpy(self.present[[rows[name] for name in segments]])
        parts = kept.split(units_by_modality(self.unit, self.channels, self.samples), dim=1)
        ordered = [(name, values[name]) for name in self.channels]
        return {
            name: x.masked_fill(~self._shaped(part, name).to(x.device), 0)
            for (name, x), part in zip(ordered, parts, strict=True)
        }

    def _shaped(self, part: Tensor, modality: str) -> Tensor:
        if self.unit == "sample":
            return part.unflatten(1, (self.channels[modality], self.samples))
        return part.unsqueeze(2)


def units_by_modality(unit: Unit, channels: Mapping[str, int], samples: int) -> list[int]:
    """How many units every modality has."""
    return [{"modality": 1, "channel": count, "sample": count * samples}[unit] for count in channels.values()]


def draw(
    segments: Sequence[str],
    channels: Mapping[str, int],
    samples: int,
    ratio: float,
    seed: int,
    unit: Unit = "modality",
) -> Masks:
    """Draw the masks of all segments.

    Args:
        segments: ids, each once.
        channels: C_m of every modality.
        samples: L.
        ratio: probability that a unit is missing.
        seed: of the draw.
        unit: what goes missing as a whole.

    Raises:
        ConfigError: for a ratio outside 0 to 1, or a segment named twice.
    """
    if not 0 <= ratio <= 1:
        raise ConfigError("missing ratio", str(ratio), "0 to 1", "mend the ratio")
    if len(set(segments)) < len(segments):
        raise ConfigError("missing-data masks", "a segment twice", "every segment once", "mend the index")
    count = sum(units_by_modality(unit, channels, samples))
    present = np.empty((len(segments), count), dtype=bool)
    for row, segment in enumerate(segments):
        numbers = _generator(seed, unit, segment).random(count)
        present[row] = numbers >= ratio
        present[row, numbers.argmax()] = True
    return Masks(tuple(segments), present, dict(channels), samples, unit)


def _generator(seed: int, unit: str, segment: str) -> np.random.Generator:
    digest = hashlib.sha256(f"{seed}\0{unit}\0{segment}".encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:16], "little"))


def write_masks(
    path: Path | str, masks: Masks, ratio: float, seed: int, inputs: Sequence[Path | str] = ()
) -> None:
    """Save masks with a card that says how they were drawn."""
    settings: dict[str, Any] = {
        "ratio": ratio, "seed": seed, "unit": masks.unit, "samples": masks.samples,
        "channels": [list(pair) for pair in masks.channels.items()],  # in order, which the keys of a card have not
    }  # fmt: skip
    card = make_card("adaptation/missing", [__name__], settings, inputs, missing_share=masks.missing_share)
    packed = [row.tobytes() for row in np.packbits(masks.present, axis=1)]
    write_parquet(path, {"segment": list(masks.segments), "present": packed}, SCHEMA, card)


def mask_settings(path: Path | str) -> dict[str, Any]:
    """Read how saved masks were drawn: ratio, seed, unit, channels and samples.

    Raises:
        DataError: if the file is absent, not Parquet or carries no card of masks.
    """
    card = read_parquet_card(path)
    if card is None or card.get("stage") != "adaptation/missing":
        raise DataError(
            path, "no card of missing-data masks", "a file of write_masks", "draw the masks again"
        )
    return card["settings"]


def read_masks(path: Path | str, segments: Collection[str] | None = None) -> Masks:
    """Read saved masks, in the file's order.

    Args:
        path: of ``write_masks``.
        segments: those that are wanted; a mask of any other is not unpacked. None: all.

    Raises:
        DataError: if the file is absent, not Parquet or carries no card of masks.
    """
    table, given = read_parquet(path), mask_settings(path)
    channels = {name: int(count) for name, count in given["channels"]}
    if segments is not None:
        wanted = set(segments)
        table = table.filter(pa.array([name in wanted for name in table["segment"].to_pylist()], pa.bool_()))
    units = sum(units_by_modality(given["unit"], channels, given["samples"]))
    packed = np.frombuffer(b"".join(table["present"].to_pylist()), np.uint8).reshape(
        len(table), -(-units // 8)
    )
    present = np.unpackbits(packed, axis=1, count=units).view(np.bool_)
    return Masks(tuple(table["segment"].to_pylist()), present, channels, given["samples"], given["unit"])
