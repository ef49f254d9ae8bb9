"""The operator's page of one number."""

import re
from datetime import timedelta

import pytest
from django.utils import timezone
from django.utils.translation import override

from channels_app import fleet, fleet_week, upkeep
from channels_app.models import Channel, ConnectionPeriod, Pulse, Reachability, Sweep, Watch
from incidents.models import Incident
from incidents.readings import Status
from tests.support import people
from tests.support.deaths import see
from tests.support.readings import healthy, reading


@pytest.fixture(autouse=True)
def in_english():
    with override("en"):
        yield


@pytest.fixture
def desk(client, operator):
    client.force_login(operator)
    client.defaults["HTTP_ACCEPT_LANGUAGE"] = "en"
    return client


@pytest.fixture
def channel(clinic):
    return people.channel(clinic, people.server(name="evo-sp-01"), name="Recepção", phone="+55 11 90123-4567")


def has_been_down(channel) -> Incident:
    now, of = timezone.now(), {"channel": channel, "tenant": channel.tenant}
    fell, paired = now - timedelta(hours=1), now - timedelta(hours=4)
    Watch.objects.create(
        connection_status="disconnected", cause="network_lost", status_since=fell, paired_at=paired,
        last_verdict_at=now, last_health_check=now, **of,
    )  # fmt: skip
    ConnectionPeriod.objects.create(status="open", cause="connected", started_at=paired, ended_at=fell, **of)
    ConnectionPeriod.objects.create(status="disconnected", cause="network_lost", started_at=fell, **of)
    return Incident.objects.create(kind="disconnected", cause="network_lost", started_at=fell, opened_at=now, **of)


def page_of(channel, path="") -> str:
    return f"/saas/whatsapp/{channel.pk}{path}"


def test_it_shows_state_cause_next_step_server_and_incident(desk, channel):
    incident = has_been_down(channel)

    page = desk.get(page_of(channel)).content.decode()

    for words in ["Disconnected", "The server has lost contact with WhatsApp", "do not delete the instance", "evo-sp-01"]:
        assert words in page
    assert "(11) 90123-4567" in page
    assert f"/incidentes/{incident.pk}/" in page
    assert week_of(page)[:4] in ("74.9", "75.0")  # of the four hours since it was paired


def week_of(page: str) -> str:
    """The percentage of the last seven days, as either page writes it."""
    return re.search(r">([\d.]+%)</strong> <span class=\"muted\">connected", page)[1]


@pytest.mark.parametrize("time_zone", ["America/Sao_Paulo", "Pacific/Auckland"])
def test_it_says_the_same_percentage_as_the_clinics_page(time_zone, client, operator, clinic, channel):
    clinic.time_zone = time_zone
    clinic.save()
    has_had_a_bad_week(channel)

    read = {operator: page_of(channel), people.admin_of(clinic): "/configuracoes/whatsapp-pessoal"}
    said = []
    for person in [*read, operator]:  # once more, a moment later
        client.force_login(person)
        said.append(week_of(client.get(read[person], headers={"Accept-Language": "en"}).content.decode()))

    operators, clinics, operators_again = said
    assert clinics in (operators, operators_again)


def test_a_number_that_was_moved_counts_from_its_new_pairing_on_each_page(client, operator, clinic, channel):
    now, minutes_ago = timezone.now(), timedelta(minutes=1)
    upkeep.keep_up()
    for ago in range(100, 60, -2):
        see(healthy, now - ago * minutes_ago)
    Channel.objects.update(server=people.server(name="evo-sp-02"))
    upkeep.keep_up()
    for ago in range(60, 20, -2):
        see(awaits_its_scan, now - ago * minutes_ago)
    for ago in range(20, -1, -2):
        see(healthy, now - ago * minutes_ago)

    assert fleet_week.measure_if_due()
    said = {fleet.FleetWeek.of(Pulse.objects.get()).percent}
    for person, page in [(operator, page_of(channel)), (people.admin_of(clinic), "/configuracoes/whatsapp-pessoal")]:
        client.force_login(person)
        said.add(week_of(client.get(page, headers={"Accept-Language": "en"}).content.decode()))

    assert said == {"100%"}


def test_of_a_number_of_the_official_api_no_week_is_said_while_its_server_fails(desk, channel):
    has_been_down(channel)
    Watch.objects.update(connection_status="error", cause="server_error", integration="WHATSAPP-BUSINESS")
    upkeep.keep_up()
    Pulse.objects.update(week_measured_at=None)

    assert fleet_week.measure_if_due()
    assert fleet.FleetWeek.of(Pulse.objects.get()).share is None
    assert '</strong> <span class="muted">connected' not in desk.get(page_of(channel)).content.decode()


def awaits_its_scan(*, at):
    return reading("awaiting_scan", Status.QR_PENDING, at, raw_state="connecting")


def has_had_a_bad_week(channel) -> None:
    """Down in three ways (first over the midnight with which the week begins), twice unseen, and connected again."""
    now, of = timezone.now(), {"channel": channel, "tenant": channel.tenant}
    hours_ago = [
        (200, 190, "open", "connected"), (190, 140, "disconnected", "logged_out"), (139, 100, "open", "connected"),
        (100, 99, "qr_pending", "awaiting_scan"), (99, 50, "open", "connected"), (40, 30, "unknown", "not_looked_at"),
        (30, 1, "open", "connected"), (1, 0.5, "connecting", "reconnecting"), (0.5, None, "open", "connected"),
    ]  # fmt: skip
    for start, end, status, cause in hours_ago:
        times = [None if ago is None else now - timedelta(hours=ago) for ago in (start, end)]
        ConnectionPeriod.objects.create(started_at=times[0], ended_at=times[1], status=status, cause=cause, **of)
    Watch.objects.create(
        connection_status="open", cause="connected", status_since=now - timedelta(hours=1),
        paired_at=now - timedelta(hours=200), last_verdict_at=now - timedelta(seconds=90), last_health_check=now, **of,
    )  # fmt: skip


def facts_of(page: str) -> dict[str, str]:
    """What stands beside the settings, as a person reads it."""
    pairs = re.findall(r"<dt>(.*?)</dt><dd.*?>(.*?)</dd>", page, flags=re.S)
    return {name: " ".join(re.sub(r"<[^>]+>", " ", value).split()) for name, value in pairs}


def test_a_number_that_nobody_could_see_for_long_is_not_said_to_be_as_it_was(desk, channel):
    incident, seen = has_been_down(channel), timezone.now() - timedelta(hours=5)
    Watch.objects.update(last_verdict_at=seen, last_health_check=timezone.now())

    page = " ".join(desk.get(page_of(channel)).content.decode().split())

    assert '<span class="tag is-neutral">No check</span>' in page
    assert "Seen last: The server has lost contact with WhatsApp" in page
    assert "do not delete the instance" not in page
    assert re.search(r"Last check</span>|Last check <time[^>]*>5h ago", page)
    assert f'id="incident" href="/incidentes/{incident.pk}/"' in page


@pytest.mark.parametrize(("latency_ms", "said"), [(84.2, "84 ms"), (2431.0, "2.4 s Slow")])
def test_it_shows_how_fast_its_server_answers(desk, channel, latency_ms, said):
    has_been_down(channel)
    Reachability.objects.create(server=channel.server, latency_ms=latency_ms)

    page = desk.get(page_of(channel)).content.decode()

    assert facts_of(page)["Server's latency"] == said
    assert not {"Server's state", "Checks in a row without a result"} & set(facts_of(page))
    assert 'id="server-incident"' not in page


def test_while_its_server_is_down_it_says_since_when_and_leads_to_the_servers_incident(desk, channel):
    own, since = has_been_down(channel), timezone.now() - timedelta(minutes=50)
    dark = {"dark_since": since, "dark_cause": "server_unreachable", "latency_ms": 84.0}
    Reachability.objects.create(server=channel.server, **dark)
    parent = server_incident_of(channel.server, since)
    server_incident_of(people.server(), since)
    Incident.objects.filter(pk=own.pk).update(parent=parent)

    page = desk.get(page_of(channel)).content.decode()

    assert facts_of(page)["Server's state"].startswith("Down (server) 50min")
    assert "Server's latency" not in facts_of(page)
    assert f'id="server-incident" href="/incidentes/{parent.pk}/"' in page
    assert f'id="incident" href="/incidentes/{own.pk}/"' in page


def server_incident_of(server, since) -> Incident:
    return Incident.objects.create(
        server=server, kind="server_down", cause="server_unreachable", started_at=since, opened_at=timezone.now()
    )


def test_a_servers_incident_that_is_over_is_not_led_to(desk, channel):
    has_been_down(channel)
    server_incident_of(channel.server, timezone.now())
    Incident.objects.filter(kind="server_down").update(resolved_at=timezone.now(), resolution="recovered")

    assert 'id="server-incident"' not in desk.get(page_of(channel)).content.decode()


def test_looks_that_brought_nothing_are_shown(desk, channel):
    has_been_down(channel)
    Watch.objects.update(strikes=2)

    assert facts_of(desk.get(page_of(channel)).content.decode())["Checks in a row without a result"] == "2"


def test_a_number_that_was_never_looked_at_has_a_page_too(desk, channel):
    page = desk.get(page_of(channel)).content.decode()

    assert "Not checked yet" in page
    assert "No incident so far." in page


@pytest.mark.parametrize("path", ["", "/agora"])
def test_nobody_else_finds_it(client, admin, channel, path):
    assert client.get(page_of(channel, path)).status_code == 302
    client.force_login(admin)
    assert client.get(page_of(channel, path)).status_code == 404


def test_a_number_that_does_not_exist_is_not_found(desk):
    assert desk.get("/saas/whatsapp/999999").status_code == 404
    assert desk.post("/saas/whatsapp/999999/verificar").status_code == 404


def test_check_now_asks_for_a_look_and_leads_back(desk, channel):
    has_been_down(channel)

    response = desk.post(page_of(channel, "/verificar"), follow=True)

    assert Sweep.objects.get().channel == channel
    assert "waiting for the answer" in response.content.decode()


def test_the_page_stops_waiting_once_the_look_has_ended(desk, channel):
    has_been_down(channel)
    desk.post(page_of(channel, "/verificar"))
    Watch.objects.update(look_started_at=timezone.now() + timedelta(seconds=1), lease_until=None)

    page = desk.get(page_of(channel, "/agora"), headers={"HX-Request": "true"}).content.decode()

    assert "waiting for the answer" not in page
    assert 'hx-trigger="every 20s"' in page
