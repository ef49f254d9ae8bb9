"""A broker that is away costs a moment, never an error: what is due lives in PostgreSQL."""

import time
from contextlib import contextmanager
from urllib.parse import urlsplit

import pytest
import redis
from celery import Celery, current_app
from django.conf import settings

from channels_app import bell, watch
from channels_app.models import Watch
from config.celery import app
from tests.support import people

NOBODY_LISTENS = "redis://:x@127.0.0.1:9/0"


@contextmanager
def broker_at(url):
    other = Celery("other", broker=url)
    other.config_from_object("django.conf:settings", namespace="CELERY")
    other.conf.broker_url = url
    other.set_current()
    yield
    other.close()
    app.set_current()


@pytest.fixture
def broker_is_away():
    with broker_at(NOBODY_LISTENS):
        yield


@pytest.fixture
def broker_refuses():
    """It lets us in, and then does nothing that we ask of it: as one does whose memory is full."""
    place = urlsplit(current_app.conf.broker_url)
    with redis.Redis.from_url(place.geturl()) as real:
        real.execute_command("ACL", "SETUSER", "guest", "reset", "on", ">x", "~*", "&*", "+@connection")
        with broker_at(place._replace(netloc=f"guest:x@{place.hostname}:{place.port}").geturl()):
            yield
        real.execute_command("ACL", "DELUSER", "guest")


def test_a_ring_keeps_nobody_waiting(broker_is_away):
    started = time.monotonic()
    bell.ring()
    assert time.monotonic() - started < settings.CELERY_BROKER_TRANSPORT_OPTIONS["socket_connect_timeout"]


@pytest.mark.parametrize(
    "call",
    [bell.ring, bell.silence, lambda: bell.ask_for_list(1), bell.ask_the_witness, bell.ask_for_a_sign, bell.go_on_pruning],
    ids=["ring", "silence", "list", "witness", "sign", "prune"],
)
@pytest.mark.parametrize("broker", ["broker_is_away", "broker_refuses"])
def test_a_broker_that_is_away_or_refuses_is_never_an_error(broker, call, request):
    request.getfixturevalue(broker)

    call()


def test_a_loop_looks_all_the_same(broker_is_away, clinic, settings):
    settings.HEARTBEAT_TICK_SECONDS = 1
    settings.EVOLUTION_ALLOWED_HOSTS = []
    people.channel(clinic, people.server(base_url="http://127.0.0.1:9"))  # refused at once: nobody lets us look there

    watch.look_at_what_is_due()

    assert Watch.objects.get().cause == "address_refused"


@pytest.mark.parametrize(("task", "queue"), [(bell.RING, bell.QUEUE), (bell.PRUNE, bell.ERRANDS), (bell.LIST, bell.ERRANDS)])
def test_whoever_sends_a_task_without_naming_a_queue_sends_it_to_its_own(task, queue):
    options = current_app.amqp.router.route({}, task)

    assert options["queue"].name == queue
