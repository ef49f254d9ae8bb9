"""Random lives of a channel: lifecycle against the reference model of design section 5, and its promises one by one.

Derandomized: every run tries the same lives, so a red build stays red. Explore with another number of examples.
"""

from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from incidents import lifecycle
from incidents.lifecycle import Decision, Policy, Step, WatchState
from incidents.readings import Health, Reading, Status
from tests.incidents.record import OPENS, state_after
from tests.incidents.reference import History, Seen

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
RECHECK, DEADLINE = timedelta(seconds=10), timedelta(seconds=8)
STATUSES = {
    Health.HEALTHY: [Status.OPEN],
    Health.UNHEALTHY: [Status.DISCONNECTED, Status.QR_PENDING, Status.CONNECTING, Status.ERROR],
    Health.UNSEEN: [None],
    Health.UNKNOWABLE: [Status.UNKNOWN],
}

# What may happen to a channel


@dataclass(frozen=True)
class Looks:
    """So many looks in a row with the same answer, `gap` apart; without one, when the decision before asked for it."""

    health: Health
    gap: timedelta | None
    times: int
    wait: timedelta | None


@dataclass(frozen=True)
class Threshold:
    minutes: int


class Happening:
    SWITCHED_OFF_AND_ON = "switched off and on"
    ALERTS_TOGGLED = "alerts toggled"
    PAIRED = "paired"


def seconds(*numbers):
    return [timedelta(seconds=number) for number in numbers]


MICROSECOND = timedelta(microseconds=1)
TELLING_GAPS = st.sampled_from(
    [None] * 10  # as asked
    + seconds(0, 0.001, 1, 10, 59, 60, 61, 120, 180)
    + [gap + more for gap in seconds(60, 120, 68, 128, 248) for more in (-MICROSECOND, timedelta(0), MICROSECOND)]
    + seconds(600, 900, 3600, 6 * 3600)
)
ANY_GAP = st.integers(min_value=1, max_value=4 * 3600 * 1000).map(lambda ms: timedelta(milliseconds=ms))
ANY_STEP_BACK = st.sampled_from(seconds(-0.000001, -1, -119, -3600))
HEALTHS = st.sampled_from(
    [Health.UNHEALTHY] * 8 + [Health.HEALTHY] * 5 + [Health.UNSEEN] * 2 + [Health.UNKNOWABLE],
)
WAITS = st.sampled_from([None, *seconds(0, 1, 119, 121, 599, 600, 601, 86400)])


def looks(gaps):
    times = st.sampled_from([1, 1, 1, 1, 2, 2, 3, 5])
    return st.builds(Looks, health=HEALTHS, gap=gaps, times=times, wait=WAITS)


EDITS = st.one_of(
    st.sampled_from([1, 1, 2, 3, 5, 60]).map(Threshold),
    st.sampled_from([Happening.SWITCHED_OFF_AND_ON, Happening.ALERTS_TOGGLED, Happening.PAIRED]),
)
FORWARD = looks(TELLING_GAPS | ANY_GAP)


def by_turns(gap, times, ups=1):
    """Down and up, so many times each: what makes a channel unstable."""
    return [Looks(Health.UNHEALTHY, gap, 1, None), Looks(Health.HEALTHY, gap, ups, None)] * times


def outages(times):
    """Looked at as asked: down until every threshold of a few minutes is past, up until that is believed."""
    return [Looks(Health.UNHEALTHY, None, 8, None), Looks(Health.HEALTHY, None, 2, None)] * times


UNSTABLE = st.one_of(
    st.builds(
        by_turns, st.sampled_from(seconds(1, 10, 120, 300, 360, 400)), st.sampled_from([2, 3, 4]), st.sampled_from([1, 2])
    ),
    st.builds(outages, st.sampled_from([2, 3, 4])),
    st.sampled_from([Health.HEALTHY, Health.UNHEALTHY]).map(lambda health: [Looks(health, None, 35, None)]),
)


def some(*events):
    """A short life or a long one, of such events, each as likely as the others; some lives have an unstable part."""
    events = st.one_of(*events).map(lambda event: [event])
    whole = st.lists(events, min_size=1, max_size=8) | st.lists(events, min_size=8, max_size=24)
    in_parts = whole | st.lists(UNSTABLE | events, min_size=2, max_size=8)
    return in_parts.map(lambda parts: [event for part in parts for event in part])


FORWARD_LIVES = some(FORWARD, FORWARD, FORWARD, EDITS)
LIVES = some(FORWARD, FORWARD, looks(TELLING_GAPS | ANY_STEP_BACK), EDITS)
POLICIES = st.builds(
    Policy,
    interval=st.sampled_from(seconds(120, 120, 60, 30)),
    recheck=st.just(RECHECK),
    deadline=st.just(DEADLINE),
    threshold=st.sampled_from([1, 1, 2, 5, 60]).map(lambda minutes: timedelta(minutes=minutes)),
)
PAIRED = st.sampled_from([True] * 7 + [False])


def lives(examples):
    """Settings of one property; the number of lives is chosen so that all of them take some 15 s on one core."""
    slow = [HealthCheck.too_slow, HealthCheck.data_too_large]
    return settings(max_examples=examples, deadline=None, derandomize=True, database=None, suppress_health_check=slow)


# The channel that lives them


@dataclass(frozen=True)
class Moment:
    """One reading: what was known before, what was decided, and after how many switches off and on."""

    before: WatchState
    seen: Reading
    policy: Policy
    decided: Decision
    switches: int


@dataclass
class Channel:
    policy: Policy
    state: WatchState
    now: datetime = NOON
    asked: timedelta = timedelta(seconds=1)
    switches: int = 0
    moments: list[Moment] = field(default_factory=list)

    def lives_through(self, life):
        """Yield what happens: a Moment for each reading, else the edit."""
        for event in life:
            if isinstance(event, Looks):
                for _ in range(event.times):
                    yield self._reads(event)
            else:
                self._is_edited(event)
                yield event

    def _reads(self, look: Looks) -> Moment:
        self.now += self.asked if look.gap is None else look.gap
        statuses = STATUSES[look.health]
        status = statuses[len(self.moments) % len(statuses)]
        seen = Reading(at=self.now, status=status, cause="made_up", wait=look.wait)
        moment = Moment(self.state, seen, self.policy, lifecycle.judge(self.state, seen, self.policy), self.switches)
        self.moments.append(moment)
        self.state = state_after(moment.before, moment.seen, moment.decided)
        self.asked = moment.decided.look_again_in
        return moment

    def _is_edited(self, event) -> None:
        if isinstance(event, Threshold):
            self.policy = replace(self.policy, threshold=timedelta(minutes=event.minutes))
        elif event == Happening.SWITCHED_OFF_AND_ON:
            self.switches += 1
            self.state = WatchState(is_paired=self.state.is_paired, last_verdict_at=self.state.last_verdict_at)
        elif event == Happening.PAIRED:
            self.state = replace(self.state, is_paired=True)


def a_life(policy, life, is_paired=True) -> list[Moment]:
    channel = Channel(policy=policy, state=WatchState(is_paired=is_paired))
    return [moment for moment in channel.lives_through(life) if isinstance(moment, Moment)]


def bad_verdicts_of_the_run(moments: list[Moment]) -> list[Moment | None]:
    """The unhealthy readings of the run that goes on at the last moment; None stands between two that are not neighbours."""
    run: list[Moment | None] = []
    for moment, after in zip(moments, [*moments[1:], None], strict=True):
        if moment.seen.health is Health.UNHEALTHY and moment.before.is_paired:
            run.append(moment)
        elif run and moment.seen.health is not Health.UNSEEN:
            run.append(None)
        is_over = moment.decided.step in (Step.RUN_ENDS, Step.INCIDENT_RESOLVES)
        if after and (is_over or after.switches != moment.switches):
            run = []
    return run


HAS_INCIDENT = {Step.INCIDENT_OPENS, Step.INCIDENT_STAYS, Step.UNSTABLE_OPENS, Step.UNSTABLE_STAYS}


# The same answer as the reference


def test_lifecycle_agrees_with_the_reference_at_every_reading():
    steps = Counter()

    @lives(800)
    @given(policy=POLICIES, life=LIVES, is_paired=PAIRED)
    def agrees(policy, life, is_paired):
        history = History(policy.interval, policy.recheck, policy.deadline)
        channel = Channel(policy=policy, state=WatchState(is_paired=is_paired))
        for event in channel.lives_through(life):
            if isinstance(event, Moment):
                compare(history, event)
                steps[event.decided.step] += 1
            elif event == Happening.SWITCHED_OFF_AND_ON:
                history.switch_off_and_on()

    agrees()

    assert set(steps) == set(Step), "these lives leave a step untried"
    assert min(steps.values()) > 100, f"a step is hardly tried: {steps}"


def compare(history: History, moment: Moment) -> None:
    seen, decided = moment.seen, moment.decided
    history.seen.append(Seen(seen.at, seen.health, moment.policy.threshold, moment.before.is_paired, seen.wait))
    run = history.last_run()
    goes_on = run is not None and not run.ended
    opened_by, unstable_from = (run.opened_by, run.unstable_from) if run else (None, None)
    opens, is_verdict = opened_by is history.seen[-1], seen.health is not Health.UNSEEN
    after = state_after(moment.before, seen, decided)

    assert decided.look_again_in == history.look_again_in()
    assert decided.unseen_since == history.unseen_since()
    assert decided.unseen_too_long == (seen.health is Health.UNSEEN and seen.at - decided.unseen_since >= timedelta(minutes=15))
    assert decided.health_changes == tuple(change.at for change in history.last_changes()[-6:])
    assert decided.run.going_on == goes_on
    assert decided.run.first_unhealthy_at == (run.verdicts[0].at if goes_on else None)
    assert decided.run.bad_for == (history.bad_for(run.verdicts) if goes_on else timedelta(0))
    assert decided.run.good_since == (history.good_since(run) if goes_on else None)
    assert decided.run.good_streak == (len(history.streak(run.verdicts)) if goes_on else 0)
    assert (decided.step is Step.INCIDENT_OPENS) == (opens and unstable_from is None)
    assert (decided.step is Step.UNSTABLE_OPENS) == (opens and unstable_from is opened_by)
    assert decided.started_at == (run.started_at if opens else None)
    assert (decided.step is Step.UNSTABLE_STAYS) == (is_verdict and not opens and bool(run) and history.is_unstable_now(run))
    assert after.incident_open == (goes_on and opened_by is not None)
    assert after.unstable_open == (goes_on and unstable_from is not None)
    assert decided.resolved_at == (run and history.resolved_at(run))


# What is promised, each on its own


@lives(400)
@given(policy=POLICIES, life=FORWARD_LIVES, is_paired=PAIRED)
def test_an_incident_of_instability_ends_after_half_an_hour_of_health_at_its_beginning(policy, life, is_paired):
    for moment in a_life(policy, life, is_paired):
        if moment.before.unstable_open and moment.decided.step is Step.INCIDENT_RESOLVES and moment.seen.status is Status.OPEN:
            last_change = max(moment.decided.health_changes, default=moment.decided.resolved_at)
            assert last_change <= moment.decided.resolved_at <= moment.seen.at - timedelta(minutes=30)


@lives(400)
@given(policy=POLICIES, life=LIVES, is_paired=PAIRED)
def test_a_channel_has_at_most_one_open_incident(policy, life, is_paired):
    is_open, switches = False, 0
    for moment in a_life(policy, life, is_paired):
        if moment.switches != switches:
            is_open, switches = False, moment.switches
        if moment.decided.step in OPENS:
            assert not is_open
            is_open = True
        if moment.decided.step is Step.INCIDENT_RESOLVES:
            assert is_open
            is_open = False
        assert (moment.decided.resolved_at is not None) == (moment.decided.step is Step.INCIDENT_RESOLVES)


@lives(400)
@given(policy=POLICIES, life=LIVES, is_paired=PAIRED)
def test_an_incident_starts_at_the_first_unhealthy_reading_of_its_run(policy, life, is_paired):
    moments = a_life(policy, life, is_paired)
    for number, moment in enumerate(moments, start=1):
        if moment.decided.step is Step.INCIDENT_OPENS:
            assert moment.decided.run.first_unhealthy_at == bad_verdicts_of_the_run(moments[:number])[0].seen.at


@lives(400)
@given(policy=POLICIES, life=FORWARD_LIVES, is_paired=PAIRED)
def test_an_incident_resolves_after_its_last_bad_reading_and_not_in_the_future(policy, life, is_paired):
    moments = a_life(policy, life, is_paired)
    for number, moment in enumerate(moments, start=1):
        if moment.decided.step is Step.INCIDENT_RESOLVES:
            last_bad = [bad for bad in bad_verdicts_of_the_run(moments[:number]) if bad][-1]
            assert moment.before.run.first_unhealthy_at <= last_bad.seen.at <= moment.decided.resolved_at <= moment.seen.at


@lives(400)
@given(policy=POLICIES, life=LIVES, is_paired=PAIRED)
def test_no_incident_opens_before_its_threshold_of_bad_time_was_observed(policy, life, is_paired):
    moments = a_life(policy, life, is_paired)
    for number, moment in enumerate(moments, start=1):
        if moment.decided.step is Step.INCIDENT_OPENS:
            neighbours = [pair for pair in pairwise(bad_verdicts_of_the_run(moments[:number])) if None not in pair]
            stretches = [max(timedelta(0), bad.seen.at - before.seen.at) for before, bad in neighbours]
            assert sum((min(stretch, policy.interval) for stretch in stretches), timedelta(0)) >= moment.policy.threshold


@lives(400)
@given(policy=POLICIES, life=LIVES, is_paired=PAIRED)
def test_no_incident_opens_on_fewer_bad_readings_than_its_threshold_takes(policy, life, is_paired):
    moments = a_life(policy, life, is_paired)
    for number, moment in enumerate(moments, start=1):
        if moment.decided.step is Step.INCIDENT_OPENS:
            bad_readings = [bad for bad in bad_verdicts_of_the_run(moments[:number]) if bad]
            intervals_rounded_up = -(-moment.policy.threshold // policy.interval)
            assert len(bad_readings) >= intervals_rounded_up + 1


@lives(400)
@given(policy=POLICIES, life=LIVES, is_paired=PAIRED)
def test_the_next_look_is_never_now_and_never_later_than_ten_minutes(policy, life, is_paired):
    for moment in a_life(policy, life, is_paired):
        longest = timedelta(minutes=10) if moment.seen.health is Health.UNSEEN else policy.interval
        assert timedelta(0) < moment.decided.look_again_in <= longest


@lives(200)
@given(policy=POLICIES, life=LIVES, is_paired=PAIRED)
def test_looks_that_saw_nothing_could_have_been_left_out(policy, life, is_paired):
    state, switches = WatchState(), 0
    for moment in a_life(policy, life, is_paired):
        if moment.switches != switches:
            state, switches = WatchState(), moment.switches
        if moment.seen.health is not Health.UNSEEN:
            without = replace(moment, before=replace(state, is_paired=moment.before.is_paired))
            without = replace(without, decided=lifecycle.judge(without.before, without.seen, without.policy))
            assert without.decided == moment.decided
            state = state_after(without.before, without.seen, without.decided)


@lives(200)
@given(policy=POLICIES, gaps=st.lists(TELLING_GAPS | ANY_GAP, min_size=2, max_size=60))
def test_bad_and_good_by_turns_open_no_incident_but_one_of_instability(policy, gaps):
    healths = [Health.UNHEALTHY, Health.HEALTHY] * len(gaps)
    life = [Looks(health, gap, times=1, wait=None) for health, gap in zip(healths, gaps, strict=False)]

    steps = [moment.decided.step for moment in a_life(policy, life)]

    assert Step.INCIDENT_OPENS not in steps
    assert steps.count(Step.UNSTABLE_OPENS) <= 1


@lives(200)
@given(policy=POLICIES, minutes=st.integers(min_value=1, max_value=60))
def test_a_phone_down_and_looked_at_as_asked_opens_exactly_at_its_threshold(policy, minutes):
    policy = replace(policy, threshold=timedelta(minutes=minutes))
    down = Looks(Health.UNHEALTHY, gap=None, times=2 * minutes + 3, wait=None)

    moments = a_life(policy, [down])

    opened = [moment.seen.at for moment in moments if moment.decided.step is Step.INCIDENT_OPENS]
    assert opened == [moments[0].seen.at + policy.threshold]


@lives(200)
@given(policy=POLICIES, life=LIVES, is_paired=PAIRED)
def test_whether_a_bad_look_would_be_past_the_threshold_is_answered_as_it_is_then_judged(policy, life, is_paired):
    for moment in a_life(policy, life, is_paired):
        bad = replace(moment.seen, status=Status.DISCONNECTED)
        decided = lifecycle.judge(moment.before, bad, moment.policy)
        # An unstable channel has an incident with less bad time; so has one whose threshold was raised.
        is_past = decided.step in HAS_INCIDENT and moment.before.run.going_on and decided.run.bad_for >= moment.policy.threshold
        assert lifecycle.is_past_threshold(moment.before, bad.at, moment.policy) is is_past
