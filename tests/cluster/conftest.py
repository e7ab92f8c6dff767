"""Test clusters: brought up once a session, without accounting and with it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.cluster.slurm import Slurm, missing


def cluster_or_skip(accounting: bool) -> Iterator[Slurm]:
    """A running cluster; where SLURM is not installed, the test is skipped and says what is missing."""
    if packages := missing(accounting):
        pytest.skip(f"a test cluster needs Debian's packages: apt-get install {' '.join(packages)}")
    with Slurm(accounting=accounting) as cluster:
        yield cluster


@pytest.fixture(scope="session")
def cluster() -> Iterator[Slurm]:
    """Two nodes, no accounting, although ``sacct`` is there."""
    yield from cluster_or_skip(accounting=False)


@pytest.fixture(scope="session")
def accounted() -> Iterator[Slurm]:
    """Two nodes and accounting (slurmdbd with MariaDB)."""
    yield from cluster_or_skip(accounting=True)
