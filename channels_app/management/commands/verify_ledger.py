"""manage.py verify_ledger: prove that the records keep their promises. Exit 0 or 1; writes nothing."""

from django.core.management.base import BaseCommand

from channels_app import invariants

IDS_SHOWN = 10


class Command(BaseCommand):
    help = "Checks every invariant of the records, by its name. Exits with 1 where one is broken. Writes nothing."

    def handle(self, **_options: object) -> None:
        found = invariants.violations()
        for name, ids in found.items():
            self.stdout.write(f"BROKEN  {name}: {_shown(ids)}" if ids else f"ok      {name}")
        broken = sum(bool(ids) for ids in found.values())
        if broken:
            self.stderr.write(f"{broken} of {len(found)} invariants are broken.")
            raise SystemExit(1)


def _shown(ids: list[int]) -> str:
    more = f" and {len(ids) - IDS_SHOWN} more" if len(ids) > IDS_SHOWN else ""
    return f"ids {', '.join(map(str, ids[:IDS_SHOWN]))}{more}"
