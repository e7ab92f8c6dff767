"""Which scan backend a run uses, as the configuration says, and which it has used, for the card."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from affectssm.errors import ConfigError
from affectssm.ssm import backends


@contextmanager
def scans_of(recipe: Mapping[str, Any]) -> Iterator[None]:
    """Scans inside run on the backend that a run's recipe names.

    Raises:
        ConfigError: when that one cannot run.
    """
    try:
        with backends.use_backend(recipe["scan_backend"]):
            yield
    except backends.BackendError as error:
        raise ConfigError(
            "experiments.training.scan_backend", str(error), "a backend that runs here", "leave it at auto"
        ) from error


def with_backends(card: Mapping[str, Any]) -> dict[str, Any]:
    """The card with the scan backends that have computed something in this process."""
    return {**card, "scan_backends": backends.ran()}
