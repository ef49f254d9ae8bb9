"""Settle a reading by what a single look cannot know: the other looks at its server, and its own history.

Pure: no clock, no database, no Django. A gateway says what one look saw; `observe` keeps what the looks together say of
a server; `settle` turns a reading into the verdict that `lifecycle` judges. Lengths that users know in minutes are
`Limits`' minutes, so that tests can shorten them.
"""

from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from datetime import datetime, timedelta

from incidents.causes import UNSEEN_ASKED_TO_WAIT, UNSEEN_OWN_NETWORK, UNSEEN_SERVER_BACK
from incidents.readings import Health, Reading, Status

# What may concern every number of a server alike: where it does, none of them is answered otherwise. A refused key is one of
# them where it is the server's own.
SERVER_WIDE = {"server_unreachable", "server_error", "certificate", "wrong_address", "invalid_answer", "address_refused"}
LOCAL_ERRORS = {"no route", "resolver gone"}  # raw words of a look that never left this machine's network
LOGOUTS = {"logged_out", "logged_out_by_command", "banned", "replaced"}

LOOKS_UNTIL_DARK = 3
HEALTHY_UNTIL_DARK = 2
HOSTS_UNTIL_OFFLINE = 3
LOOKS_UNTIL_MISSING = 3
REFUSED_UNTIL_STORM = 2
CLOCKS_MAY_DIFFER = timedelta(minutes=5)  # a server's and ours; our own before and after somebody set it
LATENCY_WEIGHT = 0.2  # of the newest look


@dataclass(frozen=True, slots=True)
class Limits:
    """`minute` is 60 s, but in tests."""

    minute: timedelta = timedelta(minutes=1)

    @property
    def grace(self) -> timedelta:
        """After a server came back: what it has not loaded yet is no news."""
        return self.minute

    @property
    def loading(self) -> timedelta:
        return 5 * self.minute

    @property
    def reconnecting(self) -> timedelta:
        return 15 * self.minute

    @property
    def missing(self) -> timedelta:
        return self.minute

    @property
    def turning(self) -> timedelta:
        """A dark server fails for another cause when that has lasted so long: not each probe that meets another one."""
        return 5 * self.minute


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerState:
    """What the looks up to now say of a server as a whole."""

    last_success_at: datetime | None = None
    latency_ms: float | None = None
    failed_looks: int = 0  # since the last success
    failed_on_healthy: int = 0
    failing_since: datetime | None = None
    failing_locally_since: datetime | None = None
    failing_cause: str = ""  # of the last failed look
    failing_cause_since: datetime | None = None
    refused_since: datetime | None = None
    dark_since: datetime | None = None
    dark_cause: str = ""
    was_dark_since: datetime | None = None  # the last outage that is over
    back_at: datetime | None = None  # and its end

    @property
    def is_dark(self) -> bool:
        return self.dark_since is not None


NOTHING_FAILS = {
    "failed_looks": 0,
    "failed_on_healthy": 0,
    "failing_since": None,
    "failing_locally_since": None,
    "failing_cause": "",
    "failing_cause_since": None,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """What the watch knows of a channel before the reading."""

    status: str = Status.UNKNOWN
    cause: str = ""
    code: int | None = None
    cause_since: datetime | None = None
    cause_streak: int = 0
    is_paired: bool = False  # it has been connected once
    last_open_at: datetime | None = None
    has_own_token: bool = False
    is_listed: bool | None = None  # by a full list of the server since `cause_since`; None: not known

    @property
    def was_healthy(self) -> bool:
        return self.status == Status.OPEN


# --- A server, by all its looks ------------------------------------------------------------------------------------


def is_failure(seen: Reading, history: History) -> bool:
    """Say whether a look failed for a reason that concerns every number of the server."""
    return concerns_every_number(seen.cause, has_own_token=history.has_own_token)


def concerns_every_number(cause: str, *, has_own_token: bool) -> bool:
    """Say whether this cause is the server's trouble rather than the number's."""
    return cause in SERVER_WIDE or (cause == "key_rejected" and not has_own_token)


def is_success(seen: Reading) -> bool:
    """Say whether the server answered the question that it was asked: a state, or that it knows no such name."""
    return seen.status not in (None, Status.ERROR) or seen.cause in ("instance_missing", "unknown_state")


def observe(
    server: ServerState, looks: Iterable[tuple[Reading, History]], *, online_since: datetime | None = None
) -> ServerState:
    """Add looks to what is known of their server, in the order in which they began. Whether it is dark: `darken`.

    `online_since`: when our own network last came back; what failed before says nothing of a server.
    """
    really = sorted((look for look in looks if not look[0].inferred), key=lambda look: look[0].at)
    if really:
        server = _not_ahead_of(really[0][0].at, server)
        if online_since and online_since - really[-1][0].at > CLOCKS_MAY_DIFFER:
            online_since = None  # the clock was set back
    if online_since:
        server = _without_failures_before(online_since, server)
    for seen, history in really:
        since = max((at for at in (server.last_success_at, online_since) if at), default=None)
        if is_success(seen):
            server = _answered(server, seen, history)
        elif seen.cause == UNSEEN_ASKED_TO_WAIT:
            server = _is_there(server, seen.at)
        elif is_failure(seen, history) and (since is None or seen.at > since):
            server = _failed(server, seen, history)
        elif seen.cause == "key_rejected":
            server = _refused(server, seen)
    return server


def is_in_outage(server: ServerState, at: datetime | None) -> bool:
    """Say whether this moment lies in the server's outage of now, or in the last one that is over."""
    if at is None:
        return False
    is_now = server.dark_since is not None and at >= server.dark_since
    return is_now or (server.was_dark_since is not None and server.was_dark_since <= at <= server.back_at)


def may_be_dark(server: ServerState) -> bool:
    """Say whether `darken` is worth asking, which costs the caller a query."""
    return not server.is_dark and server.failed_looks >= LOOKS_UNTIL_DARK


def darken(server: ServerState, cause: str, *, others_answer: bool) -> ServerState:
    """Close the circuit: the server is down as a whole, for whichever `cause` its last look gave.

    Three failures in a row suffice where it answered for no other number last time: else they may be one number's alone.
    Where it did, two of them were of numbers that were well.
    """
    if server.failed_on_healthy < HEALTHY_UNTIL_DARK and others_answer:
        return server
    return replace(server, dark_since=server.failing_since, dark_cause=cause)


def darken_by_storm(server: ServerState) -> ServerState:
    """Close the circuit of a server that refuses every token it is asked with: its database is gone."""
    if server.is_dark:
        return server
    server = _without_failing_cause(server)  # it is dark for what is refused, and turns to what fails later
    return replace(server, dark_since=server.refused_since, dark_cause="server_error")


def turn(server: ServerState, *, at: datetime, limits: Limits) -> ServerState:
    """Let a dark server be dark for the cause that its looks have had for long: something else is wrong by now."""
    since = server.failing_cause_since
    if not server.is_dark or server.failing_cause in ("", server.dark_cause) or at - since < limits.turning:
        return server
    return replace(server, dark_cause=server.failing_cause, refused_since=None)


def _not_ahead_of(at: datetime, server: ServerState) -> ServerState:
    """Take back what lies too far ahead of a look: the clock was set back, and it would outweigh all looks until then."""
    values = ((field.name, getattr(server, field.name)) for field in fields(server))
    times = {name: value for name, value in values if isinstance(value, datetime)}
    ahead = {name: at for name, value in times.items() if value - at > CLOCKS_MAY_DIFFER}
    if "last_success_at" in ahead:
        ahead["last_success_at"] = None
    return replace(server, **ahead) if ahead else server


def _without_failures_before(at: datetime, server: ServerState) -> ServerState:
    """Begin to count anew what failed while our own network was gone. One that was dark before stays so."""
    if server.failing_cause_since and server.failing_cause_since <= at:
        server = _without_failing_cause(server)
    if server.is_dark or server.failing_since is None or server.failing_since > at:
        return server
    return replace(server, **NOTHING_FAILS)


def _without_failing_cause(server: ServerState) -> ServerState:
    return replace(server, failing_cause="", failing_cause_since=None)


def _is_there(server: ServerState, at: datetime) -> ServerState:
    if server.last_success_at and at <= server.last_success_at:
        return server
    ended = {"was_dark_since": server.dark_since, "back_at": at} if server.is_dark else {}
    return replace(server, **NOTHING_FAILS, last_success_at=at, dark_since=None, dark_cause="", **ended)


def _answered(server: ServerState, seen: Reading, history: History) -> ServerState:
    if server.dark_cause == "key_rejected" and history.has_own_token:
        return server  # it says nothing of the server's own key
    there = _is_there(server, seen.at)
    if there is server:
        return server
    known = server.latency_ms
    return replace(
        there,
        latency_ms=float(seen.took_ms) if known is None else known + LATENCY_WEIGHT * (seen.took_ms - known),
        refused_since=None if history.has_own_token else server.refused_since,  # its own key reads memory, not the database
    )


def _refused(server: ServerState, seen: Reading) -> ServerState:
    """A number's own token was refused: the server is there, unless that is what its outage is made of."""
    if server.last_success_at and seen.at <= server.last_success_at:
        return server
    is_storm = server.refused_since is not None and server.refused_since == server.dark_since
    if server.is_dark and server.dark_cause != "key_rejected" and not is_storm:
        server = _is_there(replace(server, refused_since=None), seen.at)
    return replace(server, refused_since=server.refused_since or seen.at)


def _failed(server: ServerState, seen: Reading, history: History) -> ServerState:
    local = is_local(seen)
    return replace(
        server,
        failed_looks=server.failed_looks + 1,
        failed_on_healthy=server.failed_on_healthy + history.was_healthy,
        failing_since=server.failing_since or seen.at,
        failing_locally_since=(server.failing_locally_since or seen.at) if local else None,
        failing_cause=seen.cause,
        failing_cause_since=server.failing_cause_since if server.failing_cause == seen.cause else seen.at,
    )


# --- Our own network -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Host:
    """All servers of one host name or address."""

    last_success_at: datetime | None
    failing_since: datetime | None
    failing_locally_since: datetime | None


@dataclass(frozen=True, slots=True)
class Witness:
    """An address that has nothing to do with any server, as it was when it last gave word."""

    answered_at: datetime | None = None  # when it was asked what it answered last
    failing_since: datetime | None = None  # None while it answers


def is_local(seen: Reading) -> bool:
    return seen.cause == "server_unreachable" and seen.raw_state in LOCAL_ERRORS


def offline_since(hosts: Iterable[Host], witness: Witness | None) -> datetime | None:
    """Say since when it is our own network that is gone; None where it is there, or where that cannot be told.

    It takes a witness that fails too, or three hosts at least, of which none gave more than a local error since the first
    of these (fewer, and the trouble is the servers'), and no witness that has answered since.
    """
    hosts = list(hosts)
    answered = max((host.last_success_at for host in hosts if host.last_success_at), default=None)

    def is_news(at: datetime | None) -> bool:
        """Did it begin since any host answered? One that has been dead for long says nothing of our network today."""
        return at is not None and (answered is None or at > answered)

    if witness and witness.failing_since:
        fails_too = any(is_news(host.failing_since) for host in hosts)
        return witness.failing_since if fails_too and is_news(witness.failing_since) else None
    local = [host.failing_locally_since for host in hosts if is_news(host.failing_locally_since)]
    if len(local) < HOSTS_UNTIL_OFFLINE:
        return None
    since = min(local)
    reached = any(host.failing_since and host.failing_since >= since and not host.failing_locally_since for host in hosts)
    denied = witness and witness.answered_at and witness.answered_at >= since
    return None if denied or reached else since


# --- One reading ---------------------------------------------------------------------------------------------------


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


def refuses_all(refused: int, looked_at: int) -> bool:
    """Say whether a server refuses every instance token, which its broken database makes it do; of those with a token."""
    return refused == looked_at and refused >= REFUSED_UNTIL_STORM


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
