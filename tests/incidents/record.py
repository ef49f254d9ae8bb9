"""One channel and what is on record of it, for tests of `lifecycle` that need no database.

Seconds are counted from NOON; looks are made as in production (I = 120 s, D = 8 s).
"""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from incidents import lifecycle
from incidents.lifecycle import Decision, Policy, Step, WatchState
from incidents.readings import Health, Reading, Status

OPENS = {Step.INCIDENT_OPENS, Step.UNSTABLE_OPENS}
UNSTABLE = {Step.UNSTABLE_OPENS, Step.UNSTABLE_STAYS}
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
INTERVAL, RECHECK, DEADLINE = timedelta(seconds=120), timedelta(seconds=10), timedelta(seconds=8)
LONGEST_GAP = 2 * 120 + 8  # seconds between two verdicts; in a longer gap nobody looked
MICROSECOND = 0.000001  # in seconds


def after(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def bad(at: float, status: Status = Status.DISCONNECTED) -> Reading:
    return Reading(at=after(at), status=status, cause="logged_out")


def owed(at: float) -> Reading:
    return Reading(at=after(at), status=Status.DISCONNECTED, cause="reason_unknown", reason_owed=True)


def good(at: float) -> Reading:
    return Reading(at=after(at), status=Status.OPEN, cause="connected")


def unseen(at: float, wait: float | None = None) -> Reading:
    wait = None if wait is None else timedelta(seconds=wait)
    return Reading(at=after(at), status=None, cause="rate_limited", wait=wait)


def unknown(at: float) -> Reading:
    return Reading(at=after(at), status=Status.UNKNOWN, cause="not_verifiable")


@dataclass
class Channel:
    """One channel and what is on record of it: `reads` writes down what a flush would."""

    threshold_minutes: int = 5
    state: WatchState = field(default_factory=WatchState)
    decision: Decision | None = None
    incidents: list[dict] = field(default_factory=list)

    @property
    def policy(self) -> Policy:
        threshold = timedelta(minutes=self.threshold_minutes)
        return Policy(interval=INTERVAL, recheck=RECHECK, deadline=DEADLINE, threshold=threshold)

    def reads(self, *readings: Reading) -> Decision:
        for seen in readings:
            self.decision = lifecycle.judge(self.state, seen, self.policy)
            self._write(seen)
        return self.decision

    def is_seen_bad_as_asked(self, *, times: int) -> None:
        for _ in range(times):
            seen = bad((self.state.last_verdict_at - NOON + self.decision.look_again_in).total_seconds())
            self.reads(seen)

    def is_switched_off_and_on(self) -> None:
        recovered = self.state.opened_before[: -1 if self.state.incident_open else None]
        self.state = WatchState(opened_before=recovered)

    def _write(self, seen: Reading) -> None:
        decided = self.decision
        if decided.step in OPENS:
            self.incidents.append({"started_at": decided.started_at, "opened_at": seen.at, "resolved_at": None})
        if decided.step is Step.INCIDENT_RESOLVES:
            self.incidents[-1]["resolved_at"] = decided.resolved_at
        self.state = state_after(self.state, seen, decided)


def state_after(before: WatchState, seen: Reading, decided: Decision) -> WatchState:
    """Return what a flush remembers of a decision."""
    is_open = decided.step in OPENS or (before.incident_open and decided.step is not Step.INCIDENT_RESOLVES)
    is_verdict = seen.health is not Health.UNSEEN
    return replace(
        before,
        run=decided.run,
        incident_open=is_open,
        unstable_open=is_open and (decided.step in UNSTABLE or before.unstable_open),
        last_verdict_at=seen.at if is_verdict else before.last_verdict_at,
        was_healthy=_is_healthy(before, seen) if is_verdict else before.was_healthy,
        health_changes=decided.health_changes,
        opened_before=_opened(before, seen, decided),
        unseen_since=decided.unseen_since,
    )


def _is_healthy(before: WatchState, seen: Reading) -> bool | None:
    if seen.health is Health.UNKNOWABLE or not before.is_paired:
        return None
    return seen.health is Health.HEALTHY


def _opened(before: WatchState, seen: Reading, decided: Decision) -> tuple:
    """When incidents opened. One that did not recover does not count; whether the one that is open will, nobody asks."""
    if decided.step in OPENS:
        return (*before.opened_before, seen.at)
    if decided.step is Step.INCIDENT_RESOLVES and seen.health is not Health.HEALTHY:
        return before.opened_before[:-1]
    return before.opened_before
