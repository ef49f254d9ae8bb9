"""Beat's schedule: the code gives defaults, the admin owns the rows, and a database restart does not end it.

Facts (django-celery-beat 2.9.0, run): the stock scheduler overwrites an edited interval at each start, and
exits when the database is away at its five-minute re-read. A deleted row comes back at the next start. A clock
that is set back by an hour silences it for that hour.
"""

import time
from collections.abc import Mapping

from django.db import DatabaseError, InterfaceError
from django_celery_beat.models import PeriodicTask
from django_celery_beat.schedulers import DatabaseScheduler, ModelEntry

CLOCK_STEP = 1.0  # seconds back: no adjustment any more


class Entry(ModelEntry):
    def is_due(self):
        """The last run is in the future where the clock was set back: the next one would wait until then."""
        self.last_run_at = min(self.last_run_at, self._default_now())
        return super().is_due()


class Scheduler(DatabaseScheduler):
    Entry = Entry

    _clock = 0.0  # as the last turn saw it

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

    def tick(self, *arguments, **options):
        now, before = time.time(), self._clock
        if now < before - CLOCK_STEP:
            self._heap = None  # planned by the clock of before
        self._clock = now
        return super().tick(*arguments, **options)
