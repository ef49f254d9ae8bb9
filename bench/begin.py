"""How a bench becomes the service: production's settings, its own beside them, and the scope that sees every row."""

import os

PRODUCTION = {
    "DJANGO_SETTINGS_MODULE": "config.settings",
    "DEBUG": "0",
    "VIGIA_TESTING": "1",  # allows throw-away stores without DEBUG
    "EVOLUTION_ALLOWED_HOSTS": "127.0.0.0/8",
}


def as_the_service(**settings: object) -> tuple[float, float, float]:
    """Set Django up, for this process and those it starts; return the machine's load before anything of ours ran."""
    load = os.getloadavg()
    os.environ.update(PRODUCTION, **{name: str(value) for name, value in settings.items()})
    import django

    django.setup()
    from tenants import scope

    scope.declare_service()
    return load
