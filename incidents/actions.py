"""What people do with an incident: take care of it, write a note, call it a false alarm.

For its clinic's admins and for operators. Each raises Incident.DoesNotExist for whoever may not even see it, and
PermissionDenied for its readers.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from django.core.exceptions import PermissionDenied

from incidents.models import Incident, IncidentEvent
from tenants import scope
from tenants.models import Membership, User

DOUBLE_CLICK = timedelta(seconds=30)  # the same note by the same person within it was sent twice by mistake


def take(incident_id: int, *, by: User, at: datetime) -> bool:
    """Write down that this person takes care of it. False where somebody already does who still may, or where it is over."""
    with _acting_on(incident_id, by) as incident:
        if incident.resolved_at is not None or taken_care_of([incident]):
            return False
        Incident.objects.filter(pk=incident.pk).update(taken_by=by, taken_at=at)
        _put_on_timeline(incident, IncidentEvent.Kind.TAKEN, by=by, at=at)
    return True


def note(incident_id: int, text: str, *, by: User, at: datetime) -> bool:
    """Add a note of at most MOST_NOTE_CHARACTERS. False where this person has just said the same: a double click."""
    with _acting_on(incident_id, by) as incident:
        just_said = IncidentEvent.objects.filter(
            incident=incident, kind=IncidentEvent.Kind.NOTE, by=by, text=text, at__gt=at - DOUBLE_CLICK
        )
        if just_said.exists():
            return False
        _put_on_timeline(incident, IncidentEvent.Kind.NOTE, by=by, at=at, text=text)
    return True


def false_alarm(incident_id: int, *, by: User, at: datetime) -> bool:
    """Write down that this person found nothing wrong: the readings stay. False where they said so before."""
    with _acting_on(incident_id, by) as incident:
        if IncidentEvent.objects.filter(incident=incident, kind=IncidentEvent.Kind.FALSE_ALARM, by=by).exists():
            return False
        _put_on_timeline(incident, IncidentEvent.Kind.FALSE_ALARM, by=by, at=at)
    return True


def taken_care_of(incidents: Iterable[Incident]) -> set[int]:
    """Return the ids of those that somebody took who still may act on them. One query at most, where `taken_by` is at hand.

    Asked as the service: a clinic's reader sees no memberships but their own.
    """
    taken = {incident for incident in incidents if incident.taken_by_id is not None}
    by_operators = {incident for incident in taken if incident.taken_by.is_active and incident.taken_by.is_saas_admin}
    by_others = taken - by_operators
    kept = {incident.pk for incident in by_operators}
    if by_others:
        with scope.use(scope.SERVICE):
            admins = Membership.objects.admins().filter(user__in={incident.taken_by_id for incident in by_others})
            rights = set(admins.values_list("user", "tenant"))
        kept |= {incident.pk for incident in by_others if (incident.taken_by_id, incident.tenant_id) in rights}
    return kept


@contextmanager
def _acting_on(incident_id: int, person: User) -> Iterator[Incident]:
    """Check the right, enter service scope and lock the incident: two clicks come one after the other."""
    with scope.use(scope.SERVICE):
        incident = Incident.objects.select_for_update(no_key=True).get(pk=incident_id)
        if not (person.is_active and person.is_saas_admin):
            mine = Membership.objects.in_force().filter(user=person, tenant=incident.tenant_id).first()
            if mine is None:
                raise Incident.DoesNotExist
            if mine.role not in Membership.ADMIN_ROLES:
                raise PermissionDenied
        yield incident


def _put_on_timeline(incident: Incident, kind: IncidentEvent.Kind, **what: object) -> None:
    IncidentEvent.objects.create(tenant_id=incident.tenant_id, incident=incident, kind=kind, **what)
