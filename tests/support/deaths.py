"""Looks that a test makes up at many numbers at once, and a server's death out of them."""

from datetime import datetime, timedelta

from django.db import connection
from django.utils import timezone

from channels_app import invariants, verdicts
from channels_app.flush import Look, flush
from channels_app.models import Channel, Watch
from channels_app.turns import Turns
from incidents.models import Incident
from incidents.readings import Status
from notifications.models import Notification
from tests.support.readings import healthy, reading

SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)


def some_time_ago() -> datetime:
    """Forty minutes: long enough for every threshold and every grace to lie in the past."""
    return timezone.now() - 40 * MINUTE


def see(make, at, only=None):
    """Look at every number (or `only` these) and see what `make(at=…)` gives."""
    watches = Watch.objects.all() if only is None else Watch.objects.filter(channel__in=only)
    watches.update(next_look_at=timezone.now() - MINUTE, lease_until=None)
    Watch.objects.exclude(channel__in=watches.values("pk")).update(next_look_at=timezone.now() + 5 * MINUTE)
    return flush(Look(order, make(at=at + n * timedelta(milliseconds=10))) for n, order in enumerate(Turns().claim(100)))


def dead(*, at):
    return reading("server_unreachable", Status.ERROR, at, raw_state="timeout")


def bad_gateway(*, at):
    return reading("server_error", Status.ERROR, at, code=502)


def refused(*, at):
    return reading("key_rejected", Status.ERROR, at, code=401)


def logged_out(*, at):
    return reading("logged_out", Status.DISCONNECTED, at, raw_state="close", code=401)


def inferred(*, at, cause="server_unreachable"):
    return verdicts.infer(cause, at=at)


def die(start, make=dead):
    """Every look from `start` on fails, the later ones unasked, until each number has passed its threshold of a minute."""
    for after in (0, 10):
        see(make, start + after * SECOND)
    for after in (40, 75):
        see(lambda *, at: inferred(at=at, cause=make(at=at).cause), start + after * SECOND)


def come_back(at, *, but=()):
    """All but these are connected, at two looks in a row."""
    back = [number for number in Channel.objects.all() if number not in but]
    for after in (0, 10):
        see(healthy, at + after * SECOND, only=back)


def told(person):
    return list(Notification.objects.filter(user=person).order_by("pk").values_list("event", "title"))


def violations():
    """What `verify_ledger` finds; asked here inside the test's own transaction."""
    with connection.cursor() as cursor:
        return {name: ids for name, ids in invariants.ask(cursor).items() if ids}


def server_incident():
    return Incident.objects.get(server__isnull=False)
