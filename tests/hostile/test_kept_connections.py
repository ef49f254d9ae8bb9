"""A kept connection carries nothing from one number to the next: fifty healthy ones share their server with `alpha`."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.hostile import kept
from tests.hostile.conftest import look
from tests.hostile.words import ALPHA

pytestmark = pytest.mark.usefixtures("outside")

NEIGHBOURS = [f"neighbour-{number}" for number in range(50)]
FEW = NEIGHBOURS[:10]
both_ports = pytest.mark.parametrize("port", ["http", "https"])


def look_in_turn(url: str, names: list[str], *, pause: float = 0) -> dict[str, str]:
    """Look at alpha before each of its neighbours; return the neighbours' raw states."""
    seen = {}
    for name in names:
        look(url, name=ALPHA)
        time.sleep(pause)
        seen[name] = look(url, name=name).raw_state
    return seen


@both_ports
@pytest.mark.parametrize("what", kept.AT_ONCE | kept.AT_REUSE)
def test_what_alpha_leaves_behind_does_not_reach_the_next_look(what, port, ground):
    with getattr(ground, port)((kept.AT_ONCE | kept.AT_REUSE)[what]) as server:
        assert look_in_turn(server.url, FEW) == dict.fromkeys(FEW, "open")


@both_ports
@pytest.mark.parametrize("what", kept.AT_ONCE | kept.AT_REUSE)
def test_looks_at_fifty_neighbours_at_once_are_kept_apart_too(what, port, ground):
    with getattr(ground, port)((kept.AT_ONCE | kept.AT_REUSE)[what]) as server, ThreadPoolExecutor(16) as pool:
        asked = [name for neighbour in NEIGHBOURS for name in (ALPHA, neighbour)]
        seen = dict(zip(asked, pool.map(lambda name: look(server.url, name=name).raw_state, asked), strict=True))

    seen.pop(ALPHA)
    assert seen == dict.fromkeys(NEIGHBOURS, "open")


@both_ports
@pytest.mark.parametrize("what", kept.A_MOMENT_LATER | kept.IDLE_END)
def test_what_comes_while_the_connection_idles_reaches_no_neighbour(what, port, ground):
    with getattr(ground, port)((kept.A_MOMENT_LATER | kept.IDLE_END)[what]) as server:
        assert look_in_turn(server.url, FEW, pause=3 * kept.LATER) == dict.fromkeys(FEW, "open")


@both_ports
@pytest.mark.parametrize("what", kept.IDLE_END)
def test_an_end_that_crosses_the_next_request_reaches_no_neighbour(what, port, ground):
    with getattr(ground, port)(kept.IDLE_END[what]) as server:
        assert look_in_turn(server.url, FEW) == dict.fromkeys(FEW, "open")


@both_ports
@pytest.mark.parametrize("what", kept.A_MOMENT_LATER)
def test_an_answer_that_crosses_the_next_request_reaches_no_neighbour(what, port, ground):
    with getattr(ground, port)(kept.A_MOMENT_LATER[what]) as server:
        assert look_in_turn(server.url, FEW) == dict.fromkeys(FEW, "open")
