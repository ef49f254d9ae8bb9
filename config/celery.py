"""The Celery application. Workers and beat act as the service; the web process imports this file too and does not."""

import os

from celery import Celery, signals

from channels_app import leaving
from tenants import scope

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

app = Celery("vigia")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@signals.celeryd_init.connect
@signals.beat_init.connect
def _act_as_the_service(**_facts: object) -> None:
    scope.declare_service()


@signals.worker_shutting_down.connect  # in the main process; the loops run in its children
def _let_the_loops_end(**_facts: object) -> None:
    leaving.ask()


@signals.setup_logging.connect
def _keep_our_logging(**_facts: object) -> None:
    """Django's LOGGING is in force already: being connected here keeps Celery from replacing it."""
