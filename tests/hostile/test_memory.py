"""No look costs more than ten megabytes at its peak, whatever comes in."""

import contextlib

from tests.hostile import looker, table
from tests.hostile.conftest import PATIENCE
from tests.hostile.server import right

MEGABYTE = 1 << 20
MOST = 10 * MEGABYTE
LARGE = {"too much", "encoded", "no answer in it"}  # the long form measures every row


def test_nothing_that_is_sent_takes_ten_megabytes(ground):
    with contextlib.ExitStack() as stack:
        healthy = stack.enter_context(ground.https(right)).url
        large = [case for case in table.cases() if case.row.what in LARGE]
        opened = {stack.enter_context(server).url: case for case in large for server in case.opened_on(ground)}
        job = looker.Job(urls=list(opened), right=healthy, pem=ground.pem, seconds=PATIENCE, at_once=4)
        seen = looker.run(job)

    assert {str(case): seen[url].grown / MEGABYTE for url, case in opened.items() if seen[url].grown >= MOST} == {}
    assert len(seen) == len(opened)


def test_the_measure_sees_a_peak_that_is_gone_again():
    with looker.watched() as memory:
        bytearray(b"x" * MOST)

    assert memory() >= MOST
