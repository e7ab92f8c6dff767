"""One finished road that every worker's tests copy."""

from __future__ import annotations

from pathlib import Path

import pytest
from filelock import FileLock

from tests.workflow.workplace import TABLE, Workplace


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A whole run takes longer than a unit test may, and comes first, so that no worker is left alone with one.

    First of all a file whose tests use the shared run, which one worker makes; while it does, another takes files
    whose tests make their own, and then all others of the shared run find it made. Of unit tests those of training
    come first, which also take long.
    """
    whole, sharing = set(), []
    for item in items:
        if item.get_closest_marker("workflow"):
            item.add_marker(pytest.mark.timeout(900))
            whole.add(item.path)
            if "road" in getattr(item, "fixturenames", ()):
                sharing.append(item.path)
    maker = sharing[:1]
    items.sort(
        key=lambda item: (
            item.path not in whole,
            item.path not in maker,
            item.path in sharing,
            item.path.parent.name != "training",
        )
    )


@pytest.fixture(scope="session")
def road(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Workplace:
    """A workplace in which the tiny road was gone to its end, once for all workers. Clone it to change it."""
    base = tmp_path_factory.getbasetemp()
    base = base if worker_id == "master" else base.parent
    folder, done = base / "road", base / "road.done"
    with FileLock(base / "road.lock"):
        if not done.exists():
            Workplace.make(folder).snakemake(TABLE)
            done.touch()
    return Workplace(folder)


@pytest.fixture
def copy(road: Workplace, tmp_path: Path) -> Workplace:
    """A copy of the finished road."""
    return road.clone(tmp_path / "copy")
