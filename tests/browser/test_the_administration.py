"""The operator's administration in light, in dark and on a phone."""

from channels_app.models import Channel, Server
from tests.browser.conftest import SCREENS

LISTS = ["channels_app/channel", "channels_app/server", "incidents/incident", "django_celery_beat/periodictask", "tenants/user"]


def test_nothing_is_wrong_with_the_administration(product, somebody):
    forms = [
        f"channels_app/channel/{Channel.objects.first().pk}/change",
        f"channels_app/server/{Server.objects.first().pk}/change",
        "tenants/user/add",
        "django_celery_beat/periodictask/add",
    ]

    wrong = []
    for name, screen in SCREENS.items():
        operator = somebody("operador@vigia.example", **screen).signs_in()
        for path in ["", *LISTS, *forms]:
            operator.goes_to(f"/admin/{path}/".replace("//", "/"))
            wrong += [f"{name}: {path or 'index'}: {finding}" for finding in operator.finds_wrong()]
        operator.context.close()

    assert not wrong, "\n".join(["", *wrong])
