"""From looks to the record: one transaction that writes state, periods, incidents and notifications, or nothing."""

from datetime import timedelta
from itertools import pairwise

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from channels_app import on_demand, timing, upkeep
from channels_app.flush import Look, flush
from channels_app.judgements import MOST_COUNTED
from channels_app.models import Channel, ConnectionPeriod, Server, Watch
from channels_app.turns import Turns
from incidents import causes
from incidents.causes import UNSEEN_ASKED_TO_WAIT, UNSEEN_CUT_OFF
from incidents.models import MOST_READINGS, Incident
from incidents.readings import Status
from notifications.models import Notification
from tests.support import people
from tests.support.readings import NOON, healthy, reading

SECOND = timedelta(seconds=1)
INTERVAL, DEADLINE = timedelta(seconds=120), timedelta(seconds=8)  # the defaults that these tests run with


@pytest.fixture
def server(db):
    return people.server()


@pytest.fixture
def channel(clinic, server):
    made = people.channel(clinic, server, heartbeat_threshold_minutes=1)
    upkeep.keep_up()
    return made


@pytest.fixture
def paired(channel):
    """A channel that was seen connected two minutes before noon."""
    see(channel, healthy(NOON - INTERVAL))
    return channel


def claim(channel):
    Watch.objects.filter(channel=channel).update(next_look_at=timezone.now() - SECOND, lease_until=None)
    (order,) = [order for order in Turns().claim(100) if order.channel_id == channel.pk]
    return order


def see(channel, *readings):
    """Look at the channel and see these, one after the other; return the watch afterwards."""
    for seen in readings:
        flush([Look(claim(channel), seen)])
    return Watch.objects.get(channel=channel)


def periods():
    return list(ConnectionPeriod.objects.order_by("started_at").values_list("status", "started_at", "ended_at"))


def test_a_look_writes_status_and_cause_and_plans_the_next(channel):
    watch = see(channel, healthy(NOON, integration="WHATSAPP-BAILEYS", owner_jid="55@s.whatsapp.net", took_ms=1500))

    assert (watch.connection_status, watch.cause, watch.raw_state) == ("open", "connected", "open")
    assert (watch.status_since, watch.cause_since, watch.last_open_at, watch.paired_at) == (NOON,) * 4
    assert (watch.integration, watch.owner_jid) == ("WHATSAPP-BAILEYS", "55@s.whatsapp.net")
    assert (watch.last_verdict_at, watch.last_health_check) == (NOON, NOON + 1.5 * SECOND)
    assert (watch.next_look_at, watch.lease_until) == (timing.in_phase(channel.pk, NOON, INTERVAL), None)


def test_a_phone_down_for_exactly_the_threshold_opens_one_incident(paired, admin):
    see(paired, *(reading(at=NOON + after * SECOND) for after in (0, 10, 60)))

    incident = Incident.objects.get()
    assert (incident.started_at, incident.opened_at, incident.cause) == (NOON, NOON + 60 * SECOND, "logged_out")
    assert [notification.user for notification in Notification.objects.all()] == [admin]


def test_a_moment_before_the_threshold_nothing_opens(paired):
    watch = see(paired, *(reading(at=NOON + after * SECOND) for after in (0, 10, 59.9)))
    assert not Incident.objects.exists()
    assert watch.next_look_at == NOON + 60 * SECOND


def test_two_healthy_looks_resolve_it_at_the_first_of_them(paired, admin):
    see(paired, *(reading(at=NOON + after * SECOND) for after in (0, 60)))
    see(paired, healthy(NOON + 90 * SECOND))
    assert Incident.objects.open().exists()

    watch = see(paired, healthy(NOON + 100 * SECOND))

    incident = Incident.objects.get()
    assert (incident.resolved_at, incident.duration_seconds) == (NOON + 90 * SECOND, 90)
    assert watch.first_unhealthy_at is None
    assert Notification.objects.get(event="resolved").user == admin


def test_a_number_that_nobody_ever_connected_opens_nothing(channel):
    watch = see(channel, *(reading("never_paired", at=NOON + after * SECOND) for after in (0, 60, 600)))
    assert (watch.connection_status, watch.cause, watch.first_unhealthy_at) == ("disconnected", "never_paired", None)
    assert not Incident.objects.exists()


def test_an_owner_shows_that_a_number_was_paired_before_we_came(channel):
    see(channel, *(reading(at=NOON + after * SECOND, owner_jid="55@s.whatsapp.net") for after in (0, 60)))
    assert Incident.objects.open().count() == 1


def test_the_threshold_that_counts_is_the_one_at_the_flush(paired):
    see(paired, reading(at=NOON))
    order = claim(paired)
    Channel.objects.update(heartbeat_threshold_minutes=2)
    flush([Look(order, reading(at=NOON + 60 * SECOND))])
    assert not Incident.objects.exists()


def test_a_result_that_a_later_look_overtook_is_dropped(paired):
    late, newer = claim(paired), claim(paired)
    flush([Look(newer, healthy(NOON + 5 * SECOND))])

    counts = flush([Look(late, reading(at=NOON))])

    assert counts["dropped"] == 1
    assert Watch.objects.get().connection_status == "open"


def test_a_flush_that_is_repeated_since_nobody_knows_whether_it_was_committed_writes_nothing_twice(paired):
    see(paired, reading(at=NOON), reading(at=NOON + 60 * SECOND))
    look = Look(claim(paired), healthy(NOON + 120 * SECOND))

    first, second = flush([look]), flush([look])

    assert (first["healthy"], first["dropped"]) == (1, 0)
    assert (second["healthy"], second["dropped"]) == (0, 1)
    watch = Watch.objects.get()
    assert watch.good_streak == 1
    assert watch.look_started_at is not None
    assert Incident.objects.open().exists()


@pytest.mark.parametrize("change", ["instance", "key", "own token", "server", "address", "switched off"])
def test_a_result_of_a_channel_that_was_changed_meanwhile_is_dropped_and_it_is_due_again(change, paired):
    order = claim(paired)
    match change:
        case "instance":
            Channel.objects.update(instance_name="another")
        case "key":
            server = Server.objects.get()
            server.api_key = "a new key"
            server.save()
        case "own token":
            paired.own_token = "its own"
            paired.save()
        case "server":
            other = people.server()
            Channel.objects.update(server=other, server_owner=other.owner_key)
        case "address":
            Server.objects.update(base_url="https://elsewhere.example.com")
        case "switched off":
            Channel.objects.update(is_active=False)

    counts = flush([Look(order, reading(at=NOON))])

    watch = Watch.objects.get()
    assert (counts["dropped"], watch.connection_status, watch.lease_until) == (1, "open", None)
    assert watch.next_look_at <= timezone.now()


def test_who_asked_while_a_look_was_under_way_gets_another(paired, operator):
    order = claim(paired)
    on_demand.request(by=operator)
    flush([Look(order, healthy(NOON))])
    assert [again.channel_id for again in Turns().claim(1)] == [paired.pk]


def test_a_period_lasts_until_status_or_cause_changes(channel):
    see(
        channel,
        healthy(NOON),
        healthy(NOON + INTERVAL),
        reading(at=NOON + 2 * INTERVAL),
        reading("banned", at=NOON + 2 * INTERVAL + 10 * SECOND),
    )
    assert periods() == [
        ("open", NOON, NOON + 2 * INTERVAL),
        ("disconnected", NOON + 2 * INTERVAL, NOON + 2 * INTERVAL + 10 * SECOND),
        ("disconnected", NOON + 2 * INTERVAL + 10 * SECOND, None),
    ]


def test_after_a_blind_gap_the_old_period_ends_at_the_last_verdict(channel):
    see(channel, healthy(NOON), healthy(NOON + 2 * INTERVAL + DEADLINE), healthy(NOON + timedelta(hours=3)))
    assert periods() == [("open", NOON, NOON + 2 * INTERVAL + DEADLINE), ("open", NOON + timedelta(hours=3), None)]


def test_a_status_outlives_a_blind_gap(channel):
    watch = see(channel, healthy(NOON), healthy(NOON + timedelta(hours=3)))
    assert (watch.status_since, watch.cause_since) == (NOON, NOON)


def test_a_clock_that_was_set_back_makes_no_period_overlap(paired):
    see(paired, reading(at=NOON - timedelta(hours=1)), healthy(NOON - timedelta(hours=1) + 10 * SECOND))
    rows = periods()
    assert all(later[1] >= earlier[2] for earlier, later in pairwise(rows))


def test_what_we_could_not_look_at_keeps_its_last_verdict(paired):
    watch = see(paired, reading(UNSEEN_ASKED_TO_WAIT, None, NOON, wait=timedelta(minutes=5)))
    assert (watch.connection_status, watch.last_verdict_at, watch.unseen_since) == ("open", NOON - INTERVAL, NOON)
    assert watch.next_look_at == NOON + timedelta(minutes=5)
    assert len(periods()) == 1


def test_after_a_quarter_of_an_hour_unseen_the_operator_is_told_once(paired, operator, admin):
    see(paired, *(reading(UNSEEN_ASKED_TO_WAIT, None, NOON + after * timedelta(minutes=1)) for after in (0, 14, 15, 17)))
    assert [notification.user for notification in Notification.objects.all()] == [operator]


def test_what_we_could_not_look_at_leaves_the_run_and_its_threshold_as_they_were(paired):
    see(paired, reading(at=NOON), reading(at=NOON + 10 * SECOND))
    Channel.objects.update(heartbeat_threshold_minutes=60)
    watch = see(paired, reading(UNSEEN_ASKED_TO_WAIT, None, NOON + 20 * SECOND))
    assert (len(watch.run_readings), watch.bad_seconds, watch.threshold_seconds) == (2, 10, 60)


def test_many_that_could_not_be_looked_at_are_told_of_in_as_many_queries_as_one(clinic, server, operator):
    counts = []
    for size in (1, 20):
        channels = [people.channel(clinic, server) for _ in range(size)]
        upkeep.keep_up()
        Watch.objects.filter(channel__in=channels).update(unseen_since=NOON)
        orders = [order for order in Turns().claim(100) if order.channel_id in {channel.pk for channel in channels}]
        with CaptureQueriesContext(connection) as queries:
            flush(Look(order, reading(UNSEEN_ASKED_TO_WAIT, None, NOON + timedelta(minutes=15))) for order in orders)
        counts.append(len(queries))
    assert counts[0] == counts[1]
    assert Notification.objects.count() == 1


def unseen_for_long(cause, *channels) -> list[Notification]:
    """Let all of these be unseen for a quarter of an hour, and flush a look at each by itself; return what is told."""
    Watch.objects.filter(channel__in=channels).update(unseen_since=NOON)
    for order in Turns().claim(100):
        flush([Look(order, reading(cause, None, NOON + timedelta(minutes=15)))])
    return list(Notification.objects.order_by("title"))


def test_of_many_that_could_not_be_looked_at_each_servers_are_told_of_together(clinic):
    people.operator(language="en")
    first, other = people.server(name="evo-sp-01"), people.server(name="evo-sp-02")
    channels = [people.channel(clinic, on) for on in [first] * 20 + [other]]
    upkeep.keep_up()

    told = unseen_for_long(UNSEEN_ASKED_TO_WAIT, *channels)

    assert [one.title for one in told] == [
        "evo-sp-01: 20 numbers could not be checked",
        "evo-sp-02: 1 number could not be checked",
    ]
    assert "evo-sp-01 asks us to stay away" in told[0].body
    assert [one.link for one in told] == [f"/saas/whatsapp?situacao=sem-verificacao&servidor={on.pk}" for on in (first, other)]


def test_what_our_own_limit_keeps_from_being_looked_at_is_told_of_once_for_the_whole_fleet(clinic):
    people.operator(language="en")
    channels = [people.channel(clinic, people.server()) for _ in range(3)]
    upkeep.keep_up()

    (told,) = unseen_for_long(UNSEEN_CUT_OFF, *channels)

    assert told.title == "Vigia: 3 numbers could not be checked"
    assert "its own limit of connections" in told.body


@pytest.mark.parametrize("cause", [cause for name, cause in vars(causes).items() if name.startswith("UNSEEN_")])
def test_whatever_a_number_is_unseen_for_has_words_unless_all_of_them_are(cause, paired, operator):
    see(paired, *(reading(cause, None, NOON + after * timedelta(minutes=1)) for after in (0, 15)))

    assert Notification.objects.count() == (cause != causes.UNSEEN_OWN_NETWORK)


def test_the_next_time_that_a_server_cannot_be_looked_at_is_told_of_again(paired, operator):
    for since in (NOON, NOON + timedelta(hours=3)):
        see(paired, healthy(since - timedelta(seconds=10)))
        asked = [since + after * timedelta(minutes=1) for after in (0, 15, 17, 70)]
        see(paired, *(reading(UNSEEN_ASKED_TO_WAIT, None, at) for at in asked))

    assert Notification.objects.count() == 2


def test_an_incident_of_which_looking_can_no_longer_tell_closes_without_a_word(paired, admin):
    see(paired, *(reading(at=NOON + after * SECOND) for after in (0, 60)))
    see(paired, reading("not_verifiable", Status.UNKNOWN, NOON + 70 * SECOND))
    assert Incident.objects.get().resolution == "not_verifiable"
    assert not Notification.objects.filter(event="resolved").exists()


@pytest.mark.django_db(transaction=True)
def test_one_row_that_cannot_be_written_takes_no_other_with_it():
    server, clinic = people.server(), people.clinic()
    channels = [people.channel(clinic, server) for _ in range(5)]
    upkeep.keep_up()
    odd = channels[2].pk
    looks = [Look(order, healthy(NOON, code=10**12 if order.channel_id == odd else None)) for order in Turns().claim(5)]

    counts = flush(looks)

    assert (counts["healthy"], counts["failed"]) == (4, 1)
    assert [watch.channel_id for watch in Watch.objects.exclude(connection_status="open")] == [odd]
    left = Watch.objects.get(channel=odd)
    assert left.lease_until is None
    assert left.next_look_at > timezone.now()


def test_the_official_api_is_shown_and_never_judged(paired):
    watch = see(paired, *(reading("not_verifiable", Status.UNKNOWN, NOON + after * INTERVAL) for after in range(4)))
    assert (watch.connection_status, watch.cause, watch.first_unhealthy_at) == ("unknown", "not_verifiable", None)
    assert not Incident.objects.exists()


def test_nobody_hears_that_the_official_api_fails_of_which_nobody_could_hear_that_it_is_over(paired, admin, operator):
    official = reading("not_verifiable", Status.UNKNOWN, NOON, integration="WHATSAPP-BUSINESS")
    fails = (reading("server_error", Status.ERROR, NOON + after * INTERVAL, code=500) for after in range(1, 6))

    watch = see(paired, official, *fails)

    assert (watch.connection_status, watch.first_unhealthy_at) == ("error", None)
    assert not Incident.objects.exists()


def test_the_first_and_the_latest_readings_of_the_run_go_into_its_incident(paired):
    Channel.objects.update(heartbeat_threshold_minutes=5)
    run = [reading(at=NOON + after * 20 * SECOND, raw_state="close", code=401, took_ms=12) for after in range(16)]
    watch = see(paired, *run)

    told = Incident.objects.get().readings
    assert [kept["at"] for kept in told] == [seen.at.isoformat() for seen in [run[0], *run[1 - MOST_READINGS :]]]
    assert told[-1] == {
        "at": "2026-11-24T12:05:00+00:00",
        "status": "disconnected",
        "cause": "logged_out",
        "raw": "close",
        "code": 401,
        "ms": 12,
    }
    assert watch.run_readings == []


def test_the_threshold_in_force_goes_into_its_incident(paired):
    Channel.objects.update(heartbeat_threshold_minutes=2)
    see(paired, *(reading(at=NOON + after * SECOND) for after in (0, 60, 120)))
    Channel.objects.update(heartbeat_threshold_minutes=30)
    assert Incident.objects.get().threshold_minutes == 2


def test_a_flush_that_cannot_tell_anybody_writes_nothing_at_all(paired, admin):
    see(paired, reading(at=NOON))
    before = Watch.objects.values().get()
    order = claim(paired)
    with connection.cursor() as cursor:
        cursor.execute("alter table notifications_notification add constraint the_disk_is_full check (title = '')")

    with pytest.raises(IntegrityError), transaction.atomic():
        flush([Look(order, reading(at=NOON + 60 * SECOND))])

    after = Watch.objects.values().get()
    assert not Incident.objects.exists()
    assert (after["bad_seconds"], after["last_verdict_at"]) == (before["bad_seconds"], before["last_verdict_at"])
    assert len(periods()) == 2


def test_a_flush_of_many_takes_as_many_queries_as_one(clinic, server, django_assert_max_num_queries):
    for _ in range(30):
        people.channel(clinic, server)
    upkeep.keep_up()
    orders = Turns().claim(30)
    with django_assert_max_num_queries(7):  # two locks, watches, servers, periods, and the transaction's two
        counts = flush(Look(order, healthy(NOON)) for order in orders)
    assert counts["healthy"] == 30


# --- Changes of health ---------------------------------------------------------------------------------------------


def falls(*, start=0, times=3, every=120):
    """Down for a look and up for one, so many times; the first fall at noon, in seconds from there."""
    for number in range(times):
        yield reading(at=NOON + (start + number * every) * SECOND)
        yield healthy(NOON + (start + number * every + every / 2) * SECOND)


@pytest.fixture
def patient(clinic, server):
    """A channel with a threshold of an hour, seen connected two minutes before noon."""
    made = people.channel(clinic, server, heartbeat_threshold_minutes=60)
    upkeep.keep_up()
    see(made, healthy(NOON - INTERVAL))
    return made


def test_the_last_six_changes_of_health_are_remembered_to_the_microsecond(patient):
    odd = timedelta(microseconds=123_457)
    watch = see(patient, reading(at=NOON + odd), healthy(NOON + INTERVAL), healthy(NOON + INTERVAL + 10 * SECOND))
    assert watch.health_changes == [NOON + odd, NOON + INTERVAL]

    watch = see(patient, *falls(start=600, every=1200))
    assert watch.health_changes == [NOON + (600 + number * 600) * SECOND for number in range(6)]


def test_a_number_that_keeps_falling_opens_one_incident_of_instability_at_its_sixth_change(patient, admin, operator):
    see(patient, *falls())

    incident = Incident.objects.get()
    assert (incident.kind, incident.cause) == ("unstable", "unstable")
    assert (incident.started_at, incident.opened_at) == (NOON, NOON + 300 * SECOND)
    assert {notification.user for notification in Notification.objects.all()} == {admin, operator}
    assert all("Caiu 3 vezes em 5 minutos" in n.body for n in Notification.objects.filter(user=admin))


def test_it_starts_at_the_first_fall_though_two_healthy_looks_ended_that_run(patient):
    bad_at, good_at = (0, 30, 60), (10, 20, 40, 50, 70)
    looks = [reading(at=NOON + at * SECOND) for at in bad_at] + [healthy(NOON + at * SECOND) for at in good_at]
    see(patient, *sorted(looks, key=lambda seen: seen.at))

    incident = Incident.objects.get()
    assert (incident.started_at, incident.opened_at) == (NOON, NOON + 70 * SECOND)


def test_it_stays_one_incident_however_long_it_goes_on_and_ends_half_an_hour_after_the_last_return(patient, admin):
    watch = see(patient, *falls(times=20))
    back_at = NOON + (19 * 120 + 60) * SECOND
    while watch.first_unhealthy_at:
        assert watch.next_look_at - watch.last_verdict_at <= 60 * SECOND
        watch = see(patient, healthy(watch.next_look_at))

    incident = Incident.objects.get()
    assert (incident.started_at, incident.resolved_at, incident.resolution) == (NOON, back_at, "recovered")
    assert watch.last_verdict_at == back_at + timedelta(minutes=30)
    assert Notification.objects.filter(user=admin).count() == 2


def test_an_outage_becomes_one_of_instability_when_the_number_falls_again_and_again(paired, admin, operator):
    see(paired, reading(at=NOON), reading(at=NOON + 60 * SECOND), healthy(NOON + 90 * SECOND))
    assert Incident.objects.get().kind == "disconnected"

    see(paired, *falls(start=95, times=2, every=20))

    incident = Incident.objects.get()
    assert (incident.kind, incident.cause, incident.started_at) == ("unstable", "unstable", NOON)
    assert Notification.objects.filter(event="opened", user=operator).count() == 1


def test_the_third_incident_in_two_hours_is_one_of_instability(paired, admin):
    for minute in (0, 20, 40):
        start = NOON + minute * 60 * SECOND
        see(paired, *(reading(at=start + after * SECOND) for after in (0, 60)))
        see(paired, healthy(start + 90 * SECOND), healthy(start + 100 * SECOND))

    assert list(Incident.objects.order_by("pk").values_list("kind", "resolution")) == [
        ("disconnected", "recovered"),
        ("disconnected", "recovered"),
        ("unstable", ""),
    ]


def test_incidents_that_ended_with_the_watch_make_no_number_unstable(paired):
    for minute in (0, 20, 40):
        see(paired, *(reading(at=NOON + (minute * 60 + after) * SECOND) for after in (0, 60)))
        Channel.objects.update(is_active=False)
        upkeep.keep_up()
        Channel.objects.update(is_active=True)
    assert set(Incident.objects.values_list("kind", "resolution")) == {("disconnected", "switched_off")}


def test_incidents_of_a_server_that_died_do_not_make_its_numbers_unstable(paired, server):
    down = Incident.objects.create(
        server=server, kind="server_down", cause="server_unreachable", started_at=NOON, opened_at=NOON
    )
    for minute in (0, 20, 40):
        start = NOON + minute * 60 * SECOND
        see(paired, *(reading(at=start + after * SECOND) for after in (0, 60)))
        Incident.objects.filter(channel=paired).update(parent=down)
        see(paired, healthy(start + 90 * SECOND), healthy(start + 100 * SECOND))
    assert set(Incident.objects.filter(channel=paired).values_list("kind", flat=True)) == {"disconnected"}


def test_what_was_seen_before_the_watch_was_switched_off_makes_no_number_unstable(patient):
    see(patient, *list(falls())[:4])
    Channel.objects.update(is_active=False)
    upkeep.keep_up()
    Channel.objects.update(is_active=True)

    watch = see(patient, healthy(NOON + 500 * SECOND), *falls(start=510, times=1))

    assert watch.health_changes == [NOON + 510 * SECOND, NOON + 570 * SECOND]
    assert not Incident.objects.exists()


def test_a_first_pairing_is_no_change_of_health(channel):
    watch = see(channel, reading("never_paired", at=NOON), healthy(NOON + 10 * SECOND))
    assert watch.health_changes == []


# --- How long a cause lasts ----------------------------------------------------------------------------------------


def test_a_cause_lasts_as_long_as_its_code_does(paired):
    watch = see(paired, *(reading("server_error", Status.ERROR, NOON + after * SECOND, code=500) for after in (0, 10, 20)))
    assert (watch.cause_streak, watch.cause_since) == (3, NOON)

    watch = see(paired, reading("server_error", Status.ERROR, NOON + 30 * SECOND, code=502))
    assert (watch.cause_streak, watch.cause_since) == (1, NOON + 30 * SECOND)


def test_what_could_not_be_seen_ends_no_streak(paired):
    see(paired, reading(at=NOON), reading(at=NOON + 10 * SECOND))
    watch = see(paired, reading(UNSEEN_ASKED_TO_WAIT, None, NOON + 20 * SECOND))
    assert (watch.cause_streak, watch.cause_since) == (2, NOON)


def test_a_streak_of_months_does_not_overflow(paired):
    Watch.objects.update(cause_streak=MOST_COUNTED)
    assert see(paired, healthy(NOON)).cause_streak == MOST_COUNTED


def test_the_clinic_is_told_of_its_turn_at_the_second_reading_in_a_row(paired, admin, operator):
    def lost(cause, *seconds):
        see(paired, *(reading(cause, at=NOON + after * SECOND) for after in seconds))

    lost("network_lost", 0, 60)
    lost("logged_out", 120)
    lost("network_lost", 180)
    lost("logged_out", 240)
    assert not Notification.objects.filter(event="action_needed").exists()

    lost("logged_out", 300)

    assert {n.user for n in Notification.objects.filter(event="action_needed")} == {admin, operator}


def missing_for_three_looks(channel, start):
    """The server says three times over more than a minute that it knows no such number."""
    return see(channel, *(reading("instance_missing", Status.ERROR, start + n * 40 * SECOND, code=404) for n in range(3)))


def test_a_number_that_an_old_list_of_the_server_has_can_go_missing(paired):
    Watch.objects.update(listed={"name": "recepcao"}, listed_at=NOON - SECOND)

    assert missing_for_three_looks(paired, NOON).cause == "instance_missing"


def test_a_number_that_a_list_still_has_since_the_first_404_is_not_missing(paired):
    Watch.objects.update(listed={"name": "recepcao"}, listed_at=NOON + SECOND)

    watch = missing_for_three_looks(paired, NOON)

    assert (watch.connection_status, watch.cause) == ("error", "server_error")
