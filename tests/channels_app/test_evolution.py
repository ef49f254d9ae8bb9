"""One look at one channel: what the server says, whatever it says, becomes one reading, and nothing else leaks out."""

import json
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import requests
import responses
from cryptography.fernet import Fernet

from channels_app.gateways import MISSING, Known, Target, evolution
from channels_app.gateways.evolution_answers import Row, as_json, classify, error_message, find_row, from_json
from core import http
from core.fields import Secret
from incidents.causes import CAUSES, UNSEEN_ASKED_TO_WAIT
from incidents.readings import Health, Status
from tests.support.raw_server import raw_server

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
BASE = "https://evo.example.com/base"
STATE_URL = f"{BASE}/instance/connectionState/alpha"
ROW_URL = f"{BASE}/instance/fetchInstances"
OWNER = "5511988887777@s.whatsapp.net"
RECORDED_ROW = {
    "id": "fe830d78-b0ed-475d-88b8-a9a3c21d36f2",
    "name": "alpha",
    "connectionStatus": "open",
    "ownerJid": OWNER,
    "integration": "WHATSAPP-BAILEYS",
    "token": "alpha-token-FAKE",
    "disconnectionReasonCode": None,
    "disconnectionObject": None,
}
BAILEYS = Known(raw_state="open", status=Status.OPEN, cause="connected", integration="WHATSAPP-BAILEYS")
FELL = replace(BAILEYS, raw_state="close", status=Status.DISCONNECTED, cause="network_lost")


@pytest.fixture
def network():
    with responses.RequestsMock(assert_all_requests_are_fired=False) as fake:
        yield fake


@pytest.fixture
def server(network):
    """Says a state and, if asked, a row."""

    class Server:
        def says(self, state, row=None, *, row_status=200):
            network.get(STATE_URL, json={"instance": {"instanceName": "alpha", "state": state}})
            if row is not None:
                network.get(ROW_URL, json=row, status=row_status)

        @property
        def was_asked_for_the_row(self):
            return any("fetchInstances" in call.request.url for call in network.calls)

    return Server()


def target(**changes) -> Target:
    usual = {"base_url": BASE, "key": Secret.seal("global-key-FAKE"), "instance_name": "alpha", "operator_owned": False}
    return Target(**{**usual, **changes})


def look(**changes):
    return evolution.look(target(**changes), at=NOON, seconds=5)


def row(**changes):
    return [{**RECORDED_ROW, **changes}]


# --- What is asked -----------------------------------------------------------------------------------------------


def test_an_open_number_is_healthy_and_tells_its_integration_and_owner_once(server, network):
    server.says("open", row())

    reading = look()

    assert (reading.status, reading.cause, reading.raw_state) == (Status.OPEN, "connected", "open")
    assert (reading.integration, reading.owner_jid) == ("WHATSAPP-BAILEYS", OWNER)
    assert reading.at == NOON
    assert reading.health is Health.HEALTHY
    assert [call.request.headers["apikey"] for call in network.calls] == ["global-key-FAKE"] * 2


def test_a_number_that_stays_open_costs_one_request(server, network):
    server.says("open")

    assert look(known=BAILEYS).health is Health.HEALTHY
    assert len(network.calls) == 1


def test_nothing_but_reads_is_ever_sent(server, network):
    server.says("close", row(connectionStatus="connecting"))

    look(ask_reason=True)

    assert {call.request.method for call in network.calls} == {"GET"}
    assert not any(re.search(r"/(connect|restart|logout)/", call.request.url) for call in network.calls)


@pytest.mark.parametrize(
    ("state", "changes", "asked"),
    [
        ("close", {"known": None}, True),
        ("close", {"known": BAILEYS}, True),
        ("close", {"known": FELL}, False),
        ("close", {"known": replace(FELL, integration="")}, True),
        ("close", {"known": Known(raw_state="close", status=Status.DISCONNECTED, cause="banned"), "ask_reason": True}, True),
        ("connecting", {"known": Known(raw_state="close", status=Status.DISCONNECTED, cause="network_lost")}, True),
        ("connecting", {"known": replace(FELL, raw_state="connecting", status=Status.CONNECTING, cause="reconnecting")}, True),
        ("close", {"known": replace(FELL, cause="reason_unknown")}, True),
        ("connecting", {"known": Known(raw_state="connecting", status=Status.CONNECTING, cause="starting")}, True),
        ("close", {"known": Known(raw_state="timeout", status=Status.ERROR, cause="server_unreachable")}, True),
        ("open", {"known": None}, True),
        ("open", {"known": Known(raw_state="open", status=Status.OPEN, cause="connected")}, True),
        ("open", {"known": BAILEYS, "ask_reason": True}, False),
        ("open", {"known": replace(BAILEYS, integration="WHATSAPP-BUSINESS")}, False),
        ("close", {"known": replace(BAILEYS, integration="WHATSAPP-BUSINESS")}, True),
    ],
    ids=[
        "first look",
        "fell",
        "the same again",
        "the same again, of a number whose row never came",
        "an incident may open",
        "another bad state",
        "still reconnecting",
        "not explained yet",
        "still in a transition",
        "server came back",
        "first open",
        "integration not known yet",
        "integration known",
        "official API",
        "official API once, and in another state now",
    ],
)
def test_the_row_is_asked_for_only_where_it_is_needed(server, state, changes, asked):
    server.says(state, row())

    look(**changes)

    assert server.was_asked_for_the_row is asked


LISTED = as_json(Row(status="open", integration="WHATSAPP-BAILEYS", owner_jid=OWNER))
BANNED = as_json(Row(status="close", integration="WHATSAPP-BAILEYS", owner_jid=OWNER, reason=403))
LOST = Known(raw_state="close", status=Status.DISCONNECTED, cause="network_lost", integration="WHATSAPP-BAILEYS")
DOWN = Known(raw_state="close", status=Status.DISCONNECTED, cause="reason_unknown", integration="WHATSAPP-BAILEYS")
NEVER = {"may_ask": lambda is_bad: False}


@pytest.mark.parametrize(
    ("state", "changes", "cause", "asked"),
    [
        ("open", {"known": None, "row": LISTED}, "connected", False),
        ("close", {"known": None, "row": BANNED, "row_is_fresh": True}, "banned", False),
        ("close", {"known": None, "row": BANNED}, "logged_out", True),
        ("close", {"known": None, "row": LISTED, "row_is_fresh": True}, "logged_out", True),
        ("close", {"known": None, "row": LISTED, "row_is_fresh": True, **NEVER}, "reason_unknown", False),
        ("close", {"known": BAILEYS, "row": BANNED, "row_is_fresh": True}, "logged_out", True),
        ("close", {"known": BAILEYS, "row": BANNED, "row_is_fresh": True, **NEVER}, "banned", False),
        ("close", {"known": BAILEYS, "row": BANNED, **NEVER}, "reason_unknown", False),
        ("close", {"known": BAILEYS, "row": LISTED, "row_is_fresh": True, **NEVER}, "reason_unknown", False),
        ("close", {"known": DOWN, "row": LISTED, "row_is_fresh": True, "row_is_of_run": True, **NEVER}, "network_lost", False),
        ("close", {"known": DOWN, "row": LISTED, "row_is_fresh": True, **NEVER}, "reason_unknown", False),
        ("close", {"known": DOWN, "row": BANNED, "row_is_fresh": True}, "logged_out", True),
        ("close", {"known": LOST, "row": BANNED, "row_is_fresh": True}, "banned", False),
        ("close", {"known": LOST, "row": BANNED}, "network_lost", False),
        ("close", {"known": LOST, "row": BANNED, "row_is_fresh": True, "ask_reason": True}, "logged_out", True),
        ("close", {"known": replace(DOWN, cause="banned"), "ask_reason": True, **NEVER}, "banned", False),
        ("open", {"known": None, **NEVER}, "connected", False),
        ("close", {"known": None, "row": MISSING, "row_is_fresh": True}, "logged_out", True),
    ],
    ids=[
        "owner and integration, however old",
        "first look, listed just now",
        "first look, listed long ago",
        "first look, connected when listed: perhaps it fell since then",
        "the same, and may not ask",
        "a new state is newer than the list",
        "a new state that may not ask",
        "a new state that may not ask, and an old list",
        "a new state that may not ask, connected when listed",
        "not explained, may not ask, connected when listed: and it was down by then",
        "not explained, may not ask, connected when listed before it fell",
        "not explained",
        "the same again, listed just now",
        "the same again, an old list",
        "an incident may open",
        "the last cause stands",
        "first open, may not ask",
        "not in the list",
    ],
)
def test_a_row_of_the_servers_list_is_as_good_as_asking_where_it_is_new_enough(server, state, changes, cause, asked):
    server.says(state, row(connectionStatus="close", disconnectionReasonCode=401))

    reading = look(**changes)

    assert (reading.cause, server.was_asked_for_the_row) == (cause, asked)


def test_a_list_of_before_the_fall_still_says_that_the_number_was_paired(server):
    server.says("close")

    reading = look(known=None, row=LISTED, row_is_fresh=True, **NEVER)

    assert (reading.cause, reading.owner_jid, reading.integration) == ("reason_unknown", OWNER, "WHATSAPP-BAILEYS")


@pytest.mark.parametrize(
    ("changes", "owed"),
    [
        (NEVER, True),
        ({"row": LISTED, "row_is_fresh": True, **NEVER}, True),
        ({"row": LISTED, "row_is_fresh": True, "known": None, **NEVER}, True),
        ({"row": BANNED, "row_is_fresh": True, **NEVER}, False),
        ({"known": LOST, **NEVER}, False),
        ({}, False),
    ],
    ids=["no list", "a list of before", "a first look", "a list that knows", "known already", "asked"],
)
def test_a_reason_is_owed_where_a_look_could_not_have_it(server, changes, owed):
    server.says("close", row(connectionStatus="close"))
    assert look(**{"known": BAILEYS, **changes}).reason_owed is owed


def test_a_look_that_uses_the_list_tells_integration_and_owner(server):
    server.says("open")
    reading = look(known=None, row=LISTED)
    assert (reading.integration, reading.owner_jid) == ("WHATSAPP-BAILEYS", OWNER)


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("2026-11-24T11:18:22.232Z", datetime(2026, 11, 24, 11, 18, 22, 232000, tzinfo=UTC)),
        ("2026-11-24T08:18:22-03:00", datetime(2026, 11, 24, 11, 18, 22, tzinfo=UTC)),
        ("2026-11-24T11:18:22", None),
        ("24/11/2026", None),
        ("", None),
        (1764000000, None),
        (None, None),
        ({"$date": "2026-11-24T11:18:22Z"}, None),
        ("2026-11-24T11:18:22Z" * 50, None),
    ],
    ids=["as recorded", "another zone", "no zone", "no ISO", "empty", "a number", "null", "an object", "long"],
)
def test_when_a_connection_ended_is_read_where_it_can_be(server, written, read):
    server.says("close", row(connectionStatus="close", disconnectionReasonCode=401, disconnectionAt=written))
    assert look().ended_at == read


# --- The whole list ----------------------------------------------------------------------------------------------


def list_all(**changes):
    usual = {"base_url": BASE, "key": Secret.seal("global-key-FAKE"), "operator_owned": False, "seconds": 5}
    return evolution.list_all(**{**usual, **changes})


def test_a_list_gives_each_row_by_its_name_and_no_secret(network):
    network.get(ROW_URL, json=[*row(disconnectionAt="2026-11-24T11:18:22Z"), *row(name="beta"), {"name": None}, 7])

    listing = list_all()

    assert set(listing.rows) == {"alpha", "beta"}
    assert from_json(json.loads(json.dumps(listing.rows["alpha"]))).disconnected_at.hour == 11
    assert "FAKE" not in json.dumps(listing.rows)
    assert network.calls[0].request.headers["apikey"] == "global-key-FAKE"
    assert network.calls[0].request.url == ROW_URL


@pytest.mark.parametrize(
    ("answer", "failure"),
    [
        ({"status": 401, "json": {}}, "HTTP 401"),
        ({"body": "<html>"}, "not JSON"),
        ({"json": {"name": "alpha"}}, "no list"),
        ({"body": requests.ConnectionError()}, "malformed"),
        ({"body": b"[" + b" " * 5_000_000 + b"]"}, "too large"),
    ],
    ids=["refused", "a page", "one row", "gone", "too much"],
)
def test_a_list_that_does_not_come_whole_is_none(network, answer, failure):
    network.get(ROW_URL, **answer)
    listing = list_all()
    assert (listing.rows, listing.failure, listing.is_legacy) == (None, failure, False)


def test_an_empty_list_is_a_list(network):
    network.get(ROW_URL, json=[])
    assert list_all().rows == {}


def test_a_list_of_an_old_version_is_none_for_ever(network):
    network.get(ROW_URL, json=[{"instance": {"instanceName": "alpha", "status": "open"}}])
    assert list_all().is_legacy


def test_without_a_key_no_list_is_asked_for(network):
    assert list_all(key=None).failure == "no key"
    assert not network.calls


@pytest.mark.parametrize("kept", [None, {}, MISSING, {"status": "open"}, {**LISTED, "newer": 1}])
def test_what_was_kept_by_another_release_is_no_row(kept):
    assert from_json(kept) is None


def test_a_repeat_keeps_what_is_known(server):
    server.says("close")

    reading = look(known=Known(raw_state="close", status=Status.DISCONNECTED, cause="banned", code=403))

    assert (reading.status, reading.cause, reading.code, reading.raw_state) == (Status.DISCONNECTED, "banned", 403, "close")


@pytest.mark.parametrize(
    "answer",
    [
        {"status": 401, "json": {"status": 401}},
        {"status": 404, "json": {"response": {"message": ['Instance "alpha" not found']}}},
        {"status": 500, "body": "oops"},
        {"json": []},
        {"json": row(name="beta")},
        {"body": "not json"},
        {"body": requests.ConnectionError()},
        {"json": "text"},
        {"json": None},
    ],
    ids=["refused", "not found", "failed", "empty", "another's", "odd", "gone", "a text", "null"],
)
@pytest.mark.parametrize(
    ("state", "known", "meaning"),
    [
        ("close", None, (Status.DISCONNECTED, "reason_unknown")),
        ("connecting", None, (Status.CONNECTING, "reconnecting")),
        ("open", None, (Status.OPEN, "connected")),
        ("close", Known(raw_state="close", status=Status.DISCONNECTED, cause="banned"), (Status.DISCONNECTED, "banned")),
    ],
    ids=["close", "connecting", "open", "close again"],
)
def test_without_the_row_a_look_says_what_it_can(network, answer, state, known, meaning):
    network.get(STATE_URL, json={"instance": {"instanceName": "alpha", "state": state}})
    network.get(ROW_URL, **answer)

    reading = look(known=known, ask_reason=True)

    assert (reading.status, reading.cause) == meaning
    assert reading.integration == ""


@pytest.mark.parametrize("integration", ["WHATSAPP-BUSINESS", "EVOLUTION"])
@pytest.mark.parametrize("state", ["open", "close"])
def test_an_official_number_cannot_be_verified(server, integration, state):
    server.says(state, row(integration=integration))

    first = look()
    later = look(known=Known(raw_state=state, status=first.status, cause=first.cause, integration=first.integration))

    for reading in (first, later):
        assert (reading.status, reading.cause) == (Status.UNKNOWN, "not_verifiable")
        assert reading.health is Health.UNKNOWABLE


def test_a_name_that_was_an_official_number_and_is_an_ordinary_one_now_is_watched_again(server):
    official = Known(raw_state="open", status=Status.UNKNOWN, cause="not_verifiable", integration="WHATSAPP-BUSINESS")
    server.says("close", row(connectionStatus="close", disconnectionReasonCode=401))

    reading = look(known=official)

    assert (reading.status, reading.cause) == (Status.DISCONNECTED, "logged_out")
    assert reading.integration == "WHATSAPP-BAILEYS"


def test_a_key_that_cannot_be_opened_says_nothing_of_the_number(network, settings):
    sealed = Secret.seal("global-key-FAKE")
    settings.FIELD_ENCRYPTION_KEYS = [Fernet.generate_key().decode()]

    reading = look(key=sealed)

    assert (reading.health, reading.cause) == (Health.UNSEEN, "sealed_key")
    assert not network.calls


# --- What the pair means -----------------------------------------------------------------------------------------


def a_row(status, owner="", **facts):
    return Row(status=status, integration="WHATSAPP-BAILEYS", owner_jid=owner, **facts)


@pytest.mark.parametrize(
    ("state", "the_row", "meaning"),
    [
        ("open", None, "open/connected"),
        ("open", a_row("close", OWNER, reason=401), "open/connected"),
        ("connecting", a_row("connecting"), "qr_pending/awaiting_scan"),
        ("connecting", a_row("connecting", OWNER), "qr_pending/logged_out"),
        ("connecting", a_row("connecting", OWNER, reason=403), "qr_pending/logged_out"),
        ("connecting", a_row("open", OWNER), "connecting/reconnecting"),
        ("connecting", a_row("close"), "connecting/starting"),
        ("connecting", a_row("", OWNER), "connecting/reconnecting"),
        ("connecting", a_row(""), "qr_pending/awaiting_scan"),
        ("close", a_row("open", OWNER), "disconnected/network_lost"),
        ("close", a_row("open", OWNER, reason=401), "disconnected/network_lost"),
        ("close", a_row("connecting"), "disconnected/qr_expired"),
        ("close", a_row("connecting", OWNER, reason=403), "disconnected/logged_out"),
        ("close", a_row("close", OWNER, reason=401), "disconnected/logged_out/401"),
        ("close", a_row("close", OWNER, reason=401, by_command=True), "disconnected/logged_out_by_command/401"),
        ("close", a_row("close", OWNER, reason=402), "disconnected/banned/402"),
        ("close", a_row("close", OWNER, reason=403), "disconnected/banned/403"),
        ("close", a_row("close", OWNER, reason=406), "disconnected/banned/406"),
        ("close", a_row("close", OWNER, reason=440), "disconnected/replaced/440"),
        ("close", a_row("close", OWNER, reason=515), "disconnected/reason_unknown/515"),
        ("close", a_row("close"), "disconnected/never_paired"),
        ("close", a_row("close", OWNER), "disconnected/reason_unknown"),
        ("close", a_row("", OWNER), "disconnected/reason_unknown"),
        ("close", a_row(""), "disconnected/never_paired"),
        ("absent", None, "connecting/starting"),
    ],
    ids=lambda value: (
        f"{value.status or '1.x'}{'+owner' * bool(value.owner_jid)}+{value.reason}" if isinstance(value, Row) else None
    ),
)
def test_the_state_and_the_row_together_say_why(state, the_row, meaning):
    status, cause, code = classify(state, the_row)

    assert "/".join([status, cause, *([str(code)] if code else [])]) == meaning
    assert status in CAUSES[cause].statuses


def test_a_logout_by_command_is_read_from_json_inside_json(server):
    inside = {"error": {"output": {"payload": {"message": "Log out instance: alpha"}}}, "date": "2026-11-24T22:48:32.096Z"}
    server.says("close", row(connectionStatus="close", disconnectionReasonCode=401, disconnectionObject=json.dumps(inside)))

    assert (look().cause, look().code) == ("logged_out_by_command", 401)


@pytest.mark.parametrize(
    "inside",
    [
        None,
        "",
        "null",
        "{",
        "[]",
        "7",
        '"text"',
        '{"error": null}',
        '{"error": {"output": []}}',
        7,
        [],
        {"error": 1},
        "[" * 60000,
    ],
)
def test_an_odd_disconnection_object_is_a_plain_logout(inside):
    body = json.dumps(row(connectionStatus="close", disconnectionReasonCode=401, disconnectionObject=inside)).encode()

    assert find_row(body, "alpha").by_command is False


@pytest.mark.parametrize(
    ("body", "found"),
    [
        (row(), a_row("open", OWNER)),
        (row(name="beta") + row(), a_row("open", OWNER)),
        ([{"instance": {"instanceName": "alpha", "owner": OWNER, "status": "open"}}], a_row("", OWNER)),
        ({"instance": {"instanceName": "alpha", "owner": OWNER, "status": "open"}}, a_row("", OWNER)),
        (
            {"instance": {"instanceName": "alpha", "integration": {"integration": "EVOLUTION"}}},
            replace(a_row(""), integration="EVOLUTION"),
        ),
        (row(disconnectionReasonCode="401", ownerJid=7, connectionStatus=None), a_row("")),
        (row(disconnectionReasonCode=True), a_row("open", OWNER)),
        (row(name="Alpha"), None),
        ([], None),
        ([None, 7, "alpha", []], None),
        ({}, None),
        ("alpha", None),
    ],
    ids=[
        "2.x",
        "among others",
        "1.x list",
        "1.x single",
        "1.x nested",
        "odd types",
        "odd code",
        "other case",
        "empty",
        "odd",
        "object",
        "text",
    ],
)
def test_a_row_is_found_in_each_shape_and_by_its_very_name(body, found):
    assert find_row(json.dumps(body).encode(), "alpha") == found


def test_the_secrets_of_the_row_go_nowhere(server):
    server.says("open", row())

    assert "alpha-token-FAKE" not in repr(look())
    assert "alpha-token-FAKE" not in repr(find_row(json.dumps(row()).encode(), "alpha"))


# --- What else a server says -------------------------------------------------------------------------------------

SAYS_OPEN = json.dumps({"instance": {"instanceName": "alpha", "state": "open"}})


@pytest.mark.parametrize(
    ("body", "cause", "received"),
    [
        ("", "invalid_answer", "nothing"),
        ("open", "invalid_answer", "not JSON"),
        (SAYS_OPEN[:-3], "invalid_answer", "not JSON"),
        (SAYS_OPEN + SAYS_OPEN, "invalid_answer", "not JSON"),
        (SAYS_OPEN.encode() + b"\xff", "invalid_answer", "not JSON"),
        ('{"instance":{"instanceName":"alpha","state":"open","x":NaN}}', "invalid_answer", "not JSON"),
        ("[" * 60_000, "invalid_answer", "not JSON"),
        ("null", "invalid_answer", "no instance"),
        ("[]", "invalid_answer", "no instance"),
        ("7", "invalid_answer", "no instance"),
        ('"open"', "invalid_answer", "no instance"),
        ('{"state":"open"}', "invalid_answer", "no instance"),
        ('{"instance":null}', "invalid_answer", "no instance"),
        ('{"instance":[]}', "invalid_answer", "no instance"),
        ('{"instance":{"state":"open"}}', "invalid_answer", "another instance"),
        ('{"instance":{"instanceName":"beta","state":"open"}}', "invalid_answer", "another instance"),
        ('{"instance":{"instanceName":"Alpha","state":"open"}}', "invalid_answer", "another instance"),
        ('{"instance":{"instanceName":"alpha","state":null}}', "invalid_answer", "no state"),
        ('{"instance":{"instanceName":"alpha","state":["open"]}}', "invalid_answer", "no state"),
        ('{"instance":{"instanceName":"alpha","state":true}}', "invalid_answer", "no state"),
        ('{"error":true,"message":"[object Object]"}', "invalid_answer", "no instance"),
        ("<!doctype html><title>open</title>", "wrong_address", "a web page"),
        ("\ufeff\n <html>", "wrong_address", "a web page"),
    ],
    ids=lambda value: ascii(value)[:50],
)
def test_a_body_that_is_no_answer_is_an_error(network, body, cause, received):
    network.get(STATE_URL, body=body, content_type="application/json")

    reading = look()

    assert (reading.status, reading.cause, reading.raw_state) == (Status.ERROR, cause, received)


@pytest.mark.parametrize(
    ("state", "kept"),
    [
        ("OPEN", "OPEN"),
        (" open\n", " open"),
        ("closed", "closed"),
        ("refused", "refused"),
        ("absent", "absent"),
        ("", ""),
        ("оpen", "оpen"),
        ("<b>open</b>", "<b>open</b>"),
        ("open\x00", "open"),
        ("\ud800open", "open"),
        ("\u202eopen", "open"),
        ("x" * 60_000, "x" * 32),
    ],
    ids=lambda value: ascii(value)[:40],
)
def test_a_state_that_evolution_does_not_have_is_kept_clean_and_never_healthy(server, state, kept):
    server.says(state)

    reading = look()

    assert (reading.status, reading.cause, reading.raw_state) == (Status.ERROR, "unknown_state", kept)


def test_a_byte_order_mark_and_a_wrong_label_are_tolerated(network):
    network.get(STATE_URL, body="\ufeff" + SAYS_OPEN, content_type="text/html")

    assert look(known=BAILEYS).health is Health.HEALTHY


def test_an_answer_without_a_state_is_still_starting_and_asks_no_more(network, server):
    network.get(STATE_URL, json={"instance": {"instanceName": "alpha"}})

    reading = look(ask_reason=True)

    assert (reading.status, reading.cause, reading.raw_state) == (Status.CONNECTING, "starting", "absent")
    assert not server.was_asked_for_the_row


def envelope(message):
    return json.dumps({"status": 0, "error": "x", "response": {"message": message}})


@pytest.mark.parametrize(
    ("status", "body", "cause"),
    [
        (401, envelope("Unauthorized"), "key_rejected"),
        (403, "<html>", "key_rejected"),
        (404, envelope(['The "alpha" instance does not exist']), "instance_missing"),
        (404, envelope('The "alpha" instance does not exist'), "instance_missing"),
        (404, envelope([['Instance "alpha" not found']]), "instance_missing"),
        (404, envelope(["Cannot GET //instance/connectionState/alpha"]), "wrong_address"),
        (404, "<html>404 Not Found</html>", "wrong_address"),
        (404, "404 page not found", "wrong_address"),
        (404, "", "wrong_address"),
        (404, envelope([]), "invalid_answer"),
        (404, envelope({"x": 1}), "invalid_answer"),
        (404, '{"response":{}}', "invalid_answer"),
        (404, '{"response":[]}', "invalid_answer"),
        (404, "[]", "invalid_answer"),
        (404, '{"detail":"Not Found"}', "invalid_answer"),
        (301, "", "wrong_address"),
        (302, SAYS_OPEN, "wrong_address"),
        (308, "", "wrong_address"),
        (500, envelope(["PrismaClientKnownRequestError: host db:5432"]), "server_error"),
        (500, SAYS_OPEN, "server_error"),
        (502, "<html>", "server_error"),
        (503, "", "server_error"),
        (599, "", "server_error"),
        (201, SAYS_OPEN, "invalid_answer"),
        (204, "", "invalid_answer"),
        (206, SAYS_OPEN, "invalid_answer"),
        (304, "", "invalid_answer"),
        (400, envelope("Failed to decode param '100%'"), "invalid_answer"),
        (418, SAYS_OPEN, "invalid_answer"),
    ],
    ids=lambda value: ascii(value)[:50],
)
def test_an_answer_that_is_not_a_200_is_never_healthy(network, status, body, cause):
    network.get(STATE_URL, body=body, status=status, headers={"Location": "https://elsewhere.example/"})

    reading = look(known=BAILEYS)

    assert (reading.status, reading.cause, reading.code) == (Status.ERROR, cause, status)
    assert "Prisma" not in repr(reading)
    assert len(network.calls) == 1


@pytest.mark.parametrize(("header", "wait"), [("90", timedelta(seconds=90)), ("soon", None), (None, None)])
def test_a_server_that_asks_for_patience_says_nothing_about_the_number(network, header, wait):
    network.get(STATE_URL, status=429, headers={"Retry-After": header} if header else {})

    reading = look()

    assert reading.health is Health.UNSEEN
    assert (reading.cause, reading.wait, reading.code) == (UNSEEN_ASKED_TO_WAIT, wait, 429)


@pytest.mark.parametrize(
    ("message", "word"),
    [("a", "a"), (["a", "b"], "a"), ([["a"]], "a"), ([], ""), ([[]], ""), (None, ""), ({}, ""), (7, "")],
)
def test_an_error_message_has_three_shapes(message, word):
    assert error_message(envelope(message).encode()) == word


# --- What does not arrive, and what is not sent --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("failure", "cause", "received"),
    [
        (http.Unreachable("refused"), "server_unreachable", "refused"),
        (http.Unreachable("timeout"), "server_unreachable", "timeout"),
        (http.Unreachable("no such name"), "server_unreachable", "no such name"),
        (http.BadCertificate("certificate has expired"), "certificate", "certificate has expired"),
        (http.AddressRefused("10.0.0.1"), "address_refused", "10.0.0.1"),
        (http.TooLarge("too large"), "invalid_answer", "too large"),
        (http.BadAnswer("encoded"), "invalid_answer", "encoded"),
        (ZeroDivisionError("a surprise with alpha-token-FAKE inside"), "invalid_answer", "malformed"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else None,
)
def test_what_goes_wrong_on_the_way_has_its_own_cause(network, failure, cause, received):
    network.get(STATE_URL, body=failure)

    reading = look()

    assert (reading.status, reading.cause, reading.raw_state) == (Status.ERROR, cause, received)
    assert cause in CAUSES


def test_our_own_limits_say_nothing_about_the_number(network):
    network.get(STATE_URL, body=http.Unreachable("own limit"))

    assert look().health is Health.UNSEEN


def test_a_surprise_becomes_a_reading_and_its_text_stays_out_of_the_log(caplog):
    reading = evolution.look(target(base_url=None), at=NOON, seconds=5)

    assert (reading.status, reading.cause) == (Status.ERROR, "invalid_answer")
    assert "TypeError" in caplog.text
    assert "FAKE" not in caplog.text


@pytest.mark.parametrize(
    "key",
    [
        None,
        Secret.seal(""),
        Secret.seal("zero\u200bwidth"),
        Secret.seal("two\r\nlines"),
        Secret.seal("€"),
    ],
    ids=["none", "empty", "zero width", "two lines", "not latin"],
)
def test_a_key_that_no_header_can_carry_is_rejected_and_nothing_is_sent(network, key):
    assert look(key=key).cause == "key_rejected"
    assert len(network.calls) == 0


def test_blanks_around_a_pasted_key_are_dropped(server, network):
    server.says("open")

    look(key=Secret.seal(" global-key-FAKE\n"), known=BAILEYS)

    assert network.calls[0].request.headers["apikey"] == "global-key-FAKE"


@pytest.mark.parametrize(
    "name", ["", "..", ".", "../connect/victim", "a/b", "a?b", "a#b", "%2e%2e", "a\nb", "a\x00", "\u202ea", " a", "a" * 5000]
)
def test_a_name_that_could_change_the_request_is_never_sent(network, name):
    reading = look(instance_name=name)

    assert (reading.status, reading.cause) == (Status.ERROR, "instance_missing")
    assert len(network.calls) == 0


@pytest.mark.parametrize(
    ("name", "quoted"),
    [
        ("loja centro", b"loja%20centro"),
        ("São José", b"S%C3%A3o%20Jos%C3%A9"),
        ("a&b=c+d", b"a%26b%3Dc%2Bd"),
        ("...a~", b"...a~"),
    ],
)
def test_a_name_arrives_quoted_with_nothing_left_safe(settings, name, quoted):
    settings.EVOLUTION_ALLOWED_HOSTS = ["127.0.0.0/8"]
    with raw_server(lambda visit: visit.answer(b"HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n")) as server:
        look(base_url=server.url, operator_owned=True, instance_name=name)

    assert server.requests[0].startswith(b"GET /instance/connectionState/" + quoted + b" HTTP/1.1\r\n")


def test_both_requests_share_the_seconds_of_the_look(settings):
    settings.EVOLUTION_ALLOWED_HOSTS = ["127.0.0.0/8"]

    def state_then_silence(visit):
        body = b'{"instance":{"instanceName":"alpha","state":"close"}}'
        visit.answer(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        visit.request()
        visit.wait_for_the_client_to_go()

    with raw_server(state_then_silence) as server:
        reading = evolution.look(target(base_url=server.url, operator_owned=True), at=NOON, seconds=0.4)

    assert (reading.status, reading.cause) == (Status.DISCONNECTED, "reason_unknown")
    assert 300 < reading.took_ms < 2000
