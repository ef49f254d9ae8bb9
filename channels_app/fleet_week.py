"""How well was the whole fleet connected within seven days? The watch reckons it every five minutes; `fleet.week` reads it.

As for one number: time is up or down where a verdict said so, cut to after the number was paired. Where nobody looked, or
it could not be known, it is blind, and counts neither way. A number that can never be verified is not in the count.
"""

from datetime import timedelta

from django.db import connection

from channels_app.gateways.evolution_answers import NOT_VERIFIABLE
from channels_app.models import WATCHED_SQL
from channels_app.timing import WEEK
from incidents.periods import longest_gap

MEASURED_EVERY = timedelta(minutes=5)


def measure_if_due() -> bool:
    """Reckon anew what was reckoned too long ago; say whether this call did. One of several workers does.

    While no number is in the count there is nothing to save, and the first one is not to wait for five minutes.
    If it dies on the way, what was reckoned before stands until the next time is due. Costs: see docs/performance.md.
    """
    with connection.cursor() as cursor:
        cursor.execute(_CLAIM, [MEASURED_EVERY])
        if not cursor.rowcount:
            return False
        cursor.execute(_MEASURE, {"week": WEEK, "gap": longest_gap(), "not_verifiable": sorted(NOT_VERIFIABLE)})
    return True


_CLAIM = """
update channels_app_pulse set week_measured_at = statement_timestamp()
where week_measured_at is null or week_numbers = 0 or week_measured_at <= statement_timestamp() - %s
    or week_measured_at > statement_timestamp()  -- a clock went back
"""

# Until when an open period holds is said as in stretches.seen_until.
_MEASURE = f"""
with counted as materialized (
    select w.channel_id, greatest(w.paired_at, statement_timestamp() - %(week)s) as since,
        case when w.last_verdict_at < statement_timestamp() - %(gap)s then w.last_verdict_at
            else statement_timestamp() end as seen_until
    from channels_app_watch w
    join channels_app_channel c on c.id = w.channel_id
    join tenants_tenant t on t.id = c.tenant_id
    where {WATCHED_SQL} and w.paired_at is not null and w.connection_status <> 'unknown'
        and w.integration <> all(%(not_verifiable)s)
), seen as (
    select p.status = 'open' as is_up, coalesce(p.ended_at, n.seen_until) - greatest(p.started_at, n.since) as length
    from counted n join channels_app_connectionperiod p on p.channel_id = n.channel_id
    where p.status <> 'unknown' and (p.ended_at is null or p.ended_at > statement_timestamp() - %(week)s)
), total as (
    select (select count(*) from counted) as numbers,
        (select extract(epoch from sum(statement_timestamp() - since)) from counted) as whole,
        coalesce(extract(epoch from sum(length) filter (where is_up)), 0) as up,
        coalesce(extract(epoch from sum(length) filter (where not is_up)), 0) as down
    from seen where length > interval '0'
)
update channels_app_pulse
set week_numbers = numbers, week_up_seconds = up, week_down_seconds = down,
    week_blind_seconds = greatest(0, coalesce(whole, 0) - up - down)
from total
"""  # noqa: S608 (our own constants)
