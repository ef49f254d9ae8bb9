"""An independent witness: an address that has nothing to do with any server. Where it fails too, the fault is our network's.

Asked while some server is failing, at most once a tick, by whoever claims it; `connectivity.offline_since` says what it means.
"""

from datetime import datetime

import structlog
from django.conf import settings
from django.db import connection

from core import http

log = structlog.get_logger(__name__)

SECONDS = 3.0  # for each address


def refresh() -> None:
    """Ask the witness if it is time to, and write down what it said. Never raises for what the network does."""
    if settings.WITNESS_URLS and (asked_at := _claim()) and (answered := _ask()) is not None:
        with connection.cursor() as cursor:
            cursor.execute(_WRITE, {"answered": answered, "asked_at": asked_at})
        if not answered:
            log.warning("the witness does not answer either")


def _claim() -> datetime | None:
    """Return when it is asked, by the database's clock; None where it is not time to, or nothing fails."""
    with connection.cursor() as cursor:
        cursor.execute(_CLAIM, [settings.HEARTBEAT_TICK_SECONDS])
        return next((asked_at for (asked_at,) in cursor.fetchall()), None)


def _ask() -> bool | None:
    """Say whether any of the addresses answers; None where none of them may be asked.

    Any answer will do: whoever sends a 500 has been reached.
    """
    answered = None
    for url in settings.WITNESS_URLS:
        try:
            http.get(url, headers={}, seconds=SECONDS, operator_owned=True)
        except (http.BadAnswer, http.TooLarge):
            return True
        except http.Failure:
            answered = False
        except http.AddressRefused as refused:  # by us: that says nothing of our network
            log.error("a witness may not be asked: put it into EVOLUTION_ALLOWED_HOSTS", host=refused.host)
        else:
            return True
    return answered


_CLAIM = """
update channels_app_pulse
set witness_at = statement_timestamp()
where (witness_at is null or witness_at < statement_timestamp() - %s * interval '1 second'
        or witness_at > statement_timestamp())  -- a clock went back
    and exists (select from channels_app_reachability where failing_since is not null)
returning witness_at
"""

# What it says is of the moment it was asked at: an outage that began while it answered is none that it denies.
# A failure of old that a server has answered since is another one.
_WRITE = """
update channels_app_pulse p
set witness_answered_at = case when %(answered)s then %(asked_at)s else p.witness_answered_at end, witness_failing_since = case
    when %(answered)s then null
    when exists (select from channels_app_reachability r where r.last_success_at >= p.witness_failing_since) then %(asked_at)s
    else coalesce(p.witness_failing_since, %(asked_at)s)
end
"""
