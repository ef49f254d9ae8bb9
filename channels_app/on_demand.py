"""Asking for a look now: at one number, at a clinic's, or at all of them. Two clicks are one look."""

from collections.abc import Iterable
from datetime import timedelta

from django.core.exceptions import PermissionDenied
from django.db import connection, transaction
from django.db.models import Q
from django.db.models.functions import Now

from channels_app import bell
from channels_app.models import Channel, Sweep
from tenants import scope
from tenants.models import Membership, User

JOINED = timedelta(seconds=10)  # a second request within this time joins the first, while that waits


def request(*, by: User | None, tenant_id: int | None = None, channel_id: int | None = None) -> Sweep:
    """Ask for a look now at one channel, at one tenant's channels, or (neither given) at all of them; return the sweep.

    `by` is None for a command. Raises PermissionDenied where the person may not ask for these, also where the channel
    does not exist. The look comes within seconds where a worker is free, and with beat's next ring otherwise.
    """
    with scope.use(scope.SERVICE):
        if channel_id is not None:
            tenant_id = Channel.objects.filter(pk=channel_id).values_list("tenant_id", flat=True).first()
        if not _may_ask(by, tenant_id) or (channel_id is not None and tenant_id is None):
            raise PermissionDenied
        sweep = Sweep.objects.create(tenant_id=tenant_id, channel_id=channel_id, requested_by=by)
        _make_due(sweep.channels().values_list("pk", flat=True))
    return sweep


def request_once(*, by: User, channel_id: int) -> Sweep:
    """Ask for a look now at one channel, or join what was asked for a moment ago and still waits: two clicks, one effect.

    Whoever asked: two people on two pages share one look. Raises as `request` does.
    """
    with scope.use(scope.SERVICE):
        channel = Channel.objects.filter(pk=channel_id)
        tenant_id = channel.values_list("tenant_id", flat=True).first()
        if tenant_id is None or not _may_ask(by, tenant_id):
            raise PermissionDenied
        # Of two at the same moment, the second waits here until the first has ended, and then sees what that asked for.
        channel.select_for_update(no_key=True).values("pk").first()
        recent = Q(started_at__gt=Now() - JOINED, started_at__lte=Now())
        mine = Sweep.objects.filter(recent, Q(channel=channel_id) | Q(channel=None, tenant=tenant_id))
        last = mine.order_by("-started_at", "-pk").first()
        if last and last.waiting().filter(pk=channel_id).exists():
            return last
        return request(by=by, channel_id=channel_id)


def request_each(channels: Iterable[Channel], *, by: User) -> None:
    """Ask for a look now at each of these; the operator's alone. Three statements and one ring, however many they are."""
    if not _may_ask(by, None):
        raise PermissionDenied
    channels = list(channels)
    with scope.use(scope.SERVICE):
        Sweep.objects.bulk_create(Sweep(tenant_id=c.tenant_id, channel_id=c.pk, requested_by=by) for c in channels)
        _make_due(channel.pk for channel in channels)


def _make_due(channel_ids: Iterable[int]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(_REQUEST, [list(channel_ids)])
    transaction.on_commit(bell.ring, robust=True)


def _may_ask(person: User | None, tenant_id: int | None) -> bool:
    if person is None or person.is_saas_admin:
        return person is None or person.is_active
    return tenant_id is not None and Membership.objects.in_force().filter(user=person, tenant=tenant_id).exists()


_REQUEST = """
update channels_app_watch
set requested_at = statement_timestamp(), next_look_at = least(next_look_at, statement_timestamp())
where channel_id in (
    select channel_id from channels_app_watch where channel_id = any(%s) order by channel_id for no key update)
"""
