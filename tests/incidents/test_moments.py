"""How the pages of an incident write moments: as short as is clear, in the language's order."""

from datetime import timedelta

import pytest
from django.utils import translation

from incidents import moments, timeline
from incidents.timeline import Line
from tests.support.readings import NOON

DAY, HOUR = timedelta(days=1), timedelta(hours=1)


@pytest.mark.parametrize(
    ("at", "language", "written"),
    [
        (NOON, "pt-br", "09:00"),
        (NOON, "en", "9 a.m."),
        (NOON - DAY, "pt-br", "23/11 09:00"),
        (NOON - DAY, "en", "11/23 9 a.m."),
        (NOON - 365 * DAY, "pt-br", "24/11/2025 09:00"),
        (NOON + 14 * HOUR, "pt-br", "23:00"),  # the day is the reader's, not UTC's
        (NOON + 15 * HOUR, "pt-br", "25/11 00:00"),
    ],
)
def test_a_moment_has_a_date_where_it_is_of_another_day_and_a_year_where_of_another_year(at, language, written):
    with translation.override(language):
        assert moments.written(at, seen_from=NOON) == written


def test_readings_are_written_to_the_second():
    assert moments.written(NOON, seen_from=NOON, to=moments.SECONDS) == "09:00:00"


def test_a_timeline_names_each_day_where_it_begins_and_not_today_at_first():
    def days(*at):
        return [line.day for line in timeline.dated([Line(moment, "", "", "") for moment in at], now=NOON)]

    assert days(NOON, NOON) == ["", ""]
    assert days(NOON - DAY, NOON - DAY, NOON) == ["23/11", "", "24/11"]
