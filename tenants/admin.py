from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from django.contrib import admin
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.models import Group
from django.utils.translation import gettext_lazy as _
from unfold.admin import TabularInline
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from core.admin import KeptAdmin, ReadOnlyAdmin
from tenants.models import Membership, Tenant, User

admin.site.unregister(Group)  # one is the operator, or acts through memberships: there are no groups
admin.site.unregister(EmailAddress)  # a person has the one address of their own row
admin.site.unregister(Authenticator)

# allauth names neither its model nor the fields for people; its migrations do not see what is said here.
Authenticator._meta.verbose_name, Authenticator._meta.verbose_name_plural = _("second factor"), _("second factors")
for _name, _label in {
    "user": _("person"),
    "type": _("kind of factor"),
    "created_at": _("set up at"),
    "last_used_at": _("last used at"),
}.items():
    Authenticator._meta.get_field(_name).verbose_name = _label


class MembershipInline(TabularInline):
    model = Membership
    extra = 0
    can_delete = False  # a membership that ends is switched off
    autocomplete_fields = ["user", "tenant"]


@admin.register(User)
class PersonAdmin(KeptAdmin, UserAdmin):
    form, add_form, change_password_form = UserChangeForm, UserCreationForm, AdminPasswordChangeForm
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


@admin.register(Authenticator)
class SecondFactorAdmin(ReadOnlyAdmin):
    """Deleted for somebody who has lost the telephone and the recovery codes. What is secret in it is not shown."""

    list_display = fields = ["user", "type", "created_at", "last_used_at"]
    list_filter = ["type"]
    search_fields = ["user__email", "user__name"]
    list_select_related = ["user"]

    def has_delete_permission(self, request, obj=None) -> bool:
        return True
