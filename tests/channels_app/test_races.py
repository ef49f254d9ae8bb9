"""What meets in the middle: flush, upkeep and a person who asks, each in a connection of its own."""

import threading
import time
from collections.abc import Callable
from contextlib import contextmanager
from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.utils import timezone

from channels_app import invariants, on_demand, recovery, upkeep
from channels_app.flush import Look, flush
from channels_app.models import Channel, Reachability, Watch
from channels_app.turns import Turns
from incidents.models import Incident
from tests.support import people
from tests.support.processes import wait_until
from tests.support.readings import healthy, reading

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def down():
    """A channel whose incident is open."""
    channel = people.channel(people.clinic(), heartbeat_threshold_minutes=1)
    upkeep.keep_up()
    ago = [timezone.now() - timedelta(seconds=seconds) for seconds in (300, 200, 100, 40)]
    for seen in (healthy(ago[0]), *(reading(at=at) for at in ago[1:])):
        flush([Look(claim(), seen)])
    assert Incident.objects.open().exists()
    return channel


def claim():
    Watch.objects.update(next_look_at=timezone.now() - timedelta(seconds=1), lease_until=None)
    (order,) = Turns().claim(1)
    return order


@contextmanager
def meanwhile(work: Callable[[], object], *, waits_for: str):
    """Hold `waits_for` so that the work stops there; let it go on when the block ends, and wait for its end."""

    def run() -> None:
        try:
            work()
        finally:
            connection.close()

    thread = threading.Thread(target=run)
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(waits_for)
        thread.start()
        wait_until(somebody_waits, "the other one came to the lock")
        yield
    thread.join(timeout=30)


def somebody_waits() -> bool:
    """Does another connection wait for what ours holds? Asked of pg_locks: pg_stat_activity stands still in a transaction."""
    with connection.cursor() as cursor:
        cursor.execute("""
            select exists (
                select from pg_locks waits join pg_locks ours
                    on ours.transactionid = waits.transactionid
                    or ours.relation = waits.relation and ours.database = waits.database
                where not waits.granted and ours.granted and ours.pid = pg_backend_pid())
        """)
        return cursor.fetchone()[0]


def elsewhere(work: Callable[[], object]) -> None:
    """Do it in a connection of its own, to its end."""

    def run() -> None:
        try:
            work()
        finally:
            connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(timeout=30)


def broken() -> dict:
    return {name: ids for name, ids in invariants.violations().items() if ids}


def test_a_channel_switched_off_and_on_again_in_the_middle_of_upkeep_starts_anew(down):
    Channel.objects.update(is_active=False)

    with meanwhile(upkeep.keep_up, waits_for="select from incidents_incident for update"):
        elsewhere(lambda: Channel.objects.update(is_active=True))

    assert Incident.objects.get().resolution == "switched_off"
    assert Watch.objects.get().first_unhealthy_at is None
    assert broken() == {}


def test_upkeep_leaves_what_a_flush_holds_to_the_next_tick(down):
    people.admin_of(down.tenant)  # untold so far: the flush is about to tell
    look = Look(claim(), reading("network_lost", at=timezone.now()))

    with meanwhile(lambda: flush([look]), waits_for="lock table notifications_notification in exclusive mode"):
        elsewhere(lambda: (Channel.objects.update(is_active=False), upkeep.keep_up()))
        assert elsewhere_sees_open()

    assert [event.kind for event in Incident.objects.get().events.all()] == ["opened", "cause_changed", "told"]
    upkeep.keep_up()
    assert Incident.objects.get().resolution == "switched_off"
    assert broken() == {}


def elsewhere_sees_open() -> bool:
    seen = []
    elsewhere(lambda: seen.append(Incident.objects.open().exists()))
    return seen[0]


def test_asking_for_many_never_deadlocks_with_a_flush_of_them():
    clinic, server, operator = people.clinic(), people.server(), people.operator()
    channels = [people.channel(clinic, server) for _ in range(40)]
    upkeep.keep_up()
    ends_at, mistakes = time.monotonic() + 2, []

    def ask() -> None:
        try:
            while time.monotonic() < ends_at:
                on_demand.request_each(reversed(channels), by=operator)
        except Exception as error:
            mistakes.append(error)
        finally:
            connection.close()

    asking = threading.Thread(target=ask)
    asking.start()
    flushes = 0
    while time.monotonic() < ends_at:
        counts = flush(Look(order, healthy(timezone.now())) for order in Turns().claim(40))
        assert not counts["failed"]
        flushes += 1
    asking.join(timeout=30)

    assert mistakes == []
    assert flushes > 1


def test_two_ticks_at_once_close_an_incident_once(down):
    Channel.objects.update(is_active=False)
    gate = threading.Barrier(2)

    def tick() -> None:
        try:
            gate.wait(timeout=10)
            upkeep.keep_up()
        finally:
            connection.close()

    threads = [threading.Thread(target=tick) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)

    assert [event.kind for event in Incident.objects.get().events.all()] == ["opened", "resolved"]
    assert broken() == {}


@pytest.fixture
def back():
    """The incident of a server that has been back for an hour, and that no tick has resolved yet."""
    server = people.server()
    people.channel(people.clinic(), server)
    upkeep.keep_up()
    long_ago = timezone.now() - timedelta(hours=1)
    Reachability.objects.filter(server=server).update(back_at=long_ago)
    fields = {"kind": "server_down", "cause": "server_unreachable", "started_at": long_ago, "opened_at": long_ago}
    return Incident.objects.create(server=server, **fields)


def test_a_tick_leaves_the_servers_to_another_that_is_at_it(back):
    ended = []

    def tick() -> None:
        recovery.keep_up()
        ended.append("without waiting")

    with transaction.atomic():
        recovery.keep_up()
        elsewhere(tick)
        assert ended

    assert back.events.filter(kind="resolved").count() == 1


def test_a_server_that_goes_dark_again_just_as_its_incident_would_resolve_keeps_it(back):
    dark_again = "update channels_app_reachability set dark_since = statement_timestamp(), dark_cause = 'server_unreachable'"
    with meanwhile(recovery.keep_up, waits_for=dark_again):
        pass

    assert Incident.objects.open().get() == back


def test_a_server_that_comes_back_just_as_a_tick_would_open_its_incident_is_given_none():
    channel = people.channel(people.clinic(), heartbeat_threshold_minutes=1)
    upkeep.keep_up()
    now = timezone.now()
    Watch.objects.update(last_verdict_at=now)
    dark = {"dark_since": now - timedelta(minutes=5), "dark_cause": "server_unreachable"}
    Reachability.objects.filter(server=channel.server).update(**dark)

    with transaction.atomic():
        Reachability.objects.update(dark_since=None, dark_cause="", back_at=now)
        elsewhere(recovery.keep_up)
    assert not Incident.objects.exists()

    Reachability.objects.update(**dark)
    recovery.keep_up()
    assert Incident.objects.get().server == channel.server
