"""How many of what, by server: everything that the page counts, in one pass over the fleet."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, fields
from datetime import datetime

from django.db import connection
from django.db.models import BooleanField, Count, ExpressionWrapper, F, Q, QuerySet, Value
from django.utils.translation import gettext as _

from channels_app.circuit import SERVER_WIDE
from channels_app.fleet.reach import Reach
from channels_app.fleet.selection import HAS_INCIDENT, Pill, Selection, ended_in_week, everyone
from channels_app.fleet.standing import Group, late
from channels_app.models import Sweep, looked_at_since

_ITS_SERVERS_FAULT = Q(watch__cause__in=SERVER_WIDE) | Q(watch__cause="key_rejected", own_token="")

OF_PILL = {  # which field of a tally a pill counts
    Pill.ALL: "everyone",
    Pill.INCIDENT: "with_incident",
    Pill.DOWN: "down",
    Pill.QR: "qr",
    Pill.CONNECTING: "connecting",
    Pill.BLIND: "blind",
    Pill.FELL: "fell",
    Pill.SILENT: "silent",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """Numbers of one server, or of all of them."""

    everyone: int = 0
    # By group
    down: int = 0
    qr: int = 0
    connecting: int = 0
    blind: int = 0
    connected: int = 0
    unpaired: int = 0
    unverifiable: int = 0
    unseen: int = 0
    unwatched: int = 0
    # By what else holds of them
    within_limit: int = 0  # of those down
    failing: int = 0  # of those down, by their server's fault
    late: int = 0
    with_incident: int = 0
    fell: int = 0
    silent: int = 0
    matching: int = 0  # what the selection names
    waiting: int = 0  # for the sweep's look

    def of_pill(self, pill: Pill) -> int:
        return getattr(self, OF_PILL[pill])

    def __add__(self, other: "Tally") -> "Tally":
        return Tally(**{field.name: getattr(self, field.name) + getattr(other, field.name) for field in fields(self)})

    @property
    def watched(self) -> int:
        return self.everyone - self.unwatched

    @property
    def counted(self) -> int:
        return self.down + self.qr + self.connecting + self.connected

    @property
    def outside(self) -> int:
        return self.everyone - self.counted

    @property
    def in_transition(self) -> int:
        return self.qr + self.connecting

    @property
    def outside_in_words(self) -> str:
        parts = [
            (self.blind, _("%(n)d without a check")),
            (self.unpaired, _("%(n)d never connected")),
            (self.unverifiable, _("%(n)d not verifiable")),
            (self.unseen, _("%(n)d not checked yet")),
            (self.unwatched, _("%(n)d not watched")),
        ]
        return ", ".join(words % {"n": n} for n, words in parts if n)


@dataclass(frozen=True, slots=True)
class ServerLine:
    id: int
    name: str
    tally: Tally
    reach: Reach

    @property
    def state(self) -> tuple[str, str]:
        """Tone and word: what the watch knows of the server itself, else what its numbers' last looks tell."""
        if self.reach.dark_since:
            return "is-danger", _("Down (server)")
        if self.tally.blind and self.tally.blind >= self.tally.counted:
            return "is-neutral", _("No check")
        if not self.tally.counted:
            return "is-neutral", _("Not checked yet")
        if 2 * self.tally.failing >= self.tally.counted:
            return "is-danger", _("Failing")
        if self.tally.failing:
            return "is-warning", _("Failing in part")
        return ("is-warning", _("Slow")) if self.reach.is_slow else ("is-success", _("Up"))


@dataclass(frozen=True, slots=True)
class Census:
    whole: Tally
    servers: list[ServerLine]  # by name
    standing: int  # incidents that are open; a server that is down is one, with all of its numbers


def census(selection: Selection, now: datetime, sweep: Sweep | None = None) -> Census:
    """Count everything that the page says of numbers, servers and incidents, in one query."""
    counters: dict[tuple, Counter] = defaultdict(Counter)
    reach: dict[int, Reach] = {}
    standing = 0
    for alike in _with_their_servers(_alike(_facts(selection, now, sweep), now)):
        server = (alike["server"], alike["server_id"], alike["owner"])
        counted = [name for name, holds in _counted_as(alike).items() if holds]
        if alike["fits_filters"] and OF_PILL[selection.situacao] in counted:
            counted.append("matching")
        counters[server].update(dict.fromkeys(counted, alike["n"]))
        reach[alike["server_id"]] = Reach(alike["latency_ms"], alike["dark_since"])
        standing = alike["standing"]
    lines = [
        ServerLine(pk, _("Own: %(clinic)s") % {"clinic": owner} if owner else name, Tally(**counts), reach[pk])
        for (name, pk, owner), counts in sorted(counters.items(), key=lambda each: each[0][:2])
    ]
    return Census(sum((line.tally for line in lines), Tally()), lines, standing)


def _facts(selection: Selection, now: datetime, sweep: Sweep | None) -> dict[str, Q]:
    """What PostgreSQL has to say of a number beside its group; what follows from them is said in Python."""
    looked_at = looked_at_since(sweep.started_at) if sweep else Q()
    return {
        "server_fails": _ITS_SERVERS_FAULT,
        "checked_late": late(now),
        "looked_at": looked_at,
        "has_incident": HAS_INCIDENT,
        "had_incident": ended_in_week(now),
        "silent": Q(alerts_enabled=False),
        "fits_filters": selection.filters(now),
    }


def _alike(facts: dict[str, Q], now: datetime) -> QuerySet:
    """How many numbers of a server are alike in group and facts: some hundred rows for ten thousand numbers."""
    tests = {name: ExpressionWrapper(fact, BooleanField()) if fact else Value(True) for name, fact in facts.items()}
    numbers = everyone(now).order_by().annotate(group=F("group"), **tests)
    return numbers.values("server_id", "group", *tests).annotate(n=Count("pk"))


def _with_their_servers(alike: QuerySet) -> Iterator[dict]:
    sql, parameters = alike.query.sql_with_params()
    with connection.cursor() as cursor:
        cursor.execute(_WITH_THEIR_SERVERS.format(alike=sql), parameters)
        columns = [column.name for column in cursor.description]
        yield from (dict(zip(columns, row, strict=True)) for row in cursor)


# Joined to what was counted: joining and grouping ten thousand numbers by all of it takes half as long again. How many
# incidents are open is the same in every row, and reckoned once: a query of its own would be the page's seventh.
_WITH_THEIR_SERVERS = """
with alike as materialized ({alike})
select alike.*, s.name as server, owner.name as owner, r.latency_ms, r.dark_since,
    (select count(*) from incidents_incident where resolved_at is null and parent_id is null) as standing
from alike
join channels_app_server s on s.id = alike.server_id
left join tenants_tenant owner on owner.id = s.tenant_id
left join channels_app_reachability r on r.server_id = s.id
"""


def _counted_as(alike: dict) -> dict[str, bool]:
    """Say of each field of a tally whether these numbers count in it."""
    group, has_incident = Group(alike["group"]), alike["has_incident"]
    is_down, is_watched = group is Group.DOWN, group is not Group.UNWATCHED
    return {
        "everyone": True,
        group.name.lower(): True,
        "within_limit": is_down and not has_incident,
        "failing": is_down and alike["server_fails"],
        "late": is_watched and alike["checked_late"],
        "waiting": is_watched and not alike["looked_at"],
        "with_incident": has_incident,
        "fell": has_incident or alike["had_incident"],
        "silent": alike["silent"],
    }
