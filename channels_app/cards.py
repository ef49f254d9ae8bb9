"""What the clinic's page says of each number: one card per channel, read in a fixed number of queries.

Queries are done in `read`; a `Card` only answers. Words are the clinic's: number, fall, message server.
"""

import re
import zlib
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import cached_property
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db.models import Q
from django.forms import BaseForm
from django.utils import formats, timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext, pgettext

from channels_app import availability, due
from channels_app.availability import Day, Week
from channels_app.models import STATUS_LABELS, Channel, ConnectionPeriod, Server, Sweep, Watch
from core.durations import spell
from incidents import advice
from incidents.advice import Subject
from incidents.causes import CAUSES, Acts
from incidents.models import Incident, IncidentEvent
from incidents.readings import Status
from notifications.models import Notification
from tenants.models import User

INTERVALS_UNTIL_LATE = 3  # without a check, and the last one is a warning
TAKES_LONG = timedelta(seconds=20)  # a check that was asked for usually ends within seconds
RESULT_SHOWN = timedelta(minutes=2)
THRESHOLD = "heartbeat_threshold_minutes"
MOST_ROWS = 100  # of one day's details

TONES = {
    Status.OPEN: "success",
    Status.CONNECTING: "info",
    Status.QR_PENDING: "warning",
    Status.DISCONNECTED: "danger",
    Status.ERROR: "danger",
    Status.UNKNOWN: "neutral",
}
ICONS = {
    Status.OPEN: "triangle-alert",
    Status.CONNECTING: "refresh-cw",
    Status.QR_PENDING: "qr-code",
    Status.DISCONNECTED: "unplug",
    Status.ERROR: "server-off",
    Status.UNKNOWN: "circle-question-mark",
}
KIND_TONES = {
    "disconnected": "danger",
    "qr_pending": "warning",
    "unstable": "warning",
    "connecting": "info",
    "error": "neutral",
}


@dataclass(frozen=True, slots=True)
class Support:
    name: str
    contact: str

    @property
    def link(self) -> str:
        return self.contact if self.contact.startswith(("tel:", "mailto:", "https://")) else ""


def support() -> Support:
    return Support(settings.SUPPORT_NAME or _("support"), settings.SUPPORT_CONTACT)


@dataclass(frozen=True, slots=True)
class Box:
    """What is wrong, and what to do."""

    tone: str
    icon: str
    tag: str
    title: str
    step: str = ""
    down_since: datetime | None = None
    has_way: bool = False  # somebody has to act: the big button


@dataclass(frozen=True, slots=True)
class Told:
    names: list[str]  # of the clinic's people
    support_knows: bool
    at: datetime


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the history: an incident, or a period of the day that was chosen."""

    tone: str
    label: str
    title: str
    start: datetime
    end: datetime | None  # None: it goes on
    length: timedelta
    incident_id: int | None = None

    @property
    def span(self) -> str:
        start = timezone.localtime(self.start)
        if self.end is None:
            return f"{_moment(start)} → {_('now')}"
        end = timezone.localtime(self.end)
        return f"{_moment(start)} → {_time(end) if end.date() == start.date() else _moment(end)}"


@dataclass(kw_only=True)
class Card:
    channel: Channel
    watch: Watch
    now: datetime
    incident: Incident | None = None  # the open one
    told: Told | None = None
    sweep: Sweep | None = None  # the last that was asked for
    server_name: str = ""
    week: Week | None = None
    rows: list[Row] = field(default_factory=list)
    short_falls: int = 0  # that were over before the threshold
    day: Day | None = None  # that was chosen
    day_rows: list[Row] = field(default_factory=list)
    refused: BaseForm | None = None
    is_saved: bool = False

    @property
    def phone(self) -> str:
        """A Brazilian number as people write it; any other as it was entered."""
        digits = re.sub(r"\D", "", self.channel.phone)
        found = re.fullmatch(r"55(\d\d)(\d{4,5})(\d{4})", digits)
        return "({}) {}-{}".format(*found.groups()) if found else self.channel.phone

    # Its state

    @property
    def is_watched(self) -> bool:
        return self.channel.is_active and self.channel.provider == Channel.Provider.EVOLUTION_API

    @property
    def status(self) -> Status:
        return Status(self.watch.connection_status)

    @property
    def is_verifiable(self) -> bool:
        return self.watch.cause != "not_verifiable"

    @property
    def is_paired(self) -> bool:
        return self.watch.paired_at is not None or self.status is Status.OPEN

    @property
    def is_late(self) -> bool:
        longest = INTERVALS_UNTIL_LATE * timedelta(seconds=settings.HEARTBEAT_INTERVAL_SECONDS)
        checked = self.watch.last_health_check
        return self.is_watched and checked is not None and self.now - checked > longest

    @property
    def is_well(self) -> bool:
        return self.box is None and not self.is_late

    @property
    def is_down(self) -> bool:
        return self.is_watched and self.is_paired and self.status not in (Status.OPEN, Status.UNKNOWN)

    @property
    def tag(self) -> tuple[str, str]:
        """Tone and word beside the name, where no box says more."""
        return ("neutral", _("No check")) if self.is_late else ("success", str(STATUS_LABELS[Status.OPEN]))

    @property
    def has_way(self) -> bool:
        return self.box is not None and self.box.has_way

    @cached_property
    def box(self) -> Box | None:
        """None where all is well."""
        if not self.is_watched:
            words = _("Talk to {support} to have it watched again.").format(support=support().name)
            return Box("neutral", "eye-off", _("Not watched"), _("The watch over this number is switched off"), words)
        if self.status is Status.OPEN and self.watch.cause == "connected":
            return None
        if not self.is_paired and self.status not in (Status.ERROR, Status.UNKNOWN):
            step = self._step("never_paired")
            return Box("info", "smartphone", _("Not connected"), str(CAUSES["never_paired"].title), step, has_way=True)
        tag = _("Not verified") if self.status is Status.UNKNOWN else str(STATUS_LABELS[self.status])
        return Box(
            tone="warning" if self.status is Status.OPEN else TONES[self.status],
            icon=ICONS[self.status],
            tag=tag,
            title=self.watch.cause_title,
            step=self._step(self.watch.cause),
            down_since=self._down_since if self.is_down else None,
            has_way=self.watch.cause in CAUSES and self._acts in (Acts.CLINIC, Acts.OPERATOR),
        )

    @property
    def support(self) -> Support:
        return support()

    @property
    def down_for_pattern(self) -> str:
        """With a %s that static/ago.js fills every second."""
        return _("Down for %s")

    @property
    def down_for(self) -> str:
        return self.down_for_pattern % spell(self.now - self.box.down_since)

    @property
    def down_from(self) -> str:
        here = timezone.localtime(self.box.down_since)
        return _time(here) if here.date() == timezone.localtime(self.now).date() else _moment(here)

    @property
    def up_for(self) -> str:
        since = self.watch.status_since
        return spell(self.now - since) if since and self.status is Status.OPEN and not self.is_late else ""

    # Who knows

    @property
    def told_line(self) -> str:
        if not self.is_down:
            return ""
        if self.told:
            return self._told_names()
        if not self.channel.alerts_enabled:
            return _("Alerts are off: nobody is told")
        if self.incident:
            return _("Nobody has been told yet")
        return _("An alert goes out after %(length)s down") % {"length": self.threshold}

    @property
    def threshold(self) -> str:
        return f"{self.channel.heartbeat_threshold_minutes}min"

    # The check that was asked for

    @property
    def is_waiting(self) -> bool:
        """As Sweep.waiting() has it: the look after the asking has not ended. Without a query per number."""
        if self.sweep is None or not self.is_watched or self.now - self.sweep.started_at > Sweep.WAITED_FOR:
            return False
        began, verdict = self.watch.look_started_at, self.watch.last_verdict_at
        if verdict is not None and verdict >= self.sweep.started_at:
            return False
        return began is None or began < self.sweep.started_at or self.watch.lease_until is not None

    @property
    def check_line(self) -> str:
        if self.is_waiting:
            if self.now - self.sweep.started_at < TAKES_LONG:
                return _("Check asked for: the result appears here.")
            return _("The check is taking longer than usual: the result appears here.")
        if self.sweep is None or not self.is_watched or self.now - self.sweep.started_at > RESULT_SHOWN:
            return ""
        verdict = self.watch.last_verdict_at
        if verdict is None or verdict < self.sweep.started_at:
            return _("The check did not succeed. It is repeated by itself.")
        if self.status is Status.UNKNOWN:
            return _("Checked: %(result)s.") % {"result": self.watch.cause_title}
        return _("Checked: %(result)s.") % {"result": STATUS_LABELS[self.status]}

    # What has changed

    @property
    def news(self) -> str:
        """Changes with what the rest of the page depends on; where the number is down, with each minute that was seen."""
        seen = self.watch.last_verdict_at
        minutes = (seen - self._down_since) // timedelta(minutes=1) if self.is_down and seen and self._down_since else None
        return _sum(self.watch.connection_status, self.watch.cause, self.incident and self.incident.pk, self.is_late, minutes)

    @property
    def fingerprint(self) -> str:
        """Changes with anything that the card's head shows; times count by themselves."""
        return _sum(
            self.news, self.box, self.told_line, self.check_line, self.watch.last_health_check, self.channel.name, self.phone
        )

    # Its history and settings

    @property
    def short_falls_line(self) -> str:
        n = self.short_falls
        return ngettext(
            "%(count)d short fall was over within %(length)s: no alert, not listed here.",
            "%(count)d short falls were over within %(length)s: no alert, not listed here.",
            n,
        ) % {"count": n, "length": self.threshold}

    @property
    def legend(self) -> list[tuple[str, str]]:
        words = {"up": _("Connected"), "down": _("Down"), "unstable": _("Unstable"), "blind": _("No check")}
        return [(state.value, words[state]) for state in self.week.states]

    @property
    def settings_line(self) -> str:
        saved = self.channel.heartbeat_threshold_minutes if self.refused is None else self.refused.initial[THRESHOLD]
        return _("Alerts on, after %(length)s") % {"length": f"{saved}min"} if self.channel.alerts_enabled else _("Alerts off")

    @property
    def shown_threshold(self) -> str:
        """What stands in the field: what was typed, where it was refused."""
        if self.refused:
            return self.refused[THRESHOLD].value() or ""
        return str(self.channel.heartbeat_threshold_minutes)

    @property
    def threshold_error(self) -> str:
        return " ".join(self.refused.errors.get(THRESHOLD, [])) if self.refused else ""

    @property
    def _acts(self) -> Acts:
        return advice.who_acts(self.watch.cause, self._subject)

    @property
    def _down_since(self) -> datetime | None:
        return (self.incident and self.incident.started_at) or self.watch.first_unhealthy_at or self.watch.status_since

    @property
    def _subject(self) -> Subject:
        channel = self.channel
        return Subject(
            channel_id=channel.pk,
            tenant_id=channel.tenant_id,
            tenant_slug="",
            tenant_name="",
            name=channel.name,
            server_name=self.server_name,
            server_host="",
            server_is_the_operators=channel.server_owner == 0,
            alerts_enabled=channel.alerts_enabled,
        )

    def _step(self, cause: str) -> str:
        if cause not in CAUSES:
            return ""
        support_knows = self.told is not None and self.told.support_knows
        return str(advice.clinic_step(cause, self._subject, support_knows=support_knows))

    def _told_names(self) -> str:
        here = timezone.localtime(self.told.at)
        at = _time(here) if here.date() == timezone.localtime(self.now).date() else _moment(here)
        names = [*self.told.names, *([_("support")] if self.told.support_knows else [])]
        listed = (
            names[0] if len(names) == 1 else _("%(names)s and %(last)s") % {"names": ", ".join(names[:-1]), "last": names[-1]}
        )
        said = ngettext("%(names)s was told at %(time)s", "%(names)s were told at %(time)s", len(names))
        return said % {"names": listed, "time": at}


def read(
    channels: Collection[Channel],
    *,
    now: datetime,
    with_history: bool = True,
    chosen_day: date | None = None,
    of_channel: int | None = None,
    refused: Mapping[int, BaseForm] | None = None,
    saved: int | None = None,
) -> list[Card]:
    """Return a card per channel (one clinic's, with their watches). At most eight queries, however many they are."""
    zone = timezone.get_current_timezone()
    since = availability.first_moment(now, zone)
    incidents = _incidents(channels, since if with_history else None)
    standing = {incident.channel_id: incident for incident in incidents if incident.resolved_at is None}
    told = _told(standing.values())
    sweeps = _sweeps(channels, now)
    names = _server_names(channels)
    cards = [
        Card(
            channel=channel,
            watch=_watch(channel),
            now=now,
            incident=standing.get(channel.pk),
            told=told.get(standing[channel.pk].pk) if channel.pk in standing else None,
            sweep=sweeps.get(channel.pk),
            server_name=names.get(channel.server_id, _("the message server")),
            refused=(refused or {}).get(channel.pk),
            is_saved=channel.pk == saved,
        )
        for channel in channels
    ]
    if with_history:
        periods = _periods(channels, since)
        for card in cards:
            own = [incident for incident in incidents if incident.channel_id == card.channel.pk]
            day = chosen_day if of_channel in (None, card.channel.pk) else None
            _fill_history(card, periods[card.channel.pk], own, day, zone)
    return cards


def all_is_well(cards: list[Card]) -> str:
    """The line above the numbers; nothing where one is not well. Those that cannot be verified stand outside."""
    verifiable = [card for card in cards if card.is_verifiable]
    if not verifiable or not all(card.is_well for card in verifiable):
        return ""
    n = len(verifiable)
    return ngettext("Your number is connected.", "Your %(count)d numbers are connected.", n) % {"count": n}


def _fill_history(
    card: Card, periods: list[ConnectionPeriod], incidents: list[Incident], day: date | None, zone: ZoneInfo
) -> None:
    watch, now = card.watch, card.now
    if card.is_verifiable and (card.is_paired or incidents):
        week = availability.week(
            periods,
            now=now,
            zone=zone,
            last_verdict_at=watch.last_verdict_at,
            paired_at=watch.paired_at,
            longest_gap=due.policy(card.channel.heartbeat_threshold_minutes).longest_gap,
        )
        card.week = week if week.states else None
    card.rows = [_incident_row(incident, now) for incident in incidents]
    if card.week is None:
        return
    over = [fall for fall in card.week.falls if not (card.is_down and fall.end >= watch.last_verdict_at)]
    card.short_falls = sum(not any(_overlap(fall, incident, now) for incident in incidents) for fall in over)
    card.day = card.week.day(day)
    if card.day:
        card.day_rows = _day_rows(card.day, periods, card)
        card.rows = [row for row in card.rows if row.start < card.day.end and (row.end or now) > card.day.start]


def _overlap(fall: availability.Stretch, incident: Incident, now: datetime) -> bool:
    return incident.started_at <= fall.end and (incident.resolved_at or now) >= fall.start


def _incident_row(incident: Incident, now: datetime) -> Row:
    return Row(
        tone=KIND_TONES.get(incident.kind, "neutral"),
        label=incident.get_kind_display(),
        title=incident.cause_title,
        start=incident.started_at,
        end=incident.resolved_at,
        length=(incident.resolved_at or now) - incident.started_at,
        incident_id=incident.pk,
    )


def _day_rows(day: Day, periods: list[ConnectionPeriod], card: Card) -> list[Row]:
    """The day's periods and the times in which nobody looked, newest first."""
    rows = []
    for period in periods:
        end = period.ended_at or max(period.started_at, card.watch.last_verdict_at or period.started_at)
        if period.started_at < day.until and end > day.start:
            goes_on = period.ended_at is None and day.is_today and not card.is_late
            start, end = max(period.started_at, day.start), min(end, day.until)
            title = str(CAUSES[period.cause].title) if period.cause in CAUSES else period.cause
            rows.append(
                Row(
                    tone=TONES.get(period.status, "neutral"),
                    label=period.get_status_display(),
                    title=title if period.status != Status.OPEN or period.cause != "connected" else "",
                    start=start,
                    end=None if goes_on else end,
                    length=(card.now if goes_on else end) - start,
                )
            )
    blind = [stretch for stretch in day.stretches if stretch.state is availability.State.BLIND]
    known = {row.start for row in rows}
    rows += [
        Row("neutral", _("No check"), "", stretch.start, stretch.end, stretch.end - stretch.start)
        for stretch in blind
        if stretch.start not in known
    ]
    return sorted(rows, key=lambda row: row.start, reverse=True)[:MOST_ROWS]


def _watch(channel: Channel) -> Watch:
    """A number that was entered a moment ago has no watch yet."""
    if hasattr(channel, "watch"):
        return channel.watch
    return Watch(channel=channel, tenant_id=channel.tenant_id, connection_status=Status.UNKNOWN.value, cause="not_looked_at")


def _periods(channels: Collection[Channel], since: datetime) -> dict[int, list[ConnectionPeriod]]:
    rows = ConnectionPeriod.objects.filter(Q(ended_at=None) | Q(ended_at__gt=since), channel__in=[c.pk for c in channels])
    by_channel: dict[int, list[ConnectionPeriod]] = defaultdict(list)
    for period in rows.order_by("started_at", "pk"):
        by_channel[period.channel_id].append(period)
    return by_channel


def _incidents(channels: Collection[Channel], since: datetime | None) -> list[Incident]:
    """The open ones, and those of the time since then; newest first."""
    wanted = Q(resolved_at=None) if since is None else Q(resolved_at=None) | Q(resolved_at__gt=since)
    rows = Incident.objects.filter(wanted, channel__in=[channel.pk for channel in channels])
    return list(rows.only("channel", "kind", "cause", "started_at", "resolved_at").order_by("-started_at", "-pk"))


def _told(incidents: Iterable[Incident]) -> dict[int, Told]:
    """Who was told of each opening: one query for the lines, one for the names."""
    lines = IncidentEvent.objects.filter(
        incident__in=[incident.pk for incident in incidents],
        kind=IncidentEvent.Kind.TOLD,
        event=Notification.Event.OPENED,
    ).values_list("incident_id", "told", "at")
    lines = list(lines)
    people = User.objects.in_bulk({user_id for _incident, told, _at in lines for user_id in told}) if lines else {}
    return {
        incident_id: Told(
            names=[str(people[pk]) for pk in told if pk in people and not people[pk].is_saas_admin],
            support_knows=any(people[pk].is_saas_admin for pk in told if pk in people),
            at=at,
        )
        for incident_id, told, at in lines
        if told
    }


def _sweeps(channels: Collection[Channel], now: datetime) -> dict[int, Sweep]:
    """The last sweep that each channel belongs to, as far as it can still matter."""
    tenants = {channel.tenant_id for channel in channels}
    rows = Sweep.objects.filter(tenant__in=tenants, started_at__gt=now - Sweep.WAITED_FOR).order_by("started_at", "pk")
    last: dict[int, Sweep] = {}
    for sweep in rows:
        covered = [sweep.channel_id] if sweep.channel_id else [c.pk for c in channels if c.tenant_id == sweep.tenant_id]
        last |= dict.fromkeys(covered, sweep)
    return last


def _server_names(channels: Collection[Channel]) -> dict[int, str]:
    """Names of the clinic's own servers; the operator's are none of its business, and not seen."""
    own = {channel.server_id for channel in channels if channel.server_owner}
    return dict(Server.objects.filter(pk__in=own).values_list("pk", "name")) if own else {}


def _moment(here: datetime) -> str:
    day = formats.date_format(here, pgettext("day and month, as a date format of Django", "M j"))  # not seen inside an f-string
    return f"{day} {_time(here)}"


def _time(here: datetime) -> str:
    return formats.date_format(here, "TIME_FORMAT")


def _sum(*parts: object) -> str:
    return f"{zlib.crc32(repr(parts).encode()):08x}"
