"""Packed models: checked whole when they are opened, unpacked into a private folder when they answer."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from affectssm.serving.pack_reading import Packed, PackError, read_pack

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Model", "PackError", "Packed", "load_model", "unpacked", "verified"]


@dataclass(frozen=True)
class Model:
    """A packed model that was checked; a new one is made by :func:`load_model`.

    Attributes:
        packed: what its file says.
    """

    packed: Packed

    @property
    def card(self) -> Mapping[str, Any]:
        """The card of the checkpoint: code, settings and features that it was made of."""
        return self.packed.card

    @property
    def features(self) -> dict[str, dict[str, Any]]:
        """Feature -> its settings in training."""
        return {name: dict(one.settings) for name, one in self.packed.description.features.items()}

    @property
    def scores(self) -> list[dict[str, Any]]:
        """Scores on held-out data: cell, corpus, split, metric, value, n units of those that there are, seed."""
        return [dict(one) for one in self.packed.description.scores]

    @property
    def quantities(self) -> dict[str, tuple[float, float] | None]:
        """What it answers -> its range; None where nobody knows it."""
        return dict(self.packed.description.quantities)

    @property
    def notes(self) -> str:
        """The page for people that is packed with it."""
        from affectssm.serving.pack_readme import readme

        return readme(self.packed.description)

    def predict(self, media: Any, **options: Any) -> pd.DataFrame:
        """Answer for media; arguments, return and errors as of :func:`affectssm.serving.predict.predict`."""
        from affectssm.serving.predict import predict

        return predict(self.packed.path, media, **options)

    def __repr__(self) -> str:
        told = self.packed.description
        return f"<{told.title} of {told.experiment}, {told.edition}: {', '.join(told.quantities)}>"


def load_model(path: Path | str) -> Model:
    """Return a packed model, every byte of which was checked.

    Args:
        path: a file that ``affectssm pack`` wrote.

    Raises:
        PackError: as :func:`verified`.
    """
    return Model(verified(path))


def verified(path: Path | str) -> Packed:
    """Return what a pack says, every byte of which was checked; errors as of :func:`read_pack`."""
    return read_pack(Path(path))


@contextmanager
def unpacked(path: Path | str) -> Iterator[tuple[Packed, Path]]:
    """Yield a checked pack and a private folder with its run: checkpoint.safetensors, config.yaml, encoder.safetensors.

    The folder is gone afterwards.

    Raises:
        PackError: as :func:`verified`.
    """
    from affectssm.training.run_files import write_config

    with tempfile.TemporaryDirectory(prefix="affectssm-") as folder:
        run = Path(folder)
        found = read_pack(Path(path), run)
        write_config(run / "config.yaml", found.config)
        yield found, run
