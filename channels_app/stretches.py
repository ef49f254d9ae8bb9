"""What was seen of a number, as stretches of time in one state: how periods become stretches, and how these are summed.

Pure: periods and moments come in. The clinic's strip and the operator's drawing both stand on it, so that they count
alike. Time is up or down where a verdict said so; where nobody looked, and where it cannot be known, it is blind and
counts neither way.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from incidents.readings import Status


class State(StrEnum):
    UP = "up"
    BLIND = "blind"
    UNSTABLE = "unstable"
    DOWN = "down"


STATES = {  # whatever is not here is blind
    Status.OPEN: State.UP,
    Status.CONNECTING: State.DOWN,
    Status.QR_PENDING: State.DOWN,
    Status.DISCONNECTED: State.DOWN,
    Status.ERROR: State.DOWN,
}


@dataclass(frozen=True, slots=True)
class Period:
    """A time of one status, as far as it is read here; a row of ConnectionPeriod will do as well."""

    status: str
    started_at: datetime
    ended_at: datetime | None  # None while it lasts


@dataclass(frozen=True, slots=True)
class Stretch:
    """A length of time in one state, aware UTC."""

    state: State
    start: datetime
    end: datetime


def seen_until(now: datetime, last_verdict_at: datetime | None, longest_gap: timedelta) -> datetime:
    """Until when what was seen last still holds: until now while looks come as they should, else until the last one."""
    if last_verdict_at is None:
        return now
    return now if now - last_verdict_at <= longest_gap else last_verdict_at


def of(
    periods: Iterable[Period], *, now: datetime, seen_until: datetime, states: Mapping[str, State] = STATES
) -> list[Stretch]:
    """Return a number's stretches in the order of time, with the blind ones between the periods and after the last."""
    known = sorted(periods, key=lambda period: period.started_at)
    follows = [*(period.started_at for period in known[1:]), now]
    return list(_nonempty(_lay(known, follows, seen_until, states)))


def within(stretches: Iterable[Stretch], start: datetime, end: datetime) -> list[Stretch]:
    """Cut them to what lies between two moments."""
    return list(_nonempty(Stretch(one.state, max(one.start, start), min(one.end, end)) for one in stretches))


def total(stretches: Iterable[Stretch], state: State) -> timedelta:
    return sum((stretch.end - stretch.start for stretch in stretches if stretch.state is state), timedelta())


def share(stretches: Iterable[Stretch]) -> float | None:
    """Return up / (up + down), or None where neither was seen."""
    stretches = list(stretches)
    up, down = total(stretches, State.UP), total(stretches, State.DOWN)
    return up / (up + down) if up + down else None


def _lay(
    periods: list[Period], follows: list[datetime], seen_until: datetime, states: Mapping[str, State]
) -> Iterator[Stretch]:
    for period, following in zip(periods, follows, strict=False):  # without periods nothing follows
        # In UTC: lengths between such moments are true where a clock was changed.
        start, end, next_start = (
            at.astimezone(UTC) for at in (period.started_at, period.ended_at or max(period.started_at, seen_until), following)
        )
        yield Stretch(states.get(period.status, State.BLIND), start, end)
        yield Stretch(State.BLIND, end, next_start)


def _nonempty(stretches: Iterable[Stretch]) -> Iterator[Stretch]:
    return (stretch for stretch in stretches if stretch.start < stretch.end)
