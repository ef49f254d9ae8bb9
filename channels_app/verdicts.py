"""Settle a reading by what a single look cannot know: the other looks at its server, and its own history.

Pure: no clock, no database, no Django. A gateway says what one look saw; `circuit` keeps what the looks together say of
a server; `settle` turns a reading into the verdict that `lifecycle` judges. Lengths that users know in minutes are
`Limits`' minutes, so that tests can shorten them.
"""

from dataclasses import replace
from datetime import datetime, timedelta

from channels_app.circuit import CLOCKS_MAY_DIFFER, History, Limits, ServerState, is_failure
from incidents.causes import UNSEEN_OWN_NETWORK, UNSEEN_SERVER_BACK
from incidents.readings import Health, Reading, Status

LOGOUTS = {"logged_out", "logged_out_by_command", "banned", "replaced"}

LOOKS_UNTIL_MISSING = 3


def settle(
    seen: Reading,
    history: History,
    server: ServerState,
    *,
    is_offline: bool = False,
    is_storm: bool = False,
    limits: Limits,
) -> Reading:
    """Return the verdict. `server` is as `observe` left it after this look; `is_storm` as `refuses_all` has it."""
    if seen.health is Health.UNSEEN:
        return seen
    if is_offline and is_failure(seen, history):
        return replace(seen, status=None, cause=UNSEEN_OWN_NETWORK)
    if seen.health is Health.UNHEALTHY and (left := _grace_left(server, seen.at, limits)):
        return replace(seen, status=None, cause=UNSEEN_SERVER_BACK, again_in=left)
    if server.is_dark and _is_its_servers(seen, history, server):
        return replace(seen, cause=server.dark_cause)  # else a probe would turn the cause, and what is inferred back again
    if is_storm and seen.cause == "key_rejected" and history.has_own_token:
        return replace(seen, cause="server_error")
    return _by_its_history(seen, history, limits)


def infer(cause: str, *, at: datetime) -> Reading:
    """Return what stands for a look at a number of a server that is dark: nobody looked at it itself."""
    return Reading(at=at, status=Status.ERROR, cause=cause, inferred=True)


def _is_its_servers(seen: Reading, history: History, dark: ServerState) -> bool:
    """Is what a look met its dark server's trouble? Not where that is a key which this number has not."""
    if not history.has_own_token:
        return is_failure(seen, history)
    is_refused = seen.cause == "key_rejected" and dark.refused_since is not None  # one more drop of the storm
    return is_refused or (is_failure(seen, history) and dark.dark_cause != "key_rejected")


def _grace_left(server: ServerState, at: datetime, limits: Limits) -> timedelta | None:
    if server.is_dark or server.back_at is None or at < server.back_at:
        return None
    left = server.back_at + limits.grace - at
    return left if left > timedelta() else None


def _by_its_history(seen: Reading, history: History, limits: Limits) -> Reading:
    match seen.cause:
        case "starting":
            return _loading(seen, history, limits)
        case "reconnecting" if history.cause == "stuck_connecting" or _lasts(seen, history, limits.reconnecting):
            return replace(seen, cause="stuck_connecting")
        case "instance_missing":
            return _missing(seen, history, limits)
        case "awaiting_scan" | "qr_expired" | "never_paired" if history.is_paired:
            return replace(seen, cause="logged_out")
        case cause if cause in LOGOUTS and _is_stale(seen, history):
            return replace(seen, cause="reason_unknown", code=None)
    return seen


def _loading(seen: Reading, history: History, limits: Limits) -> Reading:
    """Without a state in memory, the server has not loaded the number; with one, it is between two states."""
    if seen.raw_state != "absent":
        is_stuck = history.cause == "stuck_connecting" or _lasts(seen, history, limits.reconnecting)
        return replace(seen, cause="stuck_connecting") if is_stuck else seen
    if history.cause == "not_loaded" or _lasts(seen, history, limits.loading):
        return replace(seen, status=Status.ERROR, cause="not_loaded")
    return seen


def _missing(seen: Reading, history: History, limits: Limits) -> Reading:
    """One 404 is not "missing": Redis lost and a restart both give it for a moment. Until it holds, the server is in error."""
    is_another = history.cause == "server_error" and history.code == seen.code
    holds = is_another and history.cause_streak + 1 >= LOOKS_UNTIL_MISSING and _lasted(seen, history, limits.missing)
    if not history.is_listed and (holds or history.cause == "instance_missing"):
        return seen
    return replace(seen, cause="server_error")


def _lasts(seen: Reading, history: History, length: timedelta) -> bool:
    return history.cause == seen.cause and _lasted(seen, history, length)


def _lasted(seen: Reading, history: History, length: timedelta) -> bool:
    return history.cause_since is not None and seen.at - history.cause_since >= length


def _is_stale(seen: Reading, history: History) -> bool:
    """A reason stays in the row after a new pairing: it is believed where it ended after the number was last seen open."""
    if seen.ended_at is None or history.last_open_at is None:
        return False
    return seen.ended_at < history.last_open_at - CLOCKS_MAY_DIFFER
