"""The bench of memory still runs, and says when processes came or went."""

import pytest

from bench import memory
from tests.bench.running import run_bench


def test_a_small_fleet_ends_in_a_table(transactional_db):
    # With looks of a second the second one may come a moment before the threshold of a second is over.
    ended = run_bench("memory", "--channels 100 --servers 3 --processes 1 --sweeps 3", bell=11)

    assert ended.returncode == 0, ended.stderr[-2000:]
    for name in ("worker", "worker, process 1", "errands", "errands, process 1", "beat", memory.TOGETHER, memory.ALL):
        assert f"| {name} | " in ended.stdout


def test_growth_is_that_of_the_second_half():
    filling_up = [10.0, 60.0, 90.0]

    assert memory.growth([*filling_up, 100.0, 100.5, 101.0]) == pytest.approx(500)  # kB a sweep


def test_a_process_that_another_one_replaced_is_a_mistake():
    assert memory.replaced([{"worker": 1}, {"worker": 1}]) == []
    assert memory.replaced([{"worker": 1}, {"worker": 2}]) == ["processes came or went meanwhile"]
