"""One change to many numbers: read from a form, said in words before, done once.

Doing it twice changes nothing more: what is so already is not touched, and a check that is still waited for is not
asked again.
"""

import re
from dataclasses import dataclass
from enum import StrEnum

from django.db import connection
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from channels_app import fleet, on_demand
from channels_app.forms import MINUTES_SENTENCE
from channels_app.models import LEAST_MINUTES, MOST_MINUTES, Channel, Sweep, looked_at_since
from core.database import Lock
from tenants.models import User

MOST_CHECKS = 200  # beyond it, one check of everything costs less
MOST_ID_CHARACTERS = 400_000


class Action(StrEnum):
    CHECK = "verificar"
    ALERTS_ON = "ligar-avisos"
    ALERTS_OFF = "desligar-avisos"
    THRESHOLD = "limite"


LABELS = {
    Action.CHECK: gettext_lazy("Check now"),
    Action.ALERTS_ON: gettext_lazy("Switch alerts on"),
    Action.ALERTS_OFF: gettext_lazy("Switch alerts off"),
    Action.THRESHOLD: gettext_lazy("Change threshold"),
}


@dataclass(frozen=True, slots=True)
class Minutes:
    """A threshold as typed; `value` is None where it is none, and `error` then says so."""

    typed: str
    value: int | None = None
    error: str = ""

    @classmethod
    def of(cls, typed: str) -> "Minutes":
        typed = typed.strip()[:20]
        if re.fullmatch(r"[0-9]{1,3}", typed) and LEAST_MINUTES <= int(typed) <= MOST_MINUTES:
            return cls(typed, int(typed))
        return cls(typed, error=str(MINUTES_SENTENCE))


def ids_in(text: str) -> list[int]:
    return [int(word) for word in text[:MOST_ID_CHARACTERS].split(",") if re.fullmatch(r"[0-9]{1,15}", word)]


def apply(action: Action, ids: list[int], *, by: User, minutes: int | None = None) -> str:
    """Do it, and return a sentence about what was done. `by` is an operator."""
    with connection.cursor() as cursor:  # a double click: the second waits, and then finds nothing left to do
        cursor.execute("select pg_advisory_xact_lock(%s)", [Lock.BULK_CHANGE])
    channels = Channel.objects.filter(pk__in=ids, archived_at=None)
    match action:
        case Action.CHECK:
            return _check(channels, by)
        case Action.ALERTS_ON | Action.ALERTS_OFF:
            on = action == Action.ALERTS_ON
            changed = channels.exclude(alerts_enabled=on).update(alerts_enabled=on)
        case Action.THRESHOLD:
            changed = channels.exclude(heartbeat_threshold_minutes=minutes).update(heartbeat_threshold_minutes=minutes)
    return ngettext("%(n)d number changed.", "%(n)d numbers changed.", changed) % {"n": changed}


def _check(channels, by: User) -> str:
    recently_asked = Q(watch__requested_at__gt=Now() - Sweep.WAITED_FOR)
    waiting = recently_asked & ~looked_at_since(F("watch__requested_at"))
    watched = list(channels.watched().exclude(waiting)[: MOST_CHECKS + 1])
    if len(watched) > MOST_CHECKS:
        fleet.check_everything(by=by)
        return _("So many at once: everything is being checked.")
    on_demand.request_each(watched, by=by)
    return ngettext(
        "Asked for %(n)d check: the result comes within seconds.",
        "Asked for %(n)d checks: the results come within seconds.",
        len(watched),
    ) % {"n": len(watched)}
