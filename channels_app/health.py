"""Whether the watch itself is alive: read by the probes and by the banner of every page.

Asked without a scope the database would show no row, and the watch would look alive for ever. So what is here
enters service scope, and hands out seconds and flags: nothing of whose numbers they are.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

import redis
from django.conf import settings
from django.db import connection
from django.urls import reverse
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from channels_app import bell, strikes
from channels_app.models import WATCHED_SQL
from incidents.notices import moment
from notifications import announce
from notifications.models import Notification
from tenants import scope

INTERVALS_OVERDUE = 3  # a look that is later than this: somebody relies on a watch that does not watch
TICKS_MISSED = 6  # then the last tick is no longer fresh
BROKER_SECONDS = 1.0  # how long the broker may take to answer


class Dead(Enum):
    """The part that has to be started, as far as it can be told from outside."""

    TICK = "tick"  # switched off in the table of periodic tasks
    BROKER = "broker"
    WORKER = "worker"  # rings wait, and nobody takes them
    BEAT = "beat"  # nobody rings
    NONE = "none"  # all are there, and too slow


REMEDIES = {
    Dead.TICK: _("The watch's tick is switched off: switch “ring the watch” on under Administration > Periodic tasks."),
    Dead.BROKER: _("The broker (Valkey or Redis) does not answer: start it."),
    Dead.WORKER: _("Rings wait and nobody takes them: start the worker."),
    Dead.BEAT: _("Nobody rings: start beat."),
    Dead.NONE: _("All parts are running, but looks are late: start one more worker."),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    at: datetime  # the database's clock
    overdue_seconds: float  # of the oldest look that is due; 0 where none is
    tick_seconds: float | None  # since the last tick; None before the first
    errand_seconds: float  # since an errand was asked for and none has come back; 0 while they do
    is_tick_off: bool

    @property
    def is_tick_fresh(self) -> bool:
        return self.tick_seconds is not None and self.tick_seconds <= fresh_for().total_seconds()

    @property
    def is_overdue(self) -> bool:
        return self.overdue_seconds > INTERVALS_OVERDUE * settings.HEARTBEAT_INTERVAL_SECONDS

    @property
    def is_well(self) -> bool:
        """Does the watch watch, as far as it can tell itself?"""
        return self.is_tick_fresh and not self.is_overdue and not self.is_tick_off

    @property
    def blind_since(self) -> datetime | None:
        """Since when nobody looks; None while the watch watches."""
        if not (self.is_overdue or self.is_tick_off):
            return None
        seconds = self.overdue_seconds
        if self.tick_seconds is not None and not self.is_tick_fresh:
            seconds = max(seconds, self.tick_seconds)
        return self.at - timedelta(seconds=seconds)


@dataclass(frozen=True, slots=True)
class Glance:
    """What the pulse alone says, in one row."""

    is_surely_watching: bool  # `read` would find nothing to be blind about; False where that is not known
    offline_since: datetime | None  # our own network is gone: looks are made, and see nothing of any number


def fresh_for() -> timedelta:
    """How old the last tick may be and still be fresh."""
    return timedelta(seconds=TICKS_MISSED * settings.HEARTBEAT_TICK_SECONDS)


def read(*, tenant_id: int | None = None) -> Health:
    """Say how late the watch is, over all numbers or one clinic's. Raises django.db.Error where the database is away.

    One query inside its own scope; over all numbers it reads every watch.
    """
    with scope.use(scope.SERVICE), connection.cursor() as cursor:
        cursor.execute(_READ, {"ring": bell.RING, "tenant": tenant_id})
        at, tick_seconds, errand_seconds, overdue_seconds, is_tick_off = cursor.fetchone()
    return Health(
        at=at,
        overdue_seconds=float(overdue_seconds),
        tick_seconds=None if tick_seconds is None else float(tick_seconds),
        errand_seconds=float(errand_seconds),
        is_tick_off=is_tick_off,
    )


def glance() -> Glance:
    """Say what the last tick left, and whether that is enough. One row, in whatever scope.

    What is overdue now was so at the tick, by that much less, or has fallen due since.
    """
    with connection.cursor() as cursor:
        most = INTERVALS_OVERDUE * settings.HEARTBEAT_INTERVAL_SECONDS
        cursor.execute(_GLANCE, {"ring": bell.RING, "most": timedelta(seconds=most)})
        return Glance(*cursor.fetchone())


def dead_part(health: Health) -> Dead:
    """Say what has to be started. Asks the broker, for a second at most."""
    if health.is_tick_off:
        return Dead.TICK
    rings = _rings_waiting()
    if rings is None:
        return Dead.BROKER
    if health.is_tick_fresh:
        return Dead.NONE
    return Dead.WORKER if rings else Dead.BEAT


def remedy(health: Health) -> tuple[Promise, str]:
    """Say to the operator what to start, and where, if that is a page."""
    part = dead_part(health)
    return REMEDIES[part], reverse("admin:django_celery_beat_periodictask_changelist") if part is Dead.TICK else ""


def tell_operators(health: Health) -> bool:
    """Tell the operators in the app, once, that nobody looks since then; say whether somebody knows.

    The watch itself is dead, so whoever notices tells: a page's banner, or a probe.
    """
    since = health.blind_since
    # Where looks are only late, the oldest one's time moves on: not more than one message an hour.
    key = f"blind:{since:%Y-%m-%dT%H}" if health.is_tick_fresh else f"blind:{since:%Y-%m-%dT%H:%M}"
    with scope.use(scope.SERVICE):
        written = Notification.objects.filter(dedupe_key=key, user__is_saas_admin=True, user__is_active=True)
        if written.exists():
            return True
        sentence, link = remedy(health)
        body = format_lazy(_("No check since {since}. {remedy}"), since=moment(since, timezone.now()), remedy=sentence)
        notice = announce.warning(key, _("The watch is not watching"), body, link=link)
        return bool(announce.tell([notice], at=health.at)) or written.exists()


def broker_answers() -> bool:
    return _rings_waiting() is not None


def _rings_waiting() -> int | None:
    """Count the rings that no worker has taken; None where the broker does not answer."""
    try:
        with redis.Redis.from_url(
            settings.REDIS_URL, socket_timeout=BROKER_SECONDS, socket_connect_timeout=BROKER_SECONDS
        ) as broker:
            return broker.llen(bell.QUEUE)
    except (redis.RedisError, OSError):
        return None


# A number that nobody has adopted yet is due since it was made. One that was switched on again is due since the tick
# that was to forget it: nobody owed it a look before.
_DUE_SINCE = """
case when w.seen_server is null and w.last_health_check is not null
    then greatest(w.next_look_at, (select last_tick_at from channels_app_pulse))
    else coalesce(w.next_look_at, c.created_at) end
"""
# Of one clinic's numbers those that end their process are left out even where it has no others: the fleet is watched.
_OLDEST = f"""
case when %(tenant)s::bigint is null then {strikes.oldest(_DUE_SINCE)}
    else min({_DUE_SINCE}) filter (where not {strikes.IS_STRUCK}) end
"""
_READ = f"""
select statement_timestamp(),
    extract(epoch from statement_timestamp() - (select last_tick_at from channels_app_pulse)),
    greatest(0, coalesce(extract(epoch from statement_timestamp() - (select errand_asked_at from channels_app_pulse)), 0)),
    greatest(0, coalesce(extract(epoch from statement_timestamp() - {_OLDEST}), 0)),
    coalesce((select not bool_or(enabled) from django_celery_beat_periodictask where task = %(ring)s), false)
from channels_app_channel c
join tenants_tenant t on t.id = c.tenant_id
left join channels_app_watch w on w.channel_id = c.id
where {WATCHED_SQL} and (%(tenant)s::bigint is null or c.tenant_id = %(tenant)s)
"""  # noqa: S608 (our own constants)

_GLANCE = """
select exists (
    select from channels_app_pulse
    where statement_timestamp() - last_tick_at + oldest_overdue_seconds * interval '1 second' <= %(most)s
) and coalesce((select bool_or(enabled) from django_celery_beat_periodictask where task = %(ring)s), true),
    (select offline_since from channels_app_pulse)
"""
