"""Telling people of an incident: announced, and put on its timeline, so that both always say the same."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from types import MappingProxyType

from incidents.models import IncidentEvent
from notifications import announce
from notifications.announce import Notice

NONE = MappingProxyType({})


def tell(messages: Iterable[tuple[Notice, int | None]], *, causes: Mapping[int, str] = NONE, at: datetime) -> list[int]:
    """Announce each notice (with its incident's tenant) and write down who was told, and of which cause; by incident.

    Return the incidents of which somebody was told. Inside the caller's transaction.
    """
    messages = list(messages)
    told = announce.tell([notice for notice, _tenant_id in messages], at=at)
    lines = [
        IncidentEvent(
            tenant_id=tenant_id,
            incident_id=notice.incident_id,
            kind=IncidentEvent.Kind.TOLD,
            at=at,
            event=notice.event,
            cause=causes.get(notice.incident_id, ""),
            told=told[notice.dedupe_key],
        )
        for notice, tenant_id in messages
        if notice.dedupe_key in told
    ]
    IncidentEvent.objects.bulk_create(lines)
    return [line.incident_id for line in lines]
