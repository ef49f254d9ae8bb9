"""Which numbers are meant: what the address says, and the condition it comes to."""

import re
from dataclasses import dataclass, fields, replace
from datetime import datetime
from enum import StrEnum
from functools import lru_cache
from urllib.parse import urlencode

from django.db.models import Q, QuerySet
from django.utils.translation import gettext_lazy

from channels_app.fleet.standing import Group, blind, in_group
from channels_app.models import WATCHED, Channel
from channels_app.timing import WEEK
from incidents.causes import CAUSES
from incidents.models import Incident
from incidents.readings import clean_text

SEARCH_CHARACTERS = 80


class Pill(StrEnum):
    ALL = ""
    INCIDENT = "incidente"
    DOWN = "desconectados"
    QR = "qr"
    CONNECTING = "reconectando"
    BLIND = "sem-verificacao"
    FELL = "cairam"
    SILENT = "sem-aviso"


PILL_LABELS = {
    Pill.ALL: gettext_lazy("All"),
    Pill.INCIDENT: gettext_lazy("With an incident"),
    Pill.DOWN: gettext_lazy("Disconnected numbers"),
    Pill.QR: gettext_lazy("QR pending"),
    Pill.CONNECTING: gettext_lazy("Reconnecting"),
    Pill.BLIND: gettext_lazy("No check"),
    Pill.FELL: gettext_lazy("Dropped within 7 days"),
    Pill.SILENT: gettext_lazy("No alerts"),
}
ORDERS = ("cliente", "status", "verificacao", "incidentes")


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """What the address says: which numbers, in which order, which page. What makes no sense is as if it were not there."""

    q: str = ""
    situacao: str = Pill.ALL
    servidor: int | None = None
    causa: str = ""
    ordem: str = "status"
    pagina: int = 1

    @classmethod
    def of(cls, query) -> "Selection":
        order, page = query.get("ordem", ""), _whole(query.get("pagina", ""))
        return cls(
            q=clean_text(query.get("q", "").strip(), SEARCH_CHARACTERS),
            situacao=query.get("situacao", "") if query.get("situacao", "") in set(Pill) else Pill.ALL,
            servidor=_whole(query.get("servidor", "")),
            causa=query.get("causa", "") if query.get("causa", "") in CAUSES else "",
            ordem=order if order.removeprefix("-") in ORDERS else "status",
            pagina=max(1, page or 1),
        )

    def query(self, **changes: object) -> str:
        """The address's query for this selection, changed; a change of anything but the page leads to the first page."""
        selection = replace(self, **({"pagina": 1} | changes))
        said = {field.name: getattr(selection, field.name) for field in fields(selection)}
        return urlencode({name: value for name, value in said.items() if value not in _DEFAULTS[name]})

    def condition(self, now: datetime) -> Q:
        return _pill(self.situacao, now) & self.filters(now)

    def filters(self, now: datetime) -> Q:
        """The condition but for the pill."""
        condition = _search(self.q)
        if self.servidor is not None:
            condition &= Q(server=self.servidor)
        if self.causa:
            condition &= WATCHED & Q(watch__cause=self.causa) & ~blind(now)
        return condition


_DEFAULTS = {"q": ("",), "situacao": ("",), "servidor": (None,), "causa": ("",), "ordem": ("status",), "pagina": (1,)}


def everyone(now: datetime) -> QuerySet[Channel]:
    """All numbers that are not archived, with their `group` to ask by."""
    return _everyone(now).all()


@lru_cache(maxsize=1)  # a page asks three times, all for the same moment, and Django takes milliseconds to work this out
def _everyone(now: datetime) -> QuerySet[Channel]:
    return Channel.objects.filter(archived_at=None).alias(group=in_group(now))


def selected(selection: Selection, now: datetime) -> QuerySet[Channel]:
    return everyone(now).filter(selection.condition(now))


def of_week(now: datetime) -> QuerySet[Incident]:
    """The incidents of numbers that lasted into the last seven days, or last still."""
    return Incident.objects.filter(lasted_into_week(now), channel__isnull=False).order_by()


def lasted_into_week(now: datetime, path: str = "") -> Q:
    """The condition for an incident to be of the last seven days."""
    return Q(**{f"{path}resolved_at": None}) | Q(**{f"{path}resolved_at__gte": now - WEEK})


# Sets, not joins: behind row-level security PostgreSQL expects a handful of numbers, and loops over the incidents for each.
HAS_INCIDENT = Q(pk__in=Incident.objects.open().filter(channel__isnull=False).order_by().values("channel"))


def ended_in_week(now: datetime) -> Q:
    """Has an incident that ended in the last seven days: with HAS_INCIDENT, those of `of_week`, each set from its own index."""
    ended = Incident.objects.filter(resolved_at__gte=now - WEEK, channel__isnull=False).order_by()
    return Q(pk__in=ended.values("channel"))


def _pill(pill: str, now: datetime) -> Q:
    match pill:
        case Pill.INCIDENT:
            return HAS_INCIDENT
        case Pill.FELL:
            return HAS_INCIDENT | ended_in_week(now)
        case Pill.SILENT:
            return Q(alerts_enabled=False)
    return Q(group=_GROUPS[pill]) if pill in _GROUPS else Q()


_GROUPS = {Pill.DOWN: Group.DOWN, Pill.QR: Group.QR, Pill.CONNECTING: Group.CONNECTING, Pill.BLIND: Group.BLIND}


def _search(text: str) -> Q:
    if not text:
        return Q()
    found = Q(tenant__name__icontains=text) | Q(name__icontains=text) | Q(instance_name__icontains=text)
    digits = re.sub(r"\D", "", text)
    # Whatever is written between them. Taking the rest out of ten thousand phones first would cost three times as much.
    return found | Q(phone__regex=r"\D*".join(digits)) if digits and not re.search(r"[^\W\d]", text) else found


def _whole(text: str) -> int | None:
    return int(text) if re.fullmatch(r"[0-9]{1,15}", text) else None
