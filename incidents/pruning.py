"""Which incidents are old. A server's and those of its numbers go together, with their timelines, when all of them are over."""

from django.db import connection
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.db.models.functions import Now

from core.pruning import HISTORY_IS_KEPT
from incidents.models import Incident, IncidentEvent
from notifications.models import Notification

FAMILIES_AT_ONCE = 500


def old_incidents() -> QuerySet[Incident]:
    """All that are to go, those of a server's numbers too."""
    return Incident.objects.filter(Q(pk__in=_families().values("pk")) | Q(parent__in=_families().values("pk")))


def delete_some() -> int:
    """Delete the first families; return how many incidents. Inside the caller's transaction.

    What somebody holds, or still has a notification, is left for the next time.
    """
    told = Exists(Notification.objects.filter(incident=OuterRef("pk")))
    of_whose_numbers_people_were_told = Exists(Incident.objects.filter(told, parent=OuterRef("pk")))
    families = _families().exclude(told).exclude(of_whose_numbers_people_were_told).order_by("started_at", "pk")
    heads = list(families.select_for_update(skip_locked=True).values_list("pk", flat=True)[:FAMILIES_AT_ONCE])
    members = Incident.objects.filter(Q(pk__in=heads) | Q(parent__in=heads)).order_by("pk").select_for_update()
    ids = list(members.values_list("pk", flat=True))  # waits for whoever is writing a note just now
    Incident.objects.filter(follows__in=ids).update(follows=None)
    IncidentEvent.objects.filter(incident__in=ids).delete()
    with connection.cursor() as cursor:
        cursor.execute("delete from incidents_incident where id = any(%s)", [ids])
        return cursor.rowcount


def _families() -> QuerySet[Incident]:
    """Those that belong to no server's incident, and are long over, like all that belong to them."""
    lasts = Incident.objects.filter(parent=OuterRef("pk")).exclude(resolved_at__lt=Now() - HISTORY_IS_KEPT)
    # An incident starts before it ends: the index finds the old ones by their start.
    limit = Now() - HISTORY_IS_KEPT
    return Incident.objects.filter(parent=None, started_at__lt=limit, resolved_at__lt=limit).exclude(Exists(lasts))
