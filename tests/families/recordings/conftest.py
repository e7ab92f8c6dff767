import pytest

from tests.families.recordings.small_recordings import World, write_world


@pytest.fixture(scope="session")
def own(tmp_path_factory) -> World:
    """Files of a few recordings; tests only read them."""
    return write_world(tmp_path_factory.mktemp("recordings"))
