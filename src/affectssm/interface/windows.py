"""Windows of features and labels as a data set of torch."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from affectssm.timeline.index import WindowIndex
    from affectssm.timeline.loader import WindowDataset


def windows(
    index: str | Path,
    names: str | Sequence[str],
    features: Iterable[str | Path] | None = None,
    *,
    cache_bytes: int = 2 << 30,
) -> WindowDataset:
    """Return windows with their features and labels, a ``torch.utils.data.Dataset``.

    Labels of test parts are never read: their windows have none.

    Args:
        index: a window index that the workflow wrote, ``results/windows/{task}/{part}.parquet``.
        names: of features.
        features: ``results/features/{corpus}-{edition}`` of each corpus of the index; found beside the index where
            one edition of each corpus is there.
        cache_bytes: features are held in memory if they fit in this, else read window by window.

    Returns:
        ``dataset[numbers]`` is a batch, and ``torch.utils.data.DataLoader(dataset, batch_size=32)`` yields batches as
        it is. ``dataset.scaler()`` standardises by these windows; ``batch.interpolate(scaler)`` has the frames on one
        clock: ``.target[name].frames()`` (B, T, D) float32 and ``.target[name].valid`` (B, T) bool, and the same of
        partners. ``batch.label`` is (B, F) float32, in the label's own range, of labels with several columns
        (B, F, columns); ``batch.label_valid`` (B, F) says where there is one. T are frames of the clock, F of labels.

    Raises:
        ConfigError: if it is not clear where the features lie.
        DataError: if a file is missing or damaged.

    Example:
        >>> import affectssm
        >>> from torch.utils.data import DataLoader
        >>> index = "results/windows/engagement-multimediate-demo-tiny/train.parquet"
        >>> dataset = affectssm.windows(index, ["egemapsv2", "clip"])
        >>> scaler = dataset.scaler()
        >>> batch = next(iter(DataLoader(dataset, batch_size=4)))
        >>> frames = batch.interpolate(scaler)
        >>> tuple(frames.target["egemapsv2"].frames().shape), tuple(batch.label.shape)
        ((4, 96, 88), (4, 8))
    """
    from affectssm.timeline.index import read_windows
    from affectssm.timeline.loader import open_windows

    found = read_windows(index)
    places = _features_beside(Path(index), found) if features is None else features
    wanted = [names] if isinstance(names, str) else names
    return open_windows(found, places, wanted, cache_bytes=cache_bytes)


def _features_beside(path: Path, index: WindowIndex) -> list[Path]:
    """Return the folders of the features of an index's corpora, which lie beside it.

    Raises:
        ConfigError: where a corpus has none or several.
    """
    from affectssm.errors import ConfigError
    from affectssm.store.layout import corpus_of

    folder = (path if len(path.parts) > 3 else path.absolute()).parents[2] / "features"
    there = sorted(one for one in folder.glob("*") if one.is_dir())
    found = []
    for corpus in sorted({target.corpus for target in index.targets}):
        own = [one for one in there if corpus_of(one) == corpus]
        if len(own) != 1:
            raise ConfigError(
                "features",
                f"{len(own)} folders of {corpus} in {folder}: {', '.join(one.name for one in own) or 'none'}",
                "one of each corpus",
                "name those that the windows were cut from: features=[...]",
            )
        found += own
    return found
