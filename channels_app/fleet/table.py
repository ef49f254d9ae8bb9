"""One page of the fleet: which rows, in which order, and what each shows.

A page of fifty costs the same wherever it lies: the page first, then two queries for its ids.
"""

from dataclasses import dataclass
from datetime import datetime
from functools import cache

from django.core.paginator import Paginator
from django.db.models import Case, Count, F, FilteredRelation, IntegerField, OuterRef, QuerySet, Subquery, When
from django.db.models.functions import Coalesce
from django.urls import get_script_prefix, reverse

from channels_app import beats
from channels_app.fleet.selection import HAS_INCIDENT, Selection, everyone, lasted_into_week, of_week, selected
from channels_app.fleet.standing import Standing
from channels_app.models import Channel, ConnectionPeriod
from channels_app.number import Number, read_periods, watch_of
from incidents.readings import Status

PAGE = 50
_SHOWN = (  # of some seventy columns
    *("name", "phone", "provider", "is_active", "archived_at", "heartbeat_threshold_minutes"),
    *("tenant__name", "tenant__is_active", "server__name"),
    *("watch__connection_status", "watch__cause", "watch__status_since", "watch__paired_at"),
    *("watch__last_health_check", "watch__last_verdict_at"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What a row shows, said once: a template would ask fifty rows for each thing again and again."""

    channel: Channel
    id: str  # as it is written in addresses: a template asks of each number whether it is a quantity
    link: str
    name: str
    client: str
    server: str
    phone: str
    standing: Standing
    last_check: datetime | None
    is_late: bool
    incident_id: int | None
    incident_link: str
    incidents: int  # of the last seven days
    beats: beats.Drawing | None

    @classmethod
    def of(cls, number: Number, *, incident_id: int | None, incidents: int, drawing: beats.Drawing | None) -> "Row":
        channel = number.channel
        return cls(
            channel=channel,
            id=str(channel.pk),
            link=_address("channel", channel.pk),
            name=channel.name,
            client=channel.tenant.name,
            server=channel.server.name,
            phone=number.phone,
            standing=Standing.of(number, has_incident=incident_id is not None),
            last_check=number.checked_at if number.is_watched else None,
            is_late=number.is_late,
            incident_id=incident_id,
            incident_link=_address("incident", incident_id) if incident_id else "",
            incidents=incidents,
            beats=drawing,
        )


def pages(selection: Selection, matching: int) -> tuple[int, list]:
    """Return the page nearest to the one that is asked for, and the numbers for the pager (None: a gap)."""
    paginator = Paginator(range(matching), PAGE)
    number = min(selection.pagina, paginator.num_pages)
    shown = paginator.get_elided_page_range(number, on_each_side=1, on_ends=1)
    return number, [None if page == Paginator.ELLIPSIS else page for page in shown]


def rows(selection: Selection, page: int, now: datetime) -> list[Row]:
    """One page, in three queries."""
    offset = PAGE * (page - 1)
    # Sorting only what the order needs, and fetching fifty whole rows, costs half of sorting ten thousand whole ones.
    of_page = ordered(selection, now).values("pk")[offset : offset + PAGE]
    found = everyone(now).filter(pk__in=of_page).select_related("tenant", "server", "watch").only(*_SHOWN)
    return furnish(list(_in_order(found, selection.ordem, now)), now)


def ordered(selection: Selection, now: datetime) -> QuerySet[Channel]:
    return _in_order(selected(selection, now), selection.ordem, now)


def _in_order(channels: QuerySet[Channel], order: str, now: datetime) -> QuerySet[Channel]:
    name, direction = order.removeprefix("-"), "-" if order.startswith("-") else ""
    ties = ["tenant__name", "name", "pk"]
    if name == "cliente":
        return channels.order_by(*(direction + tie for tie in ties))
    if name == "verificacao":  # the oldest first
        checked = Coalesce("watch__last_verdict_at", "watch__last_health_check")  # Number.checked_at
        return channels.order_by(checked.desc(nulls_last=True) if direction else checked.asc(nulls_last=True), *ties)
    if name == "incidentes":  # the most first
        turned = "" if direction else "-"
        # Joined: a sub-select for each of ten thousand numbers takes twice as long.
        of_week = FilteredRelation("incidents", condition=lasted_into_week(now, "incidents__"))
        return channels.alias(of_week=of_week, most=Count("of_week")).order_by(f"{turned}most", *ties)
    worst = Case(When(HAS_INCIDENT, then=0), default=F("group"))
    return channels.alias(worst=worst).order_by(f"{direction}worst", F("watch__first_unhealthy_at").asc(nulls_last=True), *ties)


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
    periods = read_periods(channels, now - beats.SPAN)
    return [
        Row.of(
            (number := Number(channel=channel, watch=watch_of(channel), now=now)),
            incident_id=standing.get(channel.pk),
            incidents=counts[channel.pk],
            drawing=_beats(number, periods[channel.pk]),
        )
        for channel in channels
    ]


def _beats(number: Number, periods: list[ConnectionPeriod]) -> beats.Drawing | None:
    if number.watch.paired_at is None or all(period.status == Status.UNKNOWN for period in periods):
        return None
    return beats.draw(periods, now=number.now, seen_until=number.seen_until)


def _address(name: str, pk: int) -> str:
    before, after = _around_a_number(name, get_script_prefix())
    return f"{before}{pk}{after}"


@cache  # Django takes 20 µs to reverse an address, and a page asks a hundred times
def _around_a_number(name: str, _prefix: str) -> tuple[str, str]:
    before, _pk, after = reverse(name, args=[_ANY]).partition(str(_ANY))
    return before, after


_ANY = 9_999_999_999  # a number that stands nowhere else in an address
