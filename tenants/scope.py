"""Which rows this request, command or worker may touch: the database's own wall between tenants.

PostgreSQL's policies (see `walls`) read three settings of the transaction. Nothing is set: nothing is seen. So a web
process sees nothing until its middleware has read the membership; workers and commands declare themselves the service.
The settings stop our own mistakes, not injected SQL: whoever can run SQL can set them.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection, transaction

SERVICE = "service"  # workers and commands: every row, and alone in writing what the watch records
OPERATOR = "operator"  # sees every row
TENANT = "tenant"  # one clinic
PERSON = "person"  # somebody whose clinic is not known yet: sees their own memberships

_SETTINGS = ("app.scope", "app.tenant_id", "app.user_id")
_READ = "select " + ", ".join(f"coalesce(current_setting('{name}', true), '')" for name in _SETTINGS)
# The columns are computed from left to right: the first is what was there before.
_WRITE = "select current_setting('app.scope', true), " + ", ".join(f"set_config('{name}', %s, true)" for name in _SETTINGS)

_process = ""  # a web process declares nothing


def declare_service() -> None:
    """Say that this whole process acts as the service. Call before the first connection is made."""
    global _process
    _process = SERVICE


def process_is_undeclared() -> bool:
    return not _process


def mark_connection(connection, **_arguments: object) -> None:
    """Give a new connection what the process declared."""
    if _process:
        with connection.cursor() as cursor:
            cursor.execute("select set_config('app.scope', %s, false)", [_process])


@contextmanager
def use(kind: str, *, tenant_id: int | None = None, user_id: int | None = None) -> Iterator[str]:
    """Act within a scope: one transaction, and the scope outside is back afterwards. Yields the kind that was there."""
    # A savepoint's release keeps what was set inside it, so the values outside must be put back by hand.
    outside = current() if connection.in_atomic_block else None
    try:
        with transaction.atomic():
            yield enter(kind, tenant_id=tenant_id, user_id=user_id)
    finally:
        if outside is not None and not connection.needs_rollback:
            _set(*outside)


def enter(kind: str, *, tenant_id: int | None = None, user_id: int | None = None) -> str:
    """Change the scope of the transaction that is open, until it ends; return the kind that was there."""
    return _set(kind, str(tenant_id or ""), str(user_id or ""))


def current() -> tuple[str, str, str]:
    """Return kind, tenant id and user id as the database has them now."""
    with connection.cursor() as cursor:
        cursor.execute(_READ)
        return cursor.fetchone()


def _set(*values: str) -> str:
    with connection.cursor() as cursor:
        cursor.execute(_WRITE, values)
        return cursor.fetchone()[0] or ""
