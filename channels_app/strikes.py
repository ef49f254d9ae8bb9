"""A number whose looks end with their process, time after time: it is left out of what says how late the watch is, and the
operators hear of it by name.

The others are watched meanwhile (`due.claim_alone`, decision 0009): that it waits is no sign of a watch that does not watch.
"""

from datetime import datetime

from django.db import connection, transaction
from django.urls import reverse
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from channels_app.due import STRIKES_UNTIL_ALONE
from channels_app.models import WATCHED_SQL
from notifications import announce
from notifications.announce import Notice

IS_STRUCK = f"coalesce(w.strikes, 0) >= {STRIKES_UNTIL_ALONE}"


def oldest(moment: str) -> str:
    """The SQL for the earliest of these moments among watched numbers, but for those.

    Where there are no others it is their own: then everything ends with its process, and nobody is watched.
    """
    return f"coalesce(min({moment}) filter (where not {IS_STRUCK}), min({moment}))"


def tell_operators() -> None:
    """Tell them of each such number, once a day."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_STRUCK)
        struck = cursor.fetchall()
        if struck:
            at = struck[0][-1]
            announce.tell([_notice(pk, f"{clinic} · {name}", at=at) for pk, clinic, name, _at in struck], at=at)


def _notice(channel_id: int, number: str, *, at: datetime) -> Notice:
    body = _(
        "Each check of {number} brings down the process that makes it. It is checked alone now: the other numbers are watched, "
        "of this one nothing is known. Look into the worker's log; while the number is switched off, nothing is brought down."
    )
    return announce.warning(
        f"strikes:{channel_id}:{at:%Y-%m-%d}",
        format_lazy(_("{number}: its check brings down the process"), number=number),
        format_lazy(body, number=number),
        link=reverse("channel", args=[channel_id]),
    )


# One that is being looked at may be about to give a result.
_STRUCK = f"""
select c.id, t.name, c.name, statement_timestamp()
from channels_app_watch w
join channels_app_channel c on c.id = w.channel_id
join tenants_tenant t on t.id = c.tenant_id
where {WATCHED_SQL} and {IS_STRUCK} and (w.lease_until is null or w.lease_until <= statement_timestamp())
order by c.id
"""  # noqa: S608 (our own constants)
