import pytest

from tests.families.video.small_videos import World, write_world
from tests.pictures import pictures, rendered

__all__ = ["pictures", "rendered"]


@pytest.fixture(scope="session")
def world(tmp_path_factory) -> World:
    """Files of a few videos; tests only read them."""
    return write_world(tmp_path_factory.mktemp("videos"))
