"""Packed models: checked whole when they are opened, unpacked into a private folder when they answer."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from affectssm.serving.pack_reading import Packed, PackError, read_pack

__all__ = ["PackError", "Packed", "unpacked", "verified"]


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
