"""Beat's schedule: the code gives defaults, the admin owns the rows, and a database restart does not end it.

Facts (django-celery-beat 2.9.0, run): the stock scheduler overwrites an edited interval at each start, and
exits when the database is away at its five-minute re-read. A deleted row comes back at the next start.
"""

from collections.abc import Mapping

from django.db import DatabaseError, InterfaceError
from django_celery_beat.models import PeriodicTask
from django_celery_beat.schedulers import DatabaseScheduler


class Scheduler(DatabaseScheduler):
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
