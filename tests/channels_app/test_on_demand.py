"""Asking for a look now."""

from datetime import timedelta

import pytest
from django.core.exceptions import PermissionDenied
from django.utils import timezone

from channels_app import due, on_demand, upkeep
from channels_app.models import Channel, Sweep, Watch
from channels_app.turns import Turns
from tests.support import people
from tests.support.claims import claimed, plan


@pytest.fixture
def server(db):
    return people.server()


@pytest.fixture
def channel(clinic, server):
    made = people.channel(clinic, server)
    upkeep.keep_up()
    return made


def test_a_look_that_is_asked_for_is_due_at_once(channel, operator):
    plan(channel, next_look_at=timezone.now() + timedelta(minutes=2))
    on_demand.request(by=operator, channel_id=channel.pk)
    assert claimed() == [channel.pk]


def test_a_sweep_says_who_asked_for_what(channel, admin):
    sweep = on_demand.request(by=admin, tenant_id=channel.tenant_id)
    assert (sweep.requested_by, sweep.tenant, sweep.channel) == (admin, channel.tenant, None)


def test_a_sweep_of_one_clinic_leaves_the_others_alone(channel, admin, other_clinic, server):
    theirs = people.channel(other_clinic, server)
    upkeep.keep_up()
    Watch.objects.update(next_look_at=timezone.now() + timedelta(minutes=2))
    on_demand.request(by=admin, tenant_id=channel.tenant_id)
    assert claimed() == [channel.pk]
    assert Watch.objects.get(channel=theirs).requested_at is None


def test_staff_may_ask_for_a_look_at_their_clinic(channel, staff):
    assert on_demand.request(by=staff, channel_id=channel.pk).waiting().count() == 1


def test_nobody_asks_for_a_look_at_another_clinic(channel, outsider):
    with pytest.raises(PermissionDenied):
        on_demand.request(by=outsider, channel_id=channel.pk)
    assert not Sweep.objects.exists()


def test_a_channel_that_does_not_exist_is_refused_like_a_foreign_one(channel, outsider, operator):
    for person in (outsider, operator):
        with pytest.raises(PermissionDenied):
            on_demand.request(by=person, channel_id=channel.pk + 1000)
    assert not Sweep.objects.exists()


def test_only_the_operator_asks_for_everything(channel, admin, operator):
    with pytest.raises(PermissionDenied):
        on_demand.request(by=admin)
    assert on_demand.request(by=operator).waiting().count() == 1


def test_the_request_rings_once_it_is_committed(channel, operator, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks() as callbacks:
        on_demand.request(by=operator)
    assert [callback.__name__ for callback in callbacks] == ["ring"]


def test_a_sweep_waits_for_looks_that_began_after_it(channel, operator):
    Turns().claim(1)  # under way when asked
    sweep = on_demand.request(by=operator)
    plan(channel, lease_until=None)
    assert sweep.waiting().count() == 1

    Turns().claim(1)
    assert sweep.waiting().count() == 1
    plan(channel, lease_until=None)
    assert sweep.waiting().count() == 0


def test_a_sweep_waits_for_a_channel_that_was_handed_back(channel, operator):
    sweep = on_demand.request(by=operator)
    (order,) = Turns().claim(1)
    due.release([(order.channel_id, order.look_no)])
    assert sweep.waiting().count() == 1


def test_a_sweep_does_not_wait_for_a_channel_that_is_no_longer_watched(channel, operator):
    sweep = on_demand.request(by=operator)
    Channel.objects.update(is_active=False)
    assert sweep.waiting().count() == 0
