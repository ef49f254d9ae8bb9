import pytest

from tests.start.clone import Clone, folder_open_to_all, free_ports


@pytest.fixture
def place():
    with folder_open_to_all() as folder:
        yield folder


@pytest.fixture
def clone(place):
    return Clone(place / "vigia")


@pytest.fixture
def ports():
    return free_ports()
