"""What may happen to a simulated phone, and what its server says of it afterwards.

Facts (Evolution API 2.3.6, observed): owner and reason of a phone that was logged out stay in its row, also when it
shows a QR and when it is paired again. Only an instance made anew has neither.
"""

from dataclasses import dataclass, replace
from datetime import datetime

from demo.simulator.phones import BAILEYS, Phone, Reason

STAYS = "stays"  # a mishap leaves this word as it was
SLOW_SECONDS = 4.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Mishap:
    button: str  # what the control page offers
    seen_as: str  # what it says afterwards
    tone: str = "danger"
    memory: str | None = STAYS
    row: str | None = STAYS
    reason: Reason | None = None  # None: the row keeps the reason it had
    forgets: bool = False  # the instance is made anew: no owner, no reason
    needs_a_qr: bool = False  # a paired phone is logged out before it can be asked to scan
    delay_seconds: float = 0.0
    rare: bool = False  # the page offers it behind "Outras situações"


REMOVED = Reason(401, "Stream Errored (conflict)", removed_on_phone=True)
COMMANDED = Reason(401, "Log out instance: {name}")
BLOCKED = Reason(403, "Connection Failure")

MISHAPS: dict[str, Mishap] = {
    "paired": Mishap(button="Parear", seen_as="Conectado", tone="success", memory="open", row="open"),
    "logged_out": Mishap(
        button="Desconectar no celular", seen_as="Desconectado no celular", memory="close", row="close", reason=REMOVED
    ),
    "banned": Mishap(button="Banir", seen_as="Banido", memory="close", row="close", reason=BLOCKED),
    "network_lost": Mishap(button="Derrubar a rede", seen_as="Sem rede com o WhatsApp", memory="close", row="open"),
    "silent": Mishap(button="Silenciar", seen_as="Mudo: diz que está conectado", tone="warning", memory="open", row="open"),
    "slow": Mishap(button="Deixar lento", seen_as="Lento", tone="warning", delay_seconds=SLOW_SECONDS),
    "reconnecting": Mishap(
        button="Deixar reconectando", seen_as="Reconectando", tone="info", memory="connecting", row="open", rare=True
    ),
    "awaiting_scan": Mishap(
        button="Pedir QR code",
        seen_as="Aguardando QR code",
        tone="warning",
        memory="connecting",
        row="connecting",
        needs_a_qr=True,
        rare=True,
    ),
    "qr_expired": Mishap(
        button="Expirar o QR code",
        seen_as="QR code expirado",
        memory="close",
        row="connecting",
        needs_a_qr=True,
        rare=True,
    ),
    "logged_out_by_command": Mishap(
        button="Encerrar pelo sistema",
        seen_as="Encerrado pelo sistema",
        memory="close",
        row="close",
        reason=COMMANDED,
        rare=True,
    ),
    "not_loaded": Mishap(button="Não carregar", seen_as="Não carregado", tone="neutral", memory=None, rare=True),
    "deleted": Mishap(button="Apagar a instância", seen_as="Apagado", memory=None, row=None, rare=True),
    "never_connected": Mishap(
        button="Recriar sem conectar",
        seen_as="Nunca conectado",
        tone="neutral",
        memory="close",
        row="close",
        forgets=True,
        rare=True,
    ),
}


def play(phone: Phone, condition: str, *, at: datetime) -> Phone:
    """Return the phone after a mishap of `MISHAPS`."""
    mishap = MISHAPS[condition]
    if mishap.needs_a_qr and phone.row == "open":
        phone = play(phone, "logged_out", at=at)
    if mishap.forgets:
        phone = replace(phone, owner=None, reason=None, reason_at=None)
    if mishap.row == "open" and phone.integration == BAILEYS:
        phone = replace(phone, owner=phone.owner or f"{phone.number}@s.whatsapp.net")
    if mishap.reason:
        reason = replace(mishap.reason, message=mishap.reason.message.format(name=phone.name))
        phone = replace(phone, reason=reason, reason_at=at)
    return replace(
        phone,
        condition=condition,
        memory=phone.memory if mishap.memory == STAYS else mishap.memory,
        row=phone.row if mishap.row == STAYS else mishap.row,
        delay_seconds=mishap.delay_seconds,
    )
