"""What a single look cannot know: rules over a server's state and a channel's history. No database, no clock."""

from dataclasses import replace
from datetime import timedelta

import pytest

from channels_app import verdicts
from channels_app.circuit import History, Limits, ServerState
from channels_app.verdicts import settle
from incidents.readings import Reading, Status
from tests.support.readings import MINUTE, NOON, healthy, reading
from tests.support.servers import FRESH, SECOND, WELL, failed


def verdict(seen: Reading, history: History = WELL, server: ServerState = FRESH, **facts) -> Reading:
    return settle(seen, history, server, limits=Limits(), **facts)


def test_within_a_minute_after_a_server_is_back_nothing_counts_as_bad():
    back = ServerState(back_at=NOON)
    seen = verdict(reading("starting", Status.CONNECTING, NOON + 20 * SECOND), server=back)

    assert (seen.status, seen.cause, seen.again_in) == (None, "server_back", 40 * SECOND)


def test_what_is_healthy_in_that_minute_is_healthy():
    assert verdict(healthy(NOON + SECOND), server=ServerState(back_at=NOON)).status is Status.OPEN


def test_after_that_minute_what_is_down_is_down():
    seen = verdict(reading("logged_out", at=NOON + MINUTE), server=ServerState(back_at=NOON))

    assert seen.status is Status.DISCONNECTED


def test_a_server_that_refuses_every_token_has_an_error_of_its_own():
    own_token = replace(WELL, has_own_token=True)
    refused = failed(cause="key_rejected", code=401)

    assert verdict(refused, own_token, is_storm=True).cause == "server_error"
    assert verdict(refused, own_token, is_storm=False).cause == "key_rejected"
    assert verdict(refused, WELL, is_storm=True).cause == "key_rejected"


def test_while_our_network_is_gone_a_failed_look_is_no_verdict():
    assert verdict(failed(), is_offline=True).status is None
    assert verdict(verdicts.infer("server_unreachable", at=NOON), is_offline=True).cause == "own_network"
    assert verdict(healthy(), is_offline=True).status is Status.OPEN


# --- A channel's own history ---------------------------------------------------------------------------------------

STARTING = reading("starting", Status.CONNECTING, NOON, raw_state="absent")
BETWEEN_TWO_STATES = replace(STARTING, raw_state="connecting")
RECONNECTING = reading("reconnecting", Status.CONNECTING, NOON, raw_state="connecting")
MISSING = reading("instance_missing", Status.ERROR, NOON, code=404)


def since(length: timedelta, cause: str, **fields) -> History:
    return History(cause=cause, cause_since=NOON - length, is_paired=True, **fields)


@pytest.mark.parametrize(
    ("seen", "history", "status", "cause"),
    [
        pytest.param(STARTING, WELL, "connecting", "starting", id="starting"),
        pytest.param(STARTING, since(5 * MINUTE - SECOND, "starting"), "connecting", "starting", id="starting, nearly 5 min"),
        pytest.param(STARTING, since(5 * MINUTE, "starting"), "error", "not_loaded", id="starting for 5 min"),
        pytest.param(STARTING, since(SECOND, "not_loaded"), "error", "not_loaded", id="not loaded still"),
        pytest.param(
            STARTING, since(60 * MINUTE, "reconnecting"), "connecting", "starting", id="starting after something else"
        ),
        pytest.param(
            BETWEEN_TWO_STATES, since(6 * MINUTE, "starting"), "connecting", "starting", id="between two states for 6 min"
        ),
        pytest.param(
            BETWEEN_TWO_STATES, since(15 * MINUTE, "starting"), "connecting", "stuck_connecting", id="between two states for 15"
        ),
        pytest.param(RECONNECTING, WELL, "connecting", "reconnecting", id="reconnecting"),
        pytest.param(RECONNECTING, since(14 * MINUTE, "reconnecting"), "connecting", "reconnecting", id="reconnecting for 14"),
        pytest.param(
            RECONNECTING, since(15 * MINUTE, "reconnecting"), "connecting", "stuck_connecting", id="reconnecting for 15 min"
        ),
        pytest.param(RECONNECTING, since(SECOND, "stuck_connecting"), "connecting", "stuck_connecting", id="stuck still"),
        pytest.param(MISSING, WELL, "error", "server_error", id="the first 404"),
        pytest.param(
            MISSING, since(MINUTE, "server_error", code=404, cause_streak=1), "error", "server_error", id="the second 404"
        ),
        pytest.param(
            MISSING, since(MINUTE, "server_error", code=404, cause_streak=2), "error", "instance_missing", id="the third 404"
        ),
        pytest.param(
            MISSING, since(59 * SECOND, "server_error", code=404, cause_streak=9), "error", "server_error", id="404s too quick"
        ),
        pytest.param(
            MISSING, since(9 * MINUTE, "server_error", code=500, cause_streak=9), "error", "server_error", id="404 after 500s"
        ),
        pytest.param(
            MISSING,
            since(9 * MINUTE, "server_error", code=404, cause_streak=9, is_listed=True),
            "error",
            "server_error",
            id="404, but the list has it",
        ),
        pytest.param(MISSING, since(SECOND, "instance_missing", code=404), "error", "instance_missing", id="missing still"),
        pytest.param(
            reading("awaiting_scan", Status.QR_PENDING), WELL, "qr_pending", "logged_out", id="a QR on a number once paired"
        ),
        pytest.param(
            reading("awaiting_scan", Status.QR_PENDING), History(), "qr_pending", "awaiting_scan", id="a QR on a new number"
        ),
        pytest.param(reading("qr_expired"), WELL, "disconnected", "logged_out", id="an expired QR on a number once paired"),
        pytest.param(reading("never_paired"), WELL, "disconnected", "logged_out", id="made anew under the same name"),
    ],
)
def test_a_reading_is_settled_by_its_history(seen, history, status, cause):
    settled = verdict(seen, history)

    assert (settled.status, settled.cause) == (status, cause)


LAST_OPEN = replace(WELL, last_open_at=NOON - MINUTE)


@pytest.mark.parametrize(
    ("ended_at", "cause"),
    [
        pytest.param(NOON - 24 * 60 * MINUTE, "reason_unknown", id="yesterday's"),
        pytest.param(NOON - 30 * SECOND, "logged_out", id="fresh"),
        pytest.param(NOON - 4 * MINUTE, "logged_out", id="by a clock that is late"),
        pytest.param(None, "logged_out", id="without a date"),
    ],
)
def test_a_reason_is_believed_where_it_is_newer_than_the_last_open_seen(ended_at, cause):
    settled = verdict(reading("logged_out", code=401, ended_at=ended_at), LAST_OPEN)

    assert settled.cause == cause
    assert (settled.code is None) is (cause == "reason_unknown")


def test_what_nobody_saw_stays_unseen():
    unseen = reading("asked_to_wait", None)

    assert verdict(unseen, since(60 * MINUTE, "starting")) == unseen
