"""What has been kept long enough, of all apps: it goes once a day, oldest first, until nothing is left or the time is up.

Nothing here needs to be finished: whatever remains is as old tomorrow. Nothing that is open ever goes.
"""

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

import structlog
from django.db import DatabaseError
from django.db.models import QuerySet
from django.db.models.functions import Now

from channels_app.models import ConnectionPeriod, Sweep
from core import pruning
from core.pruning import HISTORY_IS_KEPT
from incidents import pruning as incidents
from notifications import pruning as notifications
from tenants import pruning as people
from tenants import scope

log = structlog.get_logger(__name__)

CHECKS_ARE_KEPT = timedelta(days=90)
SECONDS_AT_ONCE = 10.0  # of the errands' worker: then it is others' turn


def old_periods() -> QuerySet[ConnectionPeriod]:
    return ConnectionPeriod.objects.filter(ended_at__lt=Now() - HISTORY_IS_KEPT).order_by("ended_at")


def old_checks() -> QuerySet[Sweep]:
    return Sweep.objects.filter(started_at__lt=Now() - CHECKS_ARE_KEPT).order_by("pk")


@dataclass(frozen=True, slots=True)
class Kind:
    name: str
    old: Callable[[], QuerySet]
    delete_some: Callable[[], int]


def _of(name: str, old: Callable[[], QuerySet]) -> Kind:
    return Kind(name, old, lambda: pruning.delete_some(old()))


KINDS = (
    _of("notifications", notifications.old_notifications),  # before the incidents that they tell of
    Kind("incidents", incidents.old_incidents, incidents.delete_some),
    _of("periods", old_periods),
    _of("checks", old_checks),
    _of("sessions", people.old_sessions),
)


def count() -> Counter[str]:
    """Say how many rows of each kind are old."""
    with scope.use(scope.SERVICE):
        return Counter({kind.name: kind.old().count() for kind in KINDS})


@dataclass(slots=True)
class Pruned:
    rows: Counter[str]  # that went, by kind
    is_time_up: bool = False  # more may be left


def prune(*, seconds: float = float("inf")) -> Pruned:
    """Delete what is old, each batch in a transaction of its own. A kind that fails takes no other with it."""
    ends_at = time.monotonic() + seconds
    pruned = Pruned(Counter({kind.name: 0 for kind in KINDS}))
    for kind in KINDS:
        _prune(kind, pruned, ends_at)
    log.info("pruned", **pruned.rows, is_time_up=pruned.is_time_up)
    return pruned


def _prune(kind: Kind, pruned: Pruned, ends_at: float) -> None:
    try:
        while not pruned.is_time_up and (rows := _delete_some(kind)):
            pruned.rows[kind.name] += rows
            pruned.is_time_up = time.monotonic() >= ends_at
    except DatabaseError as error:
        log.error("what is old could not go; it may tomorrow", kind=kind.name, exc_info=error)


def _delete_some(kind: Kind) -> int:
    with scope.use(scope.SERVICE):  # a process that declared nothing would see no row, and find nothing old
        return kind.delete_some()
