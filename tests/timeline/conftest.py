"""The small world of the timeline tests, at both clocks."""

from __future__ import annotations

import pytest
from window_world import World, build


@pytest.fixture(scope="session", params=[25, 100])
def world(request, tmp_path_factory) -> World:
    return build(tmp_path_factory.mktemp(f"world{request.param}"), request.param)
