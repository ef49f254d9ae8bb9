"""Beat's schedule belongs to the operator: what was edited in the admin outlives a restart."""

from django_celery_beat.models import IntervalSchedule, PeriodicTask

from channels_app import bell
from tests.support.processes import wait_until

RING = "ring the watch"  # each second in tests
PROBE = "probe"  # another task, each second, on a queue of its own: it shows that beat is at work
EDITED = 3  # seconds


def every(seconds: int) -> IntervalSchedule:
    return IntervalSchedule.objects.get_or_create(every=seconds, period=IntervalSchedule.SECONDS)[0]


def test_an_edited_interval_and_a_disabled_ring_outlive_restarts_of_beat(processes):
    def sent(queue: str) -> int:
        return processes.broker.waiting(queue)

    beat = processes.beat()
    wait_until(lambda: sent(bell.QUEUE), "beat rings")
    ring = PeriodicTask.objects.get(name=RING)
    assert ring.interval == every(1)

    beat.is_killed()
    ring.interval = every(EDITED)
    ring.save()
    PeriodicTask.objects.create(name=PROBE, task=bell.RING, queue=PROBE, interval=every(1))
    processes.broker.forgets()
    beat = processes.beat()
    wait_until(lambda: 0 < sent(bell.QUEUE) < sent(PROBE) - 1, "beat rings, and less often than each second")
    ring.refresh_from_db()
    assert (ring.interval, ring.enabled) == (every(EDITED), True)

    beat.is_killed()
    ring.enabled = False
    ring.save()
    processes.broker.forgets()
    processes.beat()
    wait_until(lambda: sent(PROBE) > EDITED, "beat was at work for longer than the ring's interval")
    ring.refresh_from_db()
    assert (ring.interval, ring.enabled) == (every(EDITED), False)
    assert sent(bell.QUEUE) == 0
