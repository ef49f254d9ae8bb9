"""What can be wrong with a channel: a stable code, who acts, and what each reader is told.

One sentence cannot serve both readers: the clinic reads `clinic_step`, the operator `operator_step`.
Words in braces are filled by `advice`: {support} {support_knows} {code} {server} {host} {received} {n} {minutes}.
Clinics are never told of channels, instances, sessions or gateways: they know numbers and a message server.
"""

from dataclasses import dataclass
from enum import StrEnum

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from incidents.readings import Status


class Acts(StrEnum):
    CLINIC = "clinic"
    OPERATOR = "operator"
    OWNER = "owner"  # whoever owns the server: the clinic's admins for its own, else the operator
    TIME = "time"  # it usually comes back by itself
    NOBODY = "nobody"


SUPPORT_KNOWS = _("Support has already been told.")
ASK_SUPPORT = _("Talk to {support}.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    code: str
    statuses: tuple[Status, ...]
    acts: Acts
    title: Promise
    clinic_step: Promise | str = ""
    operator_step: Promise | str = ""
    bare_operator_step: Promise | str = ""  # where the code or the word that operator_step names is not known
    # Names a button of a page. While that page is not there, the way to the support is shown instead.
    button_step: Promise | str = ""
    support_step: Promise | str = ASK_SUPPORT


_EVERYTHING = (
    Cause(code="connected", statuses=(Status.OPEN,), acts=Acts.NOBODY, title=_("Connected")),
    Cause(
        code="not_verifiable",
        statuses=(Status.UNKNOWN,),
        acts=Acts.NOBODY,
        title=_("Number on the official API"),
        clinic_step=_("The connection cannot be verified from here. If messages do not go out, talk to {support}."),
        operator_step=_("A channel of the official API: it stays outside counts and percentages."),
    ),
    Cause(
        code="not_looked_at",
        statuses=(Status.UNKNOWN,),
        acts=Acts.NOBODY,
        title=_("Not checked yet"),
        clinic_step=_("Wait for the first check."),
    ),
    Cause(
        code="reconnecting",
        statuses=(Status.CONNECTING,),
        acts=Acts.TIME,
        title=_("Reconnecting to WhatsApp"),
        clinic_step=_("It usually comes back by itself within minutes. Do not scan the QR code now."),
    ),
    Cause(
        code="stuck_connecting",
        statuses=(Status.CONNECTING,),
        acts=Acts.OPERATOR,
        title=_("Reconnection is stuck"),
        clinic_step=_("Do not scan the QR code: your number's connection is still valid. {support_knows}"),
        operator_step=_("In connecting for over 15 min without a new attempt: restart the instance (POST restart)."),
    ),
    Cause(
        code="starting",
        statuses=(Status.CONNECTING,),
        acts=Acts.TIME,
        title=_("Connection is being loaded"),
        clinic_step=_("Wait up to 5 minutes. Nothing needs to be done."),
    ),
    Cause(
        code="awaiting_scan",
        statuses=(Status.QR_PENDING,),
        acts=Acts.CLINIC,
        title=_("Waiting for the QR code to be scanned"),
        clinic_step=_("On the phone: WhatsApp > Linked devices > Link a device."),
    ),
    Cause(
        code="logged_out",
        statuses=(Status.DISCONNECTED, Status.QR_PENDING),
        acts=Acts.CLINIC,
        title=_("The system was disconnected from this WhatsApp"),
        clinic_step=_("The app on the phone keeps working, but automatic messages are not going out."),
        button_step=_("Tap Reconnect."),
    ),
    Cause(
        code="logged_out_by_command",
        statuses=(Status.DISCONNECTED,),
        acts=Acts.CLINIC,
        title=_("The connection was ended by the system"),
        button_step=_("Tap Reconnect. If support asked for the disconnection, talk to them first."),
    ),
    Cause(
        code="banned",
        statuses=(Status.DISCONNECTED,),
        acts=Acts.CLINIC,
        title=_("WhatsApp has blocked or restricted this number"),
        clinic_step=_(
            "Open WhatsApp on the phone; if there is a notice, tap Request a review. Do not try to reconnect many times."
        ),
        operator_step=_("Code {code}"),
    ),
    Cause(
        code="qr_expired",
        statuses=(Status.DISCONNECTED,),
        acts=Acts.CLINIC,
        title=_("The QR code has expired"),
        button_step=_("Tap Generate a new code and scan it soon: it lasts about 40 seconds."),
    ),
    Cause(
        code="never_paired",
        statuses=(Status.DISCONNECTED,),
        acts=Acts.CLINIC,
        title=_("Number not connected yet"),
        button_step=_("With the phone at hand, tap Connect."),
    ),
    Cause(
        code="network_lost",
        statuses=(Status.DISCONNECTED,),
        acts=Acts.OPERATOR,
        title=_("The server has lost contact with WhatsApp"),
        clinic_step=_("Do not scan the QR code: your number's connection is still valid. {support_knows}"),
        operator_step=_("The server's network, DNS or proxy; do not delete the instance."),
    ),
    Cause(
        code="replaced",
        statuses=(Status.DISCONNECTED,),
        acts=Acts.OPERATOR,
        title=_("Two connections compete for this number"),
        clinic_step="{support_knows}",
        operator_step=_("Code 440: switch off the second instance."),
    ),
    Cause(
        code="reason_unknown",
        statuses=(Status.DISCONNECTED,),
        acts=Acts.CLINIC,
        title=_("Disconnected, no reason given"),
        clinic_step=_("Wait 10 minutes."),
        button_step=_("If it does not come back, tap Reconnect."),
        support_step=_("If it does not come back, talk to {support}."),
        operator_step=_("1.x servers do not give the reason."),
    ),
    Cause(
        code="not_loaded",
        statuses=(Status.ERROR,),
        acts=Acts.OPERATOR,
        title=_("The server has not loaded this number"),
        clinic_step="{support_knows}",
        operator_step=_("The instance is in Evolution's database but for over 5 min not in its memory: restart the process."),
    ),
    Cause(
        code="server_unreachable",
        statuses=(Status.ERROR,),
        acts=Acts.OPERATOR,
        title=_("The message server is down"),
        clinic_step=_("Automatic messages are not going out. Leave the phone as it is. {support_knows}"),
        operator_step=_("{server} does not answer ({received}): container, port, DNS."),
        bare_operator_step=_("{server} does not answer: container, port, DNS."),
    ),
    Cause(
        code="server_error",
        statuses=(Status.ERROR,),
        acts=Acts.OPERATOR,
        title=_("The message server has an error"),
        clinic_step=_("Automatic messages are not going out. Leave the phone as it is. {support_knows}"),
        operator_step=_("HTTP {code}: Evolution's logs and database."),
        bare_operator_step=_("Evolution's logs and database."),
    ),
    Cause(
        code="key_rejected",
        statuses=(Status.ERROR,),
        acts=Acts.OWNER,
        title=_("The server refused the access key"),
        button_step=_("Check the access key of {server}."),
        operator_step=_("Check the apikey under Servers > {server}."),
    ),
    Cause(
        code="instance_missing",
        statuses=(Status.ERROR,),
        acts=Acts.OPERATOR,
        title=_("This number is no longer on the server"),
        clinic_step="{support_knows}",
        operator_step=_("Choose or recreate the instance; on 1.x probably a logout."),
    ),
    Cause(
        code="wrong_address",
        statuses=(Status.ERROR,),
        acts=Acts.OWNER,
        title=_("The address is not that of an Evolution server"),
        button_step=_("Check the address of {server}, without /manager."),
        operator_step=_("Check the address, without /manager."),
    ),
    Cause(
        code="invalid_answer",
        statuses=(Status.ERROR,),
        acts=Acts.OPERATOR,
        title=_("Unexpected answer from the server"),
        clinic_step="{support_knows}",
        operator_step=_('Evolution\'s version or a proxy; received: "{received}"'),
    ),
    Cause(
        code="unknown_state",
        statuses=(Status.ERROR,),
        acts=Acts.OPERATOR,
        title=_("Unexpected answer from the server"),
        clinic_step="{support_knows}",
        operator_step=_('Evolution\'s version or a proxy; received: "{received}"'),
    ),
    Cause(
        code="certificate",
        statuses=(Status.ERROR,),
        acts=Acts.OPERATOR,
        title=_("The server's certificate is not valid"),
        clinic_step="{support_knows}",
        operator_step=_("Expired, wrong name or self-signed: renew it."),
    ),
    Cause(
        code="address_refused",
        statuses=(Status.ERROR,),
        acts=Acts.OWNER,
        title=_("Address not allowed"),
        clinic_step=_("Use a public address with https."),
        operator_step=_("Internal network: add {host} to EVOLUTION_ALLOWED_HOSTS and restart."),
    ),
    Cause(
        code="zombie",
        statuses=(Status.ERROR,),
        acts=Acts.OPERATOR,
        title=_("Looks connected, but does not send"),
        clinic_step="{support_knows}",
        operator_step=_("Restart Evolution's process; restarting the instance does not help."),
    ),
    Cause(
        code="unstable",
        statuses=(),  # a pattern over time; no single look has it
        acts=Acts.OPERATOR,
        title=_("Unstable connection"),
        clinic_step=_("It dropped {n} times in {minutes} minutes. {support_knows}"),
        operator_step=_("The server's network or two sessions."),
    ),
    Cause(
        code="wrong_number",
        statuses=(Status.OPEN,),
        acts=Acts.CLINIC,
        title=_("Connected with another number"),
        clinic_step=_("If the number was not changed on purpose, scan with the right phone."),
        button_step=_("Did you change the number? Tap We changed the number."),
        support_step=_("Did you change the number? Talk to {support}."),
    ),
)

CAUSES: dict[str, Cause] = {cause.code: cause for cause in _EVERYTHING}

# Why we could not look: nothing is known about the channel, so nobody is told anything about it.
UNSEEN_ASKED_TO_WAIT = "asked_to_wait"  # 429
UNSEEN_CUT_OFF = "cut_off"  # our own limits ended the look
UNSEEN_SEALED_KEY = "sealed_key"  # we cannot open the key that we would show
UNSEEN_OWN_NETWORK = "own_network"  # no way out of here: it says nothing about any server
UNSEEN_SERVER_BACK = "server_back"  # a server that has just come back has not loaded everything yet


def title_of(code: str) -> str:
    """Return a cause's title in the language that is active; the code itself where an older release wrote it."""
    return str(CAUSES[code].title) if code in CAUSES else code
