"""What follows from a reading: the watch's state + the reading + the policy -> one named decision.

Pure: no clock, no database, no Django. Every time is the reading's own, every length a timedelta.

The words: a *bad run* lasts from the first unhealthy reading until two healthy ones in a row. Its *bad time* is
observed time only: a stretch counts where it lies between two unhealthy readings, and at most one interval of it,
because in a longer one nobody looked. The threshold is compared with that sum, never with a wall clock.
A channel that keeps falling and coming back is *unstable* (`instability`): one incident, until it was still for long.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import Enum

from incidents import instability
from incidents.readings import Health, Reading

NOTHING = timedelta(0)
HEALTHY_LOOKS_OF_AN_END = 2  # in a row
LOOKS_OF_AN_INCIDENT = timedelta(seconds=60)  # an open incident is looked at this often, so that recovery is seen soon
REASON_OWED_FOR = timedelta(seconds=60)  # so long a reason that could not be had is asked for at every recheck
LONGEST_WAIT = timedelta(minutes=10)  # whatever a server asks for
UNSEEN_TOO_LONG = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class Policy:
    interval: timedelta  # I: between looks at a healthy channel
    recheck: timedelta  # after a change
    deadline: timedelta  # D: of one look
    threshold: timedelta  # of observed bad time, before an incident opens

    @property
    def longest_gap(self) -> timedelta:
        """The longest time between two verdicts in which somebody was looking; beyond it lies blind time."""
        return longest_gap(self.interval, self.deadline)


def longest_gap(interval: timedelta, deadline: timedelta) -> timedelta:
    return 2 * interval + deadline


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A bad run, or none where `first_unhealthy_at` is None."""

    first_unhealthy_at: datetime | None = None
    bad_for: timedelta = NOTHING
    good_streak: int = 0
    good_since: datetime | None = None

    @property
    def going_on(self) -> bool:
        return self.first_unhealthy_at is not None


NO_RUN = Run()


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchState:
    """What the watch knew before the reading."""

    run: Run = NO_RUN
    incident_open: bool = False
    unstable_open: bool = False  # and it is one of instability
    is_paired: bool = True  # somebody's phone has been connected at least once
    was_healthy: bool | None = None  # by the last verdict; None where it could not tell, or nobody had paired yet
    health_changes: tuple[datetime, ...] = ()  # the last few, oldest first
    opened_before: tuple[datetime, ...] = ()  # when its last incidents opened, of those that recovered
    last_verdict_at: datetime | None = None
    unseen_since: datetime | None = None


class Step(Enum):
    """What the reading does to the record."""

    STAYS_WELL = "stays well"
    RUN_STARTS = "a bad run starts"
    RUN_GOES_ON = "the bad run goes on, below the threshold"
    INCIDENT_OPENS = "an incident opens"
    INCIDENT_STAYS = "the incident stays open"
    UNSTABLE_OPENS = "an incident of instability opens"
    UNSTABLE_STAYS = "the open incident is, or becomes, one of instability"
    RECOVERS = "one healthy reading: one more ends the run"
    RUN_ENDS = "the bad run ends before it became an incident"
    INCIDENT_RESOLVES = "the incident resolves"
    NOT_PAIRED = "nobody has connected this number yet"
    UNKNOWABLE = "looking cannot tell"
    UNSEEN = "we could not look"


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    step: Step
    look_again_in: timedelta
    run: Run = NO_RUN
    health_changes: tuple[datetime, ...] = ()
    unseen_since: datetime | None = None
    started_at: datetime | None = None  # with INCIDENT_OPENS and UNSTABLE_OPENS
    resolved_at: datetime | None = None  # with INCIDENT_RESOLVES
    unseen_too_long: bool = False  # the operator is to hear of it


def judge(state: WatchState, seen: Reading, policy: Policy) -> Decision:
    """Decide what follows from one reading."""
    return _mind_instability(state, seen, policy, _judge_run(state, seen, policy))


def is_past_threshold(state: WatchState, at: datetime, policy: Policy) -> bool:
    """Say whether the run's bad time would have reached the threshold with an unhealthy reading at this moment."""
    return state.is_paired and state.run.going_on and _bad_for(state, at, policy) >= policy.threshold


def is_blind(last_verdict_at: datetime | None, at: datetime, policy: Policy) -> bool:
    """Say whether nobody looked for too long before this moment."""
    return last_verdict_at is not None and at - last_verdict_at > policy.longest_gap


def _judge_run(state: WatchState, seen: Reading, policy: Policy) -> Decision:
    match seen.health:
        case Health.UNSEEN:
            return _could_not_look(state, seen, policy)
        case Health.HEALTHY:
            return _healthy(state, seen, policy)
        case Health.UNKNOWABLE:
            return _unknowable(state, seen, policy)
        case Health.UNHEALTHY:
            return _unhealthy(state, seen, policy)


def _healthy(state: WatchState, seen: Reading, policy: Policy) -> Decision:
    if not state.run.going_on:
        return (
            _end_run(state, policy, at=seen.at)
            if state.incident_open
            else Decision(step=Step.STAYS_WELL, look_again_in=policy.interval)
        )
    run = _one_more_good(state, seen, policy)
    if state.unstable_open:
        return _healthy_for_now(state, run, seen, policy)
    if run.good_streak < HEALTHY_LOOKS_OF_AN_END:
        return Decision(step=Step.RECOVERS, look_again_in=policy.recheck, run=run)
    return _end_run(state, policy, at=run.good_since)


def _one_more_good(state: WatchState, seen: Reading, policy: Policy) -> Run:
    streak_is_whole = state.run.good_since is not None and not is_blind(state.last_verdict_at, seen.at, policy)
    if not streak_is_whole:
        return replace(state.run, good_streak=1, good_since=seen.at)
    return replace(state.run, good_streak=state.run.good_streak + 1)


def _healthy_for_now(state: WatchState, run: Run, seen: Reading, policy: Policy) -> Decision:
    """An unstable channel is believed once it was healthy for long. Its trouble then ended where that began."""
    healthy_for = seen.at - run.good_since
    if healthy_for >= instability.STILL:
        return _end_run(state, policy, at=run.good_since)
    look_again_in = min(policy.interval, LOOKS_OF_AN_INCIDENT, instability.STILL - healthy_for)
    return Decision(step=Step.UNSTABLE_STAYS, look_again_in=look_again_in, run=run)


def _unhealthy(state: WatchState, seen: Reading, policy: Policy) -> Decision:
    if not state.is_paired and not state.incident_open:
        return Decision(step=Step.NOT_PAIRED, look_again_in=policy.interval)
    if not state.run.going_on:
        return Decision(step=Step.RUN_STARTS, look_again_in=policy.recheck, run=Run(first_unhealthy_at=seen.at))
    run = Run(first_unhealthy_at=state.run.first_unhealthy_at, bad_for=_bad_for(state, seen.at, policy))
    if state.incident_open:
        return Decision(step=Step.INCIDENT_STAYS, look_again_in=min(policy.interval, LOOKS_OF_AN_INCIDENT), run=run)
    if run.bad_for >= policy.threshold:
        return Decision(
            step=Step.INCIDENT_OPENS,
            look_again_in=min(policy.interval, LOOKS_OF_AN_INCIDENT),
            run=run,
            started_at=run.first_unhealthy_at,
        )
    # The next look comes exactly when the sum would reach the threshold, if not before.
    look_again_in = min(policy.interval, policy.threshold - run.bad_for)
    if seen.reason_owed and run.bad_for < REASON_OWED_FOR:
        look_again_in = min(look_again_in, policy.recheck)
    return Decision(step=Step.RUN_GOES_ON, look_again_in=look_again_in, run=run)


def _unknowable(state: WatchState, seen: Reading, policy: Policy) -> Decision:
    if state.run.going_on:
        return _end_run(state, policy, at=state.run.good_since or seen.at)
    return Decision(step=Step.UNKNOWABLE, look_again_in=policy.interval)


def _could_not_look(state: WatchState, seen: Reading, policy: Policy) -> Decision:
    since = state.unseen_since or seen.at
    look_again_in = seen.again_in or max(policy.interval, min(seen.wait or NOTHING, LONGEST_WAIT))
    if state.run.good_streak and state.last_verdict_at:  # else a server that often asks us to wait would hold an incident open
        before_it_is_blind = state.last_verdict_at + 2 * policy.interval - seen.at
        if before_it_is_blind > NOTHING:  # beyond, the streak is broken anyway
            look_again_in = max(policy.recheck, min(look_again_in, before_it_is_blind))
    return Decision(
        step=Step.UNSEEN,
        look_again_in=look_again_in,
        run=state.run,
        unseen_since=since,
        unseen_too_long=seen.at - since >= UNSEEN_TOO_LONG,
    )


def _end_run(state: WatchState, policy: Policy, *, at: datetime) -> Decision:
    if state.incident_open:
        return Decision(step=Step.INCIDENT_RESOLVES, look_again_in=policy.interval, resolved_at=at)
    return Decision(step=Step.RUN_ENDS, look_again_in=policy.interval)


def _bad_for(state: WatchState, at: datetime, policy: Policy) -> timedelta:
    """The run's bad time with the stretch up to `at`, if an unhealthy reading ends it there."""
    if state.run.good_streak or state.last_verdict_at is None:
        return state.run.bad_for
    since_last_verdict = max(NOTHING, at - state.last_verdict_at)  # a clock may have been set back
    return state.run.bad_for + min(since_last_verdict, policy.interval)


def _mind_instability(state: WatchState, seen: Reading, policy: Policy, decided: Decision) -> Decision:
    """Remember a change of health; where the channel keeps falling, one incident of instability stands for every fall."""
    changes = () if seen.health is Health.UNKNOWABLE else state.health_changes
    if is_change := _is_change(state, seen):
        changes = instability.with_change(changes, seen.at)
    decided = replace(decided, health_changes=changes)
    if state.unstable_open:
        is_simply_down = instability.is_still(changes, seen.at)
        stays = decided.step is Step.INCIDENT_STAYS and not is_simply_down
        return replace(decided, step=Step.UNSTABLE_STAYS) if stays else decided
    if is_change and decided.run.going_on and instability.comes_with(changes):
        first_fall = instability.falls(changes, is_down=seen.health is Health.UNHEALTHY)[0]
        return _unstable(state, policy, decided, since=min(decided.run.first_unhealthy_at, first_fall))
    if decided.step is Step.INCIDENT_OPENS and instability.comes_with_incident(state.opened_before, seen.at):
        return _unstable(state, policy, decided, since=decided.run.first_unhealthy_at)
    return decided


def _is_change(state: WatchState, seen: Reading) -> bool:
    if state.was_healthy is None:
        return False
    return seen.health is (Health.UNHEALTHY if state.was_healthy else Health.HEALTHY)


def _unstable(state: WatchState, policy: Policy, decided: Decision, *, since: datetime) -> Decision:
    look_again_in = min(policy.interval, LOOKS_OF_AN_INCIDENT)
    if state.incident_open:
        return replace(decided, step=Step.UNSTABLE_STAYS, look_again_in=look_again_in)
    return replace(decided, step=Step.UNSTABLE_OPENS, look_again_in=look_again_in, started_at=since)
