"""The loop of a worker, in this process: real HTTP to the simulator, the real database, the real broker."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from urllib.parse import urlsplit

import pytest
from celery import current_app
from django.db import OperationalError, connection
from django.utils import timezone

from channels_app import bell, leaving, on_demand, watch
from channels_app.models import Watch
from channels_app.shares import LEAST
from channels_app.turns import Turns
from tests.support import people
from tests.support.processes import wait_until
from tests.support.raw_server import refusing_url
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


def waiting_errands() -> list[str]:
    """Take them off the queue."""
    errands = []
    with current_app.connection_for_write() as connection:
        connection.default_channel.queue_declare(bell.ERRANDS)
        while message := connection.default_channel.basic_get(bell.ERRANDS, no_ack=True):
            errands.append(message.headers["task"])
    return errands


def test_a_loop_looks_at_everything_that_is_due_and_ends(fast, clinic, simulator, server):
    healthy = channel_of(simulator.phone("maria"), clinic, server)
    phone = simulator.phone("rosa")
    gone = channel_of(phone, clinic, server)
    phone.logs_out()

    watch.look_at_what_is_due()

    seen = dict(Watch.objects.values_list("channel_id", "cause"))
    assert seen == {healthy.pk: "connected", gone.pk: "logged_out"}
    assert not Watch.objects.exclude(lease_until=None).exists()


def test_a_number_that_its_server_does_not_know_twice_has_the_servers_list_asked_for(fast, clinic, server):
    people.channel(clinic, server, instance_name="deleted")
    waiting_errands()

    watch.look_at_what_is_due()
    assert bell.LIST not in waiting_errands()

    Watch.objects.update(next_look_at=timezone.now())
    watch.look_at_what_is_due()
    assert bell.LIST in waiting_errands()


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


@contextmanager
def a_loop_beside():
    """A loop in a thread and a connection of its own; at the end of the block its end is waited for."""

    def run():
        try:
            watch.look_at_what_is_due()
        finally:
            connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    yield thread
    thread.join(timeout=60)
    assert not thread.is_alive()


@pytest.mark.django_db(transaction=True)
def test_a_server_that_hangs_gets_its_share_of_the_looks_at_once_and_the_rest_is_handed_back(
    fast, settings, clinic, simulator, server
):
    settings.WATCH_THREADS = 32
    settings.HEARTBEAT_TIMEOUT_SECONDS = 4
    hanging = people.server(base_url=simulator.servers[2].base_url, api_key=simulator.servers[2].key)
    stuck = [people.channel(clinic, hanging).pk for _ in range(LEAST + 4)]
    well = [channel_of(simulator.phone(f"phone-{n}"), clinic, server).pk for n in range(20)]
    simulator.servers[2].hangs()
    watches = Watch.objects.filter(pk__in=stuck)

    with a_loop_beside():
        wait_until(lambda: watches.filter(look_no=1).count() == len(stuck), "all were claimed")
        wait_until(lambda: watches.exclude(lease_until=None).count() == LEAST, "some were handed back", seconds=3)
        wait_until(
            lambda: Watch.objects.filter(pk__in=well, connection_status="open").count() == len(well), "the others are seen"
        )
        assert not watches.exclude(last_health_check=None)

    assert watches.filter(cause="server_unreachable", strikes=0).count() == len(stuck)
    assert watches.filter(look_no=2).count() == 4


@pytest.mark.django_db(transaction=True)
def test_a_database_that_ends_the_loop_s_session_costs_no_look(fast, settings, clinic, simulator, server):
    settings.HEARTBEAT_TIMEOUT_SECONDS = 4
    channel = channel_of(simulator.phone("maria"), clinic, server)
    simulator.phone("maria").answers_after(0.7)
    watched = Watch.objects.filter(channel=channel)

    with a_loop_beside():
        wait_until(lambda: watched.filter(look_no=1).exists(), "it is looked at")
        with connection.cursor() as cursor:
            cursor.execute(
                "select count(pg_terminate_backend(pid)) from pg_stat_activity"
                " where datname = current_database() and pid <> pg_backend_pid()"
            )
            assert cursor.fetchone()[0] >= 1

    assert watched.get().connection_status == "open"
    assert (watched.get().look_no, watched.get().strikes) == (1, 0)


@contextmanager
def a_database_that_is_away():
    there = dict(connection.settings_dict)
    connection.close()
    connection.settings_dict |= {"HOST": "127.0.0.1", "PORT": urlsplit(refusing_url()).port}
    try:
        yield
    finally:
        connection.settings_dict |= there


@pytest.mark.django_db(transaction=True)
def test_a_loop_gives_up_on_a_database_that_stays_away(fast, clinic, simulator, server):
    channel_of(simulator.phone("maria"), clinic, server)
    with a_database_that_is_away(), pytest.raises(OperationalError):
        watch.look_at_what_is_due()


@pytest.mark.django_db(transaction=True)
def test_what_a_database_that_is_away_could_not_take_back_is_handed_back_when_it_is_there(fast, clinic, server):
    people.channel(clinic, server)
    watch.upkeep.keep_up()
    loop = watch._Loop(pool=None, threads=1)
    loop.shares.wait(Turns().claim(1), now=1)

    with a_database_that_is_away(), pytest.raises(OperationalError):
        loop._hand_back(held_since=2)
    loop._hand_back(held_since=2)

    assert (Watch.objects.get().lease_until, Watch.objects.get().strikes) == (None, 0)
    assert loop.shares.waits_since() is None


@contextmanager
def no_row_can_be_written(table):
    """PostgreSQL refuses each row of this table."""
    with connection.cursor() as cursor:
        cursor.execute(f"alter table {table} add constraint nothing_goes check (false) not valid")
        try:
            yield
        finally:
            cursor.execute(f"alter table {table} drop constraint nothing_goes")


@pytest.mark.django_db(transaction=True)
def test_what_a_tick_cannot_write_keeps_nobody_from_being_looked_at(fast, clinic, simulator, server, caplog):
    channel_of(simulator.phone("maria"), clinic, server)

    with no_row_can_be_written("channels_app_pulse"):
        watch.look_at_what_is_due()

    assert Watch.objects.get().connection_status == "open"
    assert "a step of the tick failed" in caplog.text


@pytest.mark.django_db(transaction=True)
def test_a_channel_that_was_struck_is_looked_at_when_nothing_else_is_under_way(fast, clinic, simulator, server):
    struck = channel_of(simulator.phone("maria"), clinic, server)
    others = [channel_of(simulator.phone(f"phone-{n}", server=1), clinic, server).pk for n in range(5)]
    watch.upkeep.keep_up()
    Watch.objects.filter(channel=struck).update(strikes=2)

    watch.look_at_what_is_due()

    seen = Watch.objects.get(channel=struck)
    assert (seen.connection_status, seen.strikes) == ("open", 0)
    assert seen.look_started_at > max(Watch.objects.filter(pk__in=others).values_list("last_health_check", flat=True))


@pytest.fixture
def asked_to_leave():
    yield leaving.ask
    leaving.forget()


@pytest.mark.django_db(transaction=True)
def test_a_loop_that_is_asked_to_leave_writes_what_it_saw_and_hands_back_what_hangs(
    fast, settings, clinic, simulator, server, asked_to_leave
):
    settings.HEARTBEAT_TIMEOUT_SECONDS = 4
    hanging = people.server(base_url=simulator.servers[2].base_url, api_key=simulator.servers[2].key)
    stuck = channel_of(simulator.phone("stuck", server=2), clinic, hanging)
    slow = channel_of(simulator.phone("maria"), clinic, server)
    simulator.servers[2].hangs()
    simulator.phone("maria").answers_after(0.7)

    with a_loop_beside():
        wait_until(lambda: Watch.objects.filter(look_no=1).count() == 2, "both are looked at")
        asked_to_leave()
        wait_until(lambda: not Watch.objects.exclude(lease_until=None), "both are free", seconds=3)

    assert Watch.objects.get(channel=slow).connection_status == "open"
    assert Watch.objects.get(channel=stuck).connection_status == "unknown"
    assert Turns().claim(10)[0].channel_id == stuck.pk


def test_a_worker_that_is_leaving_starts_no_loop(fast, clinic, simulator, server, asked_to_leave):
    channel_of(simulator.phone("maria"), clinic, server)
    asked_to_leave()
    watch.look_at_what_is_due()
    assert Turns().claim(10) == []  # nobody adopted it


def test_a_look_holds_no_transaction_and_touches_no_database(fast, clinic, simulator, server, django_db_blocker):
    channel_of(simulator.phone("maria"), clinic, server)
    watch.upkeep.keep_up()
    (order,) = Turns().claim(1)

    with django_db_blocker.block():
        assert watch.look(order).seen.cause == "connected"


def test_a_request_during_an_idle_loop_is_answered_within_seconds(fast, settings, clinic, simulator, server, operator):
    settings.HEARTBEAT_TICK_SECONDS = 5
    channel = channel_of(simulator.phone("maria"), clinic, server)
    watch.look_at_what_is_due()
    sweep = on_demand.request(by=operator, channel_id=channel.pk)

    started = time.monotonic()
    watch.look_at_what_is_due()

    assert sweep.waiting().count() == 0
    assert time.monotonic() - started < 5


def test_a_loop_whose_threads_are_all_busy_sleeps_until_one_is_free():
    loop = watch._Loop(pool=None, threads=2)
    loop.in_flight = {(1, 1): None, (2, 1): None}
    assert loop._idle_seconds() > watch.CLAIM_EVERY


@pytest.fixture
def a_limit_of_threads():
    """A pool whose first threads are there, in a system that starts no more of them."""
    with ThreadPoolExecutor(16) as pool:

        def of(threads):
            all_are_there = threading.Barrier(threads + 1)
            for _ in range(threads):
                pool.submit(all_are_there.wait)
            all_are_there.wait()
            threading.stack_size(1 << 46)  # no machine has that much: it is refused as beyond a limit of processes
            return pool

        yield of
        threading.stack_size(0)


@pytest.mark.parametrize("threads", [2, 0], ids=["some", "none at all"])
def test_where_no_more_threads_can_be_started_those_there_are_look_at_everybody(
    fast, clinic, simulator, server, a_limit_of_threads, threads, caplog
):
    for number in range(6):
        channel_of(simulator.phone(f"phone-{number}"), clinic, server)

    watch._Loop(a_limit_of_threads(threads), threads=16).run()

    assert Watch.objects.filter(connection_status="open", lease_until=None).count() == 6
    assert caplog.text.count("no more threads can be started") == 1


def test_the_threads_of_a_loop_end_with_it(fast, clinic, simulator, server):
    channel_of(simulator.phone("maria"), clinic, server)
    watch.look_at_what_is_due()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("look")]
