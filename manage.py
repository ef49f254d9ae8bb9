#!/usr/bin/env python
"""Django's command line. Commands act as the service; `runserver` is a web process and sees only what a person may see."""

import os
import sys


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    from django.core.exceptions import ImproperlyConfigured
    from django.core.management import execute_from_command_line

    from tenants import scope

    if sys.argv[1:2] != ["runserver"]:
        scope.declare_service()
    try:
        execute_from_command_line(sys.argv)
    except ImproperlyConfigured as wrong:
        sys.exit(f"Vigia: {wrong}")


if __name__ == "__main__":
    main()
