"""Whether errands come back. Each tick asks for one that does nothing; whichever comes back is an answer.

The pulse holds since when none has. `deadman` ends a worker that has gone deaf, so that its supervisor starts it anew; where
that does not help, or there is no such worker, the operators hear it here.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from django.conf import settings
from django.db import connection, transaction
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from channels_app import bell, deadman, outage, timing, witness
from incidents.notices import moment
from notifications import announce
from notifications.announce import Notice

SOFT_SECONDS, HARD_SECONDS = 60, 75  # that an errand may take: then it is told to end, then it is ended
INTERVALS_LATE = 4  # beside what an errand may take: a worker that has gone deaf has ended itself before


@contextmanager
def under_way() -> Iterator[None]:
    """Run an errand, and let everybody know that it came back, however it ended. Then ask the witness, if it is time to.

    So the witness, which says whose network is gone, waits for one errand at most, however many lists are asked for.
    """
    deadman.errand_begins(HARD_SECONDS)
    try:
        yield
    finally:
        deadman.errand_is_back()
        with connection.cursor() as cursor:
            cursor.execute(_IS_BACK)
    witness.refresh()


def keep_up() -> None:
    """Do a tick's work, before its pulse: ask, and tell the operators where nobody has answered for long."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_ASK, {"away": timing.intervals(outage.INTERVALS_AWAY)})
        asked_at, now = cursor.fetchone() or (None, None)  # before the first pulse
        if asked_at and now - asked_at > late():
            announce.tell([_notice(asked_at, at=now)], at=now)
    bell.ask_for_a_sign()


def late() -> timedelta:
    """After how long without an errand that came back the operators are told."""
    return timedelta(seconds=INTERVALS_LATE * settings.HEARTBEAT_INTERVAL_SECONDS + HARD_SECONDS)


def _notice(since: datetime, *, at: datetime) -> Notice:
    body = _(
        "None has come back since {since}: start the errands' worker, or look into its log. Numbers are watched meanwhile, "
        "but reasons that need a server's whole list are missing."
    )
    return announce.warning(
        f"errands:{since.timestamp():.0f}", _("Errands do not come back"), format_lazy(body, since=moment(since, at))
    )


# While nobody ticked, nobody asked: a question from before an outage, or from before the clock jumped, is put anew.
_ASK = """
update channels_app_pulse
set errand_asked_at = case
    when errand_asked_at <= last_tick_at and last_tick_at > statement_timestamp() - %(away)s then errand_asked_at
    else statement_timestamp()
end
returning errand_asked_at, statement_timestamp()
"""

_IS_BACK = "update channels_app_pulse set errand_asked_at = null where errand_asked_at is not null"
