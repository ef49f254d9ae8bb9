"""Errands come back, or the operators hear that they do not. That a deaf worker ends itself: `whole_way/test_deaf`."""

from datetime import timedelta

import pytest
from celery import current_app
from django.utils import timezone

from channels_app import bell, deadman, errands, tasks, upkeep
from channels_app.models import Pulse, Reachability
from notifications.models import Notification
from tests.support import people
from tests.support.raw_server import refusing_url

INTERVAL, SECOND = timedelta(seconds=120), timedelta(seconds=1)
LATE = errands.late()


@pytest.fixture(autouse=True)
def empty_queue(db):
    nobody_waits()
    yield
    nobody_waits()


def nobody_waits() -> int:
    """Take what waits off the queue; return how many there were."""
    with current_app.connection_for_write() as broker:
        broker.default_channel.queue_declare(bell.ERRANDS)
        return broker.default_channel.queue_purge(bell.ERRANDS)


@pytest.fixture
def ticking(db):
    upkeep.keep_up()
    upkeep.keep_up()  # the first pulse has been written: from now on it is asked
    return Pulse.objects.get()


def asked_at():
    return Pulse.objects.values_list("errand_asked_at", flat=True).get()


def is_asked(ago: timedelta, *, last_tick: timedelta = 10 * SECOND) -> None:
    now = timezone.now()
    Pulse.objects.update(errand_asked_at=now - ago, last_tick_at=now - last_tick)


def told() -> list[Notification]:
    return list(Notification.objects.filter(dedupe_key__startswith="errands:"))


def test_a_tick_asks_and_any_errand_that_comes_back_answers(ticking):
    assert asked_at() is not None

    tasks.ask_witness()

    assert asked_at() is None


def test_an_errand_that_fails_has_come_back_too(ticking):
    before = deadman.last_errand()

    with pytest.raises(ZeroDivisionError), errands.under_way():
        _ = 1 / 0

    assert asked_at() is None
    assert deadman.last_errand() > before


def test_the_question_keeps_the_moment_of_the_first_one(ticking):
    first = asked_at()

    upkeep.keep_up()

    assert asked_at() == first


def test_however_often_it_is_asked_one_sign_waits(ticking):
    for _tick in range(5):
        upkeep.keep_up()

    assert nobody_waits() == 1


def test_where_errands_wait_already_no_sign_is_asked_for(ticking):
    nobody_waits()
    bell.ask_for_list(1)
    bell.ask_for_list(2)

    upkeep.keep_up()

    assert nobody_waits() == 2


def test_the_witness_is_not_asked_for_where_errands_wait_already(ticking):
    nobody_waits()
    bell.ask_the_witness()
    bell.ask_the_witness()

    assert nobody_waits() == 1


def test_each_errand_asks_the_witness_so_that_it_waits_behind_no_other(ticking, settings):
    settings.EVOLUTION_ALLOWED_HOSTS = ["127.0.0.0/8"]
    settings.WITNESS_URLS = [refusing_url()]
    server = people.server()
    upkeep.keep_up()
    Reachability.objects.update(failing_since=timezone.now())

    tasks.list_server(server.pk)

    assert Pulse.objects.get().witness_failing_since is not None


def test_the_operators_are_told_once_when_none_has_come_back_for_long(ticking, operator, admin):
    is_asked(LATE - SECOND)
    upkeep.keep_up()
    assert told() == []

    is_asked(LATE + SECOND)
    upkeep.keep_up()
    upkeep.keep_up()

    (notice,) = told()
    assert (notice.user, notice.event, notice.tenant, notice.incident) == (operator, "warning", None, None)
    assert "{" not in notice.body


def test_where_the_interval_is_short_an_errand_is_given_the_time_that_it_may_take(ticking, operator, settings):
    settings.HEARTBEAT_INTERVAL_SECONDS = 5
    is_asked(errands.HARD_SECONDS * SECOND)

    upkeep.keep_up()

    assert told() == []


def test_what_was_asked_before_an_outage_of_the_watch_is_asked_anew(ticking, operator):
    is_asked(timedelta(hours=5), last_tick=timedelta(hours=5) - SECOND)

    upkeep.keep_up()

    assert told() == []
    assert timezone.now() - asked_at() < INTERVAL


def test_what_was_asked_before_the_clock_was_set_back_is_asked_anew(ticking, operator):
    is_asked(-timedelta(hours=1))

    upkeep.keep_up()

    assert asked_at() < timezone.now() + INTERVAL


def test_a_probe_says_for_how_long_errands_have_been_waited_for_and_raises_no_alarm(ticking, client, clinic):
    people.channel(clinic)
    is_asked(timedelta(hours=1))

    response = client.get("/healthz/sweep")

    assert (response.status_code, response.json()["errands_waited_for_seconds"]) == (200, 3600)
