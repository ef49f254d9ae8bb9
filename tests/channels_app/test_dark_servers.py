"""A server that dies with its clinics: one incident for the operator, one calm notice per clinic, no number forgotten."""

from datetime import timedelta
from functools import partial

import pytest
from django.utils import timezone

from channels_app import bell, circuit, outage, recovery, upkeep, verdicts
from channels_app.flush import Look, flush
from channels_app.models import Channel, ConnectionPeriod, Pulse, Reachability, Watch
from channels_app.turns import Turns
from incidents.models import Incident, IncidentEvent
from incidents.readings import Status
from notifications.models import Notification
from tests.support import people
from tests.support.deaths import (
    MINUTE,
    SECOND,
    bad_gateway,
    come_back,
    dead,
    die,
    inferred,
    logged_out,
    refused,
    see,
    server_incident,
    some_time_ago,
    told,
    violations,
)
from tests.support.readings import healthy, reading


@pytest.fixture
def start():
    return some_time_ago()


@pytest.fixture
def server(db):
    return people.server(name="evo-sp-01")


@pytest.fixture
def fleet(clinic, other_clinic, server, start):
    """Three numbers of one clinic and one of another on the same server, all seen connected."""
    numbers = [
        people.channel(owner, server, name=name, heartbeat_threshold_minutes=1)
        for owner, name in [(clinic, "Recepção"), (clinic, "Agenda"), (clinic, "Exames"), (other_clinic, "Central")]
    ]
    upkeep.keep_up()
    see(healthy, start - MINUTE)
    return numbers


def test_a_dead_server_opens_one_incident_with_its_numbers_as_children(fleet, server, start, operator):
    die(start)

    incident = server_incident()
    assert (incident.kind, incident.cause, incident.started_at) == ("server_down", "server_unreachable", start)
    assert set(incident.children.values_list("channel", flat=True)) == {number.pk for number in fleet}
    assert Incident.objects.count() == 1 + len(fleet)
    assert violations() == {}


def test_a_number_that_hangs_beside_one_that_is_logged_out_is_no_dead_server(fleet, start):
    hanging, gone = fleet[:2]
    Channel.objects.exclude(pk__in=[hanging.pk, gone.pk]).update(is_active=False)
    upkeep.keep_up()
    see(logged_out, start, only=[gone])
    for after in (1, 11, 21, 31):
        see(dead, start + after * SECOND, only=[hanging])

    assert Reachability.objects.get().dark_since is None
    see(dead, start + 41 * SECOND, only=[gone])
    assert Reachability.objects.get().dark_since == start + SECOND


def test_the_operator_is_told_once_of_the_server_and_not_of_its_numbers(fleet, start, operator):
    die(start)
    see(inferred, start + 3 * MINUTE)

    assert told(operator) == [("opened", "evo-sp-01: O servidor de mensagens está fora do ar")]
    assert "4 " in Notification.objects.get().body
    assert "2 " in Notification.objects.get().body


def test_each_clinic_gets_one_calm_notice_when_its_time_has_come(fleet, start, admin, outsider, operator, settings):
    settings.SERVER_DOWN_TELL_CLINICS = 15
    die(start)
    upkeep.keep_up()
    upkeep.keep_up()

    calm = ("server_down", "O servidor de mensagens está fora do ar")
    assert told(admin) == [calm]
    assert told(outsider) == [calm]
    assert "O suporte já foi avisado" in Notification.objects.get(user=admin).body
    assert violations() == {}


def test_a_server_that_is_down_for_less_than_that_is_nobodys_worry_yet(fleet, admin, settings):
    settings.SERVER_DOWN_TELL_CLINICS = 15
    die(timezone.now() - 5 * MINUTE)
    upkeep.keep_up()

    assert told(admin) == []


def test_no_clinic_is_told_that_a_server_is_down_when_it_is_back(fleet, admin, settings):
    settings.SERVER_DOWN_TELL_CLINICS = 15
    fell, back = timezone.now() - 16 * MINUTE, timezone.now() - 80 * SECOND
    die(fell)
    come_back(back, but=fleet[1:2])
    see(logged_out, back + 5 * SECOND, only=fleet[1:2])
    assert Incident.objects.open().filter(channel=fleet[1]).exists()

    upkeep.keep_up()

    assert "server_down" not in [event for event, _title in told(admin)]


def test_clinics_can_be_told_at_once(fleet, admin, settings):
    settings.SERVER_DOWN_TELL_CLINICS = 0
    die(timezone.now() - 90 * SECOND)
    upkeep.keep_up()

    assert [event for event, _title in told(admin)] == ["server_down"]


def test_a_clinic_that_wants_to_be_warned_later_is_told_when_its_own_threshold_has_passed(fleet, start, admin, outsider):
    Channel.objects.filter(tenant=outsider.memberships.get().tenant).update(heartbeat_threshold_minutes=60)
    die(start)
    upkeep.keep_up()

    assert [event for event, _title in told(admin)] == ["server_down"]
    assert told(outsider) == []


def test_clinics_can_be_told_on_their_pages_only(fleet, start, admin, settings):
    settings.SERVER_DOWN_TELL_CLINICS = None
    die(start)
    upkeep.keep_up()

    assert told(admin) == []


def test_after_an_outage_of_our_own_no_clinic_is_told_before_somebody_has_looked(fleet, start, admin):
    die(start)
    upkeep.keep_up()
    Notification.objects.all().delete()
    IncidentEvent.objects.filter(kind="told").delete()
    Watch.objects.update(last_health_check=start)
    Pulse.objects.update(last_tick_at=start)  # nobody has been there since
    outage.forget_tick()

    upkeep.keep_up()

    assert told(admin) == []


def test_a_clinic_that_switched_its_alerts_off_is_not_told(fleet, start, admin):
    Channel.objects.filter(tenant=admin.memberships.get().tenant).update(alerts_enabled=False)
    die(start)
    upkeep.keep_up()

    assert told(admin) == []


def maintenance(*, at):
    return reading("invalid_answer", Status.ERROR, at, code=200, raw_state="no instance")


@pytest.mark.parametrize("in_another_way", [bad_gateway, maintenance])
def test_a_dead_server_that_fails_in_another_way_than_before_turns_no_causes(fleet, start, in_another_way):
    die(start)
    for minute in (3, 5):
        see(in_another_way, start + minute * MINUTE, only=fleet[:1])  # a probe
        see(inferred, start + (minute + 1) * MINUTE, only=fleet[:1])

    assert not IncidentEvent.objects.filter(kind="cause_changed").exists()
    assert ConnectionPeriod.objects.filter(channel=fleet[0]).count() == 2  # connected, and down


def test_a_dead_server_that_fails_in_another_way_for_long_is_down_for_that(fleet, start, admin, operator):
    die(start)
    upkeep.keep_up()
    before = (told(admin), told(operator))
    for minute in (3, 5, 8):
        see(bad_gateway, start + minute * MINUTE, only=fleet[:1])  # a probe
    for minute in (9, 10):
        see(inferred, start + minute * MINUTE)

    assert server_incident().cause == "server_error"
    assert list(server_incident().events.filter(kind="cause_changed").values_list("cause", "at")) == [
        ("server_error", start + 8 * MINUTE)
    ]
    assert set(Watch.objects.values_list("cause", flat=True)) == {"server_error"}
    assert IncidentEvent.objects.filter(kind="cause_changed").count() == 1 + len(fleet)
    assert (told(admin), told(operator)) == before
    assert violations() == {}


def test_numbers_that_were_down_already_are_not_told_of_again_when_their_server_dies_too(fleet, start, admin, operator):
    for after in (0, 40, 80):
        see(logged_out, start + after * SECOND)
    before = told(admin)
    for after in (120, 130):
        see(dead, start + after * SECOND)
    for after in (200, 260):
        see(inferred, start + after * SECOND)

    assert told(operator) == [("opened", "evo-sp-01: O servidor de mensagens está fora do ar")]
    assert told(admin) == before
    assert server_incident().started_at == start + 120 * SECOND
    assert violations() == {}


def test_a_number_that_fell_twice_of_its_own_is_not_unstable_when_its_server_dies(fleet, start):
    number = fleet[0]
    for begin in (start - 60 * MINUTE, start - 30 * MINUTE):
        for after in (0, 70):
            see(logged_out, begin + after * SECOND, only=[number])
        for after in (80, 90):
            see(healthy, begin + after * SECOND, only=[number])
    die(start)

    assert set(server_incident().children.values_list("kind", flat=True)) == {"error"}


def test_numbers_that_keep_falling_with_their_server_are_not_unstable(fleet, start):
    for n in range(6):
        see(dead, start + 4 * n * MINUTE)
        come_back(start + (4 * n + 1) * MINUTE)

    assert not Incident.objects.filter(kind="unstable").exists()
    assert all(not changes for changes in Watch.objects.values_list("health_changes", flat=True))


def test_a_number_that_keeps_failing_while_its_server_answers_for_others_is_unstable(fleet, start):
    number, other = fleet[:2]
    for n in range(3):
        see(healthy, start + 4 * n * MINUTE, only=[other])
        see(bad_gateway, start + (4 * n + 1) * MINUTE, only=[number])
        see(healthy, start + (4 * n + 2) * MINUTE, only=[number])

    assert list(Incident.objects.values_list("channel", "kind")) == [(number.pk, "unstable")]


def test_an_address_that_we_may_not_dial_is_one_incident_however_many_numbers_hang_on_it(fleet, start, operator):
    def not_allowed(*, at):
        return reading("address_refused", Status.ERROR, at, raw_state="10.0.0.7")

    for after in (0, 10, 70):
        see(not_allowed, start + after * SECOND)

    assert server_incident().cause == "address_refused"
    assert len(told(operator)) == 1


def test_of_a_server_whose_own_key_is_refused_the_numbers_with_a_token_of_their_own_are_looked_at_as_ever(fleet, server, start):
    Channel.objects.filter(pk=fleet[0].pk).update(own_token="a-token")
    others = fleet[1:]
    see(refused, start, only=others)
    assert Reachability.objects.get().dark_cause == "key_rejected"

    see(healthy, start + 10 * SECOND, only=fleet[:1])

    assert Reachability.objects.get().dark_since is not None
    Watch.objects.update(next_look_at=timezone.now() - MINUTE, lease_until=None)
    dark = {order.channel_id: order.dark for order in Turns().claim(100)}
    assert dark == {fleet[0].pk: ""} | {number.pk: "key_rejected" for number in others}


def test_a_server_whose_own_key_nobody_needs_any_more_is_not_dark_by_it(fleet, start, operator, admin):
    for after in (0, 10, 70):
        see(refused, start + after * SECOND)
    Channel.objects.update(own_token="a-token")
    see(healthy, start + 2 * MINUTE)
    assert Reachability.objects.get().dark_since is not None

    upkeep.keep_up()

    state = Reachability.objects.get()
    assert (state.dark_since, state.dark_cause, state.was_dark_since) == (None, "", start)
    assert state.back_at > start


def test_where_one_number_needs_it_still_the_server_stays_dark(fleet, start):
    for after in (0, 10, 70):
        see(refused, start + after * SECOND)
    Channel.objects.exclude(pk=fleet[0].pk).update(own_token="a-token")

    upkeep.keep_up()

    assert Reachability.objects.get().dark_since == start


def test_when_the_server_is_back_everybody_who_was_told_hears_it_once(fleet, start, admin, operator):
    die(start)
    upkeep.keep_up()
    come_back(start + 20 * MINUTE)
    upkeep.keep_up()
    upkeep.keep_up()

    incident = server_incident()
    assert (incident.resolved_at, incident.resolution) == (start + 20 * MINUTE, "recovered")
    assert [event for event, _title in told(admin)] == ["server_down", "server_back"]
    assert [event for event, _title in told(operator)] == ["opened", "resolved"]
    assert Incident.objects.open().count() == 0
    assert "4 voltaram." in Notification.objects.get(user=operator, event="resolved").body
    assert violations() == {}


def test_who_is_back_is_counted_by_numbers_and_not_by_those_that_had_come_to_an_incident(fleet, start, operator):
    Channel.objects.filter(pk__in=[number.pk for number in fleet[2:]]).update(heartbeat_threshold_minutes=60)
    die(start)
    come_back(start + 20 * MINUTE)
    upkeep.keep_up()

    assert server_incident().children.count() == 2
    assert "4 voltaram." in Notification.objects.get(user=operator, event="resolved").body


def test_what_was_inferred_is_on_record_as_such(fleet, start, operator):
    die(start)

    first, *others = Incident.objects.get(channel=fleet[0]).readings
    assert (first.get("inferred"), first["raw"]) == (None, "timeout")
    assert [reading.get("inferred") for reading in others] == [None, True, True]


def test_a_number_that_is_still_down_leaves_the_server_and_is_announced_as_its_own(fleet, start, admin, operator):
    lost = fleet[1]
    die(start)
    upkeep.keep_up()
    back = start + 20 * MINUTE
    come_back(back, but=[lost])
    for after in (10, 70, 80):  # the first lies in the grace
        see(logged_out, back + after * SECOND, only=[lost])
    upkeep.keep_up()

    assert "3 voltaram, 1 não: Clínica Aurora · Agenda" in Notification.objects.get(user=operator, event="resolved").body
    assert Incident.objects.get(channel=lost).parent is None
    assert [event for event, _title in told(admin)] == ["server_down", "server_back", "opened"]
    assert told(admin)[-1] == ("opened", "Agenda: O sistema foi desconectado deste WhatsApp")
    assert violations() == {}


def test_the_servers_incident_waits_until_each_number_has_been_looked_at_again(fleet, start, operator):
    die(start)
    come_back(start + 20 * MINUTE, but=[fleet[1]])
    Reachability.objects.update(back_at=timezone.now() - 2 * MINUTE)
    upkeep.keep_up()
    assert server_incident().resolved_at is None

    Reachability.objects.update(back_at=timezone.now() - 11 * MINUTE)
    upkeep.keep_up()
    assert server_incident().resolved_at is not None


def test_a_number_that_is_connected_again_at_its_first_look_after_the_grace_is_not_said_to_be_missing(fleet, start, operator):
    die(start)
    back, late = start + 38 * MINUTE, fleet[1:]
    loading = partial(reading, "starting", Status.CONNECTING, raw_state="absent")
    for after in (0, 10):
        see(healthy, back + after * SECOND, only=fleet[:1])
    see(loading, back + 8 * SECOND, only=late)
    see(healthy, back + 61 * SECOND, only=late)
    upkeep.keep_up()
    assert server_incident().resolved_at is None

    see(healthy, back + 71 * SECOND, only=late)
    upkeep.keep_up()

    assert server_incident().resolved_at
    assert "não" not in Notification.objects.get(user=operator, event="resolved").body
    assert violations() == {}


def test_when_a_number_that_carried_the_calm_notice_becomes_the_operators_turn_they_hear_of_it(fleet, start, admin, operator):
    die(start)
    upkeep.keep_up()
    number = IncidentEvent.objects.get(event="server_down", tenant=fleet[0].tenant).incident.channel
    back = start + 10 * MINUTE
    come_back(back, but=[number])
    for after in (70, 80):
        see(logged_out, back + after * SECOND, only=[number])
    upkeep.keep_up()
    see(logged_out, back + 3 * MINUTE, only=[number])
    before = len(told(operator))

    for minute in (5, 6):
        see(partial(reading, "network_lost", raw_state="close"), back + minute * MINUTE, only=[number])

    assert len(told(operator)) == before + 1


def test_what_is_back_is_looked_at_at_once(fleet, start):
    die(start)
    see(healthy, start + 20 * MINUTE, only=fleet[:1])
    Watch.objects.update(next_look_at=timezone.now() + 5 * MINUTE)

    upkeep.keep_up()

    assert {order.channel_id for order in Turns().claim(100)} == {number.pk for number in fleet[1:]}


def test_what_was_inferred_of_a_server_that_is_back_meanwhile_is_dropped(fleet, start):
    see(dead, start)
    see(healthy, start + MINUTE, only=fleet[:1])

    counts = see(inferred, start + 2 * MINUTE, only=fleet[1:])

    assert counts["dropped"] == 3
    assert Watch.objects.filter(last_verdict_at__gte=start + 2 * MINUTE).count() == 0


def test_a_number_that_fell_before_its_server_keeps_its_own_incident(fleet, start, admin, operator):
    lost = fleet[0]
    for after in (0, 10, 70):
        see(logged_out, start + after * SECOND, only=[lost])
    see(dead, start + 2 * MINUTE)
    see(inferred, start + 3 * MINUTE)

    assert Incident.objects.get(channel=lost).parent is None
    assert [event for event, _title in told(admin)] == ["opened"]


def test_a_server_that_nobody_uses_any_more_closes_without_a_word(fleet, start, operator):
    die(start)
    Channel.objects.update(is_active=False)
    upkeep.keep_up()
    upkeep.keep_up()

    assert (server_incident().resolution, Reachability.objects.get().dark_since) == ("switched_off", None)
    assert [event for event, _title in told(operator)] == ["opened"]
    assert violations() == {}


def test_a_clinics_own_server_is_on_record_under_its_name(clinic, start, operator):
    own = people.server(clinic)
    for name in ("Recepção", "Agenda"):
        people.channel(clinic, own, name=name, heartbeat_threshold_minutes=1)
    upkeep.keep_up()
    see(healthy, start - MINUTE)
    see(dead, start)
    see(dead, start + 10 * SECOND)
    see(inferred, start + 75 * SECOND)

    assert server_incident().tenant == clinic
    assert violations() == {}


# --- A dead server on which no number has been connected yet --------------------------------------------------------


@pytest.fixture
def moved(clinic, other_clinic, server):
    """Two numbers of two clinics that were moved to a server just now, and are watched there."""
    numbers = [people.channel(owner, server, heartbeat_threshold_minutes=5) for owner in (clinic, other_clinic)]
    upkeep.keep_up()
    return numbers


def stay_dead(start, *minutes):
    for after in (0, 10):
        see(dead, start + after * SECOND)
    for minute in minutes:
        see(inferred, start + minute * MINUTE)


def test_of_a_dead_server_that_no_number_has_been_connected_on_the_operator_hears_by_the_tick(moved, start, admin, operator):
    stay_dead(start, 2, 4)
    upkeep.keep_up()
    assert not Incident.objects.exists()

    see(inferred, start + 5 * MINUTE)
    upkeep.keep_up()
    upkeep.keep_up()

    assert (server_incident().started_at, server_incident().children.count()) == (start, 0)
    assert told(operator) == [("opened", "evo-sp-01: O servidor de mensagens está fora do ar")]
    assert "com 2 números de 2 clínicas." in Notification.objects.get().body
    assert told(admin) == []
    assert violations() == {}


def test_the_least_threshold_of_its_numbers_counts_and_only_of_those_that_are_watched(moved, start):
    Channel.objects.filter(pk=moved[0].pk).update(heartbeat_threshold_minutes=3)
    people.channel(moved[0].tenant, moved[0].server, heartbeat_threshold_minutes=1, is_active=False)
    stay_dead(start, 2)
    upkeep.keep_up()
    assert not Incident.objects.exists()

    see(inferred, start + 3 * MINUTE)
    upkeep.keep_up()
    assert server_incident().started_at == start


def test_a_dead_server_that_nobody_has_looked_at_long_enough_has_no_incident_however_late_it_is(moved, start):
    stay_dead(start)
    upkeep.keep_up()

    assert not Incident.objects.exists()


@pytest.mark.parametrize("gone", [["offline_since"], ["outage_started_at", "outage_ended_at"]], ids=["network", "watch"])
def test_while_the_outage_may_be_our_own_no_tick_opens_the_incident_of_a_server(moved, start, gone):
    stay_dead(start, 5)
    Pulse.objects.update(**dict.fromkeys(gone, timezone.now()))
    recovery.keep_up()
    assert not Incident.objects.exists()

    Pulse.objects.update(**dict.fromkeys(gone))
    recovery.keep_up()
    assert server_incident()


def test_a_number_with_a_token_of_its_own_says_nothing_of_how_long_the_server_s_key_is_refused(moved, start):
    Channel.objects.filter(pk=moved[0].pk).update(own_token="a-token", heartbeat_threshold_minutes=1)
    for after in (0, 10, 20):
        see(refused, start + after * SECOND, only=moved[1:])
    see(healthy, start + 6 * MINUTE, only=moved[:1])
    upkeep.keep_up()
    assert not Incident.objects.exists()

    see(partial(inferred, cause="key_rejected"), start + 7 * MINUTE, only=moved[1:])
    upkeep.keep_up()
    assert server_incident().cause == "key_rejected"


def test_a_number_that_opens_its_incident_later_hangs_on_the_one_that_the_tick_opened(moved, start, operator):
    Channel.objects.filter(pk=moved[0].pk).update(heartbeat_threshold_minutes=6)
    see(healthy, start - MINUTE, only=moved[:1])
    stay_dead(start, 2, 4, 5)
    upkeep.keep_up()
    opened = server_incident()
    assert not opened.children.exists()

    see(inferred, start + 7 * MINUTE)

    assert server_incident() == opened
    assert list(opened.children.values_list("channel", flat=True)) == [moved[0].pk]
    assert violations() == {}


@pytest.mark.parametrize(
    ("seen", "says"),
    [
        pytest.param(healthy, "2 voltaram.", id="connected"),
        pytest.param(partial(reading, "awaiting_scan", Status.QR_PENDING), "depois de 20min.", id="to be paired"),
    ],
)
def test_when_it_is_back_the_operator_hears_it_though_no_number_had_fallen(moved, start, operator, seen, says):
    stay_dead(start, 5)
    upkeep.keep_up()
    back = start + 20 * MINUTE
    for after in (0, 70):
        see(seen, back + after * SECOND)
    upkeep.keep_up()

    assert server_incident().resolved_at == back
    assert Notification.objects.get(event="resolved").body.rstrip().endswith(says)
    assert violations() == {}


def test_a_clinic_whose_own_server_it_is_hears_of_it_with_what_to_do(clinic, start, admin):
    people.channel(clinic, people.server(clinic, name="evo-aurora"), heartbeat_threshold_minutes=5)
    upkeep.keep_up()
    for after in (0, 10, 20, 5 * 60):
        see(refused, start + after * SECOND)
    upkeep.keep_up()

    assert told(admin) == [("server_down", "evo-aurora: O servidor recusou a chave de acesso")]
    assert violations() == {}


# --- A server that keeps falling ------------------------------------------------------------------------------------


@pytest.fixture
def patient(fleet):
    """A fleet of which none has an incident before five minutes."""
    Channel.objects.update(heartbeat_threshold_minutes=5)
    return fleet


def fall(at, *, up_after=None):
    for after in (0, 10):
        see(dead, at + after * SECOND)
    upkeep.keep_up()
    if up_after:
        come_back(at + up_after)
        upkeep.keep_up()


def fall_thrice(start):
    """Within a quarter of an hour; the third time it stays down until each number has an incident."""
    for minute in (0, 6):
        fall(start + minute * MINUTE, up_after=2 * MINUTE)
    fall(start + 12 * MINUTE)
    for minute in (14, 16, 18):
        see(inferred, start + minute * MINUTE)
    upkeep.keep_up()


def test_a_server_that_falls_for_the_third_time_within_half_an_hour_has_an_incident_at_once(patient, start, operator, admin):
    fall(start, up_after=2 * MINUTE)
    fall(start + 6 * MINUTE, up_after=2 * MINUTE)
    assert not Incident.objects.exists()

    fall(start + 12 * MINUTE, up_after=2 * MINUTE)
    fall(start + 18 * MINUTE, up_after=2 * MINUTE)

    assert (server_incident().started_at, server_incident().resolved_at) == (start, None)
    assert told(operator) == [("opened", "evo-sp-01: O servidor de mensagens está fora do ar")]
    assert Notification.objects.get().body.startswith("Instável desde ")
    assert told(admin) == []
    assert violations() == {}


def test_it_is_over_when_the_server_has_been_up_for_half_an_hour(patient, operator):
    start = timezone.now() - 60 * MINUTE
    for minute in (0, 6, 12):
        fall(start + minute * MINUTE, up_after=2 * MINUTE)
    back = start + 14 * MINUTE
    see(healthy, back + 29 * MINUTE)
    upkeep.keep_up()
    assert server_incident().resolved_at is None

    see(healthy, back + 30 * MINUTE)
    upkeep.keep_up()

    assert server_incident().resolved_at == back
    assert [event for event, _title in told(operator)] == ["opened", "resolved"]
    assert "4 voltaram." in Notification.objects.get(event="resolved").body
    assert violations() == {}


def test_a_clinic_is_told_when_a_quarter_of_an_hour_has_passed_since_the_first_of_the_falls(patient, start, admin):
    fall_thrice(start)

    assert server_incident().children.count() == 4
    assert [event for event, _title in told(admin)] == ["server_down"]
    assert violations() == {}


def test_an_incident_of_falls_counts_from_the_first_that_is_in_none_yet(patient, operator):
    Channel.objects.update(heartbeat_threshold_minutes=1)
    start = timezone.now() - 60 * MINUTE
    die(start)
    come_back(start + 4 * MINUTE)
    upkeep.keep_up()
    first = server_incident()
    assert first.resolved_at
    Channel.objects.update(heartbeat_threshold_minutes=5)

    for minute in (10, 20):
        fall(start + minute * MINUTE, up_after=2 * MINUTE)

    assert Incident.objects.open().get().started_at == start + 10 * MINUTE
    assert Incident.objects.open().get().follows == first
    assert violations() == {}


def test_a_number_that_stays_down_while_its_server_keeps_falling_is_announced_as_its_own(patient, start, admin, operator):
    lost = patient[1]
    fall_thrice(start)
    back = start + 19 * MINUTE
    come_back(back, but=[lost])
    upkeep.keep_up()
    assert server_incident().resolved_at is None

    for after in (70, 80):
        see(logged_out, back + after * SECOND, only=[lost])
    upkeep.keep_up()

    assert server_incident().resolved_at == back
    assert [event for event, _title in told(admin)] == ["server_down", "server_back", "opened"]
    fall(start + 24 * MINUTE)
    assert Incident.objects.open().get(server__isnull=False).started_at == start + 24 * MINUTE
    assert Incident.objects.open().get(channel=lost).parent is None
    assert violations() == {}


def test_while_our_own_network_is_gone_no_fall_is_one(far_apart, start, operator):
    for minute in (0, 6, 12):
        for after in (0, 10, 20):
            see(no_route, start + minute * MINUTE + after * SECOND)
        see(healthy, start + minute * MINUTE + 2 * MINUTE)
        upkeep.keep_up()

    assert not Incident.objects.exists()
    assert all(not falls for falls in Reachability.objects.values_list("falls", flat=True))


def test_of_a_server_on_which_nothing_is_watched_any_more_no_fall_is_remembered(patient, start):
    for minute in (0, 6):
        fall(start + minute * MINUTE, up_after=2 * MINUTE)
    fall(start + 12 * MINUTE)
    Channel.objects.update(is_active=False)
    upkeep.keep_up()

    assert Reachability.objects.values("falls", "falling_since").get() == {"falls": [], "falling_since": None}


# --- A storm of refused tokens, and our own network ----------------------------------------------------------------


def test_tokens_that_are_all_refused_are_one_dead_server(fleet, start, operator):
    Channel.objects.update(own_token="a-token")
    see(healthy, start - 30 * SECOND)
    for after in (0, 10, 70):
        see(refused, start + after * SECOND)

    assert set(Watch.objects.values_list("cause", flat=True)) == {"server_error"}
    assert server_incident().cause == "server_error"
    assert len(told(operator)) == 1


def test_while_a_storm_has_darkened_the_server_a_probe_that_is_refused_is_the_server_s_trouble_still(fleet, start):
    Channel.objects.update(own_token="a-token")
    see(healthy, start - 30 * SECOND)
    see(refused, start)
    see(lambda *, at: verdicts.infer("server_error", at=at), start + 10 * SECOND, only=fleet[1:])
    see(refused, start + 20 * SECOND, only=fleet[:1])

    assert set(Watch.objects.values_list("cause", flat=True)) == {"server_error"}


def test_a_number_that_whatsapp_logged_out_is_no_drop_of_a_storm(fleet, start):
    Channel.objects.update(own_token="a-token")
    Channel.objects.exclude(pk__in=[number.pk for number in fleet[:2]]).update(is_active=False)
    upkeep.keep_up()
    see(logged_out, start, only=fleet[:1])
    see(logged_out, start + 20 * SECOND, only=fleet[:1])  # written first, and began later than the next
    see(refused, start + 15 * SECOND, only=fleet[1:2])

    assert Watch.objects.get(channel=fleet[1]).cause == "key_rejected"
    assert Reachability.objects.get().refused_since is None


def test_a_number_that_is_asked_to_wait_does_not_deny_a_storm(fleet, start):
    Channel.objects.update(own_token="a-token")
    see(healthy, start - 30 * SECOND)

    def answer(*, at):
        waits = at - start == 3 * timedelta(milliseconds=10)  # the fourth
        return reading("asked_to_wait", None, at, code=429) if waits else refused(at=at)

    see(answer, start)

    assert Watch.objects.filter(cause="server_error").count() == 3


def test_one_token_of_several_that_is_refused_is_that_numbers_matter(fleet, start):
    Channel.objects.update(own_token="a-token")
    see(healthy, start - 30 * SECOND)
    see(refused, start, only=fleet[:1])
    see(healthy, start + SECOND, only=fleet[1:])
    see(refused, start + 10 * SECOND, only=fleet[:1])

    assert Watch.objects.get(channel=fleet[0]).cause == "key_rejected"


@pytest.fixture
def far_apart(clinic, start):
    """A number on each of three servers."""
    numbers = [people.channel(clinic, people.server(), heartbeat_threshold_minutes=1) for _ in range(3)]
    upkeep.keep_up()
    see(healthy, start - MINUTE)
    return numbers


def no_route(*, at):
    return reading("server_unreachable", Status.ERROR, at, raw_state="no route")


def test_when_our_own_network_is_gone_no_clinic_is_told_and_the_operator_once(far_apart, start, admin, operator):
    for after in (0, 10, 70, 130):
        see(no_route, start + after * SECOND)

    assert Incident.objects.count() == 0
    assert told(admin) == []
    assert told(operator) == [("warning", "A rede do próprio Vigia caiu")]
    assert Pulse.objects.get().offline_since == start
    assert set(Watch.objects.values_list("connection_status", flat=True)) == {"open"}


def test_a_witness_that_fails_too_says_so_where_one_server_is_all_there_is(fleet, start, operator, settings):
    settings.WITNESS_URLS = ["https://witness.example.com"]
    Pulse.objects.update(witness_failing_since=start)
    see(dead, start + SECOND)

    assert Pulse.objects.get().offline_since == start
    assert set(Watch.objects.values_list("connection_status", flat=True)) == {"open"}
    assert told(operator) == [("warning", "A rede do próprio Vigia caiu")]


def test_what_failed_while_our_own_network_was_gone_darkens_no_server_when_it_is_back(far_apart, clinic, start):
    mate = people.channel(clinic, far_apart[0].server)
    upkeep.keep_up()
    see(healthy, start - 30 * SECOND)
    for after in (0, 10, 70, 130):
        see(no_route, start + after * SECOND)
    come_late = {far_apart[0].pk: dead, mate.pk: dead}

    Watch.objects.update(next_look_at=timezone.now() - MINUTE, lease_until=None)
    flush(Look(order, come_late.get(order.channel_id, healthy)(at=start + 140 * SECOND)) for order in Turns().claim(100))
    see(dead, start + 150 * SECOND, only=[mate])

    assert Pulse.objects.get().offline_since is None
    assert Reachability.objects.get(server=mate.server).dark_since is None


def test_a_dead_server_turns_to_no_cause_that_is_our_own_network_s(far_apart, start):
    dark = far_apart[0]
    for after in (0, 1, 2, 70):
        see(bad_gateway, start + after * SECOND, only=[dark])
    see(healthy, start + 71 * SECOND, only=far_apart[1:])
    for minute in (2, 4, 9):
        see(no_route, start + minute * MINUTE)
    assert Pulse.objects.get().offline_since is not None

    see(healthy, start + 10 * MINUTE, only=far_apart[1:])
    see(partial(inferred, cause="server_error"), start + 11 * MINUTE, only=[dark])

    assert server_incident().cause == Reachability.objects.get(server=dark.server).dark_cause == "server_error"


def test_no_clinic_is_told_of_a_dead_server_while_our_own_network_is_gone(fleet, start, admin):
    die(start)
    Pulse.objects.update(offline_since=timezone.now())
    upkeep.keep_up()
    assert told(admin) == []

    Pulse.objects.update(offline_since=None)
    upkeep.keep_up()
    assert len(told(admin)) == 1


@pytest.mark.parametrize(
    ("said", "heard"),
    [
        pytest.param({"witness_answered_at": timedelta(hours=1)}, [], id="it answers"),
        pytest.param({"witness_at": timedelta(hours=1)}, [("warning", "A rede do próprio Vigia caiu")], id="only asked"),
    ],
)
def test_only_a_witness_that_has_answered_says_that_the_trouble_is_the_servers(
    far_apart, start, operator, settings, said, heard
):
    settings.WITNESS_URLS = ["https://witness.example.com"]
    Pulse.objects.update(**{field: start + later for field, later in said.items()})
    see(no_route, start)

    assert told(operator) == heard


def test_a_witness_is_left_alone_when_nothing_is_watched_any_more_on_the_server_that_failed(
    fleet, start, settings, django_capture_on_commit_callbacks
):
    settings.WITNESS_URLS = ["https://witness.example.com"]
    see(dead, start, only=fleet[:1])
    Channel.objects.update(is_active=False)
    upkeep.keep_up()

    with django_capture_on_commit_callbacks() as callbacks:
        upkeep.keep_up()

    assert bell.ask_the_witness not in callbacks


def test_a_server_that_falls_again_for_another_cause_before_its_incident_is_over_has_that_cause(fleet):
    fell = timezone.now() - 4 * MINUTE
    die(fell)
    see(healthy, fell + 150 * SECOND, only=fleet[:1])
    assert Reachability.objects.get().dark_since is None

    for after in (160, 170, 180):
        see(refused, fell + after * SECOND)

    assert Reachability.objects.get().dark_cause == server_incident().cause == "key_rejected"
    assert list(server_incident().events.filter(kind="cause_changed").values_list("cause", flat=True)) == ["key_rejected"]


def test_nothing_is_left_of_failures_at_a_server_on_which_nothing_is_watched_any_more(fleet, start):
    see(no_route, start, only=fleet[:1])
    Reachability.objects.update(refused_since=start)
    Channel.objects.update(is_active=False)

    upkeep.keep_up()

    fails = Reachability.objects.values(*circuit.NOTHING_FAILS, "refused_since").get()
    assert fails == {**circuit.NOTHING_FAILS, "refused_since": None}


@pytest.mark.parametrize(("failing", "asked"), [(True, 1), (False, 0)], ids=["a server fails", "all answer"])
def test_a_tick_has_the_witness_asked_only_while_a_server_fails(
    fleet, start, settings, django_capture_on_commit_callbacks, failing, asked
):
    settings.WITNESS_URLS = ["https://witness.example.com"]
    see(dead if failing else healthy, start)

    with django_capture_on_commit_callbacks() as callbacks:
        upkeep.keep_up()

    assert callbacks.count(bell.ask_the_witness) == asked


def test_one_answer_brings_our_network_back(far_apart, start, operator):
    see(no_route, start)
    see(healthy, start + MINUTE, only=far_apart[:1])

    assert Pulse.objects.get().offline_since is None
    see(no_route, start + 2 * MINUTE, only=far_apart[1:])
    assert Watch.objects.get(channel=far_apart[1]).connection_status == "error"
