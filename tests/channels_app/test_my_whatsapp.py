"""Meu WhatsApp: what a clinic sees of its numbers, what it may ask for and change, and what stays another's."""

import re
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone, translation

from channels_app import cards
from channels_app.cards.moments import moment
from channels_app.models import Channel, ConnectionPeriod, Sweep, Watch
from incidents.models import Incident, IncidentEvent
from tests.support import people

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
PAGE = "/configuracoes/whatsapp-pessoal"
MOST_QUERIES = 40  # with the frame, the session and the scope


@pytest.fixture
def now():
    return timezone.now()


@pytest.fixture
def channel(clinic):
    return people.channel(clinic, name="Recepção", phone="+55 11 90123-4567")


@pytest.fixture
def as_admin(client, admin):
    client.force_login(admin)
    return client


@pytest.fixture
def as_staff(client, staff):
    client.force_login(staff)
    return client


@pytest.fixture(autouse=True)
def english(client, settings):
    """Sentences are tested as they stand in the code; `test_languages` holds the Portuguese to them."""
    settings.SUPPORT_NAME = settings.SUPPORT_CONTACT = ""
    client.defaults["HTTP_ACCEPT_LANGUAGE"] = "en"
    with translation.override("en"):
        yield


def is_seen(channel, status="open", cause="connected", *, at, since=None, is_paired=True, **fields):
    """Write what looks would have written: state, and the period that goes with it."""
    since = since or at - DAY
    known = {"look_started_at": at, "last_health_check": at, "last_verdict_at": at, "status_since": since, "cause_since": since}
    paired = {"paired_at": since} if is_paired else {}
    values = (
        {"tenant": channel.tenant, "connection_status": status, "cause": cause, "next_look_at": at} | known | paired | fields
    )
    Watch.objects.update_or_create(channel=channel, defaults=values)
    row = {"tenant": channel.tenant, "channel": channel, "status": status, "cause": cause, "started_at": since}
    ConnectionPeriod.objects.create(**row)


def falls(channel, *, at, since, cause="logged_out", told=(), **fields):
    """Let the number be down since then, with an incident and the people who were told."""
    is_seen(channel, "disconnected", cause, at=at, since=since, first_unhealthy_at=since, **fields)
    row = {"tenant": channel.tenant, "channel": channel, "kind": "disconnected", "cause": cause, "started_at": since}
    incident = Incident.objects.create(opened_at=since + 5 * MINUTE, **row)
    people_are_told(incident, told, at=since + 5 * MINUTE)
    return incident


def people_are_told(incident, told, *, at, event="opened"):
    if told:
        line = {"tenant": incident.tenant, "kind": "told", "event": event, "told": [person.pk for person in told]}
        IncidentEvent.objects.create(incident=incident, at=at, **line)


def shown(client, path=PAGE):
    response = client.get(path)
    assert response.status_code == 200
    return words(response)


def words(response):
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", response.content.decode()))


def fragment_url(channel):
    return reverse("number-now", args=[channel.pk])


# What is shown


def test_a_connected_number_says_so_and_asks_for_nothing(as_admin, channel, now):
    is_seen(channel, at=now)
    text = shown(as_admin)
    assert "Recepção, (11) 90123-4567" in text
    assert "All is well. Your number is connected." in text
    assert "100% connected" in text
    assert "No falls in the last 7 days" in text
    assert "btn-primary btn-lg" not in as_admin.get(PAGE).content.decode()


def test_all_is_well_where_the_rest_cannot_be_verified(as_admin, channel, clinic, now):
    is_seen(channel, at=now)
    is_seen(people.channel(clinic), "unknown", "not_verifiable", at=now)
    assert "All is well. Your number is connected." in shown(as_admin)


def test_a_number_that_nobody_could_see_for_long_is_not_said_to_be_connected(as_admin, channel, now):
    is_seen(channel, at=now, last_verdict_at=now - 5 * HOUR)
    text = shown(as_admin)
    assert "Recepção, (11) 90123-4567 No check" in text
    assert "All is well" not in text
    assert "Connected for" not in text
    assert re.search(r"Last check (?:\S+ )?5h ago ?, late", text), text


def test_nor_is_one_that_was_down_and_its_incident_is_still_there(as_admin, admin, channel, now):
    incident = falls(channel, at=now, since=now - 6 * HOUR, told=[admin])
    Watch.objects.update(last_verdict_at=now - 5 * HOUR)
    text = shown(as_admin)
    assert "Recepção, (11) 90123-4567 No check" in text
    assert "Down for" not in text
    assert re.search(r"Last check (?:\S+ )?5h ago ?, late", text), text
    assert f"/incidentes/{incident.pk}/" in as_admin.get(PAGE).content.decode()


@pytest.mark.parametrize(
    ("reader", "alerts", "is_promised"), [("admin", True, True), ("admin", False, False), ("staff", True, False)]
)
def test_only_somebody_whom_an_alert_reaches_is_promised_one(reader, alerts, is_promised, client, request, channel, now):
    is_seen(channel, at=now)
    Channel.objects.update(alerts_enabled=alerts)
    client.force_login(request.getfixturevalue(reader))
    assert ("Your number is connected. If it drops, you are told." in shown(client)) is is_promised


def test_there_is_one_primary_button_for_however_many_numbers(as_admin, clinic, now, settings):
    settings.SUPPORT_CONTACT = "https://example.com/help"
    for _number in range(3):
        falls(people.channel(clinic), at=now, since=now - HOUR)
    assert as_admin.get(PAGE).content.decode().count("btn-primary btn-lg") == 1


def test_a_number_that_is_down_says_since_when_why_and_what_to_do(as_admin, admin, channel, now, settings):
    settings.SUPPORT_NAME, settings.SUPPORT_CONTACT = "Suporte Agendar", "tel:+551130000000"
    falls(channel, at=now, since=now - 12 * MINUTE, told=[admin])
    text, html = shown(as_admin), as_admin.get(PAGE).content.decode()
    assert re.search(r"Down for 12min( \d+s)? ?, since", text)
    assert "The system was disconnected from this WhatsApp" in text
    assert "automatic messages are not going out" in text
    assert f"{admin} was told at" in text
    assert "All is well" not in text
    assert 'btn-primary btn-lg" href="tel:+551130000000"' in html
    assert "Reconnect" not in text


def test_a_contact_that_is_no_link_is_a_text(as_admin, channel, now, settings):
    settings.SUPPORT_CONTACT = "javascript:alert(1)"
    falls(channel, at=now, since=now - HOUR)
    html = as_admin.get(PAGE).content.decode()
    assert 'href="javascript' not in html
    assert "btn-primary btn-lg" not in html


@pytest.mark.parametrize(("operator_told", "sentence"), [(True, "Support has already been told."), (False, "Talk to support.")])
def test_support_knows_only_where_an_operator_was_told(operator_told, sentence, as_admin, admin, operator, channel, now):
    told = [admin, operator] if operator_told else [admin]
    falls(channel, at=now, since=now - HOUR, cause="network_lost", told=told)
    text = shown(as_admin)
    assert sentence in text
    assert (f"{admin} and support were told" in text) is operator_told


def test_everybody_who_was_told_since_it_fell_is_named_with_the_first_time(as_admin, admin, operator, clinic, channel, now):
    incident, second = falls(channel, at=now, since=now - HOUR, told=[admin]), people.admin_of(clinic)
    people_are_told(incident, [operator], at=now - 40 * MINUTE)
    people_are_told(incident, [admin, second], at=now - 30 * MINUTE, event="action_needed")
    people_are_told(incident, [people.admin_of(clinic)], at=now - MINUTE, event="resolved")
    assert f"{admin}, {second} and support were told, the first at {moment(now - 55 * MINUTE, beside=now)}" in shown(as_admin)


def test_before_the_threshold_the_page_says_when_the_alert_goes_out(as_admin, channel, now):
    is_seen(channel, "disconnected", "logged_out", at=now, since=now - MINUTE)
    assert "An alert goes out after 5min down" in shown(as_admin)


def test_where_alerts_are_off_the_page_says_that_nobody_is_told(as_admin, channel, now):
    Channel.objects.update(alerts_enabled=False)
    falls(channel, at=now, since=now - HOUR)
    assert "Alerts are off: nobody is told" in shown(as_admin)


def test_a_number_that_was_never_paired_is_asked_to_connect_and_has_no_strip(as_admin, channel, now):
    is_seen(channel, "disconnected", "never_paired", at=now, is_paired=False)
    text = shown(as_admin)
    assert "Number not connected yet" in text
    assert "Last 7 days" not in text
    assert "Down for" not in text


def test_a_number_of_the_official_api_cannot_be_verified_and_has_no_strip(as_admin, channel, now):
    is_seen(channel, "unknown", "not_verifiable", at=now)
    text = shown(as_admin)
    assert "Number on the official API" in text
    assert "Last 7 days" not in text


def test_while_its_server_fails_a_number_of_the_official_api_has_no_week_and_all_is_not_well(as_admin, channel, clinic, now):
    is_seen(people.channel(clinic, name="Agenda"), at=now)
    is_seen(channel, "error", "server_error", at=now, since=now - HOUR, paired_at=now - DAY, integration="WHATSAPP-BUSINESS")
    text = shown(as_admin)
    assert text.count("Last 7 days") == 1
    assert " 0%" not in text
    assert "All is well" not in text


@pytest.mark.parametrize("has_watch", [True, False])
def test_a_number_that_was_never_looked_at_waits_for_its_first_check(has_watch, as_admin, channel):
    if has_watch:
        Watch.objects.create(channel=channel, tenant=channel.tenant)
    text = shown(as_admin)
    assert "Not checked yet" in text
    assert "No check yet" in text


def test_a_number_whose_watch_is_off_says_so_and_cannot_be_checked(as_admin, channel, now):
    is_seen(channel, at=now)
    Channel.objects.update(is_active=False)
    text = shown(as_admin)
    assert "The watch over this number is switched off" in text
    assert "Check now" not in text


def test_an_archived_number_is_not_shown(as_admin, channel, now):
    Channel.objects.update(archived_at=now)
    text = shown(as_admin)
    assert "Recepção" not in text
    assert "No number yet" in text


def test_a_check_that_is_overdue_is_a_warning_and_nothing_is_green(as_admin, channel, now):
    is_seen(channel, at=now - 26 * MINUTE)
    text, html = shown(as_admin), as_admin.get(PAGE).content.decode()
    assert re.search(r"26min( \d+s)? ago ?, late", text)
    assert "All is well" not in text
    assert "tag is-success" not in html


def test_a_clinics_page_has_none_of_the_operators_words(as_admin, admin, channel, now):
    falls(channel, at=now, since=now - HOUR, cause="server_unreachable", told=[admin])
    text = shown(as_admin).lower()
    assert not [word for word in ("channel", "instance", "session", "gateway", channel.server.name.lower()) if word in text]


# A number that keeps falling


def keeps_falling(channel, *, at, is_down, told=()):
    """Let it fall every four minutes and come back two minutes later, three times; the last change a minute ago."""
    last = at - MINUTE
    changes = [last - 2 * n * MINUTE for n in reversed(range(5 if is_down else 6))]
    state = {"status": "disconnected", "cause": "logged_out"} if is_down else {}
    is_seen(channel, **state, at=at, since=last, paired_at=at - DAY, health_changes=changes)
    row = {"tenant": channel.tenant, "channel": channel, "kind": "unstable", "cause": "unstable"}
    incident = Incident.objects.create(started_at=changes[0], opened_at=last, **row)
    people_are_told(incident, told, at=last)
    return incident


def head_of(client, channel):
    """What stands beside the number's name."""
    html = client.get(fragment_url(channel)).content.decode()
    return re.sub(r"<[^>]+>|\s+", " ", html.split('class="card-header"')[1].split('<div class="state')[0])


@pytest.mark.parametrize(
    ("is_down", "state", "minutes"), [(False, "Connected", 10), (True, "Disconnected", 8)], ids=["up just now", "down just now"]
)
def test_a_number_that_keeps_falling_says_so_beside_what_it_is_just_now(is_down, state, minutes, as_admin, channel, now):
    keeps_falling(channel, at=now, is_down=is_down)
    text = shown(as_admin)
    assert f"Unstable connection It dropped 3 times in {minutes} minutes." in text
    assert head_of(as_admin, channel).split()[-1] == state
    assert "All is well" not in text
    assert bool(re.search(r"Down for 1min( \d+s)? ?, since", text)) is is_down


def test_who_was_told_of_an_unstable_number_is_said_while_it_is_up(as_admin, admin, operator, channel, now):
    keeps_falling(channel, at=now, is_down=False, told=[admin, operator])
    text = shown(as_admin)
    assert f"{admin} and support were told at" in text
    assert "Support has already been told." in text


def test_an_outage_that_becomes_instability_is_news(channel, now):
    incident = falls(channel, at=now, since=now - HOUR)
    before = cards.read([channel], now=now, with_history=False)[0].news
    Incident.objects.filter(pk=incident.pk).update(cause="unstable", kind="unstable")
    assert cards.read([channel], now=now, with_history=False)[0].news != before


# A server that is down


def goes_dark(*channels, at, operators_told=False, cause="server_unreachable"):
    """Let their server be down for twenty minutes, with its incident and theirs under it; return theirs."""
    since, server = at - 20 * MINUTE, channels[0].server
    fields = {"cause": cause, "started_at": since, "opened_at": since + 5 * MINUTE}
    told = {"notified_at": since + 5 * MINUTE if operators_told else None}
    parent = Incident.objects.create(server=server, tenant=server.tenant, kind="server_down", **fields, **told)
    children = []
    for channel in channels:
        is_seen(channel, "error", cause, at=at, since=since, first_unhealthy_at=since, paired_at=at - DAY)
        row = {"tenant": channel.tenant, "channel": channel, "kind": "error", "parent": parent}
        children.append(Incident.objects.create(**row, **fields))
    return children


@pytest.mark.parametrize("cause", ["server_unreachable", "server_error", "key_rejected"])
def test_a_number_whose_server_is_down_is_told_of_calmly(cause, as_admin, channel, now, settings):
    settings.SUPPORT_CONTACT = "https://example.com/help"
    goes_dark(channel, at=now, operators_told=True, cause=cause)
    text, html = shown(as_admin), as_admin.get(PAGE).content.decode()
    assert "The message server is down Automatic messages are not going out. Leave the phone as it is. Support has" in text
    assert "Support was told at" in text
    assert "Nobody has been told" not in text
    assert "btn-primary btn-lg" not in html


def test_where_not_even_support_was_told_the_clinic_is_shown_the_way_there_and_nothing_is_claimed(
    as_admin, channel, now, settings
):
    settings.SUPPORT_CONTACT = "https://example.com/help"
    goes_dark(channel, at=now)
    text, html = shown(as_admin), as_admin.get(PAGE).content.decode()
    assert "Leave the phone as it is. Talk to support" in text
    assert "told" not in text.lower()
    assert "btn-primary btn-lg" in html


def test_the_calm_notice_of_one_number_is_said_of_all_on_that_server_and_of_no_other(
    client, admin, outsider, channel, clinic, other_clinic, now
):
    second, elsewhere = people.channel(clinic, channel.server), people.channel(clinic)
    theirs = people.channel(other_clinic, channel.server)
    first, *_others = goes_dark(channel, second, theirs, at=now, operators_told=True)
    people_are_told(first, [admin], at=now - 5 * MINUTE, event="server_down")
    goes_dark(elsewhere, at=now)
    said = {}
    for person, numbers in ((admin, [channel, second, elsewhere]), (outsider, [theirs])):
        client.force_login(person)
        said |= {
            number: f"{admin} and support were told, the first at" in words(client.get(fragment_url(number)))
            for number in numbers
        }
    assert said == {channel: True, second: True, elsewhere: False, theirs: False}


@pytest.mark.parametrize(
    ("cause", "title"),
    [("logged_out", "The system was disconnected from this WhatsApp"), ("network_lost", "The server has lost contact with")],
)
def test_a_number_that_is_down_for_its_own_reason_once_its_server_is_back_says_that_one(cause, title, as_admin, channel, now):
    goes_dark(channel, at=now, operators_told=True)
    Watch.objects.update(connection_status="disconnected", cause=cause)
    assert title in shown(as_admin)


def test_a_clinic_whose_own_server_refuses_its_key_is_told_what_to_do(as_admin, clinic, now):
    goes_dark(people.channel(clinic, people.server(clinic)), at=now, cause="key_rejected")
    text = shown(as_admin)
    assert "The server refused the access key" in text
    assert "Leave the phone" not in text


# History


def test_incidents_of_seven_days_are_listed_open_ones_counting(as_admin, channel, now):
    incident = falls(channel, at=now, since=now - 90 * MINUTE)
    old = {"tenant": channel.tenant, "channel": channel, "kind": "error", "cause": "server_error", "resolution": "recovered"}
    Incident.objects.create(started_at=now - 2 * DAY, opened_at=now - 2 * DAY, resolved_at=now - 2 * DAY + 14 * MINUTE, **old)
    Incident.objects.create(started_at=now - 9 * DAY, opened_at=now - 9 * DAY, resolved_at=now - 9 * DAY + HOUR, **old)
    text, html = shown(as_admin), as_admin.get(PAGE).content.decode()
    assert re.search(r"Disconnection The system was disconnected from this WhatsApp [^→]+ → now 1h 30min Open", text)
    assert text.count("14min Resolved") == 1
    assert text.count("Server failure") == 1
    assert reverse("incident", args=[incident.pk]) in html


def test_falls_that_were_over_before_the_threshold_are_counted_in_a_line(as_admin, channel, now):
    is_seen(channel, at=now, since=now - HOUR, paired_at=now - 3 * DAY)
    row = {"tenant": channel.tenant, "channel": channel}
    ConnectionPeriod.objects.create(status="open", cause="connected", started_at=now - DAY, ended_at=now - HOUR - MINUTE, **row)
    ConnectionPeriod.objects.create(
        status="connecting", cause="reconnecting", started_at=now - HOUR - MINUTE, ended_at=now - HOUR, **row
    )
    text = shown(as_admin)
    assert "1 short fall was over within 5min" in text
    assert "No falls in the last 7 days" not in text


def test_a_fall_that_goes_on_is_no_short_fall_that_was_over(as_admin, channel, now):
    is_seen(channel, "disconnected", "logged_out", at=now, since=now - 2 * MINUTE, paired_at=now - DAY)
    text = shown(as_admin)
    assert "short fall" not in text
    assert "No falls" not in text


def test_a_day_opens_with_its_periods(as_admin, channel, now):
    falls(channel, at=now, since=now - MINUTE, paired_at=now - DAY)
    today = timezone.localtime(now).date().isoformat()
    text = shown(as_admin, f"{PAGE}?numero={channel.pk}&dia={today}")
    assert re.search(r"Disconnected The system was disconnected from this WhatsApp [^→]+ → now", text)
    assert "All 7 days" in text


@pytest.mark.parametrize(
    "query", ["dia=2020-01-01", "dia=x", "dia=2026-13-40", "dia=&numero=y", "numero=" + "9" * 60, "dia=%00"]
)
def test_a_day_that_is_none_of_the_seven_shows_the_seven(query, as_admin, channel, now):
    is_seen(channel, at=now)
    assert "All 7 days" not in shown(as_admin, f"{PAGE}?{query}")


# The poll


def test_the_page_and_its_poll_share_one_fragment(as_admin, channel, now):
    is_seen(channel, at=now)
    assert 'id="now-' in as_admin.get(PAGE).content.decode()
    fragment = as_admin.get(fragment_url(channel)).content.decode()
    assert fragment.lstrip().startswith(f'<div id="now-{channel.pk}"')
    assert "<html" not in fragment


def test_a_poll_that_finds_nothing_new_changes_nothing(as_admin, channel, now):
    is_seen(channel, at=now)
    url = re.search(r'hx-get="([^"]+/agora[^"]+)"', as_admin.get(PAGE).content.decode())[1].replace("&amp;", "&")
    assert as_admin.get(url).status_code == 204
    Watch.objects.update(connection_status="disconnected", cause="logged_out", first_unhealthy_at=now)
    response = as_admin.get(url)
    assert "Down for" in words(response)
    assert response["HX-Trigger-After-Settle"] == "number-changed"


def test_a_later_check_alone_leaves_the_history_as_it_is(as_admin, channel, now):
    is_seen(channel, at=now - MINUTE)
    url = re.search(r'hx-get="([^"]+/agora[^"]+)"', as_admin.get(PAGE).content.decode())[1].replace("&amp;", "&")
    Watch.objects.update(last_health_check=now)
    response = as_admin.get(url)
    assert response.status_code == 200
    assert "HX-Trigger-After-Settle" not in response


def test_while_a_number_is_down_its_history_follows_every_minute(channel, now):
    is_seen(channel, "disconnected", "logged_out", at=now, since=now - 70 * timedelta(seconds=1))
    card = cards.read([channel], now=now, with_history=False)[0]
    before = card.news
    card.watch.last_verdict_at = now + timedelta(seconds=10)
    assert card.news == before
    card.watch.last_verdict_at = now + MINUTE
    assert card.news != before


def test_a_poll_whose_session_has_ended_gets_no_login_page(client, channel):
    response = client.get(fragment_url(channel), headers={"HX-Request": "true"})
    assert response.status_code == 401
    assert "<html" not in response.content.decode()


# Check now


def test_check_now_asks_for_a_look_and_leads_back(as_staff, staff, channel, now):
    is_seen(channel, at=now)
    response = as_staff.post(reverse("number-check", args=[channel.pk]))
    assert (response.status_code, response.url) == (302, f"{PAGE}#numero-{channel.pk}")
    sweep = Sweep.objects.get()
    assert (sweep.channel, sweep.requested_by) == (channel, staff)
    assert "Check asked for" in words(as_staff.get(fragment_url(channel)))


def test_the_result_of_a_check_is_said_when_it_is_there(as_admin, channel, now):
    is_seen(channel, at=now - MINUTE)
    Sweep.objects.create(tenant=channel.tenant, channel=channel, started_at=now - timedelta(seconds=5))
    Watch.objects.update(look_started_at=now, lease_until=now + MINUTE)
    assert "Check asked for" in words(as_admin.get(fragment_url(channel)))
    Watch.objects.update(lease_until=None, last_verdict_at=now, last_health_check=now)
    assert "Checked: Connected." in words(as_admin.get(fragment_url(channel)))


def test_a_check_without_a_verdict_claims_no_result(as_admin, channel, now):
    is_seen(channel, at=now - MINUTE)
    Sweep.objects.create(tenant=channel.tenant, channel=channel, started_at=now - timedelta(seconds=5))
    Watch.objects.update(look_started_at=now, last_health_check=now)
    assert "The check did not succeed" in words(as_admin.get(fragment_url(channel)))


def test_a_check_that_takes_long_says_so(as_admin, channel, now):
    is_seen(channel, at=now - 2 * MINUTE)
    Sweep.objects.create(tenant=channel.tenant, channel=channel, started_at=now - MINUTE)
    assert "taking longer than usual" in words(as_admin.get(fragment_url(channel)))


@pytest.mark.parametrize("verdict", [-1, 0], ids=["seen before", "seen since"])
@pytest.mark.parametrize(
    ("began", "lease", "active"),
    [(None, None, True), (-1, None, True), (1, 60, True), (1, None, True), (1, None, False), (-1, None, False)],
)
def test_a_card_waits_exactly_as_long_as_its_sweep_does(began, lease, active, verdict, clinic, channel, now):
    is_seen(channel, at=now + timedelta(seconds=verdict))
    sweep = Sweep.objects.create(tenant=clinic, channel=channel, started_at=now)
    moments = [None if seconds is None else now + timedelta(seconds=seconds) for seconds in (began, lease)]
    Watch.objects.update(look_started_at=moments[0], lease_until=moments[1])
    Channel.objects.update(is_active=active)
    (card,) = cards.read([Channel.objects.select_related("watch").get()], now=now, with_history=False)
    assert card.is_waiting == sweep.waiting().exists()


# Settings


def set_threshold(client, channel, value):
    return client.post(reverse("number-threshold", args=[channel.pk]), {"heartbeat_threshold_minutes": value})


@pytest.mark.parametrize("value", ["0", "61", "", "soon", "1e9", "-5", "5.5", "9" * 5000])
def test_a_threshold_that_is_none_gets_a_sentence_beside_the_field_and_nothing_is_saved(value, as_admin, channel, now):
    is_seen(channel, at=now)
    response = set_threshold(as_admin, channel, value)
    html = response.content.decode()
    assert f'id="minutes-error-{channel.pk}" role="alert"' in html
    assert re.search(r'aria-invalid="true"', html)
    assert Channel.objects.get().heartbeat_threshold_minutes == 5


@pytest.mark.parametrize("value", [1, 60])
def test_an_admin_sets_the_threshold(value, as_admin, channel):
    response = set_threshold(as_admin, channel, value)
    assert response.url == f"{PAGE}?salvo={channel.pk}#avisos-{channel.pk}"
    assert Channel.objects.get().heartbeat_threshold_minutes == value
    assert "Saved." in shown(as_admin, response.url)


def test_an_admin_switches_alerts_off_and_on(as_admin, channel):
    url = reverse("number-alerts", args=[channel.pk])
    as_admin.post(url, {})
    assert Channel.objects.get().alerts_enabled is False
    as_admin.post(url, {"alerts_enabled": "on"})
    assert Channel.objects.get().alerts_enabled is True


def test_saving_one_setting_leaves_all_others_alone(as_admin, channel):
    set_threshold(as_admin, channel, 7)
    after = Channel.objects.get()
    assert (after.alerts_enabled, after.is_active, after.name) == (True, True, "Recepção")


def test_staff_see_the_values_and_no_controls(as_staff, channel, now):
    is_seen(channel, at=now)
    html = as_staff.get(PAGE).content.decode()
    assert "after 5min" in shown(as_staff)
    assert "heartbeat_threshold_minutes" not in html
    assert 'role="switch"' not in html


def test_staff_change_nothing(as_staff, channel):
    assert set_threshold(as_staff, channel, 9).status_code == 403
    assert as_staff.post(reverse("number-alerts", args=[channel.pk]), {}).status_code == 403
    assert (Channel.objects.get().heartbeat_threshold_minutes, Channel.objects.get().alerts_enabled) == (5, True)


@pytest.mark.parametrize("name", ["number-check", "number-alerts", "number-threshold"])
def test_whoever_comes_by_a_forms_address_alone_is_led_to_the_page(name, as_admin, channel):
    assert as_admin.get(reverse(name, args=[channel.pk])).url == PAGE


# The wall


@pytest.mark.parametrize("name", ["number-now", "number-check", "number-alerts", "number-threshold"])
def test_another_clinics_number_is_not_found_like_one_that_does_not_exist(name, client, outsider, channel):
    client.force_login(outsider)
    send = client.get if name == "number-now" else client.post
    theirs, nobodys = (send(reverse(name, args=[pk])) for pk in (channel.pk, channel.pk + 1000))
    assert theirs.status_code == nobodys.status_code == 404
    assert not Sweep.objects.exists()
    assert Channel.objects.get().alerts_enabled


def test_another_clinics_numbers_are_not_on_the_page(client, outsider, channel, now):
    is_seen(channel, at=now)
    client.force_login(outsider)
    assert "Recepção" not in shown(client)


def test_a_stranger_is_led_to_the_door(client, db):
    response = client.get(PAGE)
    assert response.status_code == 302
    assert "next=" in response.url


# What it costs


def test_five_numbers_cost_no_more_queries_than_one(as_admin, admin, clinic, now):
    counts = []
    for _more in range(5):
        falls(people.channel(clinic), at=now, since=now - HOUR, told=[admin])
        with CaptureQueriesContext(connection) as queries:
            shown(as_admin)
        counts.append(len(queries))
    assert counts[0] == counts[4] <= MOST_QUERIES
