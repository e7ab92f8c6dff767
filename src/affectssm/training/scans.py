"""Which scan backend a run uses, as the configuration says, and which it has used, for the card."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from affectssm.errors import ConfigError
from affectssm.ssm import backends

CARD_FIELD = "scan_backends"  # of cards and of what a resumable stage keeps


@contextmanager
def scans_of(recipe: Mapping[str, Any], section: str) -> Iterator[set[str]]:
    """Scans inside run on the backend that a run's recipe names.

    Args:
        recipe: the ``training`` settings of a run.
        section: of the configuration that the recipe is from, the name of a family.

    Returns:
        The names of the backends that have computed something inside; the set grows as they do.

    Raises:
        ConfigError: when that backend cannot run.
    """
    try:
        with backends.use_backend(recipe["scan_backend"]), backends.recorded() as ran:
            yield ran
    except backends.BackendError as error:
        raise ConfigError(
            f"{section}.training.scan_backend", str(error), "a backend that runs here", "leave it at auto"
        ) from error


def with_backends(card: Mapping[str, Any], ran: Collection[str]) -> dict[str, Any]:
    """The card with the scan backends that have computed what it belongs to; they do not count in its id."""
    return {**card, CARD_FIELD: sorted(ran)}


def backends_in(kept: Mapping[str, Any]) -> set[str]:
    """The scan backends that a card or a kept state names; none where it is from before they were kept."""
    return set(kept.get(CARD_FIELD, ()))
