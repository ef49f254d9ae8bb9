"""What a person was told, as they read it: their own rows of the clinic they look at, and what they have read."""

from datetime import datetime

from django.db.models import Count

from notifications.models import Notification
from tenants import scope
from tenants.models import User


def of(person: User, tenant_id: int | None):
    """Return the notifications this person may read here: the operator all of theirs, others those of the clinic."""
    mine = Notification.objects.filter(user=person)
    return mine if person.is_saas_admin else mine.filter(tenant=tenant_id, tenant__isnull=False)


def unread_by_clinic(person: User) -> dict[int, int]:
    """Count what this person has not read, by the clinic that it is about: one query, in a scope of its own.

    In service scope, because the database's wall shows one clinic at a time. Clinics without news are not in it, and one
    that the person has left may be: the caller knows which are theirs.
    """
    with scope.use(scope.SERVICE):
        unread = Notification.objects.filter(user=person, read_at=None, tenant__isnull=False).order_by()
        return dict(unread.values_list("tenant").annotate(Count("pk")))


def mark_read(notification_id: int, *, by: User, tenant_id: int | None, at: datetime) -> bool:
    """Mark one as read; False where it already was. Raises Notification.DoesNotExist for one that is not theirs here."""
    with scope.use(scope.SERVICE):
        found = of(by, tenant_id).get(pk=notification_id)
        return bool(Notification.objects.filter(pk=found.pk, read_at=None).update(read_at=at))


def mark_all_read(*, by: User, tenant_id: int | None, up_to: int | None, at: datetime) -> int:
    """Mark what they have had before them: up to the newest one on their page, not what has come since."""
    with scope.use(scope.SERVICE):
        unread = of(by, tenant_id).filter(read_at=None)
        return (unread if up_to is None else unread.filter(pk__lte=up_to)).update(read_at=at)
