"""Two of everything, and messages from the past: a look per interval and number, and what people asked for."""

import time

from django.db import transaction
from kombu import Connection

from channels_app import bell, on_demand
from config.celery import app
from tests.faults.fleet import looks_at
from tests.faults.product import INTERVAL, TICK

BEATS = 5
INTERVALS = 5


def test_five_beats_two_workers_and_old_messages_look_no_more_often_than_one_would(fleet, product, script):
    for start in (product.worker, product.beat) * 2:
        start()
    for _ in range(BEATS - 2):
        product.beat()
    fleet.is_connected()
    script.visits()
    began = time.monotonic()

    for _ in range(INTERVALS * INTERVAL):
        deliver_again(product.broker.url, times=3)
        product.rests(1)

    looks, intervals = looks_at(fleet.numbers, script.visits()), (time.monotonic() - began) / INTERVAL
    assert intervals >= INTERVALS
    assert max(map(len, looks.values())) <= intervals + 1


def test_two_sweeps_at_once_look_once_more_and_not_twice(fleet, product, script):
    rarely = {"HEARTBEAT_INTERVAL_SECONDS": 60, "HEARTBEAT_TIMEOUT_SECONDS": 5}  # every look from now on is one of the sweeps
    product.worker(**rarely), product.worker(**rarely), product.beat(**rarely)
    fleet.is_connected()
    script.visits()

    with transaction.atomic():  # nobody looks between the one and the other
        sweeps = [on_demand.request(by=fleet.operator), on_demand.request(by=fleet.operator)]
    product.ring()
    product.wait_until(lambda: not any(sweep.waiting().exists() for sweep in sweeps), "both are done")
    product.rests(2 * TICK)

    assert {number: len(at) for number, at in looks_at(fleet.numbers, script.visits()).items()} == {
        number.key: 1 for number in fleet.numbers
    }


def deliver_again(url: str, *, times: int) -> None:
    """Put rings on the queue as an old broker does that redelivers: with arguments that nobody knows any more."""
    with Connection(url) as broker:
        for _ in range(times):
            app.send_task(bell.RING, queue=bell.QUEUE, connection=broker, kwargs={"from_a_release_of_long_ago": True})
