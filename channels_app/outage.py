"""An outage of Vigia itself: the tick that comes back has written down how long nobody looked; here the operators hear it.

Once, and only when it is known what it cost. It is no incident: nothing bad was seen of any number meanwhile. Where a worker
knows by its own time that it has just ticked, the gap is a clock that jumped ahead, and no outage.
"""

from datetime import datetime

import structlog
from django.db import connection, transaction
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext_lazy

from channels_app import timing
from channels_app.models import WATCHED_SQL
from core import clock
from incidents.notices import moment
from notifications import announce
from notifications.announce import Notice

log = structlog.get_logger(__name__)

INTERVALS_AWAY = 3  # without a tick: then nobody looked
INTERVALS_WAITED = 2  # for numbers that nobody has looked at since


_ticked = clock.shared_second()  # since boot, when a process of this worker wrote its last pulse


def remember_tick() -> None:
    """Remember that a pulse has been written."""
    _ticked[0] = clock.seconds_since_boot()


def has_just_ticked() -> bool:
    """Has this worker written a pulse within the time that makes an outage?"""
    return _ticked[0] > 0 and clock.seconds_since_boot() - _ticked[0] < timing.intervals(INTERVALS_AWAY).total_seconds()


def forget_tick() -> None:
    """In tests, whose process goes on."""
    _ticked[0] = 0


def tell_operators() -> None:
    """Tell them once of an outage that is over, when each number has been looked at again or has had time enough for it."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_OVER, {"waited": timing.intervals(INTERVALS_WAITED)})
        over = cursor.fetchone()
        if over is None:
            return
        started_at, ended_at, now = over
        cursor.execute(_FALLEN, {"at": started_at, "reach": timing.intervals(1), "fresh": timing.intervals(INTERVALS_AWAY)})
        (fallen,) = cursor.fetchone()
        announce.tell([_notice(started_at, ended_at, fallen, at=now)], at=now)
        cursor.execute(_TOLD)
    log.warning("nobody looked", since=started_at.isoformat(), until=ended_at.isoformat(), fallen=fallen)


def _notice(started_at: datetime, ended_at: datetime, fallen: int, *, at: datetime) -> Notice:
    body = format_lazy(_sentence(fallen), start=moment(started_at, at), end=moment(ended_at, at), n=fallen)
    return announce.warning(
        f"outage:{started_at.timestamp():.0f}", _("The watch was away and is back"), body, link=reverse("overview")
    )


def _sentence(fallen: int) -> Promise:
    if not fallen:
        return _("No check from {start} to {end}; no number that was connected before is down now.")
    return ngettext_lazy(
        "No check from {start} to {end}; {n} number that was connected before is down now.",
        "No check from {start} to {end}; {n} numbers that were connected before are down now.",
        fallen,
    )


_OVER = f"""
select p.outage_started_at, p.outage_ended_at, statement_timestamp()
from channels_app_pulse p
where p.outage_ended_at is not null and (p.outage_ended_at + %(waited)s <= statement_timestamp() or not exists (
    select from channels_app_channel c
    join tenants_tenant t on t.id = c.tenant_id
    left join channels_app_watch w on w.channel_id = c.id
    where {WATCHED_SQL} and (w.last_health_check is null or w.last_health_check < p.outage_ended_at)))
for no key update of p skip locked
"""  # noqa: S608 (our own constants)

# What a number was before is its last period that began before nobody looked, or with the last looks after the last tick.
_FALLEN = f"""
select count(*)
from channels_app_watch w
join channels_app_channel c on c.id = w.channel_id
join tenants_tenant t on t.id = c.tenant_id
where {WATCHED_SQL} and w.paired_at is not null
    and w.connection_status in ('connecting', 'qr_pending', 'disconnected', 'error')
    and (select p.status = 'open' and (p.ended_at is null or p.ended_at >= %(at)s - %(fresh)s)
        from channels_app_connectionperiod p
        where p.channel_id = w.channel_id and p.started_at <= %(at)s + %(reach)s
        order by p.started_at desc limit 1)
"""  # noqa: S608

_TOLD = "update channels_app_pulse set outage_started_at = null, outage_ended_at = null"
