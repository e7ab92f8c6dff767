"""The label controls' exchange: who gets whose labels, without anyone who keeps their own."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping

import numpy as np

Item = tuple[str, str, str]
"""(corpus, group, item)."""


def looking_ahead(line: np.ndarray, step: int = 1) -> np.ndarray:
    """Everyone in a line takes from the one ``step`` places ahead, the last ones from the first.

    Args:
        line: (n,) the numbers 0 to n - 1 in the order of the line.
        step: places; a multiple of n would leave everyone their own.

    Returns:
        (n,) the donor of each number, a permutation without a fixed point.

    Raises:
        ValueError: if everyone would keep their own, as a single one must.
    """
    if step % len(line) == 0:
        raise ValueError(f"{len(line)} looking {step} ahead would keep their own")
    donors = np.empty(len(line), np.int64)
    donors[line] = np.roll(line, -step)
    return donors


def exchanged_labels(
    labels: Mapping[Item, float], groups: Iterable[tuple[str, str]], seed: int
) -> dict[Item, float]:
    """The items of each group exchange their labels, whole items at once; none keeps its own.

    All of a group's labelled items take part, those that a fold tests too, in the same way for every fold. To exchange
    among the items a fold learns from would leave them with fewer of the class that the fold tests more of, and a model
    that has learnt nothing but which class is the more frequent one would score below chance.

    Of n items another's label is the item's own class a little less often than by chance: labels before and after
    correlate by -1 / (n - 1) on average.

    Args:
        labels: of all labelled items.
        groups: (corpus, group) whose labels are wanted.
        seed: of the exchange.

    Returns:
        Item -> label; -1 for a group's only labelled item, which has nobody to exchange with.
    """
    given: dict[Item, float] = {}
    for group in sorted(set(groups)):
        own = sorted(item for item in labels if item[:2] == group)
        if len(own) < 2:
            given |= dict.fromkeys(own, -1)
            continue
        rng = np.random.default_rng([seed, zlib.crc32("-".join(group).encode())])
        donors = looking_ahead(rng.permutation(len(own)))
        given |= {item: labels[own[donor]] for item, donor in zip(own, donors, strict=True)}
    return given
