"""From periods to stretches, on which both drawings stand: tables of cases and properties, no database."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels_app import beats, stretches
from channels_app.stretches import Period, State, Stretch

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
LONGEST_GAP = timedelta(seconds=248)


@pytest.mark.parametrize(
    ("last_verdict_at", "until"),
    [(NOON - LONGEST_GAP, NOON), (NOON - LONGEST_GAP - MINUTE, NOON - LONGEST_GAP - MINUTE), (None, NOON)],
    ids=["a look came as it should", "looks stay away", "never looked at"],
)
def test_what_was_seen_last_holds_while_looks_come_as_they_should(last_verdict_at, until):
    assert stretches.seen_until(NOON, last_verdict_at, LONGEST_GAP) == until


def test_between_two_periods_and_after_the_last_nobody_looked():
    periods = [
        Period("open", NOON - 5 * HOUR, NOON - 4 * HOUR),
        Period("error", NOON - 3 * HOUR, NOON - 2 * HOUR),
        Period("open", NOON - 2 * HOUR, None),
    ]

    assert stretches.of(reversed(periods), now=NOON, seen_until=NOON - HOUR) == [
        Stretch(State.UP, NOON - 5 * HOUR, NOON - 4 * HOUR),
        Stretch(State.BLIND, NOON - 4 * HOUR, NOON - 3 * HOUR),
        Stretch(State.DOWN, NOON - 3 * HOUR, NOON - 2 * HOUR),
        Stretch(State.UP, NOON - 2 * HOUR, NOON - HOUR),
        Stretch(State.BLIND, NOON - HOUR, NOON),
    ]


def test_a_number_without_periods_has_no_stretches():
    assert stretches.of([], now=NOON, seen_until=NOON) == []


def test_cutting_drops_what_lies_outside():
    hour = Stretch(State.UP, NOON - HOUR, NOON)
    assert stretches.within([hour], NOON - 2 * HOUR, NOON - HOUR) == []
    assert stretches.within([hour], NOON - MINUTE, NOON + HOUR) == [Stretch(State.UP, NOON - MINUTE, NOON)]


moments = st.integers(0, 4 * 60).map(lambda minutes: NOON - minutes * MINUTE)
statuses = st.sampled_from(["open", "disconnected", "error", "qr_pending", "connecting", "unknown"])


@st.composite
def histories(draw):
    """Periods one after another, with gaps between some of them, the last one still open or not."""
    edges = sorted(draw(st.lists(moments, min_size=1, max_size=12, unique=True)))
    periods = [Period(draw(statuses), start, end) for start, end in pairwise(edges) if draw(st.booleans())]
    return [*periods, Period(draw(statuses), edges[-1], None)] if draw(st.booleans()) else periods


@given(histories(), moments)
def test_stretches_touch_each_other_from_the_first_period_to_now(periods, seen_until):
    seen = stretches.of(periods, now=NOON, seen_until=seen_until)

    assert all(one.start < one.end for one in seen)
    assert all(one.end == following.start for one, following in pairwise(seen))
    if seen:
        assert (seen[0].start, seen[-1].end) == (min(period.started_at for period in periods), NOON)


@given(histories(), moments)
def test_the_beats_are_bad_only_where_the_strip_is_and_green_only_where_it_is(periods, seen_until):
    strip = stretches.within(stretches.of(periods, now=NOON, seen_until=seen_until), NOON - beats.SPAN, NOON)
    drawn = {css for css, _path in beats.draw(periods, now=NOON, seen_until=seen_until).paths}

    has = {stretch.state for stretch in strip}
    assert bool(drawn & {"c-down", "c-unstable"}) == (State.DOWN in has)
    assert "c-up" not in drawn or State.UP in has
