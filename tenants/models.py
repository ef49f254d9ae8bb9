"""Who there is: people, the clinics (tenants) they belong to, and what they may do there."""

from zoneinfo import available_timezones

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


class UserManager(BaseUserManager):
    def create_user(self, email: str, password: str | None = None, **fields: object) -> "User":
        user = self.model(email=self.normalize_email(email).lower(), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: object) -> "User":
        return self.create_user(email, password, is_saas_admin=True, **fields)

    def get_by_natural_key(self, email: str) -> "User":
        return self.get(email=email.lower())


class User(AbstractBaseUser):
    """A person. The operator of the SaaS (`is_saas_admin`) may do everything; everyone else acts through memberships."""

    email = models.EmailField(_("e-mail"), unique=True)
    name = models.CharField(_("name"), max_length=120, blank=True)
    language = models.CharField(
        _("language"), max_length=10, default="pt-br", choices=[("pt-br", "Português"), ("en", "English")]
    )
    is_saas_admin = models.BooleanField(_("operator"), default=False, help_text=_("Sees every clinic, and this site."))
    is_active = models.BooleanField(_("active"), default=True)
    created_at = models.DateTimeField(_("created"), default=timezone.now, editable=False)

    objects = UserManager()
    USERNAME_FIELD = EMAIL_FIELD = "email"

    class Meta:
        verbose_name, verbose_name_plural = _("person"), _("people")
        constraints = [models.CheckConstraint(condition=Q(email=Lower("email")), name="email_is_lower_case")]

    def __str__(self) -> str:
        return self.name or self.email

    def clean(self) -> None:
        self.email = self.email.lower()

    # What Django's admin asks for. There are no groups and no single permissions: one is the operator or not.
    @property
    def is_staff(self) -> bool:
        return self.is_saas_admin

    @property
    def is_superuser(self) -> bool:
        return self.is_saas_admin

    def has_perm(self, perm: str, obj: object = None) -> bool:
        return self.is_active and self.is_saas_admin

    def has_perms(self, perm_list, obj: object = None) -> bool:
        return self.is_active and self.is_saas_admin

    def has_module_perms(self, app_label: str) -> bool:
        return self.is_active and self.is_saas_admin


def is_time_zone(name: str) -> None:
    if name not in available_timezones():
        raise ValidationError(_("%(name)s is no time zone: write one like America/Sao_Paulo."), params={"name": name})


class Tenant(models.Model):
    """A clinic. It is archived, never deleted: its history outlives it."""

    name = models.CharField(_("name"), max_length=120)
    slug = models.SlugField(_("short name in addresses"), unique=True)
    time_zone = models.CharField(_("time zone"), max_length=64, default="America/Sao_Paulo", validators=[is_time_zone])
    is_active = models.BooleanField(_("active"), default=True, help_text=_("An inactive clinic's numbers are not watched."))
    created_at = models.DateTimeField(_("created"), default=timezone.now, editable=False)

    class Meta:
        verbose_name, verbose_name_plural = _("clinic"), _("clinics")
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class MembershipQuerySet(models.QuerySet):
    def in_force(self) -> "MembershipQuerySet":
        """Those that give rights now."""
        return self.filter(is_active=True, user__is_active=True, tenant__is_active=True)

    def admins(self) -> "MembershipQuerySet":
        """Those who are told, and may change settings."""
        return self.in_force().filter(role__in=Membership.ADMIN_ROLES)


class Membership(models.Model):
    class Role(models.TextChoices):
        TENANT_ADMIN = "tenant_admin", _("Owner")
        CLINIC_ADMIN = "clinic_admin", _("Administrator")
        STAFF = "staff", _("Staff")

    ADMIN_ROLES = (Role.TENANT_ADMIN, Role.CLINIC_ADMIN)  # same rights: told, may change settings; staff reads

    user = models.ForeignKey(User, models.CASCADE, related_name="memberships", verbose_name=_("person"))
    tenant = models.ForeignKey(Tenant, models.PROTECT, related_name="memberships", verbose_name=_("clinic"))
    role = models.CharField(_("role"), max_length=16, choices=Role.choices)
    is_active = models.BooleanField(_("active"), default=True)

    objects = MembershipQuerySet.as_manager()

    class Meta:
        verbose_name, verbose_name_plural = _("membership"), _("memberships")
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(fields=["user", "tenant"], name="one_membership_per_user_and_tenant"),
            models.CheckConstraint(
                condition=Q(role__in=["tenant_admin", "clinic_admin", "staff"]), name="membership_role_is_known"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user} · {self.tenant} · {self.get_role_display()}"
