"""Old rows go, some thousands at a time: no lock lasts, a death in between loses nothing, and two at once share the work.

Which rows are old, each app says in its own `pruning`; by the database's clock, as everywhere.
"""

from datetime import timedelta

from django.db.models import QuerySet

HISTORY_IS_KEPT = timedelta(days=397)  # thirteen months, whichever they are
ROWS_AT_ONCE = 5_000


def delete_some(old: QuerySet) -> int:
    """Delete the first of these rows, which nothing refers to; return how many. Inside the caller's transaction.

    Rows that somebody holds are left for the next time.
    """
    ids = list(old.select_for_update(skip_locked=True).values_list("pk", flat=True)[:ROWS_AT_ONCE])
    return old.model._base_manager.filter(pk__in=ids).delete()[0]
