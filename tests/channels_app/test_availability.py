"""From periods to day strips, percentages and falls: tables of cases and properties, no database."""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from django.utils import translation
from hypothesis import given
from hypothesis import strategies as st

from channels_app import availability, stretches
from channels_app.availability import percent
from channels_app.stretches import State
from channels_app.strip import LEAST_WIDTH, WIDTH

HOUR, MINUTE, DAY = timedelta(hours=1), timedelta(minutes=1), timedelta(days=1)
LONGEST_GAP = timedelta(seconds=248)
SAO_PAULO, UTC_ZONE = ZoneInfo("America/Sao_Paulo"), ZoneInfo("UTC")
MIDNIGHT = datetime(2026, 11, 24, tzinfo=UTC)
NOON = MIDNIGHT + 12 * HOUR
WEEK_AGO = MIDNIGHT - 6 * DAY


@dataclass
class Period:
    status: str
    started_at: datetime
    ended_at: datetime | None = None


def week(*periods, now=NOON, zone=UTC_ZONE, last_verdict_at=None, paired_at=WEEK_AGO - DAY, unstable=()):
    return availability.week(
        periods,
        now=now,
        zone=zone,
        seen_until=stretches.seen_until(now, last_verdict_at, LONGEST_GAP),
        paired_at=paired_at,
        unstable=unstable,
    )


def today(*periods, **given):
    return week(*periods, **given).days[-1]


def spans(path):
    return [(int(x), int(x) + int(w)) for x, w in re.findall(r"M(\d+) 0h(\d+)v10", path)]


def test_a_week_has_seven_days_and_ends_today():
    days = week().days
    assert [day.day for day in days] == [date(2026, 11, 18) + n * DAY for n in range(7)]
    assert [day.is_today for day in days] == [False] * 6 + [True]


def test_a_number_that_never_fell_was_connected_all_the_time():
    seen = week(Period("open", WEEK_AGO))
    assert (seen.share, seen.percent, seen.states) == (1, "100%", [State.UP])


def test_today_counts_only_up_to_now():
    day = today(Period("open", WEEK_AGO, MIDNIGHT + 6 * HOUR), Period("disconnected", MIDNIGHT + 6 * HOUR))
    assert day.share == 0.5


def test_an_open_period_counts_up_to_the_last_verdict_and_what_follows_is_blind():
    day = today(Period("open", WEEK_AGO), last_verdict_at=NOON - HOUR)
    assert day.share == 1
    assert stretches.total(day.stretches, State.BLIND) == HOUR


def test_the_time_since_an_ordinary_last_look_is_not_blind():
    assert State.BLIND not in week(Period("open", WEEK_AGO), last_verdict_at=NOON - 2 * MINUTE).states


def test_blind_time_counts_neither_way():
    day = today(
        Period("open", MIDNIGHT, MIDNIGHT + 3 * HOUR),
        Period("disconnected", MIDNIGHT + 9 * HOUR, MIDNIGHT + 10 * HOUR),
        Period("open", MIDNIGHT + 10 * HOUR),
    )
    assert day.share == 5 / 6


@pytest.mark.parametrize("status", ["disconnected", "qr_pending", "connecting", "error"])
def test_whatever_is_not_connected_is_down(status):
    assert today(Period(status, MIDNIGHT)).share == 0


def test_what_cannot_be_known_counts_neither_way():
    assert today(Period("unknown", MIDNIGHT, NOON - HOUR), Period("open", NOON - HOUR)).share == 1


def test_the_time_before_the_first_pairing_does_not_count():
    day = today(Period("disconnected", MIDNIGHT, NOON - HOUR), Period("open", NOON - HOUR), paired_at=NOON - HOUR)
    assert (day.share, day.falls) == (1, 0)


def test_what_it_was_where_it_stood_before_does_not_count():
    periods = [Period("open", WEEK_AGO, NOON - 2 * HOUR), Period("qr_pending", NOON - 2 * HOUR, NOON - HOUR)]
    seen = week(*periods, Period("open", NOON - HOUR), paired_at=NOON - HOUR)
    assert (seen.share, seen.falls, len(seen.stretches)) == (1, (), 1)


def test_a_number_that_was_never_paired_has_nothing_to_show():
    seen = week(Period("disconnected", WEEK_AGO), paired_at=None)
    assert (seen.share, seen.states, seen.percent) == (None, [], "–")


def test_changes_of_cause_within_a_fall_are_one_fall():
    day = today(
        Period("open", WEEK_AGO, NOON - 3 * HOUR),
        Period("disconnected", NOON - 3 * HOUR, NOON - 2 * HOUR),
        Period("qr_pending", NOON - 2 * HOUR, NOON - HOUR),
        Period("open", NOON - HOUR),
    )
    assert day.falls == 1


def test_a_fall_over_midnight_belongs_to_the_day_on_which_it_began():
    seen = week(
        Period("open", WEEK_AGO, MIDNIGHT - HOUR),
        Period("error", MIDNIGHT - HOUR, MIDNIGHT + HOUR),
        Period("open", MIDNIGHT + HOUR),
    )
    assert [day.falls for day in seen.days[-2:]] == [1, 0]
    assert seen.days[-2].share == pytest.approx(23 / 24)


def test_unstable_time_is_drawn_over_the_periods_and_changes_no_percentage():
    seen = week(Period("open", WEEK_AGO), unstable=[(NOON - 2 * HOUR, NOON - HOUR)])
    assert (seen.share, seen.states) == (1, [State.UP, State.UNSTABLE])
    assert dict(seen.days[-1].paths)["unstable"] == "M600 0h60v10h-60z"


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        ("Europe/Lisbon", date(2026, 3, 29), 23),
        ("Europe/Lisbon", date(2026, 10, 25), 25),
        ("America/Santiago", date(2026, 9, 6), 23),  # there midnight itself is skipped
        ("America/Sao_Paulo", date(2026, 11, 24), 24),
    ],
)
def test_a_day_is_as_long_as_it_is_in_its_zone_and_as_wide_as_any_other(zone, day, hours):
    zone = ZoneInfo(zone)
    start = availability.midnight(day, zone)
    seen = week(Period("open", start - 30 * DAY), now=start + 2 * DAY, zone=zone, paired_at=start - 30 * DAY).day(day)
    assert seen.end - seen.start == hours * HOUR
    assert seen.paths == [("up", "M0 0h1440v10h-1440z")]


def test_days_are_those_of_the_clinics_zone():
    late_evening = datetime(2026, 11, 25, 1, tzinfo=UTC)  # 22:00 of the 24th in São Paulo
    assert week(now=late_evening, zone=SAO_PAULO).days[-1].day == date(2026, 11, 24)


def test_a_short_fall_is_drawn_wide_enough_to_be_seen():
    day = today(
        Period("open", WEEK_AGO, NOON - HOUR),
        Period("error", NOON - HOUR, NOON - 58 * MINUTE),
        Period("open", NOON - 58 * MINUTE),
    )
    assert dict(day.paths)["down"] == "M660 0h40v10h-40z"


def test_a_fall_of_this_minute_is_drawn_before_now():
    day = today(Period("open", WEEK_AGO, NOON - MINUTE), Period("error", NOON - MINUTE))
    assert spans(dict(day.paths)["down"]) == [(680, 720)]


@pytest.mark.parametrize(
    ("share", "places", "portuguese", "english"),
    [
        (1, 2, "100%", "100%"),
        (0, 1, "0%", "0%"),
        (0.98765, 2, "98,76%", "98.76%"),
        (0.9999999, 2, "99,99%", "99.99%"),
        (0.9996, 1, "99,9%", "99.9%"),
        (0.00000001, 2, "0,00%", "0.00%"),
        (None, 2, "–", "–"),
    ],
)
def test_percentages_are_rounded_down_and_written_in_the_readers_language(share, places, portuguese, english):
    for language, written in (("pt-br", portuguese), ("en", english)):
        with translation.override(language):
            assert percent(share, places=places) == written


def test_a_day_is_told_in_words():
    with translation.override("en"):
        periods = [
            Period("open", MIDNIGHT, MIDNIGHT + HOUR),
            Period("error", MIDNIGHT + HOUR, MIDNIGHT + 2 * HOUR),
            Period("open", MIDNIGHT + 2 * HOUR, NOON - 18 * MINUTE),
            Period("open", NOON),
        ]
        assert today(*periods).text == "connected, 1 fall, 18min without a check"
        assert today(Period("open", WEEK_AGO)).text == "connected, no falls"


moments = st.integers(0, 10 * 24 * 60).map(lambda minutes: NOON - minutes * MINUTE)
statuses = st.sampled_from(["open", "disconnected", "error", "qr_pending", "connecting", "unknown"])


@st.composite
def histories(draw):
    """Periods one after another, with gaps between some of them, the last one still open or not."""
    edges = sorted(draw(st.lists(moments, max_size=20)))
    periods = [Period(draw(statuses), start, end) for start, end in pairwise(edges) if draw(st.booleans())]
    if periods and draw(st.booleans()):
        periods[-1].ended_at = None
    return periods


@given(histories(), st.sampled_from([UTC_ZONE, SAO_PAULO, ZoneInfo("Pacific/Auckland")]), st.none() | moments)
def test_every_week_is_drawn_within_its_days_and_counted_within_its_bounds(periods, zone, paired_at):
    seen = week(*periods, zone=zone, paired_at=paired_at)
    assert seen.share is None or 0 <= seen.share <= 1
    for day in seen.days:
        assert sum((s.end - s.start for s in day.stretches), timedelta()) <= day.until - day.start
        assert all(day.start <= s.start < s.end <= day.until for s in day.stretches)
        for state, path in day.paths:
            drawn = spans(path)
            assert all(0 <= left < right <= WIDTH for left, right in drawn)
            assert all(one[1] < two[0] for one, two in pairwise(drawn)), "merged"
            assert state == "up" or all(right - left >= LEAST_WIDTH for left, right in drawn)
        occurs = {s.state.value for s in day.stretches if s.state is not State.UP}
        assert occurs == {state for state, _path in day.paths if state != "up"}, "nothing bad is too short to be seen"
