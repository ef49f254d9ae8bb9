"""Row-level security in migrations: each table with tenant data gets its wall in the migration that makes it.

Facts (PostgreSQL 18, run): `(select …)` makes PostgreSQL read a setting once per statement. The whole test of the scope is
one boolean inside it: compared outside, the planner expects one row in 200 behind the wall and chose nested loops that
took seconds per flush. A plain foreign key looks through the wall, so a child is tied to its parent by (tenant_id, id).
The policies are no substitute for the application's own filter: their OR alone cannot use the tenant's index.
"""

from django.db.migrations import RunSQL

_TENANT_ID = "(select nullif(current_setting('app.tenant_id', true), '')::bigint)"
_USER_ID = "(select nullif(current_setting('app.user_id', true), '')::bigint)"

OF_MY_TENANT = f"tenant_id = {_TENANT_ID}"
OF_MY_TENANT_AND_ME = f"tenant_id = {_TENANT_ID} and user_id = {_USER_ID}"
OF_MY_TENANT_OR_ME = f"tenant_id = {_TENANT_ID} or user_id = {_USER_ID}"

SERVICE_WRITES = ("service",)
OPERATOR_WRITES = ("service", "operator")


def wall(table: str, *, seen_by_a_tenant: str = OF_MY_TENANT, written_by: tuple[str, ...] | None = None) -> RunSQL:
    """Let a tenant read its rows and nobody else's. `written_by` names the scopes that write; None adds the tenant itself."""
    reads = f"{_scope_is('service', 'operator')} or {seen_by_a_tenant}"
    writes = reads if written_by is None else _scope_is(*written_by)
    return RunSQL(
        f"""
        alter table {table} enable row level security, force row level security;
        create policy reads on {table} for select using ({reads});
        create policy writes on {table} using ({writes}) with check ({writes});
        """,
        f"""
        drop policy writes on {table};
        drop policy reads on {table};
        alter table {table} no force row level security, disable row level security;
        """,
    )


def tie(child: str, columns: str, parent: str, parent_columns: str) -> RunSQL:
    """Tie a child to its parent by a composite foreign key, e.g. tie(a, "tenant_id, channel_id", b, "tenant_id, id")."""
    name = f"{child}_{columns.split(', ')[-1]}_tied"
    return RunSQL(
        f"""
        alter table {child} add constraint {name} foreign key ({columns})
            references {parent} ({parent_columns}) deferrable initially deferred;
        """,
        f"alter table {child} drop constraint {name};",
    )


def own_server_only(table: str) -> RunSQL:
    """Let a tenant place its rows on its own servers alone: only the operator places them on the operator's.

    A policy sees the old row or the new one, never both: a tenant may change a row that the operator has placed.
    """
    return RunSQL(
        f"""
        create function {table}_placed() returns trigger language plpgsql as $$ begin
            if new.server_owner = 0 and not coalesce(current_setting('app.scope', true) in ('service', 'operator'), false) then
                raise insufficient_privilege using message = 'only the operator places rows on the operator''s servers';
            end if;
            return new;
        end $$;
        create trigger placed before insert on {table} for each row execute function {table}_placed();
        create trigger moved before update on {table} for each row
            when (new.server_id <> old.server_id or new.server_owner <> old.server_owner) execute function {table}_placed();
        """,
        f"""
        drop trigger moved on {table};
        drop trigger placed on {table};
        drop function {table}_placed();
        """,
    )


def _scope_is(*scopes: str) -> str:
    return f"(select coalesce(current_setting('app.scope', true) in ({', '.join(map(repr, scopes))}), false))"
