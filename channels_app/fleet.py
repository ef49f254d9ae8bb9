"""The operator's fleet, asked: which numbers are meant, how many of what, how each server does, and one page of them.

A page of fifty costs the same wherever it lies: the page first, then two queries for its ids. Everybody's rows are
read here; who may see them all is the view's question, and row-level security's.
"""

import re
from dataclasses import dataclass, fields, replace
from datetime import datetime, timedelta
from enum import StrEnum
from urllib.parse import urlencode

from django.conf import settings
from django.core.paginator import Paginator
from django.db import connection
from django.db.models import (
    Case,
    CharField,
    Count,
    F,
    Func,
    IntegerField,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    Value,
    When,
)
from django.db.models.functions import Coalesce
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from channels_app import beats, due
from channels_app.models import STATUS_LABELS, Channel, ConnectionPeriod, Pulse, Sweep
from incidents.causes import CAUSES
from incidents.models import Incident
from incidents.readings import Status, clean_text
from tenants.models import User

PAGE = 50
WEEK = timedelta(days=7)
SEARCH_CHARACTERS = 80
_CHECK_ALL_LOCK = 7_301_000  # any number that no other advisory lock of ours uses

DOWN = (Status.DISCONNECTED, Status.ERROR)
_SERVER_CAUSES = ("server_unreachable", "server_error")
_WATCHED = Q(provider=Channel.Provider.EVOLUTION_API, is_active=True, archived_at=None, tenant__is_active=True)
# Never paired, not verifiable, not yet looked at, not watched: outside every count.
_COUNTED = _WATCHED & Q(watch__paired_at__isnull=False, watch__connection_status__in=[s for s in Status if s != Status.UNKNOWN])
# Not a join: behind row-level security PostgreSQL expects a handful of numbers, and loops over the incidents for each.
_HAS_INCIDENT = Q(pk__in=Incident.objects.open().filter(channel__isnull=False).order_by().values("channel"))


def _is(*statuses: Status) -> Q:
    return _COUNTED & Q(watch__connection_status__in=statuses)


# --- Which numbers are meant -------------------------------------------------------------------------------------


class Pill(StrEnum):
    ALL = ""
    INCIDENT = "incidente"
    DOWN = "desconectados"
    QR = "qr"
    CONNECTING = "reconectando"
    FELL = "cairam"
    SILENT = "sem-aviso"


PILL_LABELS = {
    Pill.ALL: gettext_lazy("All"),
    Pill.INCIDENT: gettext_lazy("With an incident"),
    Pill.DOWN: gettext_lazy("Disconnected numbers"),
    Pill.QR: gettext_lazy("QR pending"),
    Pill.CONNECTING: gettext_lazy("Reconnecting"),
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

    @property
    def is_narrowed(self) -> bool:
        return bool(self.q or self.situacao or self.servidor or self.causa)

    def condition(self, now: datetime) -> Q:
        condition = _pill(self.situacao, now) & _search(self.q)
        if self.servidor is not None:
            condition &= Q(server=self.servidor)
        if self.causa:
            condition &= _WATCHED & Q(watch__cause=self.causa)
        return condition


_DEFAULTS = {"q": ("",), "situacao": ("",), "servidor": (None,), "causa": ("",), "ordem": ("status",), "pagina": (1,)}


def everyone() -> QuerySet[Channel]:
    """All numbers that are not archived, with the phone's digits, which a search speaks of."""
    return Channel.objects.filter(archived_at=None).alias(
        digits=Func(F("phone"), Value(r"\D"), Value(""), Value("g"), function="regexp_replace", output_field=CharField()),
    )


def of_week(now: datetime) -> QuerySet[Incident]:
    """The incidents of numbers that lasted into the last seven days, or last still."""
    return Incident.objects.filter(Q(resolved_at=None) | Q(resolved_at__gte=now - WEEK), channel__isnull=False).order_by()


def selected(selection: Selection, now: datetime) -> QuerySet[Channel]:
    return everyone().filter(selection.condition(now))


def _pill(pill: str, now: datetime) -> Q:
    match pill:
        case Pill.INCIDENT:
            return _HAS_INCIDENT
        case Pill.DOWN:
            return _is(*DOWN)
        case Pill.QR:
            return _is(Status.QR_PENDING)
        case Pill.CONNECTING:
            return _is(Status.CONNECTING)
        case Pill.FELL:
            return Q(pk__in=of_week(now).values("channel"))
        case Pill.SILENT:
            return Q(alerts_enabled=False)
    return Q()


def _search(text: str) -> Q:
    if not text:
        return Q()
    found = Q(tenant__name__icontains=text) | Q(name__icontains=text) | Q(instance_name__icontains=text)
    digits = re.sub(r"\D", "", text)
    return found | Q(digits__contains=digits) if digits and not re.search(r"[^\W\d]", text) else found


def _whole(text: str) -> int | None:
    return int(text) if re.fullmatch(r"[0-9]{1,15}", text) else None


# --- How many of what ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """Numbers of one server, or of all of them."""

    everyone: int = 0
    watched: int = 0
    counted: int = 0
    connected: int = 0
    down: int = 0
    within_limit: int = 0  # of those down
    qr: int = 0
    connecting: int = 0
    unreachable: int = 0
    unpaired: int = 0
    unverifiable: int = 0
    unseen: int = 0
    late: int = 0
    with_incident: int = 0
    fell: int = 0
    silent: int = 0
    matching: int = 0  # what the selection names
    waiting: int = 0  # for the sweep's look

    def __add__(self, other: "Tally") -> "Tally":
        return Tally(**{field.name: getattr(self, field.name) + getattr(other, field.name) for field in fields(self)})

    @property
    def in_transition(self) -> int:
        return self.qr + self.connecting

    @property
    def unwatched(self) -> int:
        return self.everyone - self.watched

    @property
    def outside(self) -> int:
        return self.everyone - self.counted

    @property
    def outside_in_words(self) -> str:
        parts = [
            (self.unpaired, _("%(n)d never connected")),
            (self.unverifiable, _("%(n)d not verifiable")),
            (self.unseen, _("%(n)d not checked yet")),
            (self.unwatched, _("%(n)d not watched")),
        ]
        return ", ".join(words % {"n": n} for n, words in parts if n) or _("none")


@dataclass(frozen=True, slots=True)
class ServerLine:
    id: int
    name: str
    tally: Tally

    @property
    def state(self) -> tuple[str, str]:
        """Tone and word, as far as its numbers' last looks tell. No column knows a server's own latency yet."""
        if not self.tally.counted:
            return "is-neutral", _("Not checked yet")
        if 2 * self.tally.unreachable >= self.tally.counted:
            return "is-danger", _("Down (server)")
        return ("is-warning", _("Failing in part")) if self.tally.unreachable else ("is-success", _("Up"))


@dataclass(frozen=True, slots=True)
class Census:
    whole: Tally
    servers: list[ServerLine]  # by name


def census(selection: Selection, now: datetime, sweep: Sweep | None = None) -> Census:
    """Count everything that the page says, by server, in one query."""
    late = now - 3 * timedelta(seconds=settings.HEARTBEAT_INTERVAL_SECONDS)
    looked_at = Q(watch__look_started_at__gte=sweep.started_at, watch__lease_until=None) if sweep else Q()
    conditions = {
        "watched": _WATCHED,
        "counted": _COUNTED,
        "connected": _is(Status.OPEN),
        "down": _is(*DOWN),
        "within_limit": _is(*DOWN) & ~_HAS_INCIDENT,
        "qr": _is(Status.QR_PENDING),
        "connecting": _is(Status.CONNECTING),
        "unreachable": _is(Status.ERROR) & Q(watch__cause__in=_SERVER_CAUSES),
        "unverifiable": _WATCHED & Q(watch__cause="not_verifiable"),
        "unseen": _WATCHED & (Q(watch=None) | Q(watch__cause="not_looked_at")),
        "unpaired": _WATCHED
        & Q(watch__paired_at=None)
        & ~Q(watch__cause__in=["not_verifiable", "not_looked_at"])
        & ~Q(watch=None),
        "late": _WATCHED & Q(watch__last_health_check__lt=late),
        "with_incident": _pill(Pill.INCIDENT, now),
        "fell": _pill(Pill.FELL, now),
        "silent": _pill(Pill.SILENT, now),
        "matching": selection.condition(now),
        "waiting": _WATCHED & ~looked_at if sweep else Q(pk=None),
    }
    counts = {name: Count("pk", filter=condition) if condition else Count("pk") for name, condition in conditions.items()}
    by_server = everyone().order_by("server__name", "server_id").values("server_id", "server__name", "server__tenant__name")
    lines = []
    for row in by_server.annotate(everyone=Count("pk"), **counts):
        server_id, name, owner = (row.pop(key) for key in ("server_id", "server__name", "server__tenant__name"))
        shown = _("Own: %(clinic)s") % {"clinic": owner} if owner else name
        lines.append(ServerLine(server_id, shown, Tally(**row)))
    return Census(sum((line.tally for line in lines), Tally()), lines)


# --- One page of them -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    channel: Channel
    incident_id: int | None
    incidents: int  # of the last seven days
    beats: beats.Drawing | None
    now: datetime

    @property
    def watch(self):
        return getattr(self.channel, "watch", None)

    @property
    def standing(self) -> "Standing":
        return Standing.of(self.channel, has_incident=self.incident_id is not None)

    @property
    def phone(self) -> str:
        return spell_phone(self.channel.phone)

    @property
    def last_check(self) -> datetime | None:
        return self.watch.last_health_check if self.watch and is_watched(self.channel) else None

    @property
    def is_late(self) -> bool:
        return is_late(self.last_check, self.now)


@dataclass(frozen=True, slots=True)
class Standing:
    """A number's state in a tone and a word; since when where it is not well."""

    tone: str
    label: str
    since: datetime | None = None
    is_within_limit: bool = False

    @classmethod
    def of(cls, channel: Channel, *, has_incident: bool) -> "Standing":
        watch = getattr(channel, "watch", None)
        if not is_watched(channel):
            return cls("is-neutral", _("Not watched"))
        if watch is None or watch.cause == "not_looked_at":
            return cls("is-neutral", _("Not checked yet"))
        if watch.connection_status == Status.UNKNOWN:
            return cls("is-neutral", _("Not verifiable"))
        if watch.paired_at is None:
            return cls("is-neutral", _("Never connected"))
        label = str(_TAG_LABELS.get(watch.connection_status, STATUS_LABELS[Status(watch.connection_status)]))
        if watch.connection_status == Status.OPEN:
            return cls("is-success", label)
        return cls(_TONES[watch.connection_status], label, watch.status_since, not has_incident)


_TONES = {
    Status.CONNECTING: "is-info",
    Status.QR_PENDING: "is-warning",
    Status.DISCONNECTED: "is-danger",
    Status.ERROR: "is-danger",
}
_TAG_LABELS = {Status.CONNECTING: gettext_lazy("Reconnecting")}


def is_watched(channel: Channel) -> bool:
    """`Channel.objects.watched()` of one that is at hand, with its clinic."""
    is_ours = channel.provider == Channel.Provider.EVOLUTION_API and channel.is_active and channel.archived_at is None
    return is_ours and channel.tenant.is_active


def is_late(checked_at: datetime | None, now: datetime) -> bool:
    return checked_at is not None and now - checked_at > 3 * timedelta(seconds=settings.HEARTBEAT_INTERVAL_SECONDS)


def pages(selection: Selection, matching: int) -> tuple[int, list]:
    """Return the page nearest to the one that is asked for, and the numbers for the pager (None: a gap)."""
    paginator = Paginator(range(matching), PAGE)
    number = min(selection.pagina, paginator.num_pages)
    shown = paginator.get_elided_page_range(number, on_each_side=1, on_ends=1)
    return number, [None if page == Paginator.ELLIPSIS else page for page in shown]


def rows(selection: Selection, page: int, now: datetime) -> list[Row]:
    """One page, in three queries."""
    offset = PAGE * (page - 1)
    channels = ordered(selection, now).select_related("tenant", "server", "watch").defer("own_token", "server__api_key")
    return furnish(list(channels[offset : offset + PAGE]), now)


def ordered(selection: Selection, now: datetime) -> QuerySet[Channel]:
    name, direction = selection.ordem.removeprefix("-"), "-" if selection.ordem.startswith("-") else ""
    queryset = selected(selection, now)
    ties = ["tenant__name", "name", "pk"]
    if name == "cliente":
        return queryset.order_by(*(direction + tie for tie in ties))
    if name == "verificacao":  # the oldest first
        checked = F("watch__last_health_check")
        return queryset.order_by(checked.desc(nulls_last=True) if direction else checked.asc(nulls_last=True), *ties)
    if name == "incidentes":  # the most first
        return queryset.alias(incidents_of_week=count_of_week(now)).order_by(
            "incidents_of_week" if direction else "-incidents_of_week", *ties
        )
    return queryset.alias(rank=_RANK).order_by(f"{direction}rank", F("watch__first_unhealthy_at").asc(nulls_last=True), *ties)


_RANK = Case(  # the worst first
    When(_HAS_INCIDENT, then=0),
    When(_is(*DOWN), then=1),
    When(_is(Status.QR_PENDING), then=2),
    When(_is(Status.CONNECTING), then=3),
    When(_COUNTED, then=4),
    default=5,
    output_field=IntegerField(),
)


def count_of_week(now: datetime) -> Coalesce:
    mine = of_week(now).filter(channel=OuterRef("pk")).values("channel").annotate(n=Count("pk")).values("n")
    return Coalesce(Subquery(mine), 0, output_field=IntegerField())


def furnish(channels: list[Channel], now: datetime) -> list[Row]:
    """Add what a row shows beyond its channel, watch, clinic and server: incidents and beats. Two queries."""
    ids = [channel.pk for channel in channels]
    standing, counts = {}, dict.fromkeys(ids, 0)
    for pk, channel_id, resolved_at in of_week(now).filter(channel__in=ids).values_list("pk", "channel", "resolved_at"):
        counts[channel_id] += 1
        if resolved_at is None:
            standing[channel_id] = pk
    stretches = _stretches(ids, since=now - beats.SPAN)
    return [
        Row(
            channel=channel,
            incident_id=standing.get(channel.pk),
            incidents=counts[channel.pk],
            beats=_beats(channel, stretches.get(channel.pk, []), now),
            now=now,
        )
        for channel in channels
    ]


def _stretches(ids: list[int], *, since: datetime) -> dict[int, list[beats.Stretch]]:
    found: dict[int, list[beats.Stretch]] = {}
    recent = ConnectionPeriod.objects.filter(Q(ended_at=None) | Q(ended_at__gt=since), channel__in=ids).order_by()
    for channel_id, *stretch in recent.values_list("channel", "status", "started_at", "ended_at"):
        found.setdefault(channel_id, []).append(beats.Stretch(*stretch))
    return found


def _beats(channel: Channel, stretches: list[beats.Stretch], now: datetime) -> beats.Drawing | None:
    watch = getattr(channel, "watch", None)
    if watch is None or watch.paired_at is None or all(stretch.status == Status.UNKNOWN for stretch in stretches):
        return None
    return beats.draw(stretches, now=now, seen_until=seen_until(watch, now))


def seen_until(watch, now: datetime) -> datetime:
    return beats.seen_until(now, watch.last_verdict_at, due.policy(1).longest_gap)


def spell_phone(phone: str) -> str:
    """Write a Brazilian number as people there do; any other as it was typed."""
    digits = re.sub(r"\D", "", phone)
    if digits.startswith("55") and len(digits) in (12, 13):
        return f"({digits[2:4]}) {digits[4:-4]}-{digits[-4:]}"
    return phone


# --- Checking everything, and whether the watch itself is alive --------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Progress:
    sweep: Sweep
    total: int
    waiting: int
    now: datetime

    @property
    def done(self) -> int:
        return self.total - self.waiting

    @property
    def is_running(self) -> bool:
        return self.waiting > 0 and self.now - self.sweep.started_at < Sweep.WAITED_FOR

    @property
    def left(self) -> timedelta | None:
        """About how long still, by the pace so far; None while there is none."""
        passed = self.now - self.sweep.started_at
        return passed / self.done * self.waiting if self.done and passed.total_seconds() >= 2 else None


def check_everything(*, by: User) -> Sweep:
    """Ask for a look at everything; where somebody has asked and it still runs, join that."""
    with connection.cursor() as cursor:  # two at the same moment: the second waits for the first's request to end
        cursor.execute("select pg_advisory_xact_lock(%s)", [_CHECK_ALL_LOCK])
    return Sweep.objects.running().order_by("-started_at").first() or due.request(by=by)


def last_sweep() -> Sweep | None:
    return Sweep.objects.of_everything().select_related("requested_by").order_by("-started_at").first()


def progress(sweep: Sweep, now: datetime) -> Progress:
    """How far it has come. Two queries."""
    return Progress(sweep, sweep.channels().count(), sweep.waiting().count(), now)


def last_round() -> datetime | None:
    """Say when the watch last made its round; None: never."""
    return Pulse.objects.values_list("last_tick_at", flat=True).first()
