"""The Celery application. Workers and beat act as the service; the web process imports this file too and does not."""

import gc
import os
import resource
from typing import Any

from celery import Celery, signals

from channels_app import bell, leaving
from tenants import scope

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

MOST_FILES = 65_536  # every connection that http keeps is one, and 1,024 is a usual limit

app = Celery("vigia")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@signals.celeryd_init.connect
@signals.beat_init.connect
def _act_as_the_service(**_facts: object) -> None:
    scope.declare_service()


@signals.celeryd_init.connect
def _raise_our_limits(**_facts: object) -> None:
    """Open as many files as we may; and let the system's resolver, whose threads a dead name server holds, give up soon."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    files = MOST_FILES if hard == resource.RLIM_INFINITY else min(hard, MOST_FILES)
    resource.setrlimit(resource.RLIMIT_NOFILE, (files, hard))
    os.environ.setdefault("RES_OPTIONS", "timeout:2 attempts:2")


@signals.worker_before_create_process.connect
def _share_what_is_loaded(**_facts: object) -> None:
    """Keep the collector of a child off what it shares with us: by visiting it, it makes a copy of each page."""
    gc.collect()
    gc.freeze()


@signals.worker_shutting_down.connect  # in the main process; the loops run in its children
def _let_the_loops_end(**_facts: object) -> None:
    leaving.ask()


# The imports below stand inside: when this file is read, Django is not set up yet.
@signals.celeryd_after_setup.connect
def _end_a_deaf_worker(instance: Any, **_facts: object) -> None:
    from channels_app import deadman

    queues = instance.app.amqp.queues.consume_from
    if bell.QUEUE in queues:
        deadman.watch_worker()
    if bell.ERRANDS in queues:
        deadman.watch_errands()


@signals.beat_init.connect
def _end_a_deaf_beat(**_facts: object) -> None:
    from channels_app import deadman

    deadman.watch_beat()


@signals.setup_logging.connect
def _keep_our_logging(**_facts: object) -> None:
    """Django's LOGGING is in force already: being connected here keeps Celery from replacing it."""
