"""manage.py prune: delete now what the daily task would delete, or say what that is."""

from django.core.management.base import BaseCommand

from channels_app import pruning


class Command(BaseCommand):
    help = "Deletes what has been kept long enough, as a task does once a day. With --dry-run it only says how much that is."

    def add_arguments(self, parser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="Delete nothing; say how many rows are old.")

    def handle(self, *, dry_run: bool, **_options: object) -> None:
        rows = pruning.count() if dry_run else pruning.prune().rows
        for name, number in rows.items():
            self.stdout.write(f"{number:>10}  {name}")
