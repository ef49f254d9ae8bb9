"""The record against the truth: what is missing, what is there twice, what was made up, what came too late.

Every incident has to be one outage's, and every outage that was no blip has to have exactly one. Of each incident its
clinic's admins have exactly one row per event, and nobody else has any. `verify_ledger`'s invariants hold.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db.models import Q

from channels_app import invariants
from channels_app.models import ConnectionPeriod
from incidents.models import Incident, IncidentEvent
from notifications.models import Notification
from tests.faults.fleet import Fleet, Number, Outage, Trouble
from tests.faults.product import DEADLINE, INTERVAL, LEASE, MINUTE, RECHECK, TICK

AIR = timedelta(seconds=5 * DEADLINE)  # for a busy machine
UNTIL_SEEN = timedelta(seconds=INTERVAL + 2 * DEADLINE + TICK)
UNTIL_OPEN = UNTIL_SEEN + timedelta(seconds=MINUTE)
UNTIL_RESOLVED = UNTIL_SEEN + timedelta(seconds=RECHECK)
MISREAD_AS = "server_unreachable"
A_LOOK = timedelta(seconds=DEADLINE)  # its time is its start, and what it saw may have happened since
A_TROUBLE_COSTS = timedelta(seconds=LEASE + TICK)  # beside its own length


@dataclass
class Findings:
    """Each entry is a sentence. All empty, `misread` apart: the record is the truth.

    `misread`: looks that got no answer within the deadline, which is a second here, though the number was well: on a busy
    machine that happens, and what must not is that anybody is told.
    """

    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    invented: list[str] = field(default_factory=list)
    late: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)  # invariants of verify_ledger
    misread: list[str] = field(default_factory=list)

    def __bool__(self) -> bool:
        return any(sentences for kind, sentences in vars(self).items() if kind != "misread")

    def __add__(self, other: "Findings") -> "Findings":
        return Findings(**{name: mine + getattr(other, name) for name, mine in vars(self).items()})


def check(fleet: Fleet, *, times: bool = True) -> Findings:
    """Compare. `times`: also how late; not where a clock was wrong, by which that is counted."""
    broken = [f"{name}: {ids}" for name, ids in invariants.violations().items() if ids]
    found = Findings(broken=broken, late=[*fleet.late])
    for number in fleet.numbers:
        found += _of_number(number, times=times)
    warnings = Notification.objects.filter(incident=None)
    wrong = warnings.exclude(user=fleet.operator)
    if not fleet.was_cut_off:
        wrong |= warnings.filter(Q(dedupe_key__startswith="offline:") | Q(dedupe_key__startswith="unseen:"))
    found.invented += [f"a warning: {title}" for title in wrong.values_list("title", flat=True)]
    found.invented += [
        f"an incident of server {pk}" for pk in Incident.objects.filter(channel=None).values_list("server", flat=True)
    ]
    return found


def _of_number(number: Number, *, times: bool) -> Findings:
    found = Findings()
    incidents = list(Incident.objects.filter(channel=number.channel).order_by("started_at", "pk"))
    left = [outage for outage in number.outages if not outage.is_blip]
    for incident in incidents:
        outage = _outage_of(incident.started_at, number.outages) if times else (left[0] if left else None)
        if outage is None or outage.is_blip:
            found.invented.append(f"incident {incident.pk} of {number.key} at {incident.started_at}")
        elif outage not in left:
            found.doubled.append(f"incident {incident.pk} of {number.key}")
        else:
            left.remove(outage)
            found += _of_incident(incident, outage, times=times)
    found.lost += [f"the outage of {number.key} at {outage.fell_at}" for outage in left]
    if times:
        for cause, sentence in _wrong_periods(number):
            (found.misread if cause == MISREAD_AS else found.invented).append(sentence)
    return found


def _outage_of(at: datetime, outages: Iterable[Outage]) -> Outage | None:
    """Say in which outage a look that began then saw the number down."""
    return next((o for o in outages if o.fell_at - A_LOOK <= at and (o.rose_at is None or at <= o.rose_at)), None)


def _of_incident(incident: Incident, outage: Outage, *, times: bool) -> Findings:
    found, name = Findings(), f"incident {incident.pk} of {outage.number.key}"
    opened = IncidentEvent.objects.filter(incident=incident, kind=IncidentEvent.Kind.OPENED)
    opened_as = opened.values_list("cause", flat=True).first() or incident.cause
    if incident.kind != "disconnected" or opened_as != "logged_out":
        found.invented.append(f"{name} opened as {incident.kind}, {opened_as}")
    elif incident.cause != opened_as:  # a look later on: the outage is one all the same
        (found.misread if incident.cause == MISREAD_AS else found.invented).append(f"{name} became {incident.cause}")
    if (incident.resolved_at is None) is not (outage.rose_at is None):
        found.lost.append(f"the end of {name}")
    events = ["opened"] if incident.resolved_at is None else ["opened", "resolved"]
    wanted = Counter((admin.pk, event) for admin in outage.number.admins for event in events)
    there = Counter(Notification.objects.filter(incident=incident).values_list("user_id", "event"))
    found.lost += [f"{event} of {name} for person {person}" for person, event in (wanted - there)]
    for (person, event), times_more in (there - wanted).items():
        (found.doubled if (person, event) in wanted else found.invented).append(f"{times_more} {event} of {name} for {person}")
    if times:
        found.late += _late(f"{name} opened", incident.opened_at, outage.fell_at, UNTIL_OPEN, outage.troubles)
        if incident.resolved_at and outage.rose_at:
            found.late += _late(f"{name} resolved", incident.resolved_at, outage.rose_at, UNTIL_RESOLVED, outage.troubles)
            if incident.resolved_at < outage.rose_at - A_LOOK:
                found.invented.append(f"the end of {name}: {outage.rose_at - incident.resolved_at} too early")
    return found


def _late(what: str, at: datetime, since: datetime, within: timedelta, troubles: list[Trouble]) -> list[str]:
    """Each trouble excuses what it costs, where that was not over before, and where it was not late by then anyway."""
    bound = since + within + AIR
    for trouble in troubles:
        if since < trouble.ended_at + A_TROUBLE_COSTS and trouble.began_at < bound:
            bound += trouble.ended_at - trouble.began_at + A_TROUBLE_COSTS
    return [f"{what} {(at - bound).total_seconds():.1f} s too late"] if at > bound else []


def _wrong_periods(number: Number) -> list[tuple[str, str]]:
    """Return cause and sentence of each period that is not open and did not begin in an outage."""
    bad = ConnectionPeriod.objects.filter(channel=number.channel).exclude(status="open")
    return [
        (cause, f"a period {status}, {cause} of {number.key} at {at}")
        for at, status, cause in bad.values_list("started_at", "status", "cause")
        if not _outage_of(at, number.outages)
    ]
