"""Words that every page shares: icons, lengths of time, moments that keep counting."""

from datetime import datetime, timedelta
from functools import cache, lru_cache
from zoneinfo import ZoneInfo

import lucide
from django import template
from django.utils import formats, timezone
from django.utils.html import format_html
from django.utils.safestring import mark_safe
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from core import durations

register = template.Library()


@register.simple_tag
@cache  # a few dozen, named by our templates; drawing one anew takes 40 µs, and a page holds up to eighty
def icon(name: str, css: str = "ic") -> str:
    """Draw a lucide icon. It is decoration: a word stands beside it, or its link carries an aria-label."""
    drawn = lucide._render_icon(name + "", None, **{"class": css + "", "aria-hidden": "true"})
    return mark_safe(drawn)  # noqa: S308 (the library's own drawing; our templates name icon and class)


@register.filter
def spell(length: timedelta | float | None) -> str:
    """Write a length of time, or a number of seconds: `3min 20s`."""
    if length is None:
        return ""
    return durations.spell(length if isinstance(length, timedelta) else timedelta(seconds=length))


@register.simple_tag
def ago(at: datetime | None, css: str = "") -> str:
    """Write how long ago a moment was, "há 12s", with the exact time on focus; static/ago.js keeps it true."""
    if at is None:
        return ""
    words = _("%s ago")
    return format_html(
        '<time class="{}" datetime="{}" title="{}" tabindex="0" data-ago="{}">{}</time>',
        css,
        at.isoformat(),
        _exactly(at.replace(second=0, microsecond=0), timezone.get_current_timezone(), get_language()),
        words,
        words % durations.spell(timezone.now() - at),
    )


@lru_cache(maxsize=4096)  # a page says fifty checks of the same few minutes, and asks for itself again
def _exactly(minute: datetime, zone: ZoneInfo, _language: str) -> str:
    """Write a moment as those read it who are there and speak that language."""
    return formats.date_format(timezone.localtime(minute, zone), "SHORT_DATETIME_FORMAT")
