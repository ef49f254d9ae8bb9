"""What the clinic's page and the operator's page of one number say alike: its state, who is meant, its week.

`read_periods` asks; a `Number` only answers.
"""

import re
from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db.models import Q

from channels_app import availability, stretches, timing
from channels_app.availability import Week
from channels_app.gateways.evolution_answers import NOT_VERIFIABLE
from channels_app.models import Channel, ConnectionPeriod, Watch
from incidents.advice import Subject
from incidents.models import Incident
from incidents.periods import longest_gap
from incidents.readings import Status

INTERVALS_UNTIL_LATE = 3  # without a verdict: then nobody knows how the number is

TONES = {
    Status.OPEN: "success",
    Status.CONNECTING: "info",
    Status.QR_PENDING: "warning",
    Status.DISCONNECTED: "danger",
    Status.ERROR: "danger",
    Status.UNKNOWN: "neutral",
}


@dataclass(kw_only=True)
class Number:
    """A channel (with its clinic) and what its watch knows, at a moment."""

    channel: Channel
    watch: Watch
    now: datetime

    @property
    def phone(self) -> str:
        return spell_phone(self.channel.phone)

    @property
    def status(self) -> Status:
        return Status(self.watch.connection_status)

    @property
    def is_watched(self) -> bool:
        """`Channel.objects.watched()` of one that is at hand."""
        channel = self.channel
        is_ours = channel.provider == Channel.Provider.EVOLUTION_API and channel.is_active and channel.archived_at is None
        return is_ours and channel.tenant.is_active

    @property
    def is_verifiable(self) -> bool:
        """By its kind, too: while its server is down the cause is another, and its time before was unknown all the same."""
        return self.watch.cause != "not_verifiable" and self.watch.integration not in NOT_VERIFIABLE

    @property
    def is_paired(self) -> bool:
        return self.watch.paired_at is not None or self.status is Status.OPEN

    @property
    def is_down(self) -> bool:
        return self.is_watched and self.is_paired and self.status not in (Status.OPEN, Status.UNKNOWN)

    @property
    def checked_at(self) -> datetime | None:
        """The last verdict: a look that could not look is none. Before the first, when somebody tried."""
        return self.watch.last_verdict_at or self.watch.last_health_check

    @property
    def is_late(self) -> bool:
        return self.is_watched and self.checked_at is not None and self.checked_at < late_before(self.now)

    @property
    def is_blind(self) -> bool:
        """What was seen last is too old to say how it is now: nobody looks, or looks see nothing."""
        return self.is_late and self.watch.last_verdict_at is not None

    def is_waited_for(self, asked_at: datetime | None) -> bool:
        return self.is_watched and self.watch.is_waited_for(asked_at, now=self.now)

    @property
    def seen_until(self) -> datetime:
        return stretches.seen_until(self.now, self.watch.last_verdict_at, longest_gap())

    @property
    def zone(self) -> ZoneInfo:
        """The clinic's, whoever reads: both speak of the same days."""
        return ZoneInfo(self.channel.tenant.time_zone)

    @property
    def threshold(self) -> str:
        return f"{self.channel.heartbeat_threshold_minutes}min"

    def week(self, periods: Iterable[ConnectionPeriod], incidents: Iterable[Incident]) -> Week:
        """The seven days up to now, from its periods and incidents of that time."""
        return availability.week(
            periods,
            now=self.now,
            zone=self.zone,
            seen_until=self.seen_until,
            paired_at=self.watch.paired_at,
            unstable=[(one.started_at, one.resolved_at or self.now) for one in incidents if one.kind == "unstable"],
        )

    def subject(self, *, server_name: str, server_host: str = "") -> Subject:
        """A clinic may not see its number's server, so the caller says how it is called."""
        channel = self.channel
        return Subject(
            channel_id=channel.pk,
            tenant_id=channel.tenant_id,
            tenant_slug=channel.tenant.slug,
            tenant_name=channel.tenant.name,
            name=channel.name,
            server_name=server_name,
            server_host=server_host,
            server_is_the_operators=channel.server_owner == 0,
            alerts_enabled=channel.alerts_enabled,
        )


def late_before(now: datetime) -> datetime:
    """A verdict from before this moment is late. What has no verdict in its server's grace is not, however short I is."""
    interval = timedelta(seconds=settings.HEARTBEAT_INTERVAL_SECONDS)
    return now - max(INTERVALS_UNTIL_LATE * interval, longest_gap() + timing.limits().grace)


def watch_of(channel: Channel) -> Watch:
    """A number that was entered a moment ago has no watch yet: then one that knows nothing."""
    if hasattr(channel, "watch"):
        return channel.watch
    return Watch(channel=channel, tenant_id=channel.tenant_id, connection_status=Status.UNKNOWN.value, cause="not_looked_at")


def spell_phone(phone: str) -> str:
    """Write a Brazilian number as people there do; any other as it was entered."""
    found = re.fullmatch(r"55(\d\d)(\d{4,5})(\d{4})", re.sub(r"\D", "", phone))
    return "({}) {}-{}".format(*found.groups()) if found else phone


def read_periods(channels: Collection[Channel], since: datetime) -> dict[int, list[ConnectionPeriod]]:
    """Return those that lasted beyond a moment, by channel, oldest first. One query."""
    rows = ConnectionPeriod.objects.filter(Q(ended_at=None) | Q(ended_at__gt=since), channel__in=[c.pk for c in channels])
    by_channel: dict[int, list[ConnectionPeriod]] = defaultdict(list)
    for period in rows.order_by("started_at", "pk"):
        by_channel[period.channel_id].append(period)
    return by_channel
