"""What all benches say: tables, and nothing over a wrong record."""

import pytest

from bench import sheet


def test_nothing_is_shown_over_a_wrong_record(capsys):
    with pytest.raises(SystemExit, match="Nothing is shown, because the record is wrong:\n- one is missing"):
        sheet.show_or_refuse(["one is missing"], "| a table |")

    assert capsys.readouterr().out == ""


def test_a_right_record_is_shown(capsys):
    sheet.show_or_refuse([], "words", "| a table |")

    assert capsys.readouterr().out == "words\n\n| a table |\n"


@pytest.mark.parametrize(
    ("percent", "expected"),
    [(1, 1), (50, 50), (99, 99), (99.5, 100), (100, 100)],
)
def test_a_percentile_is_a_value_that_was_seen(percent, expected):
    assert sheet.percentile(range(100, 0, -1), percent) == expected


def test_the_least_of_few_is_their_first_percentile():
    assert sheet.percentile([3.0], 1) == 3.0
