"""A broker that is away costs a moment, never an error: what is due lives in PostgreSQL."""

import time

import pytest
from celery import Celery
from django.conf import settings

from channels_app import bell, watch
from channels_app.models import Watch
from config.celery import app
from tests.support import people

NOBODY_LISTENS = "redis://:x@127.0.0.1:9/0"


@pytest.fixture
def broker_is_away():
    away = Celery("away", broker=NOBODY_LISTENS)
    away.config_from_object("django.conf:settings", namespace="CELERY")
    away.conf.broker_url = NOBODY_LISTENS
    away.set_current()
    yield
    away.close()
    app.set_current()


def test_a_ring_keeps_nobody_waiting(broker_is_away):
    started = time.monotonic()
    bell.ring()
    assert time.monotonic() - started < settings.CELERY_BROKER_TRANSPORT_OPTIONS["socket_connect_timeout"]


def test_a_loop_looks_all_the_same(broker_is_away, clinic, settings):
    settings.HEARTBEAT_TICK_SECONDS = 1
    settings.EVOLUTION_ALLOWED_HOSTS = []
    people.channel(clinic, people.server(base_url="http://127.0.0.1:9"))  # refused at once: nobody lets us look there

    watch.look_at_what_is_due()

    assert Watch.objects.get().cause == "address_refused"
