"""Who was told that a number is down."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from channels_app.cards.moments import moment
from incidents.models import Incident, IncidentEvent
from notifications.models import Notification
from tenants.models import User


@dataclass(frozen=True, slots=True)
class Told:
    names: list[str]  # of the clinic's people
    support_knows: bool
    at: datetime

    def sentence(self, now: datetime) -> str:
        names = [*self.names, *([_("support")] if self.support_knows else [])]
        *others, last = names
        listed = _("%(names)s and %(last)s") % {"names": ", ".join(others), "last": last} if others else last
        said = ngettext("%(names)s was told at %(time)s", "%(names)s were told at %(time)s", len(names))
        return said % {"names": listed, "time": moment(self.at, beside=now)}


def read(incidents: Collection[Incident]) -> dict[int, Told]:
    """Who was told of each incident's opening: one query for the lines, one for the names."""
    lines = list(
        IncidentEvent.objects.filter(
            incident__in=[incident.pk for incident in incidents],
            kind=IncidentEvent.Kind.TOLD,
            event=Notification.Event.OPENED,
        ).values_list("incident_id", "told", "at")
    )
    people = User.objects.in_bulk({user_id for _incident, told, _at in lines for user_id in told}) if lines else {}
    return {
        incident_id: Told(
            names=[str(people[pk]) for pk in told if pk in people and not people[pk].is_saas_admin],
            support_knows=any(people[pk].is_saas_admin for pk in told if pk in people),
            at=at,
        )
        for incident_id, told, at in lines
        if told
    }
