"""Processes die at the worst moment, and the record is the same as if none had."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection, transaction

from tests.support.processes import wait_until


def test_a_worker_killed_in_the_bad_run_and_again_while_it_opens_the_incident_changes_nothing(place, processes):
    worker = processes.worker()
    processes.beat()
    place.is_connected()
    place.drops()

    worker.is_killed()
    assert not place.channel.incidents.exists()

    worker = processes.worker()
    with nobody_can_be_told():
        wait_until(somebody_waits_to_tell, "a worker has written the incident and is about to tell of it")
        worker.is_killed()
    wait_until(lambda: not somebody_writes_incidents(), "the database has noticed the death")
    assert not place.channel.incidents.exists()
    assert place.told() == []

    processes.worker()
    place.opens_an_incident()
    place.pairs()
    place.resolves_it()

    place.assert_one_outage_was_told_from_beginning_to_end()


def test_the_watch_goes_on_after_its_broker_died_with_everything_in_it(place, processes):
    worker, beat = processes.worker(), processes.beat()
    place.is_connected()

    processes.broker.is_killed()
    wait_until(lambda: worker.says("Connection to broker lost"), "the worker noticed")
    wait_until(lambda: beat.says("ConnectionError") or beat.says("OperationalError"), "beat noticed")
    processes.broker.comes_back()
    place.phone.logs_out()
    wait_until(lambda: processes.tend() or place.channel.incidents.open().exists(), "an incident opened")
    place.pairs()
    place.resolves_it()

    place.assert_one_outage_was_told_from_beginning_to_end()


@contextmanager
def nobody_can_be_told() -> Iterator[None]:
    """Let whoever writes a notification wait."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("lock table notifications_notification in share mode")
        yield


def somebody_waits_to_tell() -> bool:
    return _is_there("relation = 'notifications_notification'::regclass and not granted")


def somebody_writes_incidents() -> bool:
    return _is_there("relation = 'incidents_incident'::regclass and mode = 'RowExclusiveLock'")


def _is_there(lock: str) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            "select exists (select from pg_locks where pid <> pg_backend_pid() and "
            f"database = (select oid from pg_database where datname = current_database()) and {lock})"
        )
        return cursor.fetchone()[0]
