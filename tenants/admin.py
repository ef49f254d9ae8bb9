from django.contrib import admin
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.models import Group
from django.utils.translation import gettext_lazy as _

from core.admin import KeptAdmin
from tenants.models import Membership, Tenant, User

admin.site.unregister(Group)  # one is the operator, or acts through memberships: there are no groups


class MembershipInline(admin.TabularInline):
    model = Membership
    extra = 0
    can_delete = False  # a membership that ends is switched off
    autocomplete_fields = ["user", "tenant"]


@admin.register(User)
class PersonAdmin(KeptAdmin, UserAdmin):
    list_display = ["email", "name", "is_saas_admin", "is_active", "last_login"]
    list_filter = ["is_saas_admin", "is_active", "memberships__role", "memberships__tenant"]
    search_fields = ["email", "name"]
    ordering = ["email"]
    filter_horizontal = []
    readonly_fields = ["last_login", "created_at"]
    fieldsets = [
        (None, {"fields": ["email", "name", "language", "password"]}),
        (_("Rights"), {"fields": ["is_active", "is_saas_admin"]}),
        (_("Dates"), {"fields": ["last_login", "created_at"]}),
    ]
    add_fieldsets = [(None, {"fields": ["email", "name", "usable_password", "password1", "password2"]})]
    inlines = [MembershipInline]


@admin.register(Tenant)
class TenantAdmin(KeptAdmin):
    list_display = ["name", "slug", "time_zone", "is_active"]
    list_filter = ["is_active"]
    search_fields = ["name", "slug"]
    prepopulated_fields = {"slug": ["name"]}
    inlines = [MembershipInline]


@admin.register(Membership)
class MembershipAdmin(KeptAdmin):
    list_display = ["user", "tenant", "role", "is_active"]
    list_filter = ["role", "is_active", "tenant"]
    search_fields = ["user__email", "user__name", "tenant__name"]
    autocomplete_fields = ["user", "tenant"]
    list_select_related = ["user", "tenant"]
