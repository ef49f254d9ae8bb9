"""Whom to look at next: claims, leases, and asking for a look now."""

import threading
from datetime import timedelta

import pytest
from django.core.exceptions import PermissionDenied
from django.db import connection
from django.utils import timezone

from channels_app import due, upkeep
from channels_app.models import Channel, Sweep, Watch
from tests.support import people

HOUR = timedelta(hours=1)


@pytest.fixture
def server(db):
    return people.server()


@pytest.fixture
def channel(clinic, server):
    made = people.channel(clinic, server)
    upkeep.keep_up()
    return made


def claimed(limit=100):
    return [order.channel_id for order in due.claim(limit)]


def plan(channel, **fields):
    Watch.objects.filter(channel=channel).update(**fields)


def test_a_new_channel_is_due_at_once(channel):
    assert claimed() == [channel.pk]


def test_what_is_claimed_is_not_claimed_again(channel):
    due.claim(1)
    assert claimed() == []


def test_a_lease_that_lapsed_is_claimed_again_under_a_new_number(channel):
    (first,) = due.claim(1)
    plan(channel, lease_until=timezone.now() - timedelta(seconds=1))
    (second,) = due.claim(1)
    assert second.look_no == first.look_no + 1


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


def test_a_claim_takes_no_more_than_its_limit(clinic, server):
    for _ in range(5):
        people.channel(clinic, server)
    upkeep.keep_up()
    assert [len(claimed(3)), len(claimed(3)), len(claimed(3))] == [3, 2, 0]


def test_a_channels_own_token_is_used_instead_of_the_servers_key(clinic, server):
    people.channel(clinic, server, own_token="its-own")
    upkeep.keep_up()
    (order,) = due.claim(1)
    assert order.target.key.reveal() == "its-own"


def test_an_order_shows_no_key(channel):
    (order,) = due.claim(1)
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


# On demand


def test_a_look_that_is_asked_for_is_due_at_once(channel, operator):
    plan(channel, next_look_at=timezone.now() + timedelta(minutes=2))
    due.request(by=operator, channel_id=channel.pk)
    assert claimed() == [channel.pk]


def test_a_sweep_says_who_asked_for_what(channel, admin):
    sweep = due.request(by=admin, tenant_id=channel.tenant_id)
    assert (sweep.requested_by, sweep.tenant, sweep.channel) == (admin, channel.tenant, None)


def test_a_sweep_of_one_clinic_leaves_the_others_alone(channel, admin, other_clinic, server):
    theirs = people.channel(other_clinic, server)
    upkeep.keep_up()
    Watch.objects.update(next_look_at=timezone.now() + timedelta(minutes=2))
    due.request(by=admin, tenant_id=channel.tenant_id)
    assert claimed() == [channel.pk]
    assert Watch.objects.get(channel=theirs).requested_at is None


def test_staff_may_ask_for_a_look_at_their_clinic(channel, staff):
    assert due.request(by=staff, channel_id=channel.pk).waiting().count() == 1


def test_nobody_asks_for_a_look_at_another_clinic(channel, outsider):
    with pytest.raises(PermissionDenied):
        due.request(by=outsider, channel_id=channel.pk)
    assert not Sweep.objects.exists()


def test_a_channel_that_does_not_exist_is_refused_like_a_foreign_one(channel, outsider, operator):
    for person in (outsider, operator):
        with pytest.raises(PermissionDenied):
            due.request(by=person, channel_id=channel.pk + 1000)
    assert not Sweep.objects.exists()


def test_only_the_operator_asks_for_everything(channel, admin, operator):
    with pytest.raises(PermissionDenied):
        due.request(by=admin)
    assert due.request(by=operator).waiting().count() == 1


def test_the_request_rings_once_it_is_committed(channel, operator, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks() as callbacks:
        due.request(by=operator)
    assert [callback.__name__ for callback in callbacks] == ["ring"]


def test_a_sweep_waits_for_looks_that_began_after_it(channel, operator):
    due.claim(1)  # under way when asked
    sweep = due.request(by=operator)
    plan(channel, lease_until=None)
    assert sweep.waiting().count() == 1

    due.claim(1)
    assert sweep.waiting().count() == 1
    plan(channel, lease_until=None)
    assert sweep.waiting().count() == 0


def test_a_sweep_does_not_wait_for_a_channel_that_is_no_longer_watched(channel, operator):
    sweep = due.request(by=operator)
    Channel.objects.update(is_active=False)
    assert sweep.waiting().count() == 0
