"""A week that has already happened: so that every strip, table and inbox of the demonstration has something true to show.

The outages are a table, their times count back from now, and the ledger itself puts them on record as it would have: what
is written here keeps every promise that `verify_ledger` asks for, also when the watch goes on from there.
A phone that was ever looked at is left alone.
"""

from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import pairwise
from urllib.parse import urlsplit

from django.core.exceptions import PermissionDenied
from django.db.models import F

from channels_app import timing
from channels_app.models import Channel, ConnectionPeriod, Watch
from demo import fleet
from demo.simulator.phones import OFFICIAL_API
from incidents import actions, ledger, servers
from incidents.advice import Subject
from incidents.causes import CAUSES
from incidents.ledger import Bad, Recovered
from incidents.models import Incident
from incidents.readings import Reading, Status
from incidents.server_notices import ServerOutage, ServerReturn
from notifications.models import Notification
from tenants.models import User

LENGTH = timedelta(days=8)  # more than the seven that a page shows
BLIND = (timedelta(hours=76, minutes=10), timedelta(hours=75, minutes=6))  # ago: the watch itself stood still
UNREAD = timedelta(hours=30)  # what is newer than this has not been read yet
READ_AFTER = timedelta(minutes=9)
ANSWER_MS = 42


@dataclass(frozen=True, slots=True)
class Stage:
    """A part of an outage that has one cause."""

    cause: str
    minutes: float
    code: int | None = None
    raw_state: str = "close"

    @property
    def status(self) -> Status:
        return CAUSES[self.cause].statuses[0]

    @property
    def length(self) -> timedelta:
        return timedelta(minutes=self.minutes)


@dataclass(frozen=True, slots=True)
class Outage:
    phone: str
    hours_ago: float
    stages: tuple[Stage, ...]
    taken_by: str = ""  # an e-mail
    note: str = ""

    @property
    def is_unstable(self) -> bool:
        """It came back and fell again within it."""
        return any(stage.cause == "connected" for stage in self.stages)

    @property
    def length(self) -> timedelta:
        return sum((stage.length for stage in self.stages), timedelta(0))


def _down(phone: str, hours_ago: float, *stages: Stage, taken_by: str = "", note: str = "") -> Outage:
    return Outage(phone, hours_ago, stages, taken_by, note)


REMOVED = 401
BLOCKED = 403
SERVER_2_STOOD_STILL = 31.4  # hours ago
STOOD_STILL = Stage("server_unreachable", 47.3, raw_state="")
TOLD_AFTER = timedelta(minutes=15)  # the clinics of a server that is down
TAKEN_AFTER = timedelta(minutes=4)
NOTED_AFTER = timedelta(minutes=11)
SCANNED = "O celular estava sem bateria. Carreguei e li o código de novo."
DNS = "DNS do servidor trocado; as instâncias voltaram sozinhas."
BACK = Stage("connected", 2.4, raw_state="open")
FIGHT = (Stage("replaced", 3.1, 440), BACK, Stage("replaced", 2.2, 440), BACK, Stage("replaced", 4.0, 440))
FLICKER = Stage("reconnecting", 0.6, raw_state="connecting")  # over before anybody has to be told

OUTAGES = (
    _down("aurora-recepcao", 163.3, Stage("logged_out", 41.5, REMOVED)),
    _down("aurora-recepcao", 118.7, FLICKER),
    _down("aurora-recepcao", 52.9, Stage("reconnecting", 6.2, raw_state="connecting"), Stage("network_lost", 18.4)),
    _down("aurora-recepcao", 6.2, Stage("logged_out", 24.6, REMOVED), taken_by="ana@aurora.example", note=SCANNED),
    _down("aurora-agenda", 141.1, Stage("qr_expired", 12.3), Stage("logged_out", 33.0, REMOVED)),
    _down("aurora-agenda", 97.5, Stage("awaiting_scan", 17.8, raw_state="connecting")),
    _down("aurora-agenda", 28.2, Stage("logged_out", 8.9, REMOVED)),
    _down("aurora-financeiro", 108.4, Stage("replaced", 14.1, 440)),
    _down("aurora-financeiro", 60.3, FLICKER),
    _down("aurora-financeiro", 37.8, *FIGHT),
    _down("aurora-exames", 84.6, Stage("stuck_connecting", 22.7, raw_state="connecting")),
    _down("horizonte-recepcao", 133.2, Stage("server_error", 9.3, 500, raw_state="")),
    _down("horizonte-recepcao", 19.8, Stage("reconnecting", 7.5, raw_state="connecting")),
    _down("horizonte-orcamentos", 155.0, Stage("network_lost", 95.2)),
    _down("horizonte-orcamentos", 70.4, Stage("network_lost", 13.6)),
    _down("horizonte-orcamentos", 45.8, Stage("network_lost", 26.1)),
    _down("horizonte-orcamentos", 12.5, Stage("network_lost", 38.3), taken_by="operador@vigia.example", note=DNS),
    _down("horizonte-lembretes", 125.9, Stage("banned", 740.0, BLOCKED)),
    _down("horizonte-posvenda", 91.7, Stage("not_loaded", 16.4, 404, raw_state="")),
    _down("beirario-recepcao", 148.6, Stage("logged_out_by_command", 5.7, REMOVED)),
    _down("beirario-recepcao", 66.2, FLICKER),
    _down("beirario-turmas", 101.3, Stage("awaiting_scan", 52.4, raw_state="connecting")),
    _down("beirario-turmas", 9.6, Stage("logged_out", 31.9, REMOVED), taken_by="gisele@rede.example"),
    *(
        _down(phone.name, SERVER_2_STOOD_STILL, STOOD_STILL)
        for phone in fleet.PHONES
        if phone.server == 2 and phone.integration != OFFICIAL_API and phone.condition != "never_connected"
    ),
)


def write(*, at: datetime) -> int:
    """Give each phone of the demonstration that has none its week until `at`; return how many. In service scope."""
    channels = _without_a_past()
    if not channels:
        return 0
    _were_there_before(channels, at)
    ConnectionPeriod.objects.bulk_create(
        period for channel in channels.values() for period in _periods(channel, _stretches(channel.instance_name, at))
    )
    last_incident = Incident.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
    for outage in sorted(OUTAGES, key=lambda outage: -outage.hours_ago):
        if outage.phone in channels and STOOD_STILL not in outage.stages:
            _put_on_record(channels[outage.phone], outage, began=at - timedelta(hours=outage.hours_ago))
    _put_the_server_on_record(
        [channels[outage.phone] for outage in OUTAGES if outage.phone in channels and STOOD_STILL in outage.stages],
        began=at - timedelta(hours=SERVER_2_STOOD_STILL),
    )
    # Nobody opens an alert in the moment it comes, and the last ones wait to be read.
    Notification.objects.filter(incident__gt=last_incident, created_at__lt=at - UNREAD).update(
        read_at=F("created_at") + READ_AFTER
    )
    return len(channels)


def _without_a_past() -> dict[str, Channel]:
    names = [phone.name for phone in fleet.PHONES if phone.condition != "never_connected"]
    channels = Channel.objects.watched().filter(instance_name__in=names, periods=None, incidents=None)
    return {channel.instance_name: channel for channel in channels.select_related("tenant", "server").order_by("pk")}


def _were_there_before(channels: dict[str, Channel], at: datetime) -> None:
    ids = [channel.pk for channel in channels.values()]
    Channel.objects.filter(pk__in=ids, created_at__gt=at - LENGTH).update(created_at=at - LENGTH)
    official = {phone.name for phone in fleet.PHONES if phone.integration == OFFICIAL_API}
    Watch.objects.bulk_create(
        [
            Watch(channel=channel, tenant_id=channel.tenant_id, paired_at=None if name in official else at - LENGTH)
            for name, channel in channels.items()
        ],
        ignore_conflicts=True,
    )


def _stretches(phone: str, at: datetime) -> Iterator[tuple[datetime, datetime, str, str]]:
    """Yield start, end, status and cause of all that was, in order, the blind hour still unseen."""
    cursor = at - LENGTH
    if _is_official(phone):
        yield cursor, at, Status.UNKNOWN, "not_verifiable"
        return
    for outage in sorted(OUTAGES, key=lambda outage: -outage.hours_ago):
        if outage.phone != phone:
            continue
        began = at - timedelta(hours=outage.hours_ago)
        yield cursor, began, Status.OPEN, "connected"
        cursor = began
        for stage in outage.stages:
            yield cursor, cursor + stage.length, stage.status, stage.cause
            cursor += stage.length
    yield cursor, at, Status.OPEN, "connected"


def _is_official(phone: str) -> bool:
    return any(each.name == phone and each.integration == OFFICIAL_API for each in fleet.PHONES)


def _periods(channel: Channel, stretches: Iterator[tuple]) -> Iterator[ConnectionPeriod]:
    """Turn stretches into rows: all of them end, since nobody has looked yet, and none lies in the blind hour."""
    stretches = list(stretches)
    at = stretches[-1][1]
    blind_from, blind_to = at - BLIND[0], at - BLIND[1]
    for start, end, status, cause in stretches:
        for began, ended in ((start, min(end, blind_from)), (max(start, blind_to), end)):
            if began < ended:
                yield ConnectionPeriod(
                    channel=channel,
                    tenant_id=channel.tenant_id,
                    status=status,
                    cause=cause,
                    started_at=began,
                    ended_at=ended,
                )


def _put_the_server_on_record(channels: list[Channel], *, began: datetime) -> None:
    """A server that was down as a whole: one incident, its numbers' own beneath it, one notice per clinic, all back at once."""
    if not channels:
        return
    ended, server = began + STOOD_STILL.length, channels[0].server
    opened_at = min(began + timing.policy(channel.heartbeat_threshold_minutes).threshold for channel in channels)
    down = ServerOutage(
        server_id=server.pk,
        tenant_id=server.tenant_id,
        name=server.name,
        host=urlsplit(server.base_url).hostname or "",
        cause=STOOD_STILL.cause,
        since=began,
        numbers=len(channels),
        clinics=len({channel.tenant_id for channel in channels}),
    )
    parent_id = servers.open_incidents([down], at=opened_at)[server.pk]
    ledger.open_incidents(
        replace(_bad(channel, STOOD_STILL, began), parent_id=parent_id)
        for channel in channels
        if timing.policy(channel.heartbeat_threshold_minutes).threshold <= STOOD_STILL.length
    )
    servers.tell_clinics([server.pk], fallen_before=began, at=began + TOLD_AFTER)
    ledger.resolve_incidents(Recovered(subject=_subject(channel), at=ended, seen_at=ended) for channel in channels)
    back = ServerReturn(server_id=server.pk, at=ended, connected=Counter(channel.tenant_id for channel in channels))
    servers.resolve_incidents([back], at=ended)


def _bad(channel: Channel, first: Stage, began: datetime) -> Bad:
    """The number past its threshold, with the looks that say so."""
    policy = timing.policy(channel.heartbeat_threshold_minutes)
    opened_at = began + policy.threshold
    looks = [began, began + policy.recheck, opened_at] if policy.recheck < policy.threshold else [began, opened_at]
    return Bad(
        subject=_subject(channel),
        seen=_reading(first, opened_at),
        started_at=began,
        readings=[_kept(_reading(first, look)) for look in looks],
        threshold_minutes=channel.heartbeat_threshold_minutes,
    )


def _keeps_falling(channel: Channel, outage: Outage, began: datetime) -> Bad:
    """The number at its last fall, which makes it one that keeps falling and coming back."""
    last_fall = began + outage.length - outage.stages[-1].length
    falls = sum(stage.cause != BACK.cause for stage in outage.stages)
    return replace(
        _bad(channel, outage.stages[0], began),
        seen=_reading(outage.stages[-1], last_fall),
        is_unstable=True,
        drops=falls,
        minutes=(last_fall - began) // timedelta(minutes=1),
    )


def _put_on_record(channel: Channel, outage: Outage, *, began: datetime) -> None:
    """Let the ledger say what it would have said: opened past the threshold, each new cause, resolved."""
    if outage.is_unstable:
        ledger.open_incidents([_keeps_falling(channel, outage, began)])
        ended = began + outage.length
        ledger.resolve_incidents([Recovered(subject=_subject(channel), at=ended, seen_at=ended)])
        return
    if outage.length < timing.policy(channel.heartbeat_threshold_minutes).threshold:
        return
    bad = _bad(channel, outage.stages[0], began)
    subject, opened_at = bad.subject, bad.seen.at
    ledger.open_incidents([bad])
    if outage.taken_by:
        _somebody_takes_care(channel, outage, opened_at)
    changed_at = began
    for before, stage in pairwise(outage.stages):
        changed_at += before.length
        ledger.keep_incidents([Bad(subject=subject, seen=_reading(stage, changed_at), started_at=began)])
    ended = began + outage.length
    ledger.resolve_incidents([Recovered(subject=subject, at=ended, seen_at=ended)])


def _somebody_takes_care(channel: Channel, outage: Outage, opened_at: datetime) -> None:
    """Where that person is still there and may still act."""
    incident = Incident.objects.open().get(channel=channel)
    person = User.objects.filter(email=outage.taken_by).first()
    if person is None:
        return
    with suppress(Incident.DoesNotExist, PermissionDenied):
        actions.take(incident.pk, by=person, at=opened_at + TAKEN_AFTER)
        if outage.note:
            actions.note(incident.pk, outage.note, by=person, at=opened_at + NOTED_AFTER)


def _reading(stage: Stage, at: datetime) -> Reading:
    return Reading(at=at, status=stage.status, cause=stage.cause, raw_state=stage.raw_state, code=stage.code, took_ms=ANSWER_MS)


def _kept(seen: Reading) -> dict:
    """A reading as an incident keeps it."""
    told = {"at": seen.at.isoformat(), "status": seen.status, "cause": seen.cause}
    return told | {"raw": seen.raw_state, "code": seen.code, "ms": seen.took_ms}


def _subject(channel: Channel) -> Subject:
    server = channel.server
    return Subject(
        channel_id=channel.pk,
        tenant_id=channel.tenant_id,
        tenant_slug=channel.tenant.slug,
        tenant_name=channel.tenant.name,
        name=channel.name,
        server_name=server.name,
        server_host=urlsplit(server.base_url).hostname or "",
        server_is_the_operators=server.tenant_id is None,
        alerts_enabled=channel.alerts_enabled,
    )
