"""The bench of writing still runs, and shows nothing over a wrong record."""

from argparse import Namespace

import pytest

from bench import write
from channels_app.models import Watch
from tests.bench.running import run_bench

SMALL = Namespace(channels=100, servers=3, batch=40, repeats=1, rounds=1)


def test_a_small_fleet_ends_in_tables(transactional_db):
    ended = run_bench("write", "--channels 100 --servers 3 --batch 40 --repeats 1 --rounds 3 --bulk-sample 10", bell=10)

    assert ended.returncode == 0, ended.stderr[-2000:]
    assert "| raw UPDATE ... FROM unnest | " in ended.stdout
    assert "| channels_app_watch | 600 | " in ended.stdout  # three claims and three flushes of each


@pytest.fixture
def fleet(transactional_db):
    return write.make(SMALL)


def test_what_was_flushed_is_on_record(fleet):
    fleet.changes(10)
    write.flushed(fleet)

    assert write.mistakes(fleet) == []


def test_the_raw_way_leaves_the_same_record(fleet):
    before = list(Watch.objects.order_by("pk").values())

    write.raw(fleet, 40)

    after = list(Watch.objects.order_by("pk").values())
    assert [changed(old, new) for old, new in zip(before, after, strict=True)] == [write.MOVED] * 100


def changed(before: dict, after: dict) -> set[str]:
    return {name for name in before if before[name] != after[name]}


def test_a_number_that_reads_otherwise_is_a_mistake(fleet):
    Watch.objects.filter(pk=fleet.ids()[0]).update(cause="logged_out")

    assert "1 are down and 99 connected, where 0 of 100 fell" in write.mistakes(fleet)


def test_a_look_that_was_not_written_is_a_mistake(fleet):
    fleet.expected["healthy"] += 1

    assert write.mistakes(fleet)[0].startswith("the flushes counted {'healthy': 200}")
