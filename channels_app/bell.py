"""The doorbell of the watch: it says "something is due", never what. What is due lives in PostgreSQL.

A ring that is lost costs at most one tick: beat rings again. So does an errand's: whoever wants the list asks again.
"""

from collections.abc import Iterable

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


def ring() -> None:
    """Ask some worker process to look at what is due. Never raises when the broker is away."""
    try:
        current_app.send_task(RING, queue=QUEUE, retry=False)
    except OperationalError as error:
        log.warning("the broker did not take a ring; beat's next one will do", error=type(error).__name__)


def ask_for_lists(server_ids: Iterable[int]) -> None:
    """Have each server's own list asked for. Never raises either, and waits for a broker that is away but once."""
    for server_id in server_ids:
        if not _send(LIST, server_id):
            return


def ask_the_witness() -> None:
    """Have the independent witness asked whether our own network is there. Never raises either."""
    _send(WITNESS)


def go_on_pruning() -> None:
    """Have more of what is old deleted, after the errands that wait. Never raises either."""
    _send(PRUNE)


def ask_for_a_sign() -> None:
    """Have an errand run that does nothing, unless others wait: the first of them is a sign, too. Never raises either."""
    try:
        with current_app.connection_for_write() as connection:
            others_wait = connection.default_channel.queue_declare(ERRANDS).message_count
    except OperationalError as error:
        log.warning("the broker is away; nobody is asked for a sign", error=type(error).__name__)
    else:
        if not others_wait:
            _send(SIGN)


def _send(errand: str, *arguments: int) -> bool:
    try:
        current_app.send_task(errand, args=arguments, queue=ERRANDS, retry=False)
    except OperationalError as error:
        log.warning("the broker did not take an errand; who needs it asks again", error=type(error).__name__)
        return False
    return True


def silence() -> None:
    """Take the waiting rings off the queue: a loop that starts answers all of them at once. Never raises either."""
    try:
        with current_app.connection_for_write() as connection:
            connection.default_channel.queue_purge(QUEUE)
    except OperationalError as error:
        log.warning("the broker is away; the rings that wait there are answered later", error=type(error).__name__)
