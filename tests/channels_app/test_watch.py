"""The loop of a worker, in this process: real HTTP to the simulator, the real database, the real broker."""

import threading
import time

import pytest
from celery import current_app

from channels_app import bell, due, watch
from channels_app.models import Watch
from tests.support import people
from tests.support.simulator import simulator

__all__ = ["simulator"]


@pytest.fixture
def fast(settings):
    """A watch whose loop ends as soon as nothing is due within a second."""
    settings.HEARTBEAT_TICK_SECONDS = 1
    settings.HEARTBEAT_TIMEOUT_SECONDS = 1
    settings.WATCH_THREADS = 16


@pytest.fixture
def server(db, simulator):
    return people.server(base_url=simulator.server.base_url, api_key=simulator.server.key)


def channel_of(phone, clinic, server, **fields):
    return people.channel(clinic, server, instance_name=phone.name, **fields)


def waiting_rings():
    with current_app.connection_for_write() as connection:
        return connection.default_channel.queue_declare(bell.QUEUE, passive=False).message_count


def test_a_loop_looks_at_everything_that_is_due_and_ends(fast, clinic, simulator, server):
    healthy = channel_of(simulator.phone("maria"), clinic, server)
    phone = simulator.phone("rosa")
    gone = channel_of(phone, clinic, server)
    phone.logs_out()

    watch.look_at_what_is_due()

    seen = dict(Watch.objects.values_list("channel_id", "cause"))
    assert seen == {healthy.pk: "connected", gone.pk: "logged_out"}
    assert not Watch.objects.exclude(lease_until=None).exists()


def test_a_loop_takes_the_waiting_rings_off_the_queue(fast, db):
    for _ in range(3):
        bell.ring()
    watch.look_at_what_is_due()
    assert waiting_rings() == 0


def test_more_due_than_threads_rings_for_an_idle_process_once(fast, settings, clinic, simulator, server):
    settings.WATCH_THREADS = 2
    for number in range(8):
        channel_of(simulator.phone(f"phone-{number}"), clinic, server)

    watch.look_at_what_is_due()

    assert Watch.objects.filter(connection_status="open").count() == 8
    assert waiting_rings() == 1
    bell.silence()


def test_a_server_that_hangs_holds_up_nobody_else(fast, clinic, simulator, server):
    hanging = people.server(base_url=simulator.servers[2].base_url, api_key=simulator.servers[2].key)
    channel_of(simulator.phone("stuck", server=2), clinic, hanging)
    channel_of(simulator.phone("maria"), clinic, server)
    simulator.servers[2].hangs()

    watch.look_at_what_is_due()

    seen = dict(Watch.objects.values_list("channel__instance_name", "cause"))
    assert seen == {"maria": "connected", "stuck": "server_unreachable"}


def test_a_look_holds_no_transaction_and_touches_no_database(fast, clinic, simulator, server, django_db_blocker):
    channel_of(simulator.phone("maria"), clinic, server)
    watch.upkeep.keep_up()
    (order,) = due.claim(1)

    with django_db_blocker.block():
        assert watch.look(order).seen.cause == "connected"


def test_a_request_during_an_idle_loop_is_answered_within_seconds(fast, settings, clinic, simulator, server, operator):
    settings.HEARTBEAT_TICK_SECONDS = 5
    channel = channel_of(simulator.phone("maria"), clinic, server)
    watch.look_at_what_is_due()
    sweep = due.request(by=operator, channel_id=channel.pk)

    started = time.monotonic()
    watch.look_at_what_is_due()

    assert sweep.waiting().count() == 0
    assert time.monotonic() - started < 5


def test_a_loop_whose_threads_are_all_busy_sleeps_until_one_is_free():
    loop = watch._Loop(pool=None, threads=2)
    loop.in_flight = 2
    assert loop._idle_seconds() > watch.CLAIM_EVERY


def test_the_threads_of_a_loop_end_with_it(fast, clinic, simulator, server):
    channel_of(simulator.phone("maria"), clinic, server)
    watch.look_at_what_is_due()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("look")]
