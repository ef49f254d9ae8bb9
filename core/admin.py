"""What Vigia's administration pages share: nothing is deleted, and what the watch writes is read only."""

from django.contrib import admin


class KeptAdmin(admin.ModelAdmin):
    """Settings: a person adds and changes them, and archives instead of deleting."""

    def has_delete_permission(self, request, obj=None) -> bool:
        return False


class ReadOnlyAdmin(KeptAdmin):
    """State and history: the service alone writes them."""

    def has_add_permission(self, request) -> bool:
        return False

    def has_change_permission(self, request, obj=None) -> bool:
        return False


class ReadOnlyInline(admin.TabularInline):
    extra = 0
    can_delete = False

    def has_add_permission(self, request, obj=None) -> bool:
        return False

    def has_change_permission(self, request, obj=None) -> bool:
        return False
