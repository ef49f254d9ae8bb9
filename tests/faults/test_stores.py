"""The broker and the database go away, come back empty, cut their connections, and keep everybody waiting."""

import os
import subprocess
import sys
import time

from django.db import connection, transaction

from channels_app import bell
from channels_app.watch import LONGEST_LOOP
from tests.faults.fleet import longest_silence, looks_at
from tests.faults.product import DEADLINE, INTERVAL, LEASE, TICK, cut_all_lines, end_database_sessions

AWAY = 5  # seconds; the minute: --away
LOCKED = 10  # seconds
AIR = 4 * INTERVAL  # seconds, of a busy machine
A_TICK = LEASE + TICK  # that a database may cost: what it took from a loop is due again when its lease lapses
MOST_RINGS = LONGEST_LOOP / TICK + 3  # beat rings on while the loops run; the next one that starts purges them


def test_while_the_broker_is_away_forgets_or_cuts_its_lines_nobody_is_told_anything_wrong(fleet, product, script):
    product.errands(), product.worker(), product.beat()
    fleet.is_connected()
    script.visits()
    began = time.monotonic()

    def the_broker_has_a_bad_day():
        product.broker.is_killed()
        product.rests(AWAY)
        product.broker.comes_back()
        product.rests(2 * INTERVAL)
        product.broker.forgets()
        for _ in range(10):
            cut_all_lines(product.broker.url)
            product.rests(0.3)

    fleet.goes_through_an_outage(*fleet.numbers[:3], meanwhile=the_broker_has_a_bad_day)

    looks = looks_at(fleet.numbers, script.visits())
    silence = longest_silence(looks, began=began, ended=time.monotonic())
    print(f"longest silence {silence:.1f} s")
    assert silence <= AWAY + INTERVAL + TICK + AIR
    assert product.broker.waiting(bell.QUEUE) <= MOST_RINGS  # nothing piled up


def test_a_database_that_ends_its_sessions_and_then_locks_its_table_costs_no_half_incident(fleet, product, script):
    product.errands(), product.worker(), product.beat()
    fleet.is_connected()
    script.visits()
    began = locked_at = time.monotonic()
    outages = fleet.falls(*fleet.numbers[:3])

    def the_database_has_a_bad_day():
        for _ in range(5):
            end_database_sessions()
            product.rests(0.5)
        nonlocal locked_at
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("lock table channels_app_watch in access exclusive mode")
            locked_at = time.monotonic()
            time.sleep(LOCKED)  # nobody tends meanwhile: this very connection holds the lock

    fleet.suffers(outages, the_database_has_a_bad_day)
    product.wait_until(lambda: fleet.has_opened(outages), "the incidents opened")
    fleet.rises(*outages)
    product.wait_until(lambda: fleet.has_resolved(outages), "the incidents resolved")

    assert product.broker.waiting(bell.QUEUE) <= MOST_RINGS
    visits = [v._replace(at=v.at - LOCKED) if v.at > locked_at + LOCKED else v for v in script.visits()]
    silence = longest_silence(looks_at(fleet.numbers, visits), began=began, ended=time.monotonic() - LOCKED)
    print(f"longest silence {silence:.1f} s, the lock's own time apart")
    assert silence <= INTERVAL + A_TICK + 2 * DEADLINE
    product.rests(2 * INTERVAL)
    again = looks_at(fleet.numbers, script.visits())
    assert max(map(len, again.values())) <= 4  # and nobody makes up for what was missed


def test_a_database_that_is_restarted_and_killed_in_the_middle_of_a_batch_loses_nothing():
    """In a run of its own: this run's database is also other tests'."""
    ours = {
        name: value for name, value in os.environ.items() if name not in ("DATABASE_URL", "REDIS_URL", "DJANGO_SETTINGS_MODULE")
    }
    command = ["exec", sys.executable, "-m", "tests.faults", "--restarts", "2"]

    run = subprocess.run(
        [sys.executable, "-m", "config.embedded", *command], env=ours, capture_output=True, text=True, check=False
    )

    print(run.stdout, run.stderr)
    assert run.returncode == 0
