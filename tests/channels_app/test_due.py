"""Whom to look at next: claims and leases."""

import threading
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from channels_app import due, timing, upkeep
from channels_app.flush import Look, flush
from channels_app.models import Channel, Reachability, Watch
from channels_app.turns import Turns
from tests.support import people
from tests.support.claims import claimed, plan
from tests.support.readings import healthy

HOUR = timedelta(hours=1)


@pytest.fixture
def server(db):
    return people.server()


@pytest.fixture
def channel(clinic, server):
    made = people.channel(clinic, server)
    upkeep.keep_up()
    return made


def test_a_new_channel_is_due_at_once(channel):
    assert claimed() == [channel.pk]


def test_what_is_claimed_is_not_claimed_again(channel):
    Turns().claim(1)
    assert claimed() == []


# A lease that lapsed: its look ended with its process


def lapse(channel):
    plan(channel, lease_until=timezone.now() - timedelta(seconds=1))


def strikes(channel):
    return Watch.objects.get(channel=channel).strikes


def test_a_lease_that_lapsed_is_a_strike_and_claimed_again_under_a_new_number(channel):
    (first,) = Turns().claim(1)
    lapse(channel)
    second = due.claim_alone()
    assert second.look_no == first.look_no + 1
    assert strikes(channel) == 1


def test_a_channel_that_was_struck_is_claimed_alone(channel):
    Turns().claim(1)
    lapse(channel)
    assert due.somebody_waits_alone()
    assert claimed() == []
    assert due.seconds_until_next() is None

    assert due.claim_alone().channel_id == channel.pk
    assert not due.somebody_waits_alone()
    assert due.claim_alone() is None


def test_a_channel_in_error_gets_a_second_chance_in_company_and_no_third(channel):
    plan(channel, connection_status="error")
    Turns().claim(1)
    lapse(channel)
    assert claimed() == [channel.pk]

    lapse(channel)
    assert claimed() == []
    assert due.claim_alone().channel_id == channel.pk
    assert strikes(channel) == 2


def test_who_was_struck_least_comes_first(clinic, server):
    killer, innocent = (people.channel(clinic, server) for _ in range(2))
    upkeep.keep_up()
    Turns().claim(2)
    lapse(killer), lapse(innocent)
    plan(killer, strikes=3)
    assert [due.claim_alone().channel_id for _ in range(2)] == [innocent.pk, killer.pk]


def test_any_result_takes_the_strikes_away(channel):
    Turns().claim(1)
    lapse(channel)
    order = due.claim_alone()
    flush([Look(order, healthy(timezone.now()))])
    assert strikes(channel) == 0


def test_a_result_that_cannot_be_written_is_a_result(channel):
    plan(channel, strikes=1)
    order = due.claim_alone()
    due.postpone(order.channel_id, order.look_no)
    assert strikes(channel) == 0


def test_a_claim_that_is_handed_back_is_no_strike_and_keeps_its_turn(channel):
    since = timezone.now() - timedelta(seconds=30)
    plan(channel, next_look_at=since)
    (order,) = Turns().claim(1)
    due.release([(order.channel_id, order.look_no)])

    assert Watch.objects.get(channel=channel).next_look_at == since
    assert claimed() == [channel.pk]
    assert strikes(channel) == 0


def test_a_clock_that_went_back_is_no_strike(channel):
    plan(channel, lease_until=timezone.now() + HOUR)
    assert claimed() == [channel.pk]
    assert strikes(channel) == 0


def test_strikes_are_counted_up_to_a_bound(channel):
    plan(channel, strikes=100, lease_until=timezone.now() - timedelta(seconds=1))
    due.claim_alone()
    assert strikes(channel) == 100


# Whose turn it is


def test_what_is_planned_for_later_is_not_due(channel):
    plan(channel, next_look_at=timezone.now() + timedelta(minutes=2))
    assert claimed() == []


@pytest.mark.parametrize("field", ["next_look_at", "lease_until"])
def test_a_clock_that_went_back_an_hour_leaves_no_channel_unchecked(field, channel):
    plan(channel, **{field: timezone.now() + HOUR})
    assert claimed() == [channel.pk]


@pytest.mark.parametrize(
    "change",
    [
        {"is_active": False},
        {"archived_at": timezone.now()},
        {"provider": Channel.Provider.OTHER},
    ],
    ids=["switched off", "archived", "of another provider"],
)
def test_what_is_not_watched_is_never_due(change, channel):
    Channel.objects.filter(pk=channel.pk).update(**change)
    assert claimed() == []


def test_the_channels_of_an_inactive_clinic_are_never_due(channel, clinic):
    clinic.is_active = False
    clinic.save()
    assert claimed() == []


def test_last_times_failures_come_first(clinic, server):
    channels = [people.channel(clinic, server) for _ in range(5)]
    upkeep.keep_up()
    plan(channels[3], connection_status="error")
    assert claimed(1) == [channels[3].pk]


def test_failures_take_half_of_a_claim_while_others_are_due(clinic, server):
    failing, well = ([people.channel(clinic, server).pk for _ in range(6)] for _ in range(2))
    upkeep.keep_up()
    Watch.objects.filter(pk__in=failing).update(connection_status="error", next_look_at=timezone.now() - HOUR)

    first, second = claimed(6), claimed(6)

    for batch in (first, second):
        assert len(set(batch) & set(failing)) == len(set(batch) & set(well)) == 3


def test_failures_take_what_others_leave(clinic, server):
    failing = [people.channel(clinic, server).pk for _ in range(5)]
    well = people.channel(clinic, server).pk
    upkeep.keep_up()
    Watch.objects.filter(pk__in=failing).update(connection_status="error")
    assert set(claimed(6)) == {*failing, well}


def test_failures_of_a_dark_server_keep_no_other_failure_waiting(clinic, server):
    dark = people.server()
    of_dark = [people.channel(clinic, dark).pk for _ in range(5)]
    hanging = people.channel(clinic, server).pk
    upkeep.keep_up()
    Watch.objects.update(connection_status="error")
    Reachability.objects.filter(server=dark).update(dark_since=timezone.now(), dark_cause="server_unreachable")

    order = due.rank(6)

    assert order[0] == hanging
    assert set(order[1:]) == set(of_dark)


def test_servers_that_are_full_are_left_out(clinic, server):
    full = people.server()
    people.channel(clinic, full)
    channel = people.channel(clinic, server)
    upkeep.keep_up()

    assert due.rank(10, full_servers=[full.pk]) == [channel.pk]
    assert [order.channel_id for order in due.claim_of(due.rank(10), 10, full_servers=[full.pk])] == [channel.pk]
    assert due.seconds_until_next() <= 0
    assert due.seconds_until_next(full_servers=[full.pk]) > 0  # the lease of the one


def test_channels_are_counted_by_server_where_they_are_watched(clinic, server):
    other = people.server()
    for on, is_active in ((server, True), (server, True), (server, False), (other, True)):
        people.channel(clinic, on, is_active=is_active)
    upkeep.keep_up()
    assert due.channels_by_server() == {server.pk: 2, other.pk: 1}


def test_a_claim_takes_no_more_than_its_limit(clinic, server):
    for _ in range(5):
        people.channel(clinic, server)
    upkeep.keep_up()
    assert [len(claimed(3)), len(claimed(3)), len(claimed(3))] == [3, 2, 0]


def test_a_channels_own_token_is_used_instead_of_the_servers_key(clinic, server):
    people.channel(clinic, server, own_token="its-own")
    upkeep.keep_up()
    (order,) = Turns().claim(1)
    assert order.target.key.reveal() == "its-own"


def test_an_order_shows_no_key(channel):
    (order,) = Turns().claim(1)
    assert order.target.key.reveal() == "a-key"
    assert "a-key" not in repr(order)
    assert order.target.key.token not in repr(order)


@pytest.mark.django_db(transaction=True)
def test_workers_that_claim_at_once_never_claim_the_same_channel():
    clinic, server = people.clinic(), people.server()
    for _ in range(60):
        people.channel(clinic, server)
    upkeep.keep_up()
    gate, taken = threading.Barrier(4), []

    def work():
        try:
            gate.wait(timeout=10)
            while channels := claimed(7):
                taken.extend(channels)
        finally:
            connection.close()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)

    assert len(taken) == len(set(taken)) == 60


def test_the_next_look_is_as_far_away_as_the_earliest_plan_or_lease(channel):
    plan(channel, next_look_at=timezone.now() + timedelta(seconds=30))
    assert 25 < due.seconds_until_next() <= 30
    plan(channel, lease_until=timezone.now() + timedelta(seconds=60))
    assert 55 < due.seconds_until_next() <= 60


def test_without_channels_nothing_is_planned(db):
    assert due.seconds_until_next() is None


# Phases

INTERVAL = timedelta(seconds=120)
moments = st.datetimes(datetime(2026, 1, 1), datetime(2027, 1, 1), timezones=st.just(UTC))


@given(st.integers(1, 2**40), moments, st.lists(st.floats(0, 1), min_size=2, max_size=8))
def test_looks_at_a_channel_that_is_well_are_never_more_than_an_interval_apart_nor_less_than_half_of_it(channel, at, late):
    for seconds in late:
        at += timedelta(seconds=seconds)  # a look starts a little after its moment
        then = timing.in_phase(channel, at, INTERVAL)
        assert INTERVAL / 2 <= then - at <= INTERVAL
        at = then


@given(st.integers(1, 2**40), moments)
def test_after_two_looks_at_most_a_channel_is_in_step_and_stays_so(channel, at):
    for _ in range(2):
        at = timing.in_phase(channel, at, INTERVAL)
    assert [timing.in_phase(channel, at + n * INTERVAL, INTERVAL) for n in range(3)] == [at + n * INTERVAL for n in (1, 2, 3)]


@given(moments)
def test_after_a_look_at_everything_the_fleet_is_spread_over_an_interval_again(at):
    tenths = Counter()
    for channel in range(1, 1001):
        then = timing.in_phase(channel, timing.in_phase(channel, at, INTERVAL), INTERVAL)
        tenths[(then - at) % INTERVAL // (INTERVAL / 10)] += 1
    assert len(tenths) == 10
    assert max(tenths.values()) < 1.5 * 1000 / 10
