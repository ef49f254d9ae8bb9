"""While the watch is healthy, an address of the operator's choice hears so once a minute. There, silence is the alarm.

What listens (Healthchecks or its like) stands outside, so it also notices what nobody here could tell of: a dead machine.
"""

import threading
from datetime import timedelta

import structlog
from django.conf import settings
from django.db import connection

from channels_app import health
from core import http

log = structlog.get_logger(__name__)

EVERY = timedelta(minutes=1)
SECONDS = 3.0  # for one ping

_last_failure = ""  # of this process; what fails in the same way again is no news


def send_if_healthy() -> None:
    """Ping if it is time to and the watch is well; in a thread of its own, so that no look waits for it. Two queries."""
    if settings.HEALTHCHECK_PING_URL and _claim() and health.read().is_well:
        threading.Thread(target=send, name="ping", daemon=True).start()


def send() -> None:
    """Ping. Never raises; the log hears of changes alone, and never the address: whoever knows it can ping too."""
    global _last_failure
    failure = _ask()
    if failure and failure != _last_failure:
        log.warning("the ping does not get through", failure=failure)
    elif _last_failure and not failure:
        log.info("the ping gets through again")
    _last_failure = failure


def _ask() -> str:
    """Return what went wrong, or nothing."""
    try:
        answer = http.get(settings.HEALTHCHECK_PING_URL, headers={}, seconds=SECONDS, operator_owned=True)
    except (http.Failure, http.AddressRefused) as error:
        return type(error).__name__
    return "" if 200 <= answer.status < 300 else f"status {answer.status}"


def _claim() -> bool:
    with connection.cursor() as cursor:
        cursor.execute(_CLAIM, [EVERY])
        return bool(cursor.rowcount)


# Far ahead: a clock went back.
_CLAIM = """
update channels_app_pulse set ping_at = statement_timestamp()
where ping_at is null or abs(extract(epoch from statement_timestamp() - ping_at)) >= extract(epoch from %s::interval)
"""
