"""The wall between tenants stands only while the database login is an ordinary one: a superuser looks through it."""

from django.core.checks import Error
from django.db import connections


def check_database_role(app_configs, databases=None, **_arguments: object) -> list[Error]:
    """A system check: run by `migrate` and by `check --database default`."""
    return [_ERROR for alias in databases or () if _is_above_the_wall(alias)]


def _is_above_the_wall(alias: str) -> bool:
    with connections[alias].cursor() as cursor:
        cursor.execute("select rolsuper or rolbypassrls from pg_roles where rolname = current_user")
        return cursor.fetchone()[0]


_ERROR = Error(
    "The database login is a superuser or bypasses row-level security: no wall stands between the clinics.",
    hint="Use an ordinary login that owns the tables, or name one with the database option assume_role.",
    id="tenants.E001",
)
