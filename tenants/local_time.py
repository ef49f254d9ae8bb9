"""Screens tell the time of the clinic that is looked at; the operator's tell the product's own."""

from functools import wraps
from zoneinfo import ZoneInfo

from django.utils import timezone


def in_the_clinics_time(view):
    """Render the view in the clinic's zone."""

    @wraps(view)
    def localized(request, *args, **kwargs):
        membership = getattr(request, "membership", None)
        with timezone.override(ZoneInfo(membership.tenant.time_zone) if membership else None):
            return view(request, *args, **kwargs)

    return localized
