"""Each page in light, in dark and on a phone: nothing for axe, nothing in the console, no policy violated."""

import itertools

from incidents.models import Incident
from tests.browser.conftest import SCREENS

BEFORE_THE_DOOR = [
    "/conta/login/",
    "/conta/login/code/",
    "/conta/password/reset/",
    "/conta/password/reset/done/",
    "/conta/password/reset/key/done/",
    "/conta/inactive/",
]
OF_A_CLINIC = [
    "/configuracoes/whatsapp-pessoal",
    "/incidentes/",
    "/notificacoes/",
    "/conta/password/change/",
    "/conta/2fa/",
    "/conta/logout/",
]
OF_THE_OPERATOR = ["/saas/whatsapp", "/saas/whatsapp?q=recep", "/incidentes/", "/notificacoes/"]


def test_nothing_is_wrong_with_any_page(product, somebody):
    hers = Incident.objects.filter(channel__tenant__slug="clinica-aurora")
    number = product.channel("aurora-recepcao").pk
    visits = {
        "": BEFORE_THE_DOOR,
        "ana@aurora.example": [*OF_A_CLINIC, *_pages_of(hers)],
        "carla@aurora.example": OF_A_CLINIC,  # staff: reads, changes nothing
        "operador@vigia.example": [*OF_THE_OPERATOR, f"/saas/whatsapp/{number}", *_pages_of(Incident.objects.all())],
    }

    wrong = []
    for (name, screen), (email, paths) in itertools.product(SCREENS.items(), visits.items()):
        person = somebody(email, **screen)
        if email:
            person.signs_in()
        for path in paths:
            person.goes_to(path)
            wrong += [f"{name}: {email or 'a stranger'} on {path}: {finding}" for finding in person.finds_wrong()]
        person.context.close()

    assert not wrong, "\n".join(["", *wrong])


def _pages_of(incidents) -> list[str]:
    """One that is over, taken and noted; one whose cause changed."""
    taken = incidents.filter(events__kind="taken").order_by("-pk").first()
    changed = incidents.filter(events__kind="cause_changed").order_by("-pk").first()
    return [f"/incidentes/{incident.pk}/" for incident in (taken, changed) if incident]
