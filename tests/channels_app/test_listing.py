"""A server's own list, kept beside its channels: real HTTP to the simulator, the real database."""

from collections import Counter
from datetime import timedelta
from functools import partial

import pytest
from celery import current_app
from django.utils import timezone

from channels_app import bell, listing, tasks, upkeep, watch
from channels_app.models import Channel, Reachability, Server, Watch
from channels_app.reasons import MOST_ASKED
from channels_app.turns import Turns
from incidents.models import Incident
from tests.support import people
from tests.support.raw_server import ok, raw_server
from tests.support.simulator import simulator

__all__ = ["simulator"]

SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)


@pytest.fixture
def server(db, simulator):
    return people.server(base_url=simulator.server.base_url, api_key=simulator.server.key)


def channel_of(phone, clinic, server, **fields):
    channel = people.channel(clinic, server, instance_name=phone.name, **fields)
    upkeep.keep_up()
    return channel


def listed(channel):
    return Watch.objects.values_list("listed", flat=True).get(channel=channel)


def servers_asked_for():
    """Take the errands off the queue."""
    with current_app.connection_for_write() as broker:
        broker.default_channel.queue_declare(bell.ERRANDS)
        take = partial(broker.default_channel.basic_get, bell.ERRANDS, no_ack=True)
        return [message.payload[0][0] for message in iter(take, None) if message.headers["task"] == bell.LIST]


@pytest.fixture
def three(db):
    """Servers that were adopted, and an empty queue."""
    made = [people.server().pk for _ in range(3)]
    upkeep.keep_up()
    servers_asked_for()
    return made


def test_a_list_that_several_loops_want_is_asked_for_once(three):
    listing.want(three[:2])
    listing.want(three)

    assert sorted(servers_asked_for()) == three


def test_a_list_that_came_within_this_tick_is_wanted_by_nobody_and_one_of_before_is(three):
    now = timezone.now()
    Reachability.objects.filter(server=three[0]).update(list_wanted_at=now - MINUTE, list_asked_at=now - SECOND)
    Reachability.objects.filter(server=three[1]).update(list_wanted_at=now - MINUTE, list_asked_at=now - MINUTE / 2)

    listing.want(three[:2])

    assert servers_asked_for() == [three[1]]


def test_an_errand_that_is_on_its_way_is_waited_for_and_one_that_was_lost_is_sent_again(three):
    now = timezone.now()
    Reachability.objects.filter(server=three[0]).update(list_wanted_at=now - 4 * MINUTE, list_asked_at=now - HOUR)
    Reachability.objects.filter(server=three[1]).update(list_wanted_at=now - 6 * MINUTE, list_asked_at=now - HOUR)
    Reachability.objects.filter(server=three[2]).update(list_wanted_at=now + HOUR)  # the clock was set back

    listing.want(three)

    assert sorted(servers_asked_for()) == three[1:]


def test_where_errands_pile_up_the_oldest_lists_come_first(three, monkeypatch):
    monkeypatch.setattr(bell, "MOST_ERRANDS", 2)
    Reachability.objects.filter(server=three[0]).update(list_asked_at=timezone.now() - HOUR)
    Reachability.objects.filter(server=three[1]).update(list_asked_at=timezone.now() - 2 * HOUR)

    listing.want(three)
    assert sorted(servers_asked_for()) == three[1:]
    listing.want(three)
    assert servers_asked_for() == three[:1]


def test_what_the_broker_did_not_take_is_wanted_still(three, monkeypatch):
    monkeypatch.setattr(bell, "ask_for_list", lambda server_id: False)
    listing.want(three)
    monkeypatch.undo()

    listing.want(three)

    assert sorted(servers_asked_for()) == three


@pytest.mark.parametrize(
    ("known", "is_wanted"),
    [
        ({"back_at": -45 * SECOND}, True),
        ({"back_at": -45 * SECOND, "list_asked_at": -MINUTE}, True),
        ({"back_at": -45 * SECOND, "list_asked_at": -SECOND}, False),
        ({"back_at": -30 * SECOND}, False),
        ({"back_at": -61 * SECOND}, False),
        ({}, False),
    ],
    ids=["soon", "a list of before", "a list of now", "not yet", "over", "never down"],
)
def test_the_list_of_a_server_that_is_back_is_asked_for_before_its_numbers_are_judged(three, known, is_wanted):
    now = timezone.now()
    Reachability.objects.filter(server=three[0]).update(**{name: now + ago for name, ago in known.items()})

    upkeep.keep_up()
    upkeep.keep_up()

    assert servers_asked_for() == three[:1] * is_wanted


def test_a_server_that_is_down_again_is_not_asked_for_its_list(clinic, three):
    now = timezone.now()
    people.channel(clinic, Server.objects.get(pk=three[0]))
    is_down = {"dark_since": now - SECOND, "dark_cause": "server_unreachable"}
    Reachability.objects.filter(server=three[0]).update(back_at=now - 45 * SECOND, **is_down)

    upkeep.keep_up()

    assert servers_asked_for() == []


def test_every_number_that_is_down_when_its_server_is_back_is_told_with_its_reason(clinic, simulator, server, settings):
    """Judged at one moment, at the end of the grace, and more of them than may ask for their reason."""
    settings.HEARTBEAT_TIMEOUT_SECONDS = 1
    phones = [simulator.phone(f"maria-{n}") for n in range(2 * MOST_ASKED + 2)]
    for phone in phones:
        phone.logs_out()
        people.channel(clinic, server, instance_name=phone.name, heartbeat_threshold_minutes=1)
    upkeep.keep_up()
    servers_asked_for()
    now = timezone.now()
    in_its_outage = {"connection_status": "error", "cause": "server_unreachable", "raw_state": "timeout"}
    past_the_threshold = {"first_unhealthy_at": now - 5 * MINUTE, "bad_seconds": 180, "last_verdict_at": now - 2 * MINUTE}
    Watch.objects.update(**in_its_outage, **past_the_threshold, paired_at=now - HOUR, integration="WHATSAPP-BAILEYS")

    Reachability.objects.update(back_at=now - 45 * SECOND)
    upkeep.keep_up()
    for server_id in servers_asked_for():
        listing.refresh(server_id)
    Reachability.objects.update(back_at=now - 61 * SECOND)
    watch.look_at_what_is_due()

    assert Counter(Incident.objects.values_list("cause", flat=True)) == {"logged_out": len(phones)}


def test_each_channel_gets_its_row(clinic, simulator, server):
    phone = simulator.phone("maria")
    phone.logs_out()
    channel = channel_of(phone, clinic, server)

    tasks.list_server(server.pk, a_newer_argument=1)

    kept = listed(channel)
    assert (kept["status"], kept["reason"], kept["integration"]) == ("close", 401, "WHATSAPP-BAILEYS")
    assert "token" not in str(kept)
    (order,) = Turns().claim(10)
    assert order.target.row == kept
    assert order.target.row_is_fresh


def test_a_name_that_a_complete_list_does_not_have_is_missing(clinic, simulator, server):
    simulator.phone("maria")
    channel = people.channel(clinic, server, instance_name="nobody")
    upkeep.keep_up()
    listing.refresh(server.pk)
    assert listed(channel) == {"missing": True}


def test_a_list_is_asked_for_once_a_tick(clinic, simulator, server):
    channel = channel_of(simulator.phone("maria"), clinic, server)
    listing.refresh(server.pk)
    Watch.objects.update(listed=None)

    listing.refresh(server.pk)
    assert listed(channel) is None

    Reachability.objects.update(list_asked_at=timezone.now() - HOUR)
    listing.refresh(server.pk)
    assert listed(channel)


def test_a_clock_that_went_back_does_not_hold_a_list_up(clinic, simulator, server):
    channel = channel_of(simulator.phone("maria"), clinic, server)
    Reachability.objects.update_or_create(server=server, defaults={"list_asked_at": timezone.now() + HOUR})
    listing.refresh(server.pk)
    assert listed(channel)


def test_a_list_that_does_not_come_leaves_what_was_known(clinic, simulator, server):
    channel = channel_of(simulator.phone("maria"), clinic, server)
    Watch.objects.update(listed={"missing": True}, listed_at=timezone.now() - HOUR)
    simulator.server.loses_its_database()

    listing.refresh(server.pk)

    assert listed(channel) == {"missing": True}
    (order,) = Turns().claim(10)
    assert not order.target.row_is_fresh


def test_a_clinic_s_own_server_is_listed_under_its_clinic(clinic, simulator, settings):
    with raw_server(lambda visit: visit.answer(ok(b'[{"name": "maria", "connectionStatus": "open"}]'))) as raw:
        own = people.server(clinic, base_url=raw.url)
        listing.refresh(own.pk)
    assert Reachability.objects.get(server=own).tenant_id == clinic.pk


def test_an_old_version_is_asked_for_its_list_once_a_day_for_it_may_be_upgraded(clinic, settings):
    settings.EVOLUTION_ALLOWED_HOSTS = ["127.0.0.0/8"]
    settings.HEARTBEAT_TICK_SECONDS = 0
    lists = [b'[{"instance": {"instanceName": "maria"}}]', b'[{"name": "maria", "connectionStatus": "open"}]']

    def has_list():
        Watch.objects.update(lease_until=None)
        (order,) = Turns().claim(10)
        return order.has_list

    with raw_server(lambda visit: visit.answer(ok(lists[visit.number - 1], b"Connection: close"))) as raw:
        server = people.server(base_url=raw.url)
        channel = people.channel(clinic, server, instance_name="maria")
        upkeep.keep_up()
        listing.refresh(server.pk)
        listing.refresh(server.pk)
        assert (raw.connections, listed(channel), has_list()) == (1, None, False)

        Reachability.objects.update(list_asked_at=timezone.now() - 25 * HOUR)
        assert has_list()
        listing.refresh(server.pk)

    assert listed(channel)["status"] == "open"
    assert has_list()


@pytest.mark.parametrize("without", [{"api_key": ""}, {"archived_at": timezone.now()}], ids=["key", "life"])
def test_a_server_without_its_own_key_has_no_list(clinic, simulator, server, without):
    channel = channel_of(simulator.phone("maria"), clinic, server, own_token="token-maria")
    type(server).objects.filter(pk=server.pk).update(**without)
    listing.refresh(server.pk)
    assert listed(channel) is None


def test_a_channel_that_is_renamed_while_the_list_is_asked_for_gets_no_row(clinic, simulator, server):
    channel = channel_of(simulator.phone("maria"), clinic, server)
    server.refresh_from_db()
    asked = listing.evolution.list_all(base_url=server.base_url, key=server.api_key, operator_owned=True, seconds=5)
    Channel.objects.filter(pk=channel.pk).update(instance_name="rosa")
    listing._keep(server.pk, asked, base_url=server.base_url)
    assert listed(channel) == {"missing": True}


def test_a_list_of_another_address_than_the_server_has_by_now_is_left_alone(clinic, simulator, server):
    channel = channel_of(simulator.phone("maria"), clinic, server)
    asked = listing.evolution.list_all(base_url=server.base_url, key=server.api_key, operator_owned=True, seconds=5)

    listing._keep(server.pk, asked, base_url="https://evolution.example.com")

    assert listed(channel) is None


def test_a_database_that_fails_is_one_line(clinic, caplog):
    listing.refresh("no number")
    assert "a list failed" in caplog.text
