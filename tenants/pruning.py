"""What is old of people's doings: sessions that have expired."""

from django.contrib.sessions.models import Session
from django.db.models import QuerySet
from django.db.models.functions import Now


def old_sessions() -> QuerySet[Session]:
    return Session.objects.filter(expire_date__lt=Now()).order_by("expire_date")
