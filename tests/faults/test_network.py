"""Our own network goes, servers hang, and the disk for logs is full: the others' looks go on, and nobody is told lies."""

import statistics

from channels_app.models import Channel
from incidents.models import Incident
from notifications.models import Notification
from tests.faults.fleet import looks_at
from tests.faults.product import INTERVAL, MINUTE, fill_disk

WINDOW = 5 * INTERVAL  # seconds in which looks are counted
FEWEST = 4  # looks at a number in it: one may fall just outside


def test_without_our_own_network_the_operator_hears_once_and_no_clinic_hears_anything(fleet, product):
    product.errands(), product.worker(), product.beat()
    fleet.is_connected()

    cut_off = fleet.falls(*fleet.numbers, mood="open", is_blip=True)  # they are well, and nobody can tell
    product.levers.network_is_gone = fleet.was_cut_off = True
    told = Notification.objects
    product.wait_until(told.exists, "somebody was told")
    product.rests(2 * MINUTE)
    product.levers.network_is_gone = False
    fleet.rises(*cut_off)
    product.rests(2 * INTERVAL)
    fleet.is_connected()

    warning = told.get()
    assert (warning.user, warning.event, warning.incident) == (fleet.operator, "warning", None)
    assert not Incident.objects.exists()


def test_a_full_disk_for_logs_does_not_stop_the_watch(fleet, product):
    worker, beat = product.worker(), product.beat()
    fleet.is_connected()
    for process in (worker, beat):
        fill_disk(process)
    written = worker.log.stat().st_size

    fleet.goes_through_an_outage(*fleet.numbers[:2])

    assert worker.is_alive
    assert beat.is_alive
    assert worker.log.stat().st_size == written


def test_a_fifth_that_hangs_and_a_server_that_hangs_wholly_cost_the_others_less_than_a_tenth(fleet, product, script):
    Channel.objects.update(heartbeat_threshold_minutes=60)  # nobody is told of this
    product.worker(), product.beat()
    fleet.is_connected()
    product.rests(1.5 * INTERVAL)  # until each has come into its own phase: before, some are looked at more often
    of_server_3 = [number for number in fleet.numbers if number.key.startswith("3/")]
    fifth, others = fleet.numbers[:2], [n for n in fleet.numbers[2:] if n not in of_server_3]
    without = seconds_between_looks(product, script, others)

    fleet.falls(*fifth, mood="hang", is_blip=True)
    fleet.falls(*of_server_3, mood="open", is_blip=True)
    script.server_is("3", "hang")
    with_them = seconds_between_looks(product, script, others)

    print(f"{with_them:.3f} s after {without:.3f} s: {with_them / without:.3f}")
    assert with_them < 1.1 * without


def seconds_between_looks(product, script, numbers) -> float:
    """Return the mean of the numbers, each counted alike. That none is starved, which it would hide, the fewest looks say:
    one look of five more or less is more than a tenth of one number's mean, so that the bound cannot be asked of each.
    """
    script.visits()
    product.rests(WINDOW)
    looks = looks_at(numbers, script.visits())
    assert min(map(len, looks.values())) >= FEWEST
    return statistics.mean((at[-1] - at[0]) / (len(at) - 1) for at in looks.values())
