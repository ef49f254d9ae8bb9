"""The doorbell of the watch: it says "something is due", never what. What is due lives in PostgreSQL.

A ring that is lost costs at most one tick: beat rings again. So does an errand's: whoever wants the list asks again. So nothing
here raises where the broker is away, and what nobody takes does not pile up.
"""

import redis
import structlog
from celery import current_app
from kombu.exceptions import OperationalError

log = structlog.get_logger(__name__)

QUEUE = "watch"
RING = "channels_app.tasks.ring"
ERRANDS = "errands"  # what may take its time, in one process
LIST = "channels_app.tasks.list_server"
WITNESS = "channels_app.tasks.ask_witness"
PRUNE = "channels_app.tasks.prune"
SIGN = "channels_app.tasks.give_sign"

MOST_ERRANDS = 100  # that wait: no list is asked for beyond

_AWAY = (OperationalError, redis.RedisError, OSError)  # kombu gives its own error for sending and connecting alone


def ring() -> None:
    """Ask some worker process to look at what is due."""
    _send(RING, queue=QUEUE)


def silence() -> None:
    """Take the waiting rings off the queue: a loop that starts answers all of them at once."""
    try:
        with current_app.connection_for_write() as connection:
            connection.default_channel.queue_purge(QUEUE)
    except _AWAY as error:
        log.warning("the broker is away; the rings that wait there are answered later", error=type(error).__name__)


def room_for_lists() -> int:
    """Say how many lists may be asked for now; none where the broker is away."""
    waiting = _errands_waiting()
    return 0 if waiting is None else max(0, MOST_ERRANDS - waiting)


def ask_for_list(server_id: int) -> bool:
    """Have a server's own list asked for. False where the broker is away."""
    return _send(LIST, server_id)


def ask_the_witness() -> None:
    """Have the independent witness asked whether our own network is there, unless others wait: each errand asks it."""
    _send_where_none_waits(WITNESS)


def ask_for_a_sign() -> None:
    """Have an errand run that does nothing, unless others wait: the first of them is a sign, too."""
    _send_where_none_waits(SIGN)


def go_on_pruning() -> None:
    """Have more of what is old deleted, after the errands that wait."""
    _send(PRUNE)


def _send_where_none_waits(errand: str) -> None:
    if _errands_waiting() == 0:
        _send(errand)


def _errands_waiting() -> int | None:
    """Count the errands that no worker has taken; None where the broker is away."""
    try:
        with current_app.connection_for_write() as connection:
            return connection.default_channel.queue_declare(ERRANDS).message_count
    except _AWAY as error:
        log.warning("the broker is away; no errand is asked for", error=type(error).__name__)
        return None


def _send(task: str, *arguments: int, queue: str = ERRANDS) -> bool:
    try:
        current_app.send_task(task, args=arguments, queue=queue, retry=False)
    except _AWAY as error:
        log.warning("the broker did not take a message; the next one will do", task=task, error=type(error).__name__)
        return False
    return True
