"""What docs/causes.md says of each recorded situation is what the code makes of it."""

import pytest

from incidents.causes import CAUSES
from tests.recorded import situations, table

LINES = [line for line in situations.SITUATIONS if line[5] is not None]


def test_the_document_says_what_the_code_does():
    text = table.DOCUMENT.read_text()

    assert text.partition(table.BEGIN)[2].partition(table.END)[0].strip() == table.table()


@pytest.mark.parametrize("line", LINES, ids=lambda line: f"{line[0]} {line[1]}: {line[2] or 'always'}")
def test_every_verdict_has_a_status_that_its_cause_comes_with(line):
    _, _, _, said, row, gives = line

    for seen in (table.first(gives, said, row), table.lasting(gives, said, row)):
        assert seen.status in CAUSES[seen.cause].statuses
