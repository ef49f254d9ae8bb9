"""The CPU that a worker's processes spend on each thing, read by another process."""

import os

from bench import clock
from bench.clock import Clock


def test_the_sums_of_all_processes_are_added(tmp_path):
    shared = Clock(tmp_path)
    shared.add("flush", 1.0)
    if not (child := os.fork()):
        shared.add("flush", 2.0)
        os._exit(0)
    os.waitpid(child, 0)
    shared.add("claim", 4.0)

    assert clock.read(tmp_path) == {"claim": 4.0, "flush": 3.0, "statements": 0.0}
