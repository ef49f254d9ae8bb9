"""One way to write a length of time, everywhere."""

from datetime import timedelta

import pytest

from core.durations import spell


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0s"),
        (45, "45s"),
        (59.999, "59s"),
        (60, "1min"),
        (200, "3min 20s"),
        (61, "1min 1s"),
        (1500, "25min"),
        (3599.9, "59min 59s"),
        (3600, "1h"),
        (3659, "1h"),
        (7500, "2h 05min"),
        (43_200 + 59 * 60, "12h 59min"),
        (86_399, "23h 59min"),
        (86_400, "1d"),
        (86_400 + 3599, "1d"),
        (3 * 86_400 + 4 * 3600, "3d 4h"),
        (400 * 86_400, "400d"),
        (-0.5, "0s"),
        (-90, "0s"),
    ],
)
def test_a_length_is_written_with_its_two_largest_units(seconds, words):
    assert spell(timedelta(seconds=seconds)) == words
