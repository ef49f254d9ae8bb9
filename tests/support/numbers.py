"""Numbers in a state, as the watch would have left them."""

from datetime import timedelta

from django.utils import timezone

from channels_app.models import Channel, ConnectionPeriod, Server, Watch
from incidents.models import Incident
from tenants.models import Tenant
from tests.support import people

HOUR = timedelta(hours=1)


def number(
    tenant: Tenant,
    on: Server,
    status: str = "open",
    cause: str = "connected",
    *,
    paired: bool = True,
    incident: bool = False,
    checked: timedelta = timedelta(),
    seen: timedelta | None = None,
    **fields: object,
) -> Channel:
    """Make a number that is so for an hour: number(clinic, server, "disconnected", "logged_out", incident=True).

    `checked`: how long ago it was looked at last; `seen`: how long ago that gave a verdict, if not then.
    """
    now, channel = timezone.now(), people.channel(tenant, on, **fields)
    since, of = now - HOUR, {"channel": channel, "tenant": tenant}
    Watch.objects.create(
        connection_status=status, cause=cause, status_since=since, last_health_check=now - checked,
        last_verdict_at=now - (checked if seen is None else seen), paired_at=since if paired else None, **of,
    )  # fmt: skip
    ConnectionPeriod.objects.create(status=status, cause=cause, started_at=since, **of)
    if incident:
        Incident.objects.create(kind="disconnected", cause=cause, started_at=since, opened_at=now, **of)
    return channel


def was(channel: Channel, *periods: tuple[str, timedelta, timedelta | None]) -> None:
    """Give it its history: (status, how long ago it began, how long ago it ended or None)."""
    now = timezone.now()
    ConnectionPeriod.objects.filter(channel=channel).delete()
    for status, began, ended in periods:
        ConnectionPeriod.objects.create(
            channel=channel, tenant=channel.tenant, status=status, cause="connected",
            started_at=now - began, ended_at=None if ended is None else now - ended,
        )  # fmt: skip
