"""Whether a server is down as a whole, by all its looks. Pure: no clock, no database, no Django.

`observe` keeps what the looks say of their server; `darken` says that it is down, and one that is answered that it is back.
"""

from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from datetime import datetime, timedelta

from channels_app.connectivity import is_local
from incidents import instability
from incidents.causes import UNSEEN_ASKED_TO_WAIT
from incidents.readings import Reading, Status

# What may concern every number of a server alike: where it does, none of them is answered otherwise. A refused key is one of
# them where it is the server's own.
SERVER_WIDE = {"server_unreachable", "server_error", "certificate", "wrong_address", "invalid_answer", "address_refused"}
ANSWERS = {"server_error", "wrong_address", "invalid_answer", "key_rejected"}  # of the failures, those that came from out there

LOOKS_UNTIL_DARK = 3
HEALTHY_UNTIL_DARK = 2
REFUSED_UNTIL_STORM = 2
FALLS = 3  # so many within Limits.falling, and it keeps falling
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

    @property
    def falling(self) -> timedelta:
        """A server that falls three times within it keeps falling, as a number does."""
        return instability.CHANGES_WITHIN / instability.MINUTE * self.minute

    @property
    def still(self) -> timedelta:
        """It keeps falling until it has been up, or down, for so long."""
        return instability.STILL / instability.MINUTE * self.minute


AS_USERS_KNOW_THEM = Limits()


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
    falls: tuple[datetime, ...] = ()  # when it went dark, the last three times
    falling_since: datetime | None = None  # the first fall of one that keeps falling

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
        elif seen.cause == UNSEEN_ASKED_TO_WAIT and not _says_nothing_of_its_key(server, history):
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


def darken(server: ServerState, cause: str, *, others_answer: bool, limits: Limits = AS_USERS_KNOW_THEM) -> ServerState:
    """Open the circuit: the server is down as a whole, for whichever `cause` its last look gave.

    Three failures in a row suffice where it answered for no other number last time: else they may be one number's alone.
    Where it did, two of them were of numbers that were well.
    """
    if server.failed_on_healthy < HEALTHY_UNTIL_DARK and others_answer:
        return server
    return _dark(server, server.failing_since, cause, limits)


def darken_by_storm(server: ServerState, *, limits: Limits = AS_USERS_KNOW_THEM) -> ServerState:
    """Open the circuit of a server that refuses every token it is asked with: its database is gone."""
    if server.is_dark:
        return server
    server = _without_failing_cause(server)  # it is dark for what is refused, and turns to what fails later
    return _dark(server, server.refused_since, "server_error", limits)


def steady(server: ServerState, *, at: datetime, limits: Limits) -> ServerState:
    """Let a server that kept falling be one like any other, where it has been up, or down, for long enough."""
    changed_at = server.dark_since or server.back_at
    if server.falling_since is None or (changed_at and at - changed_at < limits.still):
        return server
    return replace(server, falling_since=None)


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
    falls = tuple(fall for fall in server.falls if fall - at <= CLOCKS_MAY_DIFFER)  # as one moment they would be three falls
    return replace(server, **ahead, falls=falls) if ahead or len(falls) < len(server.falls) else server


def _without_failures_before(at: datetime, server: ServerState) -> ServerState:
    """Begin to count anew what failed while our own network was gone. One that was dark before stays so."""
    if any(fall <= at for fall in server.falls):
        server = replace(server, falls=tuple(fall for fall in server.falls if fall > at))
    if server.falling_since and server.falling_since <= at:
        server = replace(server, falling_since=None)
    if server.failing_cause_since and server.failing_cause_since <= at:
        server = _without_failing_cause(server)
    if server.is_dark or server.failing_since is None or server.failing_since > at:
        return server
    return replace(server, **NOTHING_FAILS)


def _without_failing_cause(server: ServerState) -> ServerState:
    return replace(server, failing_cause="", failing_cause_since=None)


def _dark(server: ServerState, since: datetime, cause: str, limits: Limits) -> ServerState:
    falls = (*server.falls, since)[-FALLS:]
    keeps_falling = len(falls) == FALLS and max(falls) - min(falls) <= limits.falling
    first = server.falling_since or (min(falls) if keeps_falling else None)
    return replace(server, dark_since=since, dark_cause=cause, falls=falls, falling_since=first)


def _is_there(server: ServerState, at: datetime) -> ServerState:
    if server.last_success_at and at <= server.last_success_at:
        return server
    ended = {"was_dark_since": server.dark_since, "back_at": at} if server.is_dark else {}
    return replace(server, **NOTHING_FAILS, last_success_at=at, dark_since=None, dark_cause="", **ended)


def _says_nothing_of_its_key(server: ServerState, history: History) -> bool:
    """Is its own key what is wrong with the server, and was the number asked for with another one?"""
    return server.dark_cause == "key_rejected" and history.has_own_token


def _answered(server: ServerState, seen: Reading, history: History) -> ServerState:
    if _says_nothing_of_its_key(server, history):
        return server
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


def refuses_all(refused: int, looked_at: int) -> bool:
    """Say whether a server refuses every instance token, which its broken database makes it do; of those with a token."""
    return refused == looked_at and refused >= REFUSED_UNTIL_STORM
