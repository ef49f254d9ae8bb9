"""Which notifications are old: what was read some months ago, and what nobody has read in all the time that history is kept."""

from datetime import timedelta

from django.db.models import Q, QuerySet
from django.db.models.functions import Now

from core.pruning import HISTORY_IS_KEPT
from notifications.models import Notification

READ_ARE_KEPT = timedelta(days=90)  # since they were read


def old_notifications() -> QuerySet[Notification]:
    was_read, was_written = Q(read_at__lt=Now() - READ_ARE_KEPT), Q(created_at__lt=Now() - HISTORY_IS_KEPT)
    return Notification.objects.filter(was_read | was_written).order_by("pk")
