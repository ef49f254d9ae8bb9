"""Readings and what the ledger is handed, made in a word."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from channels_app.models import Channel
from incidents.advice import Subject
from incidents.ledger import Bad, Recovered
from incidents.readings import Reading, Status

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def subject(channel: Channel, **fields: object) -> Subject:
    return Subject(
        **{
            "channel_id": channel.pk,
            "tenant_id": channel.tenant_id,
            "tenant_slug": channel.tenant.slug,
            "tenant_name": channel.tenant.name,
            "name": channel.name,
            "server_name": channel.server.name,
            "server_host": "evolution.example.com",
            "server_is_the_operators": channel.server.tenant_id is None,
            "alerts_enabled": channel.alerts_enabled,
        }
        | fields
    )


def reading(
    cause: str = "logged_out", status: Status | None = Status.DISCONNECTED, at: datetime = NOON, **fields: object
) -> Reading:
    return Reading(at=at, status=status, cause=cause, **fields)


def healthy(at: datetime = NOON, **fields: object) -> Reading:
    return reading("connected", Status.OPEN, at, raw_state="open", **fields)


def bad(
    channel: Channel,
    cause: str = "logged_out",
    *,
    at: datetime = NOON + 5 * MINUTE,
    started_at: datetime = NOON,
    **fields: object,
) -> Bad:
    """A channel that has been down, since noon unless said otherwise."""
    status = Status.ERROR if cause.startswith("server_") else Status.DISCONNECTED
    return Bad(
        subject=subject(channel, **fields), seen=reading(cause, status, at), started_at=started_at, readings=[{"cause": cause}]
    )


def unstable(channel: Channel, *, at: datetime = NOON + 9 * MINUTE, **fields: object) -> Bad:
    """A channel that fell three times since noon, and is up just now."""
    return replace(bad(channel, at=at, **fields), seen=healthy(at), is_unstable=True, cause_holds=True, drops=3, minutes=9)


def holds(item: Bad) -> Bad:
    """The second reading in a row with this cause."""
    return replace(item, cause_holds=True)


def recovered(channel: Channel, *, at: datetime = NOON + 25 * MINUTE, seen_at: datetime | None = None) -> Recovered:
    return Recovered(subject=subject(channel), at=at, seen_at=seen_at or at)
