"""`manage.py seed_demo`: invented clinics, people and numbers for the demonstration. A second run doubles nothing."""

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from core.addresses import AddressError
from demo.seed import seed


class Command(BaseCommand):
    help = "Create the demonstration's clinics, people, servers and numbers, where they are missing."

    def add_arguments(self, parser) -> None:
        parser.add_argument("--simulator-url", default="http://127.0.0.1:8081", help="where simulate_evolution shows its page")

    def handle(self, *, simulator_url: str, **options) -> None:
        if not settings.DEBUG:
            raise CommandError("The demonstration's passwords are public: seed_demo runs with DEBUG=1 alone.")
        try:
            made = seed(simulator_url=simulator_url)
        except AddressError as error:
            raise CommandError(f"--simulator-url: {error}") from error
        self.stdout.write(f"{made} rows created." if made else "Everything is there already.")
