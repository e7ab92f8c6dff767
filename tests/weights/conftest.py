"""A hub on the loopback, which the library of the hub may reach in a test."""

from collections.abc import Iterator

import pytest
from huggingface_hub import close_session, constants

from tests.weights.hub_server import HubServer


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[HubServer]:
    monkeypatch.setattr(
        constants, "HF_HUB_OFFLINE", False
    )  # all tests are offline; the loopback is no network
    for name in (
        "HF_TOKEN",
        "HTTP_PROXY",
        "HTTPS_PROXY",
        "ALL_PROXY",
        "http_proxy",
        "https_proxy",
        "all_proxy",
    ):
        monkeypatch.delenv(name, raising=False)
    found = HubServer()
    monkeypatch.setenv("HF_ENDPOINT", found.address)
    yield found
    close_session()
    found.close()


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds that were waited for the hub, none of which pass."""
    found: list[float] = []
    monkeypatch.setattr("affectssm.weights.hub.time.sleep", found.append)
    return found
