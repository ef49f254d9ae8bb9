"""The operator's overview: what it counts, whom it shows, and what a click on it does."""

import csv
import io
import re
from datetime import timedelta
from itertools import product

import pytest
from django.db import connection
from django.db.models import F
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from channels_app import beats, fleet
from channels_app.fleet import Selection
from channels_app.fleet.selection import everyone
from channels_app.models import Channel, Pulse, Reachability, Sweep, Watch
from channels_app.number import Number, watch_of
from channels_app.stretches import Period
from incidents.models import Incident
from tests.support import numbers, people
from tests.support.desk import desk, in_english
from tests.support.numbers import HOUR

__all__ = ["desk", "in_english"]

PAGE = "/saas/whatsapp"


@pytest.fixture
def server(db):
    return people.server(name="evo-sp-01")


@pytest.fixture
def number(clinic, server):
    """Make a number in a state: number("open"), number("disconnected", "logged_out", incident=True)."""

    def make(*state, tenant=clinic, on=server, **fields):
        return numbers.number(tenant, on, *state, **fields)

    return make


def shown(response) -> set[int]:
    return {row.channel.pk for row in response.context["rows"]}


def counts(selection=None) -> fleet.Tally:
    return fleet.census(selection or Selection(), timezone.now()).whole


# --- Who may see it


@pytest.mark.parametrize("path", ["", "/agora", "/numeros.csv"])
def test_only_operators_find_it(client, admin, path):
    assert client.get(PAGE + path).status_code == 302
    client.force_login(admin)
    assert client.get(PAGE + path).status_code == 404


@pytest.mark.parametrize("path", ["/verificar", "/lote", "/lote/confirmar"])
def test_a_clinic_cannot_post_there(client, admin, path):
    client.force_login(admin)

    assert client.post(PAGE + path, {"acao": "desligar-avisos", "numeros": "1"}).status_code == 404
    assert not Sweep.objects.exists()


# --- Counts


def test_the_counts_leave_out_whom_nobody_can_judge(number, clinic, server):
    number("open")
    number("disconnected", "logged_out", incident=True)
    number("error", "server_unreachable")
    number("qr_pending", "awaiting_scan")
    number("connecting", "reconnecting")
    number("disconnected", "never_paired", paired=False)
    number("unknown", "not_verifiable")
    number("unknown", "not_looked_at", paired=False)
    number("disconnected", "logged_out", is_active=False)
    people.channel(clinic, server)  # made a moment ago: it has no watch yet

    found = counts()

    assert (found.everyone, found.counted, found.connected) == (10, 5, 1)
    assert (found.down, found.within_limit, found.qr, found.connecting) == (2, 1, 1, 1)
    assert (found.unpaired, found.unverifiable, found.unseen, found.unwatched) == (1, 1, 2, 1)
    assert found.unpaired + found.unverifiable + found.unseen + found.unwatched == found.outside


STATES = [("unknown", "not_looked_at"), ("unknown", "not_verifiable"), ("open", "connected"), ("connecting", "reconnecting"),
          ("qr_pending", "awaiting_scan"), ("disconnected", "logged_out"), ("error", "server_unreachable")]  # fmt: skip


def test_the_database_and_a_number_at_hand_agree_on_its_group(number, clinic, server, other_clinic):
    known = product(STATES, [True, False], [{}, {"is_active": False}, {"provider": "other"}], [timedelta(), HOUR])
    for state, paired, of, seen in known:
        number(*state, paired=paired, seen=seen, **of)
    Watch.objects.filter(cause="not_looked_at").update(last_verdict_at=None)
    number(tenant=other_clinic)
    other_clinic.is_active = False
    other_clinic.save()
    people.channel(clinic, server)

    now = timezone.now()
    said = everyone(now).annotate(said=F("group")).select_related("tenant", "watch")

    assert {channel.said for channel in said} == set(fleet.Group)
    for channel in said:
        assert fleet.Group.of(Number(channel=channel, watch=watch_of(channel), now=now)) == channel.said


def test_the_counts_say_who_is_outside_them(desk, number):
    number()
    assert "of 1 verifiable</div>" in desk.get(PAGE).content.decode()

    number("disconnected", "never_paired", paired=False), number("unknown", "not_verifiable")
    assert "of 1 verifiable, outside the count: 1 never connected, 1 not verifiable<" in desk.get(PAGE).content.decode()


def test_before_the_week_is_measured_the_page_says_so(desk, number):
    number()
    assert "nothing measured yet" in desk.get(PAGE).content.decode()

    pulse = {"last_tick_at": timezone.now(), "oldest_overdue_seconds": 0, "channels_watched": 1}
    Pulse.objects.create(**pulse)
    assert "nothing measured yet" in desk.get(PAGE).content.decode()


@pytest.mark.parametrize(
    ("up", "down", "blind", "words"),
    [
        (99_219, 781, 2 * 1100, ["99.21%", "leaving out 18min 20s a number without a check"]),
        (99_999_999, 1, 0, ["99.99%", "no time without a check"]),
        (1, 0, 0, ["100%"]),
    ],
)
def test_the_week_is_the_share_of_the_time_that_was_seen(desk, up, down, blind, words):
    Pulse.objects.create(
        last_tick_at=timezone.now(), oldest_overdue_seconds=0, channels_watched=2,
        week_numbers=2, week_up_seconds=up, week_down_seconds=down, week_blind_seconds=blind,
    )  # fmt: skip

    page = desk.get(PAGE).content.decode()

    assert [word for word in words if f">{word}<" not in page] == []


def test_archived_numbers_are_nowhere(desk, number):
    number(archived_at=timezone.now())

    assert not shown(desk.get(PAGE))
    assert counts().everyone == 0


def server_dies(server, *children) -> Incident:
    """Open the server's incident, and let these numbers' own belong to it."""
    now = timezone.now()
    Reachability.objects.create(server=server, tenant=server.tenant, dark_since=now - HOUR, dark_cause="server_unreachable")
    of = {"kind": "server_down", "cause": "server_unreachable", "started_at": now - HOUR, "opened_at": now}
    parent = Incident.objects.create(server=server, tenant=server.tenant, **of)
    Incident.objects.filter(channel__in=children).update(parent=parent)
    return parent


def test_a_dead_server_is_one_incident_and_each_of_its_rows_leads_to_its_own(desk, number, server):
    children = [number("error", "server_unreachable", incident=True) for _n in range(3)]
    server_dies(server, *children)
    number("disconnected", "logged_out", on=people.server(), incident=True)

    response = desk.get(PAGE)

    page = response.content.decode()
    assert "2 open incidents<" in page
    assert re.search(r"<title>\s*2 open incidents", page)
    own = {row.channel.pk: row.incident_id for row in response.context["rows"]}
    assert [own[child.pk] for child in children] == [child.incidents.get().pk for child in children]


def test_the_badge_is_there_only_while_something_is_open(desk, number):
    number()
    assert "open incident" not in desk.get(PAGE).content.decode()

    number("disconnected", "logged_out", incident=True)
    assert "1 open incident<" in desk.get(PAGE).content.decode()


AWAY, REFUSED, ELSE = ("error", "server_unreachable"), ("error", "key_rejected"), ("disconnected", "logged_out")


@pytest.mark.parametrize(
    ("states", "tone", "word"),
    [
        ([], "is-neutral", "Not checked yet"),
        ([()], "is-success", "Up"),
        ([ELSE], "is-success", "Up"),
        ([AWAY], "is-danger", "Failing"),
        ([AWAY, ()], "is-danger", "Failing"),
        ([AWAY, (), ()], "is-warning", "Failing in part"),
        ([REFUSED, REFUSED, ()], "is-danger", "Failing"),
        ([REFUSED, (), ()], "is-warning", "Failing in part"),
    ],
)
def test_a_server_is_as_its_numbers_find_it(number, states, tone, word):
    number(is_active=False)
    for state in states:
        number(*state)

    (line,) = fleet.census(Selection(), timezone.now()).servers

    assert line.state == (tone, word)
    assert (line.tally.connected, line.tally.counted) == (states.count(()), len(states))


@pytest.mark.parametrize("owner", [None, "clinic"], ids=["the operator's", "a clinic's own"])
@pytest.mark.parametrize(
    ("states", "known", "tone", "word", "latency"),
    [
        ([()], {"latency_ms": 84.6}, "is-success", "Up", "84 ms"),
        ([()], {"latency_ms": 999.9}, "is-success", "Up", "999 ms"),
        ([()], {"latency_ms": 1000.0}, "is-success", "Up", "1.0 s"),
        ([()], {"latency_ms": 1999.9}, "is-success", "Up", "1.9 s"),
        ([()], {"latency_ms": 2000.0}, "is-warning", "Slow", "2.0 s"),
        ([AWAY, (), ()], {"latency_ms": 2400.0}, "is-warning", "Failing in part", "2.4 s"),
        ([()], {"latency_ms": 2400.0, "dark": True}, "is-danger", "Down (server)", ""),
        ([], {"dark": True}, "is-danger", "Down (server)", ""),
        ([()], {}, "is-success", "Up", ""),
    ],
)
def test_a_server_is_as_the_watch_knows_it(number, request, owner, states, known, tone, word, latency):
    clinic = request.getfixturevalue("clinic")
    server, dark = people.server(owner and clinic), {"dark_since": timezone.now(), "dark_cause": "server_unreachable"}
    Reachability.objects.create(
        server=server, tenant=server.tenant, latency_ms=known.get("latency_ms"), **dark if "dark" in known else {}
    )
    number(on=server, is_active=False)
    for state in states:
        number(*state, on=server)

    (line,) = fleet.census(Selection(), timezone.now()).servers

    assert (*line.state, line.reach.latency) == (tone, word, latency)


def test_the_latency_is_written_in_the_readers_form(desk, number, server):
    number()
    Reachability.objects.create(server=server, latency_ms=2431)

    assert ">2.4 s<" in desk.get(PAGE).content.decode()
    assert ">2,4 s<" in desk.get(PAGE, headers={"Accept-Language": "pt-BR"}).content.decode()


def test_a_server_that_is_down_stands_first(desk, number):
    failing, down = people.server(name="a"), people.server(name="b")
    number("error", "server_error", on=failing), number(on=down)
    server_dies(down)

    assert [line.name for line, *_rest in desk.get(PAGE).context["servers"]] == ["b", "a"]


@pytest.mark.parametrize(
    ("cause", "own_token", "word"),
    [
        ("invalid_answer", "", "Failing in part"),
        ("key_rejected", "", "Failing in part"),
        ("key_rejected", "token-of-one", "Up"),
        ("instance_missing", "", "Up"),
    ],
)
def test_a_server_is_said_to_fail_by_what_concerns_each_of_its_numbers(desk, number, cause, own_token, word):
    server = people.server()
    number("error", cause, on=server, own_token=own_token)
    for _ in range(2):
        number(on=server)

    ((line, *_rest),) = desk.get(PAGE).context["servers"]

    assert word in line.state


def test_servers_are_counted_apart_and_the_whole_is_their_sum(number):
    ours, theirs = people.server(name="a"), people.server(name="b")
    number(on=ours), number(*ELSE, on=ours, incident=True), number(on=theirs)

    census = fleet.census(Selection(), timezone.now())

    assert [(line.name, line.tally.connected, line.tally.counted) for line in census.servers] == [("a", 1, 2), ("b", 1, 1)]
    assert (census.whole.connected, census.whole.counted, census.whole.with_incident) == (2, 3, 1)


def test_the_page_says_when_the_last_round_was_and_warns_when_there_is_none(desk, number):
    pulse = Pulse.objects.create(last_tick_at=timezone.now(), oldest_overdue_seconds=0, channels_watched=1)
    assert "Vigia is working" in desk.get(PAGE).content.decode()

    Pulse.objects.filter(pk=pulse.pk).update(offline_since=timezone.now() - HOUR)
    live = " ".join(re.sub(r"<[^>]+>", " ", desk.get(f"{PAGE}/agora").content.decode()).split())
    assert "Vigia&#x27;s own network is gone 1h" in live or "Vigia's own network is gone 1h" in live
    assert "Vigia is working" not in live

    Pulse.objects.filter(pk=pulse.pk).update(last_tick_at=timezone.now() - HOUR)
    assert "Vigia makes no rounds" in desk.get(PAGE).content.decode()


# --- Filters, search, order, pages


def test_each_pill_shows_its_numbers(desk, number):
    wanted = {
        "incidente": number("disconnected", "logged_out", incident=True),
        "qr": number("qr_pending", "awaiting_scan"),
        "reconectando": number("connecting", "reconnecting"),
        "sem-aviso": number(alerts_enabled=False),
    }
    for pill, channel in wanted.items():
        assert shown(desk.get(PAGE, {"situacao": pill})) == {channel.pk}, pill
    assert shown(desk.get(PAGE, {"situacao": "desconectados"})) == {wanted["incidente"].pk}
    assert shown(desk.get(PAGE, {"situacao": "cairam"})) == {wanted["incidente"].pk}


def test_each_pill_says_how_many_it_leads_to(desk, number):
    number("disconnected", "logged_out", incident=True)
    number("error", "server_unreachable"), number("qr_pending", "awaiting_scan"), number("connecting", "reconnecting")
    number("disconnected", "logged_out", is_active=False), number(alerts_enabled=False)
    recovered, now = number(), timezone.now()
    Incident.objects.create(
        channel=recovered, tenant=recovered.tenant, kind="disconnected", cause="logged_out", resolution="recovered",
        started_at=now - HOUR, opened_at=now - HOUR, resolved_at=now,
    )  # fmt: skip

    said = {pill: count for pill, _label, count, *_rest in desk.get(PAGE).context["pills"]}

    assert said["cairam"] == 2
    for pill, count in said.items():
        assert count == len(shown(desk.get(PAGE, {} if pill == "todos" else {"situacao": pill}))), pill


def test_a_number_that_is_not_watched_is_neither_late_nor_waited_for(number, operator):
    number(checked=HOUR), number(checked=HOUR, is_active=False)
    sweep = Sweep.objects.create(requested_by=operator)

    found = fleet.census(Selection(), timezone.now(), sweep).whole

    assert (found.late, found.waiting, found.watched) == (1, 1, 1)


@pytest.mark.parametrize("text", ["aurora", "Pinheiros", "90123-4567", "(11) 90123", "190123", "pinheiros-1"])
def test_a_search_finds_client_name_phone_and_instance(desk, number, other_clinic, text):
    wanted = number(name="Unidade Pinheiros", phone="+55 11 90123-4567", instance_name="pinheiros-1")
    number(tenant=other_clinic, name="Agenda", phone="+55 21 90000-0000", instance_name="agenda")

    assert shown(desk.get(PAGE, {"q": text})) == {wanted.pk}


@pytest.mark.parametrize("text", ["100%", "_", "\\", "a\x00b", "' or 1=1", "٣"])
def test_a_strange_search_finds_nothing_and_breaks_nothing(desk, number, text):
    number(name="Agenda", instance_name="agenda")

    response = desk.get(PAGE, {"q": text})

    assert response.status_code == 200
    assert not shown(response)


def test_server_and_cause_narrow_the_list(desk, number):
    other = people.server(name="evo-rj-01")
    here, there = number("disconnected", "banned"), number("disconnected", "logged_out", on=other)

    assert shown(desk.get(PAGE, {"servidor": other.pk})) == {there.pk}
    assert shown(desk.get(PAGE, {"causa": "banned"})) == {here.pk}


@pytest.mark.parametrize(
    "query",
    [
        "pagina=99",
        "pagina=0",
        "pagina=-1",
        "pagina=x",
        "pagina=1e9",
        "ordem=nada",
        "situacao=nada",
        "causa=nada",
        "servidor=999999",
        "servidor=x",
    ],
)
def test_what_makes_no_sense_leads_to_the_nearest_page(desk, number, query):
    channel = number()

    response = desk.get(f"{PAGE}?{query}")

    assert response.status_code == 200
    assert shown(response) == {channel.pk}


@pytest.mark.parametrize(
    ("typed", "clean"),
    [
        ("q=&servidor=&causa=", ""),
        ("q=aurora&servidor=&causa=", "?q=aurora"),
        ("situacao=qr&q=&servidor=&causa=banned", "?situacao=qr&causa=banned"),
    ],
)
def test_fields_left_empty_are_not_kept_in_the_address(desk, typed, clean):
    response = desk.get(f"{PAGE}?{typed}")

    assert response.status_code == 302
    assert response["Location"] == PAGE + clean


def test_a_page_holds_fifty_and_the_last_one_the_rest(desk, number):
    for _n in range(53):
        number()

    first, last = desk.get(PAGE), desk.get(PAGE, {"pagina": 7})

    assert len(shown(first)) == 50
    assert len(shown(last)) == 3
    assert not shown(first) & shown(last)


@pytest.mark.parametrize("order", ["cliente", "status", "verificacao", "incidentes"])
def test_a_column_sorts_both_ways_and_says_so(desk, number, other_clinic, order):
    number(checked=timedelta(seconds=5), tenant=other_clinic)
    number("disconnected", "logged_out", incident=True, checked=timedelta(seconds=50))

    there = [row.channel.pk for row in desk.get(PAGE, {"ordem": order}).context["rows"]]
    response = desk.get(PAGE, {"ordem": f"-{order}"})

    assert [row.channel.pk for row in response.context["rows"]] == there[::-1]
    assert response.content.decode().count("aria-sort=") == 1


# --- Rows


def test_a_row_tells_of_the_open_incident_and_leads_to_it(desk, number):
    channel = number("disconnected", "logged_out", incident=True)

    page = desk.get(PAGE).content.decode()

    assert f'href="{reverse("incident", args=[channel.incidents.get().pk])}"' in page
    assert "within the threshold" not in re.sub(r"<section class=\"counts\".*?</section>", "", page, flags=re.S)


def test_a_row_leads_to_its_number(desk, number):
    channel = number()

    assert f'id="number-{channel.pk}" href="{reverse("channel", args=[channel.pk])}"' in desk.get(PAGE).content.decode()


def test_before_an_incident_opens_the_row_says_within_the_threshold(number):
    channel = number("disconnected", "logged_out")

    (row,) = fleet.furnish([channel], timezone.now())

    assert row.standing.is_within_limit
    assert row.incident_id is None


def test_a_check_older_than_three_intervals_is_late(desk, number):
    number(checked=timedelta(minutes=7))

    assert [row.is_late for row in desk.get(PAGE).context["rows"]] == [True]
    assert counts().late == 1


@pytest.mark.parametrize("verdict", [None, timedelta(seconds=359), timedelta(seconds=361)])
@pytest.mark.parametrize("checked", [None, timedelta(seconds=359), timedelta(seconds=361)])
def test_the_database_and_a_number_at_hand_agree_on_what_is_late(number, verdict, checked):
    channel, now = number(), timezone.now()
    ago = {"last_verdict_at": verdict, "last_health_check": checked}
    Watch.objects.update(**{name: None if age is None else now - age for name, age in ago.items()})
    channel = Channel.objects.select_related("tenant", "watch").get(pk=channel.pk)

    whole = fleet.census(Selection(), now).whole

    assert Number(channel=channel, watch=channel.watch, now=now).is_late == bool(whole.late)


def test_a_number_that_nobody_could_see_for_long_is_shown_as_not_verified(desk, number):
    number(checked=timedelta(seconds=5), seen=5 * HOUR)
    down = number("disconnected", "logged_out", incident=True, checked=timedelta(seconds=5), seen=5 * HOUR)
    number("error", "server_unreachable", seen=5 * HOUR)

    response = desk.get(PAGE)
    rows = response.context["rows"]

    assert [(row.standing.tone, row.standing.label, row.is_late) for row in rows] == [("is-neutral", "No check", True)] * 3
    assert (
        {row.standing.since for row in rows}
        == {row.last_check for row in rows}
        == set(Watch.objects.values_list("last_verdict_at", flat=True))
    )
    assert rows[0].channel == down
    assert rows[0].incident_id
    whole = response.context["whole"]
    assert (whole.connected, whole.counted, whole.down, whole.blind, whole.late, whole.with_incident) == (0, 0, 0, 3, 3, 1)
    assert whole.outside_in_words == "3 without a check"
    (line,) = response.context["all_servers"]
    assert line.state == ("is-neutral", "No check")


def test_whoever_filters_finds_what_nobody_could_see_where_it_is_said_to_be(desk, number):
    seen, unseen = number("disconnected", "logged_out"), number("disconnected", "logged_out", seen=5 * HOUR)

    assert shown(desk.get(PAGE, {"situacao": "sem-verificacao"})) == {unseen.pk}
    assert shown(desk.get(PAGE, {"situacao": "desconectados"})) == {seen.pk}
    assert shown(desk.get(PAGE, {"causa": "logged_out"})) == {seen.pk}


def test_the_file_knows_neither_state_nor_cause_of_what_nobody_could_see(desk, number):
    number(checked=timedelta(seconds=5), seen=2 * HOUR)
    text = desk.get(f"{PAGE}/numeros.csv").content.decode("utf-8-sig")

    (row,) = csv.DictReader(io.StringIO(text), delimiter=";")

    assert (row["Status"], row["Cause"]) == ("No check", "")
    assert row["Since"] == row["Last check"] != ""


def test_what_nobody_can_see_comes_before_what_is_well_and_after_what_is_wrong(desk, number):
    well, unseen, down = number(), number(seen=HOUR), number("disconnected", "logged_out")

    assert [row.channel for row in desk.get(PAGE).context["rows"]] == [down, unseen, well]


@pytest.mark.parametrize("interval", [1, 30, 60, 120, 600])
def test_nothing_flickers_while_a_server_that_is_back_has_its_grace(number, settings, interval):
    """A look just before the return, one that is due within the grace, and the one after it."""
    settings.HEARTBEAT_INTERVAL_SECONDS = interval
    longest = timedelta(seconds=interval + 60 + settings.HEARTBEAT_TIMEOUT_SECONDS)
    number(checked=timedelta(seconds=1), seen=longest)

    assert counts().connected == 1


def test_incidents_of_seven_days_count_what_lasted_into_them(number):
    channel, now = number(), timezone.now()
    for started, ended in [(20, 10), (9, 6), (2, 1)]:
        Incident.objects.create(
            channel=channel, tenant=channel.tenant, kind="disconnected", cause="logged_out", resolution="recovered",
            started_at=now - timedelta(days=started), opened_at=now - timedelta(days=started),
            resolved_at=now - timedelta(days=ended),
        )  # fmt: skip

    assert fleet.furnish([channel], now)[0].incidents == 2


def test_the_beats_show_the_worst_of_each_and_where_nobody_looked():
    now = timezone.now()
    seen = [
        Period("open", now - 2 * HOUR, now - HOUR),
        Period("disconnected", now - HOUR, now - HOUR + timedelta(minutes=1)),
        Period("open", now - HOUR + timedelta(minutes=1), None),
    ]

    drawing = beats.draw(seen, now=now, seen_until=now)

    assert {css: path.count("M") for css, path in drawing.paths} == {"c-up": 15, "c-down": 1, "c-blind": 8}
    assert drawing.label == "Last 3 hours: connected 1h 59min, down 1min, not checked 1h"


def test_the_page_costs_six_queries_of_its_own_however_many_numbers_there_are(desk, number, operator):
    for n in range(60):
        number(*[("open", "connected"), ("disconnected", "logged_out")][n % 2], incident=n % 2 == 1)
    Pulse.objects.create(last_tick_at=timezone.now(), oldest_overdue_seconds=0, channels_watched=60)
    Sweep.objects.create(requested_by=operator)

    with CaptureQueriesContext(connection) as of_fragment:
        desk.get(f"{PAGE}/agora", headers={"HX-Request": "true"})

    own = [q["sql"] for q in of_fragment.captured_queries if re.search(r'(?i)from "?(channels_app|incidents)_', q["sql"])]
    assert len(own) <= 6, own


# --- Checking everything


def test_check_everything_asks_for_all_and_shows_how_far_it_is(desk, number, operator):
    number(), number()

    response = desk.post(f"{PAGE}/verificar", headers={"HX-Request": "true"})

    sweep = Sweep.objects.get()
    assert (sweep.tenant, sweep.channel, sweep.requested_by) == (None, None, operator)
    assert "0 of 2" in response.content.decode()
    assert "hx-trigger" in response.content.decode()


def test_without_scripts_it_leads_back_to_the_page_with_the_bar(desk, number):
    number()

    response = desk.post(f"{PAGE}/verificar", follow=True)

    assert "<progress" in response.content.decode()


def test_a_second_operator_joins_the_check_that_runs(desk, client, number):
    number()
    desk.post(f"{PAGE}/verificar")
    client.force_login(people.operator())

    response = client.post(f"{PAGE}/verificar", headers={"HX-Request": "true"})

    assert Sweep.objects.count() == 1
    assert "Checking all numbers" in response.content.decode()


def test_once_all_were_looked_at_the_bar_asks_no_more_and_a_new_check_can_be_asked_for(desk, number):
    channel = number()
    desk.post(f"{PAGE}/verificar")
    sweep = Sweep.objects.get()
    Watch.objects.filter(channel=channel).update(look_started_at=timezone.now() + timedelta(seconds=1), lease_until=None)

    response = desk.get(reverse("sweep", args=[sweep.pk]), headers={"HX-Request": "true"})

    assert "hx-trigger" not in response.content.decode()
    assert response["HX-Trigger"] == "swept"
    assert not Sweep.objects.running().exists()
    desk.post(f"{PAGE}/verificar")
    assert Sweep.objects.count() == 2


def test_a_number_that_is_just_looked_at_again_keeps_no_check_of_everything_running(desk, number):
    channel = number()
    desk.post(f"{PAGE}/verificar")
    later = timezone.now() + timedelta(seconds=1)
    under_way = {"look_started_at": later, "lease_until": later + timedelta(minutes=1)}
    Watch.objects.filter(channel=channel).update(last_verdict_at=later, **under_way)

    assert desk.get(PAGE).context["whole"].waiting == 0
    desk.post(f"{PAGE}/verificar")
    assert Sweep.objects.count() == 2


def test_a_check_that_a_clock_left_in_the_future_is_not_joined(desk, number):
    number()
    Sweep.objects.create(started_at=timezone.now() + timedelta(hours=1))

    desk.post(f"{PAGE}/verificar")

    assert Sweep.objects.count() == 2


# --- Many at once


def ids(*channels) -> str:
    return ",".join(str(channel.pk) for channel in channels)


def test_a_preview_says_how_many_and_which_and_changes_nothing(desk, number, clinic):
    one, _two = number(name="Recepção"), number(name="Agenda")

    page = desk.post(f"{PAGE}/lote", {"acao": "desligar-avisos", "numero": [one.pk, "x"]}).content.decode()

    assert "This concerns 1 number<" in page
    assert "Recepção" in page
    assert "Agenda" not in page
    assert Channel.objects.filter(alerts_enabled=True).count() == 2


def test_all_of_the_filter_means_the_filter(desk, number):
    down = number("disconnected", "logged_out")
    number()

    page = desk.post(f"{PAGE}/lote", {"acao": "ligar-avisos", "todos": "1", "filtro": "situacao=desconectados"})

    assert page.context["ids"] == str(down.pk)


def test_alerts_are_switched_off_and_on_again(desk, number):
    one, two = number(), number()

    desk.post(f"{PAGE}/lote/confirmar", {"acao": "desligar-avisos", "numeros": ids(one)})
    assert set(Channel.objects.filter(alerts_enabled=False)) == {one}

    desk.post(f"{PAGE}/lote/confirmar", {"acao": "ligar-avisos", "numeros": ids(one, two)})
    assert not Channel.objects.filter(alerts_enabled=False).exists()


def test_a_threshold_is_set_for_many(desk, number):
    one, two = number(), number()

    response = desk.post(
        f"{PAGE}/lote/confirmar", {"acao": "limite", "numeros": ids(one), "minutos": "60", "filtro": "q=a&pagina=2"}
    )

    assert response["Location"] == f"{PAGE}?q=a&pagina=2"
    assert set(Channel.objects.values_list("pk", "heartbeat_threshold_minutes")) == {(one.pk, 60), (two.pk, 5)}


@pytest.mark.parametrize("typed", ["0", "61", "", "text", "1e9", "-5", "5.5", "٣", "9" * 500])
def test_a_threshold_that_is_none_is_refused_beside_the_field(desk, number, typed):
    one = number()

    response = desk.post(f"{PAGE}/lote/confirmar", {"acao": "limite", "numeros": ids(one), "minutos": typed})

    assert "Write a number of minutes from 1 to 60." in response.content.decode()
    assert Channel.objects.get().heartbeat_threshold_minutes == 5


def test_a_double_click_asks_for_each_check_once(desk, number):
    form = {"acao": "verificar", "numeros": ids(number(), number(), number(is_active=False))}

    desk.post(f"{PAGE}/lote/confirmar", form)
    desk.post(f"{PAGE}/lote/confirmar", form)

    assert Sweep.objects.count() == 2


def test_a_number_that_was_asked_for_and_looked_at_before_is_asked_for_again_while_it_is_looked_at(desk, number):
    one = number()
    now = timezone.now()
    minute = timedelta(minutes=1)
    earlier = {"requested_at": now - 2 * minute, "last_verdict_at": now - minute}
    Watch.objects.update(**earlier, look_started_at=now, lease_until=now + minute)

    desk.post(f"{PAGE}/lote/confirmar", {"acao": "verificar", "numeros": ids(one)})

    assert Sweep.objects.count() == 1


@pytest.mark.parametrize(
    "form", [{}, {"acao": "apagar", "numeros": "1"}, {"acao": "verificar", "numeros": "1;2"}, {"acao": "limite"}]
)
def test_a_form_that_makes_no_sense_leads_back(desk, form):
    for step in ("lote", "lote/confirmar"):
        assert desk.post(f"{PAGE}/{step}", form)["Location"] == PAGE


# --- The file


def table(response) -> list[list[str]]:
    return list(csv.reader(io.StringIO(response.content.decode("utf-8-sig")), delimiter=";"))


def test_the_file_holds_what_is_filtered_in_portuguese_with_a_byte_order_mark(desk, number):
    number(name="Recepção", phone="+55 11 90123-4567")
    number("disconnected", "logged_out", name="Agenda", incident=True)

    response = desk.get(f"{PAGE}/numeros.csv", {"situacao": "incidente"})

    head, *lines = table(response)
    assert response.content.startswith(b"\xef\xbb\xbf")
    assert len(head) == len(lines[0])
    assert [line[1] for line in lines] == ["Agenda"]


@pytest.mark.parametrize("order", ["cliente", "status", "-verificacao", "incidentes", "-incidentes"])
def test_the_file_has_the_order_and_the_counts_of_the_page(desk, number, order):
    number(name="Agenda"), number("disconnected", "logged_out", name="Recepção", incident=True)
    page = [(row.channel.name, str(row.incidents)) for row in desk.get(PAGE, {"ordem": order}).context["rows"]]

    head, *lines = table(desk.get(f"{PAGE}/numeros.csv", {"ordem": order}))

    assert [(line[1], line[head.index("Incidents (7 days)")]) for line in lines] == page


@pytest.mark.parametrize("name", ["=1+1", "+55", "-x", "@SUM(A1)", "\tx"])
def test_no_cell_is_a_formula(desk, number, name):
    number(name=name)

    assert table(desk.get(f"{PAGE}/numeros.csv"))[1][1] == f"'{name}"
