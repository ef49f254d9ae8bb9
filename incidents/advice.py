"""What each reader is told to do about a cause: the sentences of `causes`, filled with what is true now.

All answers are lazy: they are rendered in the language of whoever reads them.
"""

from dataclasses import dataclass

from django.conf import settings
from django.utils.functional import Promise
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from incidents import instability
from incidents.causes import ASK_SUPPORT, CAUSES, SUPPORT_KNOWS, Acts

# Pages whose buttons the steps name. While one is not built, its step shows the way to the support instead.
BUTTONS_ARE_THERE = False
FEWEST_DROPS_SPOKEN_OF = 2  # fewer are known where the watch was switched off between them


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """Which number a sentence is about, in the words that people use for it."""

    channel_id: int
    tenant_id: int
    tenant_slug: str
    tenant_name: str
    name: str
    server_name: str
    server_host: str
    server_is_the_operators: bool
    alerts_enabled: bool


def who_acts(code: str, subject: Subject) -> Acts:
    """Say who acts, with the server's owner resolved to the clinic or the operator."""
    acts = CAUSES[code].acts
    if acts is not Acts.OWNER:
        return acts
    return Acts.OPERATOR if subject.server_is_the_operators else Acts.CLINIC


def clinic_step(code: str, subject: Subject, *, support_knows: bool, drops: int = 0, minutes: int = 0) -> Promise | str:
    """The clinic's next step. `support_knows`: an operator has been told of it. `drops` in `minutes`: of `unstable` alone."""
    cause = CAUSES[code]
    told = format_lazy(SUPPORT_KNOWS if support_knows else ASK_SUPPORT, support=support())
    if cause.acts is Acts.OWNER and subject.server_is_the_operators:
        return told
    if code == instability.CAUSE and drops < FEWEST_DROPS_SPOKEN_OF:
        return told
    steps = [cause.clinic_step]
    if cause.button_step:
        steps.append(cause.button_step if BUTTONS_ARE_THERE else cause.support_step)
    facts = {"support": support(), "support_knows": told, "server": subject.server_name, "n": drops, "minutes": minutes}
    return format_lazy(" ".join("{}" for step in steps if step), *(format_lazy(step, **facts) for step in steps if step))


def operator_step(code: str, subject: Subject, *, number: int | None, received: str) -> Promise | str:
    """The operator's next step. `number`: WhatsApp's reason code or the HTTP status; `received`: the server's cleaned word."""
    cause = CAUSES[code]
    names = str(cause.operator_step)  # the same facts in every language
    is_known = (number or "{code}" not in names) and (received or "{received}" not in names)
    step = cause.operator_step if is_known else cause.bare_operator_step or cause.operator_step
    facts = {"code": number or "?", "server": subject.server_name, "host": subject.server_host, "received": received or "?"}
    return format_lazy(step, **facts)


def support() -> Promise | str:
    """Whom to talk to, and how, as it stands in a sentence: a link's number or address without its scheme."""
    name = settings.SUPPORT_NAME or _("support")
    contact = settings.SUPPORT_CONTACT.removeprefix("tel:").removeprefix("mailto:")
    return format_lazy("{} ({})", name, contact) if contact else name
