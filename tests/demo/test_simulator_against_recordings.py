"""For each condition the simulator plays there is a line of facts of the real server that says the same."""

from dataclasses import replace

import pytest
import requests

from demo.simulator.mishaps import MISHAPS
from demo.simulator.servers import MOODS
from tests.recorded import facts, situations

RECORDED_PAIRS = {(said, row) for _, _, _, said, row, _ in situations.SITUATIONS}
NEVER_ANSWERED = facts.Row(None, facts.TIMEOUT)
PATIENCE = 0.3  # seconds; a simulated server on this machine answers within a few milliseconds

# What stands before the server (a proxy, a limit) is no answer of Evolution's and was not recorded.
OF_A_PROXY = {"bad_gateway", "asked_to_wait"}
LATER_BUT_THE_SAME = {"slow"}


def read(phone, *, key: str | None = None) -> tuple[facts.Said, facts.Row]:
    """Look at a phone as a monitor does, over real HTTP, and keep the facts."""
    base, headers = f"{phone.server.base_url}/instance", {"apikey": key or phone.server.key}
    said = facts.said(*_get(f"{base}/connectionState/{phone.name}", headers))
    row = facts.row(*_get(f"{base}/fetchInstances?instanceName={phone.name}", headers), name=phone.name)
    return said, row


def _get(url: str, headers: dict) -> tuple[int | None, object]:
    try:
        response = requests.get(url, headers=headers, timeout=PATIENCE)
    except requests.Timeout:
        return None, None
    is_json = response.headers["Content-Type"].startswith("application/json")
    return response.status_code, response.json() if is_json else response.text


def test_every_recording_has_its_line_or_says_why_it_has_none():
    told = {number for number, *_ in situations.SITUATIONS}

    assert told | set(situations.WITHOUT_READS) == situations.RECORDED
    assert not told & set(situations.WITHOUT_READS)
    assert len(situations.RECORDED) == 84


@pytest.mark.parametrize("mishap", sorted(set(MISHAPS) - LATER_BUT_THE_SAME))
def test_a_phone_after_a_mishap_answers_as_a_real_one_did(simulator, mishap):
    phone = simulator.phone("maria")

    phone.meets(mishap)

    assert kinds(read(phone)) in {kinds(pair) for pair in RECORDED_PAIRS}


@pytest.mark.parametrize(
    ("mishaps", "number", "moment"),
    [
        (["paired"], 30, ""),
        (["logged_out"], 50, "after"),
        (["banned"], 51, "after"),
        (["logged_out_by_command"], 55, "after"),
        (["deleted"], 56, "after"),
        (["logged_out", "awaiting_scan"], 57, "QR shown"),
        (["logged_out", "paired"], 57, "open, old reason still there"),
        (["silent"], 66, "during"),
        (["network_lost"], 68, "during"),
        (["reconnecting"], 72, "paired"),
        (["banned", "awaiting_scan"], 80, "after, was blocked"),
        (["never_connected", "awaiting_scan", "qr_expired"], 81, "never paired"),
        (["banned", "awaiting_scan", "qr_expired"], 81, "was blocked"),
        (["not_loaded"], 90, "during"),
        (["deleted", "never_connected"], 93, "after"),
        (["logged_out_by_command", "paired"], 94, "after"),
    ],
)
def test_a_course_of_mishaps_ends_where_the_real_server_ended(simulator, mishaps, number, moment):
    phone = simulator.phone("maria")

    for mishap in mishaps:
        phone.meets(mishap)

    assert read(phone) == recorded(number, moment)


def test_a_number_of_the_official_api_says_open_without_an_owner(simulator):
    assert read(simulator.server.official_phone("campanhas")) == recorded(16, "")


@pytest.mark.parametrize(
    ("mood", "number", "moment"),
    [
        ("up", 30, ""),
        ("hanging", 86, "during"),
        ("sessions_down", 96, "during"),
        ("loading", 90, "during"),
        ("wrong_key", 6, "wrong or missing"),
    ],
)
def test_a_server_in_a_mood_answers_as_a_real_one_did(simulator, mood, number, moment):
    phone = simulator.phone("maria")

    phone.server.is_now(mood)

    assert read(phone) == recorded(number, moment)


def test_a_server_without_its_database_answers_the_global_key_from_memory_and_refuses_a_token(simulator):
    phone = simulator.phone("maria")

    phone.server.loses_its_database()

    assert read(phone) == recorded(18, "open, global key")
    assert read(phone, key=phone.token) == recorded(18, "instance token")


def test_a_server_that_talks_nonsense_shows_a_page_as_below_manager(simulator):
    phone = simulator.phone("maria")

    phone.server.talks_nonsense()

    assert read(phone)[0] == recorded(8, "below /manager")[0]


def test_a_server_that_is_down_refuses_as_a_restarting_one_did(simulator):
    phone = simulator.phone("maria")
    phone.server.goes_down()

    with pytest.raises(requests.ConnectionError, match="refused"):
        read(phone)


def test_no_mood_is_left_untold():
    told = {"up", "down", "hanging", "sessions_down", "loading", "wrong_key", "database_down", "nonsense"}

    assert set(MOODS) == told | OF_A_PROXY | LATER_BUT_THE_SAME


def kinds(pair: tuple[facts.Said, facts.Row | None]) -> tuple:
    """Forget which reason stands in the row, not whether one does: a code of 401 outlives what 403 was seen to outlive."""
    said, row = pair
    return said, row and replace(row, code=row.code is not None, why=row.why is not None)


def recorded(number: int, moment: str) -> tuple[facts.Said, facts.Row]:
    [pair] = {
        (said, row)
        for n, name, m, said, row, _ in situations.SITUATIONS
        if (n, m) == (number, moment) and name != "integration EVOLUTION"
    }
    return pair
