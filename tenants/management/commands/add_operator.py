"""The first operator: who has one may enter everybody else in the administration."""

import os
import sys
from getpass import getpass

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.core.validators import validate_email
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from tenants.models import User

NONE_YET = 3  # exit code


class Command(BaseCommand):
    help = gettext_lazy("Enter an operator, who sees every clinic. The password is asked for, or read from OPERATOR_PASSWORD.")

    def add_arguments(self, parser) -> None:
        what = parser.add_mutually_exclusive_group(required=True)
        what.add_argument("email", nargs="?")
        what.add_argument("--check", action="store_true", help=f"exit with {NONE_YET} where there is no operator yet")

    def handle(self, *, email: str | None, check: bool, **_options: object) -> None:
        if check:
            if not User.objects.filter(is_saas_admin=True, is_active=True).exists():
                sys.exit(NONE_YET)
            return
        person = User(email=email.strip().lower(), is_saas_admin=True)
        password = os.environ.get("OPERATOR_PASSWORD") or getpass(_("Password: "))
        try:
            validate_email(person.email)
            person.validate_unique()
            validate_password(password, person)
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from None
        User.objects.create_superuser(person.email, password)
