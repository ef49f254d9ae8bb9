"""One number as the operator sees it: state, cause and next step, a week of periods and incidents, server, settings."""

from dataclasses import dataclass
from datetime import timedelta

from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from channels_app import availability, fleet
from channels_app.models import Channel, ConnectionPeriod
from channels_app.number import TONES, Number, read_periods, watch_of
from channels_app.views.check import ask_or_not_found
from core import addresses
from incidents import advice
from incidents.causes import CAUSES, title_of
from incidents.models import Incident
from tenants.door import operators_only

PERIODS_SHOWN = 50
INCIDENTS_SHOWN = 20


@operators_only
@require_GET
def page(request, pk: int):
    return render(request, "channels_app/channel.html", _channel(pk))


@operators_only
@require_GET
def state(request, pk: int):  # what _channel.html asks for while a check is waited for, and every now and then
    return render(request, "channels_app/_channel.html", _channel(pk))


@operators_only
@require_POST
def check(request, pk: int):
    ask_or_not_found(request.user, pk)
    return render(request, "channels_app/_channel.html", _channel(pk)) if request.htmx else redirect("channel", pk)


def _channel(pk: int) -> dict:
    """Six queries."""
    related = ("tenant", "server", "server__tenant", "server__reachability", "watch")
    found = Channel.objects.select_related(*related).defer("own_token", "server__api_key")
    channel = get_object_or_404(found, pk=pk)
    number = Number(channel=channel, watch=watch_of(channel), now=timezone.now())
    row = fleet.furnish([channel], number.now)[0]
    periods = read_periods([channel], availability.first_moment(number.now, number.zone))[channel.pk]
    incidents = list(Incident.objects.filter(channel=channel).order_by("-started_at", "-pk")[:INCIDENTS_SHOWN])
    return {
        "row": row,
        "channel": channel,
        "watch": getattr(channel, "watch", None),
        "standing": row.standing,
        "is_blind": number.is_blind,
        "step": _step(number),
        "is_waiting": number.is_waited_for(number.watch.requested_at),
        "periods": [_Line.of(period, number) for period in reversed(periods[-PERIODS_SHOWN:])],
        "periods_hidden": max(0, len(periods) - PERIODS_SHOWN),
        "week": number.week(periods, incidents) if number.is_verifiable else None,
        "incidents": incidents,
        "server_host": addresses.host(channel.server.base_url),
        "server_incident": Incident.objects.open().filter(server=channel.server_id).first(),
        "reach": fleet.Reach.of(channel.server),
        "now": number.now,
    }


@dataclass(frozen=True, slots=True)
class _Line:
    """A period with its length so far."""

    period: ConnectionPeriod
    tone: str
    cause_title: str
    length: timedelta

    @classmethod
    def of(cls, period: ConnectionPeriod, number: Number) -> "_Line":
        until = period.ended_at or max(period.started_at, number.seen_until)
        tone = f"is-{TONES.get(period.status, 'neutral')}"
        return cls(period, tone, title_of(period.cause), until - period.started_at)


def _step(number: Number):
    """The operator's next step; empty where there is none, or where nobody knows."""
    watch, server = number.watch, number.channel.server
    if watch.cause not in CAUSES or not number.is_watched or number.is_blind:
        return ""
    subject = number.subject(server_name=server.name, server_host=addresses.host(server.base_url))
    return advice.operator_step(watch.cause, subject, number=watch.code, received=watch.raw_state)
