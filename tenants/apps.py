from django.apps import AppConfig
from django.core import checks
from django.db.backends.signals import connection_created
from django.utils.translation import gettext_lazy as _


class TenantsConfig(AppConfig):
    name = "tenants"
    verbose_name = _("Clinics and people")

    def ready(self) -> None:
        from tenants import role, scope  # models must be loaded first

        connection_created.connect(scope.mark_connection, dispatch_uid="tenants.scope")
        checks.register(role.check_database_role, checks.Tags.database)
