"""The check that somebody asked for: is it still waited for, and what came of it."""

from collections.abc import Collection
from datetime import datetime, timedelta

from django.utils.translation import gettext as _

from channels_app.models import STATUS_LABELS, Channel, Sweep
from channels_app.number import Number
from incidents.readings import Status

TAKES_LONG = timedelta(seconds=20)  # a check that was asked for usually ends within seconds
RESULT_SHOWN = timedelta(minutes=2)


def read(channels: Collection[Channel], now: datetime) -> dict[int, Sweep]:
    """The last sweep that each channel belongs to, as far as it can still matter. One query."""
    tenants = {channel.tenant_id for channel in channels}
    rows = Sweep.objects.filter(tenant__in=tenants, started_at__gt=now - Sweep.WAITED_FOR).order_by("started_at", "pk")
    last: dict[int, Sweep] = {}
    for sweep in rows:
        covered = [sweep.channel_id] if sweep.channel_id else [c.pk for c in channels if c.tenant_id == sweep.tenant_id]
        last |= dict.fromkeys(covered, sweep)
    return last


def is_waited_for(sweep: Sweep | None, number: Number) -> bool:
    """As Sweep.waiting() has it, without a query per number."""
    return sweep is not None and number.is_waited_for(sweep.started_at)


def sentence(sweep: Sweep | None, number: Number) -> str:
    """Empty where nothing was asked for, or too long ago."""
    if is_waited_for(sweep, number):
        if number.now - sweep.started_at < TAKES_LONG:
            return _("Check asked for: the result appears here.")
        return _("The check is taking longer than usual: the result appears here.")
    if sweep is None or not number.is_watched or number.now - sweep.started_at > RESULT_SHOWN:
        return ""
    verdict = number.watch.last_verdict_at
    if verdict is None or verdict < sweep.started_at:
        return _("The check did not succeed. It is repeated by itself.")
    is_known = number.status is not Status.UNKNOWN
    return _("Checked: %(result)s.") % {"result": STATUS_LABELS[number.status] if is_known else number.watch.cause_title}
