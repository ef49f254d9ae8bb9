"""An address outside hears of the watch once a minute while it is healthy, and nothing otherwise."""

import threading
import time
from contextlib import contextmanager
from datetime import timedelta

import pytest
from django.utils import timezone
from django_celery_beat.models import IntervalSchedule, PeriodicTask

from channels_app import bell, ping, upkeep
from channels_app.models import Pulse, Watch
from tests.support import people
from tests.support.raw_server import ok, raw_server, refusing_url

PATH = "/ping/0f3a9c11-secret"
HOUR = timedelta(hours=1)


@pytest.fixture
def listener(settings):
    """What the operator has put up outside; it says OK."""
    settings.EVOLUTION_ALLOWED_HOSTS = ["127.0.0.0/8"]
    with answering(ok(b"OK")) as server:
        settings.HEALTHCHECK_PING_URL = server.url + PATH
        yield server


@contextmanager
def answering(answer: bytes):
    with raw_server(lambda visit: visit.answer(answer)) as server:
        yield server


@pytest.fixture
def watched(clinic, settings):
    """A number that is looked at in time, by a watch that has just ticked."""
    settings.HEALTHCHECK_PING_URL = ""
    people.channel(clinic)
    upkeep.keep_up()
    every = IntervalSchedule.objects.create(every=10, period="seconds")
    PeriodicTask.objects.create(name="ring the watch", task=bell.RING, interval=every)


def send() -> None:
    """Send what is to be sent, and wait until it has arrived."""
    ping.send_if_healthy()
    for thread in threading.enumerate():
        if thread.name == "ping":
            thread.join(timeout=10)


def test_a_number_that_ends_its_process_each_time_does_not_keep_the_ping_back(watched, listener, clinic):
    deadly = people.channel(clinic)
    upkeep.keep_up()
    Watch.objects.filter(channel=deadly).update(strikes=2, next_look_at=timezone.now() - HOUR)

    send()

    assert len(listener.requests) == 1


def test_a_healthy_watch_asks_the_address_as_it_was_given(watched, listener):
    send()

    (request,) = listener.requests
    assert request.startswith(f"GET {PATH} HTTP/1.1\r\n".encode())


def test_a_tick_pings(watched, listener):
    upkeep.keep_up()

    send()  # waits; the minute is not over
    assert len(listener.requests) == 1


def test_it_pings_once_a_minute(watched, listener):
    send()
    send()
    assert len(listener.requests) == 1

    Pulse.objects.update(ping_at=timezone.now() - timedelta(seconds=61))
    send()
    assert len(listener.requests) == 2


def test_a_clock_that_was_set_back_does_not_silence_it(watched, listener):
    Pulse.objects.update(ping_at=timezone.now() + HOUR)

    send()

    assert len(listener.requests) == 1


@pytest.mark.parametrize("trouble", ["overdue", "tick switched off", "no tick"])
def test_a_watch_that_is_not_healthy_is_silent(watched, listener, trouble):
    match trouble:
        case "overdue":
            Watch.objects.update(next_look_at=timezone.now() - HOUR)
        case "tick switched off":
            PeriodicTask.objects.update(enabled=False)
        case "no tick":
            Pulse.objects.update(last_tick_at=timezone.now() - HOUR)

    send()

    assert listener.requests == []


def test_without_an_address_nothing_is_asked_of_the_database(watched, django_assert_num_queries):
    with django_assert_num_queries(0):
        ping.send_if_healthy()


def test_an_address_that_hangs_holds_nobody_up(watched, listener, settings):
    with raw_server(lambda visit: visit.wait_for_the_client_to_go()) as hanging:
        settings.HEALTHCHECK_PING_URL = hanging.url
        started = time.monotonic()
        ping.send_if_healthy()
        assert time.monotonic() - started < ping.SECONDS / 2


def test_what_goes_wrong_is_logged_at_each_change_and_the_address_never(listener, settings, caplog):
    def says() -> list[str]:
        caplog.clear()
        ping.send()
        return [record.getMessage() for record in caplog.records if "ping" in record.getMessage()]

    says()  # it goes through, whatever was before
    with answering(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n") as gone:
        settings.HEALTHCHECK_PING_URL = gone.url + PATH
        (first,), again = says(), says()
    settings.HEALTHCHECK_PING_URL = refusing_url() + PATH
    (other,) = says()
    settings.HEALTHCHECK_PING_URL = "http://10.0.0.1" + PATH
    (refused,) = says()
    settings.HEALTHCHECK_PING_URL = listener.url + PATH
    (better,), quiet = says(), says()

    assert again == quiet == []
    assert ("status 404" in first, "Unreachable" in other, "AddressRefused" in refused) == (True, True, True)
    assert "gets through again" in better
    assert not any(word in line for line in (first, other, refused, better) for word in ("secret", "127.0.0.1", "10.0.0.1"))
