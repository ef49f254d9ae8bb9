"""Servers as looks make them, for the rules that know no database."""

from datetime import timedelta

from channels_app.circuit import History, ServerState, observe
from incidents.readings import Reading, Status
from tests.support.readings import NOON, reading

SECOND = timedelta(seconds=1)
WELL = History(status=Status.OPEN, cause="connected", is_paired=True)
ILL = History(status=Status.DISCONNECTED, cause="logged_out", is_paired=True)
FRESH = ServerState()


def failed(at=NOON, cause="server_unreachable", **fields) -> Reading:
    return reading(cause, Status.ERROR, at, **fields)


def after(*looks: tuple[Reading, History], server: ServerState = FRESH, **facts) -> ServerState:
    return observe(server, looks, **facts)


def three_failures(history: History = WELL) -> ServerState:
    return after(*((failed(NOON + n * SECOND), history) for n in range(3)))
