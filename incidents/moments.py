"""Moments as the pages of an incident write them: in the zone and the language that are active, as short as is clear.

`seen_from` is where the reader stands, now or at another line: a date is written where it is another day's, its year
where it is another year's.
"""

from datetime import datetime

from django.utils import formats, timezone

MINUTES, SECONDS = "TIME_FORMAT", "H:i:s"


def written(at: datetime, *, seen_from: datetime, to: str = MINUTES) -> str:
    """`18:08`, or `24/11 18:08`."""
    return time(at, to=to) if is_same_day(at, seen_from) else f"{short_date(at, seen_from=seen_from)} {time(at, to=to)}"


def short_date(at: datetime, *, seen_from: datetime) -> str:
    """`24/11`, in the language's order."""
    here, with_year = timezone.localtime(at), formats.get_format("SHORT_DATE_FORMAT")
    is_same_year = here.year == timezone.localtime(seen_from).year
    return formats.date_format(here, with_year.replace("/Y", "") if is_same_year else with_year)


def time(at: datetime, *, to: str = MINUTES) -> str:
    return formats.time_format(timezone.localtime(at), to)


def is_same_day(one: datetime, other: datetime) -> bool:
    return timezone.localtime(one).date() == timezone.localtime(other).date()
