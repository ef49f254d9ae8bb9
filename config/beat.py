"""Beat's schedule: the code gives defaults, the admin owns the rows, and a database restart does not end it.

Facts (django-celery-beat 2.9.0, run): the stock scheduler overwrites an edited interval at each start, and
exits when the database is away at its five-minute re-read. A deleted row comes back at the next start. Where the clock is
set back it rings no more until the clock is again where it was (celery 5.7.0, run).
"""

from collections.abc import Mapping
from datetime import UTC, datetime

from django.db import DatabaseError, InterfaceError
from django.utils import timezone
from django_celery_beat.models import PeriodicTask
from django_celery_beat.schedulers import DatabaseScheduler


class Scheduler(DatabaseScheduler):
    _ticked_at = datetime.min.replace(tzinfo=UTC)

    def tick(self, *arguments, **named) -> float:
        now = timezone.now()
        if now < self._ticked_at:  # the clock was set back: what is planned lies too far ahead
            self._heap = None
        self._ticked_at = now
        return super().tick(*arguments, **named)

    def populate_heap(self, *arguments, **named) -> None:
        now = timezone.now()
        for entry in self.schedule.values():
            entry.last_run_at = min(entry.last_run_at, now)
        super().populate_heap(*arguments, **named)

    def update_from_dict(self, mapping: Mapping) -> None:
        have = set(PeriodicTask.objects.filter(name__in=mapping).values_list("name", flat=True))
        super().update_from_dict({name: entry for name, entry in mapping.items() if name not in have})

    @property
    def schedule(self):
        try:
            return super().schedule
        except (DatabaseError, InterfaceError):
            if self._schedule is None:
                raise
            return self._schedule  # keep ringing by the last known schedule
