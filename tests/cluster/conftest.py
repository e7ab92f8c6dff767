"""Test clusters: brought up once a session, without accounting and with it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.cluster.slurm import NoClusterError, Slurm, missing
from tests.workflow.workplace import TABLE, Workplace


def cluster_or_skip(accounting: bool) -> Iterator[Slurm]:
    """A running cluster; where SLURM is not installed or does not start, the test is skipped and says why."""
    if packages := missing(accounting):
        pytest.skip(f"a test cluster needs Debian's packages: apt-get install {' '.join(packages)}")
    with ExitStack() as stack:
        try:
            cluster = stack.enter_context(Slurm(accounting=accounting))
        except NoClusterError as error:
            pytest.skip(f"SLURM does not start here: {error}")
        yield cluster


@pytest.fixture(scope="session")
def cluster() -> Iterator[Slurm]:
    """Two nodes, no accounting, although ``sacct`` is there."""
    yield from cluster_or_skip(accounting=False)


@pytest.fixture(scope="session")
def accounted() -> Iterator[Slurm]:
    """Two nodes and accounting (slurmdbd with MariaDB)."""
    yield from cluster_or_skip(accounting=True)


@pytest.fixture(params=["cluster", pytest.param("accounted", marks=pytest.mark.long)])
def either(request: pytest.FixtureRequest) -> Slurm:
    """The cluster without accounting, then the one with it."""
    return request.getfixturevalue(request.param)


@pytest.fixture(scope="session")
def local(tmp_path_factory: pytest.TempPathFactory) -> Workplace:
    """The tiny table of engagement, made on this machine without SLURM. Clone it to change it."""
    place = Workplace.make(tmp_path_factory.mktemp("local") / "place")
    place.snakemake(TABLE)
    return place


@pytest.fixture
def copy(local: Workplace, tmp_path: Path) -> Workplace:
    """A copy of the finished workplace."""
    return local.clone(tmp_path / "copy")
