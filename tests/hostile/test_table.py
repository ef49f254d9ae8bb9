"""Each row of the table over real sockets: the named cause, by the deadline, and nothing of it reaches a neighbour."""

import time
from collections.abc import Callable

import pytest

from incidents.causes import CAUSES
from incidents.readings import RAW_STATE_CHARACTERS, Health, Reading, Status
from tests.hostile import table
from tests.hostile.conftest import PATIENCE, D, look
from tests.hostile.server import STAY
from tests.hostile.words import ALPHA, BETA, KEY, Script, answer, state_body
from tests.support.raw_server import Visit

pytestmark = pytest.mark.usefixtures("outside")

NO_ROW_EITHER = {"slow", "too much", "encoded", "redirect", "no answer in it", "not a 200", "asked to wait", "gone"}


def params(has: Callable[[table.Case], object]) -> list:
    """One parameter per case that has it."""
    return [pytest.param(case, id=str(case)) for case in table.cases() if has(case)]


def timed_look(case: table.Case, url: str) -> Reading:
    """Look, and fail where that was late: the deadline ends what lasts, and the rest ends by itself.

    A busy machine is late now and then, a look without a deadline always: it has three attempts.
    """
    for _attempt in range(3):
        started = time.monotonic()
        reading = look(url, seconds=D if case.row.lasts else PATIENCE)
        took = time.monotonic() - started
        if took < 1.5 * D:
            return reading
    pytest.fail(f"it took {took:.1f} s")


def assert_became(case: table.Case, reading: Reading) -> None:
    row = case.row
    assert reading.cause in (row.becomes, row.or_else)
    assert row.received in ("", reading.raw_state)
    assert row.code in (None, reading.code)
    assert len(reading.raw_state) <= RAW_STATE_CHARACTERS
    assert not reading.raw_state or reading.raw_state.isprintable()
    assert (reading.health is Health.HEALTHY) == (row.becomes == "connected")
    assert (reading.health is Health.UNSEEN) == (reading.code == 429)
    assert reading.status is None or reading.status in CAUSES[reading.cause].statuses


# --- What comes in answer to a request ---------------------------------------------------------------------------


@pytest.mark.parametrize("port", ["http", "https"])
@pytest.mark.parametrize("case", params(lambda case: case.script))
def test_what_a_server_says_has_its_cause_in_time_and_its_neighbour_stays_open(case, port, ground):
    with getattr(ground, port)(case.script) as server:
        for _on_a_fresh_and_on_a_kept_connection in range(1 if case.row.lasts else 2):
            reading = timed_look(case, server.url)
            neighbour = look(server.url, name=BETA)

            assert_became(case, reading)
            assert (neighbour.health, neighbour.cause) == (Health.HEALTHY, "connected")

    asked = {line.partition(b"\r\n")[0].decode() for line in server.requests}
    assert asked == {f"GET /instance/connectionState/{name} HTTP/1.1" for name in (ALPHA, BETA)}
    assert all(line.count(KEY.encode()) == 1 for line in server.requests)


@pytest.mark.parametrize("case", params(lambda case: case.script and case.row.what in NO_ROW_EITHER))
def test_a_row_that_comes_wrong_leaves_the_state_that_came_right(case, ground):
    with ground.http(close_then(case.script)) as server:
        reading = timed_look(case, server.url)

    assert (reading.status, reading.cause, reading.raw_state) == (Status.DISCONNECTED, "reason_unknown", "close")
    assert b"fetchInstances" in server.requests[-1]


def close_then(script: Script) -> Script:
    """Say `close` rightly; then, asked for the reason, do what the script does."""

    def both(visit: Visit) -> object:
        if b"fetchInstances" in visit.request():
            return script(visit)
        visit.send(answer(state_body("close")))
        return STAY

    return both


# --- What goes wrong before a request can be read ----------------------------------------------------------------


@pytest.mark.parametrize("case", params(lambda case: case.door))
def test_what_goes_wrong_before_a_request_has_its_cause_in_time(case, ground):
    with case.door(ground) as server:
        reading = timed_look(case, server.url)

    assert_became(case, reading)
    assert bool(server.requests) == (case.row.becomes == "connected")  # else the key has not left
