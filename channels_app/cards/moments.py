"""Moments and stretches of time as the clinic's page writes them, in the zone that is active."""

from datetime import datetime

from django.utils import formats, timezone
from django.utils.translation import gettext as _
from django.utils.translation import pgettext


def moment(at: datetime, *, beside: datetime | None = None) -> str:
    """Write the time of day, with the date where it is not the same day's as the moment that it stands beside."""
    here = timezone.localtime(at)
    time = formats.date_format(here, "TIME_FORMAT")
    if beside is not None and here.date() == timezone.localtime(beside).date():
        return time
    day = formats.date_format(here, pgettext("day and month, as a date format of Django", "M j"))
    return f"{day} {time}"


def span(start: datetime, end: datetime | None) -> str:
    """From when until when; without an end it goes on."""
    return f"{moment(start)} → {moment(end, beside=start) if end else _('now')}"
