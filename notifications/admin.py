from django.contrib import admin

from core.admin import ReadOnlyAdmin
from notifications.models import Notification


@admin.register(Notification)
class NotificationAdmin(ReadOnlyAdmin):
    list_display = ["title", "user", "tenant", "event", "incident", "created_at", "read_at"]
    list_filter = ["event", ("read_at", admin.EmptyFieldListFilter), "tenant"]
    search_fields = ["title", "user__email", "tenant__name"]
    date_hierarchy = "created_at"
    list_select_related = ["user", "tenant", "incident"]
