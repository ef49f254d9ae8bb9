"""Who was told that a number is down: of itself, or by its clinic's one notice of a server that is down."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q, QuerySet
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from channels_app.cards.moments import moment
from incidents.models import Incident, IncidentEvent
from notifications.models import Notification
from tenants import scope
from tenants.models import User

Event = Notification.Event
OF_A_FALL = (Event.OPENED, Event.ACTION_NEEDED, Event.SERVER_DOWN)  # not that it is over


@dataclass(frozen=True, slots=True)
class Told:
    """At least somebody was: the clinic's people, support or both."""

    people: dict[str, datetime]  # of the clinic, with when each was told first
    support_at: datetime | None = None

    @property
    def support_knows(self) -> bool:
        return self.support_at is not None

    def sentence(self, now: datetime) -> str:
        told = self.people | ({_("support"): self.support_at} if self.support_at else {})
        *others, last = told
        listed = _("%(names)s and %(last)s") % {"names": ", ".join(others), "last": last} if others else last
        if not self.people:
            listed = capfirst(listed)  # a person's name stays as it is: it may be an address
        at_once = len({moment(at) for at in told.values()}) == 1
        said = ngettext("%(names)s was told at %(time)s", "%(names)s were told at %(time)s", len(told))
        said = said if at_once else _("%(names)s were told, the first at %(time)s")
        return said % {"names": listed, "time": moment(min(told.values()), beside=now)}


def read(incidents: Collection[Incident]) -> dict[int, Told]:
    """Who was told of each: one query for the lines, one for the names, and one where a server of theirs is down."""
    lines = list(_lines(incidents).order_by("at", "pk"))
    people = User.objects.in_bulk({user_id for line in lines for user_id in line.told}) if lines else {}
    servers = _when_operators_were_told({incident.parent_id for incident in incidents if incident.parent_id})
    told = {}
    for incident in incidents:
        of_it = [line for line in lines if _is_of(line, incident)]
        firsts = _firsts((people[pk], line.at) for line in of_it for pk in line.told if pk in people)
        support = [at for person, at in firsts.items() if person.is_saas_admin]
        support += [servers[incident.parent_id]] if incident.parent_id in servers else []
        if firsts or support:
            names = {str(person): at for person, at in firsts.items() if not person.is_saas_admin}
            told[incident.pk] = Told(names, min(support, default=None))
    return told


def _lines(incidents: Collection[Incident]) -> QuerySet[IncidentEvent]:
    """What a clinic is told of a server is of all its numbers there: it hangs on one, or on its own server's incident."""
    own = Q(incident__in=[incident.pk for incident in incidents], event__in=OF_A_FALL)
    parents = [incident.parent_id for incident in incidents if incident.parent_id]
    of_the_server = Q(incident__parent__in=parents) | Q(incident__in=parents)
    by_server = Q(of_the_server, tenant__in={incident.tenant_id for incident in incidents}, event=Event.SERVER_DOWN)
    return IncidentEvent.objects.filter(own | by_server, kind=IncidentEvent.Kind.TOLD).select_related("incident")


def _is_of(line: IncidentEvent, incident: Incident) -> bool:
    if line.incident_id == incident.pk:
        return True
    if line.event != Event.SERVER_DOWN or incident.parent_id is None:
        return False
    server_incident = line.incident.parent_id or line.incident_id
    return (server_incident, line.tenant_id) == (incident.parent_id, incident.tenant_id)


def _firsts(told: Iterable[tuple[User, datetime]]) -> dict[User, datetime]:
    """When each was told first; `told`: in the order of time."""
    firsts: dict[User, datetime] = {}
    for person, at in told:
        firsts.setdefault(person, at)
    return firsts


def _when_operators_were_told(server_incidents: Collection[int]) -> dict[int, datetime]:
    """A clinic may not see what belongs to the operator's server, so this alone is asked as the service."""
    if not server_incidents:
        return {}
    with scope.use(scope.SERVICE):
        told = Incident.objects.filter(pk__in=server_incidents, notified_at__isnull=False)
        return dict(told.values_list("pk", "notified_at"))
