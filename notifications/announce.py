"""Who is told, and did it arrive? In the app the row is the delivery: `tell` writes rows in the caller's transaction.

It is handed plain notices and never learns what an incident is made of. Two unique rules keep the promise "once":
(user, dedupe_key) in the table, and that only rows this transaction inserted are reported back.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, tzinfo
from enum import StrEnum
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.db import connection
from django.utils import timezone, translation
from django.utils.functional import Promise

from notifications.models import Notification
from tenants.models import Membership, Tenant, User


class Audience(StrEnum):
    CLINIC = "clinic"
    OPERATOR = "operator"


@dataclass(frozen=True, slots=True)
class Text:
    """Lazy texts: rendered once per reader, in their language and the clinic's time zone."""

    title: Promise
    body: Promise


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    dedupe_key: str  # e.g. incident:42:opened
    event: Notification.Event
    tenant_id: int | None
    incident_id: int | None
    texts: Mapping[Audience, Text]  # an audience without a text is not told
    link: str
    only: Collection[int] | None = None  # user ids; None: everybody of the audiences


def warning(dedupe_key: str, title: Promise, body: Promise, *, link: str = "") -> Notice:
    """Return what operators alone are to read, and what is no incident's: something about Vigia, or what it cannot see."""
    return Notice(
        dedupe_key=dedupe_key,
        event=Notification.Event.WARNING,
        tenant_id=None,
        incident_id=None,
        texts={Audience.OPERATOR: Text(title, body)},
        link=link,
    )


@dataclass(frozen=True, slots=True)
class _Reader:
    user_id: int
    language: str
    zone: str


def tell(notices: Iterable[Notice], *, at: datetime) -> dict[str, list[int]]:
    """Write one row per reader who has none yet; return the user ids told now, by dedupe key. Three queries at most.

    Call inside the transaction that makes the news true. A clinic's admins are its active ones at this moment; the
    operators are told where a notice has a text for them.
    """
    notices = list(notices)
    if not notices:
        return {}
    readers = _Readers(notices)
    rows = [_row(notice, reader, text, at) for notice in notices for reader, text in readers.of(notice)]
    told: dict[str, list[int]] = defaultdict(list)
    for user_id, dedupe_key in _insert(rows):
        told[dedupe_key].append(user_id)
    return told


class _Readers:
    """Everybody whom some of the notices may concern: one query for the clinics, one for the operators."""

    def __init__(self, notices: list[Notice]) -> None:
        tenants = {notice.tenant_id for notice in notices if notice.tenant_id}
        self._zones = dict(Tenant.objects.filter(pk__in=tenants).values_list("pk", "time_zone"))
        self._admins: dict[int, list[_Reader]] = defaultdict(list)
        members = Membership.objects.admins().filter(tenant__in=tenants).order_by("user_id")
        for tenant_id, user_id, language in members.values_list("tenant_id", "user_id", "user__language"):
            self._admins[tenant_id].append(_Reader(user_id, language, self._zones[tenant_id]))
        self._operators: list[tuple[int, str]] = []
        if any(Audience.OPERATOR in notice.texts for notice in notices):
            operators = User.objects.filter(is_saas_admin=True, is_active=True).order_by("pk")
            self._operators = list(operators.values_list("pk", "language"))

    def of(self, notice: Notice) -> Iterable[tuple[_Reader, Text]]:
        """Each reader once: an operator who is also the clinic's admin reads the operator's text."""
        chosen: dict[int, tuple[_Reader, Text]] = {}
        if text := notice.texts.get(Audience.CLINIC):
            chosen |= {reader.user_id: (reader, text) for reader in self._admins[notice.tenant_id]}
        if text := notice.texts.get(Audience.OPERATOR):
            zone = self._zones.get(notice.tenant_id, timezone.get_default_timezone_name())
            chosen |= {user_id: (_Reader(user_id, language, zone), text) for user_id, language in self._operators}
        return [pair for user_id, pair in chosen.items() if notice.only is None or user_id in notice.only]


def _row(notice: Notice, reader: _Reader, text: Text, at: datetime) -> tuple:
    with translation.override(reader.language), timezone.override(_zone(reader.zone)):
        title, body = str(text.title)[:200], str(text.body)
    return (reader.user_id, notice.tenant_id, notice.incident_id, notice.event, title, body, notice.link, notice.dedupe_key, at)


def _zone(name: str) -> tzinfo:
    """A zone that this machine does not know must not keep anybody from being told."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        return timezone.get_default_timezone()


def _insert(rows: list[tuple]) -> list[tuple[int, str]]:
    """Insert in one order, so that two transactions that tell the same people wait for each other and never cross."""
    if not rows:
        return []
    rows.sort(key=lambda row: (row[0], row[7]))
    with connection.cursor() as cursor:
        cursor.execute(_INSERT, [list(column) for column in zip(*rows, strict=True)])
        return cursor.fetchall()


_INSERT = """
insert into notifications_notification (user_id, tenant_id, incident_id, event, title, body, link, dedupe_key, created_at, type)
select *, 'system_alert' from unnest(
    %s::bigint[], %s::bigint[], %s::bigint[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::timestamptz[])
on conflict (user_id, dedupe_key) do nothing
returning user_id, dedupe_key
"""
