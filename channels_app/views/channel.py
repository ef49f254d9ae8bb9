"""One number as the operator sees it: state, cause and next step, a week of periods and incidents, server, settings."""

from urllib.parse import urlsplit

from django.core.exceptions import PermissionDenied
from django.db.models import Q
from django.http import Http404
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from channels_app import beats, due, fleet
from channels_app.models import Channel, ConnectionPeriod, Sweep
from incidents import advice
from incidents.causes import CAUSES
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
    try:
        due.request(by=request.user, channel_id=pk)
    except PermissionDenied as error:  # there is no such number
        raise Http404 from error
    return render(request, "channels_app/_channel.html", _channel(pk)) if request.htmx else redirect("channel", pk)


def _channel(pk: int) -> dict:
    """Five queries."""
    now = timezone.now()
    found = Channel.objects.select_related("tenant", "server", "server__tenant", "watch").defer("own_token", "server__api_key")
    channel = get_object_or_404(found, pk=pk)
    watch = getattr(channel, "watch", None)
    row = fleet.furnish([channel], now)[0]
    periods = list(_periods(channel, now))
    return {
        "row": row,
        "channel": channel,
        "watch": watch,
        "standing": row.standing,
        "step": _step(channel, watch),
        "is_waiting": _is_waited_for(channel, now),
        "periods": [_Line(period, watch, now) for period in periods[:PERIODS_SHOWN]],
        "periods_hidden": max(0, len(periods) - PERIODS_SHOWN),
        "week": _week(periods, watch, now),
        "incidents": list(Incident.objects.filter(channel=channel).order_by("-started_at", "-pk")[:INCIDENTS_SHOWN]),
        "server_host": urlsplit(channel.server.base_url).hostname or "",
        "now": now,
    }


class _Line:
    """A period with its length so far."""

    def __init__(self, period: ConnectionPeriod, watch, now) -> None:
        self.period = period
        until = period.ended_at or (fleet.seen_until(watch, now) if watch else now)
        self.length = max(until - period.started_at, now - now)
        self.tone = {beats.UP: "is-success", beats.DOWN: "is-danger", beats.UNSTABLE: "is-warning"}.get(
            beats.KIND.get(period.status), "is-neutral"
        )
        self.cause_title = str(CAUSES[period.cause].title) if period.cause in CAUSES else period.cause


def _periods(channel: Channel, now):
    recent = Q(ended_at=None) | Q(ended_at__gt=now - fleet.WEEK)
    return ConnectionPeriod.objects.filter(recent, channel=channel).order_by("-started_at", "-pk")


def _week(periods, watch, now) -> dict | None:
    """The share of the observed time in which it was connected, and what went unobserved."""
    if watch is None or watch.paired_at is None:
        return None
    start = max(now - fleet.WEEK, watch.paired_at)
    stretches = [beats.Stretch(period.status, period.started_at, period.ended_at) for period in periods]
    lengths = beats.tally(stretches, start=start, end=now, seen_until=fleet.seen_until(watch, now))
    blind = lengths.pop(beats.BLIND)
    seen = sum(lengths.values(), now - now)
    return {"percent": 100 * (lengths[beats.UP] / seen), "blind": blind} if seen else None


def _step(channel: Channel, watch):
    """The operator's next step; empty where there is none."""
    if watch is None or watch.cause not in CAUSES or not fleet.is_watched(channel):
        return ""
    subject = advice.Subject(
        channel_id=channel.pk,
        tenant_id=channel.tenant_id,
        tenant_slug=channel.tenant.slug,
        tenant_name=channel.tenant.name,
        name=channel.name,
        server_name=channel.server.name,
        server_host=urlsplit(channel.server.base_url).hostname or "",
        server_is_the_operators=channel.server.tenant_id is None,
        alerts_enabled=channel.alerts_enabled,
    )
    return advice.operator_step(watch.cause, subject, number=watch.code, received=watch.raw_state)


def _is_waited_for(channel: Channel, now) -> bool:
    watch = getattr(channel, "watch", None)
    if (
        watch is None
        or watch.requested_at is None
        or now - watch.requested_at > Sweep.WAITED_FOR
        or not fleet.is_watched(channel)
    ):
        return False
    is_looked_at = watch.look_started_at is not None and watch.look_started_at >= watch.requested_at
    return not (is_looked_at and watch.lease_until is None)
