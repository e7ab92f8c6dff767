"""Fixtures of tests that draw figures: imported by the conftest of their folder."""

from pathlib import Path

import pytest


@pytest.fixture
def rendered() -> None:
    """Asked for by a test that looks at a picture."""


@pytest.fixture(autouse=True)
def pictures(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every figure is made, but Matplotlib renders it only where it is looked at: that takes half of all time."""
    from matplotlib.figure import Figure

    if "rendered" not in request.fixturenames:
        monkeypatch.setattr(
            Figure, "savefig", lambda figure, path, **how: Path(path).write_bytes(b"not rendered")
        )
