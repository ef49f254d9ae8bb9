"""The demonstration's clinics, servers and phones: read by the simulator and by `seed_demo`, so that either may start anew.

Everything is invented. The numbers 9 0000-00nn are given to nobody.
"""

from dataclasses import dataclass
from datetime import UTC, datetime

from demo.simulator.mishaps import play
from demo.simulator.phones import BAILEYS, OFFICIAL_API, Phone
from demo.simulator.servers import Server

LONG_AGO = datetime(2026, 1, 5, 12, tzinfo=UTC)  # when the phones that are down at the start went down


@dataclass(frozen=True, slots=True)
class Clinic:
    slug: str
    name: str
    time_zone: str = "America/Sao_Paulo"


@dataclass(frozen=True, slots=True)
class DemoServer:
    number: int
    name: str
    key: str


@dataclass(frozen=True, slots=True)
class DemoPhone:
    clinic: str  # a slug
    server: int
    name: str  # the instance's
    title: str  # what people call it
    number: str
    condition: str = "paired"
    integration: str = BAILEYS


CLINICS = (
    Clinic("clinica-aurora", "Clínica Aurora"),
    Clinic("odonto-horizonte", "Odonto Horizonte"),
    Clinic("fisio-beira-rio", "Fisioterapia Beira-Rio", "America/Manaus"),
)

SERVERS = (
    DemoServer(1, "Evolution principal", "demo-global-key-1"),
    DemoServer(2, "Evolution reserva", "demo-global-key-2"),
)

PHONES = (
    DemoPhone("clinica-aurora", 1, "aurora-recepcao", "Recepção", "5511900000001"),
    DemoPhone("clinica-aurora", 1, "aurora-agenda", "Agendamento", "5511900000002", "logged_out"),
    DemoPhone("clinica-aurora", 2, "aurora-financeiro", "Financeiro", "5511900000003"),
    DemoPhone("clinica-aurora", 1, "aurora-exames", "Exames", "5511900000004"),
    DemoPhone("clinica-aurora", 2, "aurora-oficial", "Campanhas", "5511900000005", integration=OFFICIAL_API),
    DemoPhone("odonto-horizonte", 1, "horizonte-recepcao", "Recepção", "5521900000006"),
    DemoPhone("odonto-horizonte", 1, "horizonte-orcamentos", "Orçamentos", "5521900000007", "network_lost"),
    DemoPhone("odonto-horizonte", 2, "horizonte-lembretes", "Lembretes", "5521900000008", "banned"),
    DemoPhone("odonto-horizonte", 2, "horizonte-posvenda", "Pós-consulta", "5521900000009"),
    DemoPhone("fisio-beira-rio", 2, "beirario-recepcao", "Recepção", "5592900000010"),
    DemoPhone("fisio-beira-rio", 2, "beirario-turmas", "Turmas", "5592900000011", "awaiting_scan"),
    DemoPhone("fisio-beira-rio", 1, "beirario-domiciliar", "Atendimento domiciliar", "5592900000012"),
    DemoPhone("fisio-beira-rio", 2, "beirario-novo", "Número novo", "5592900000013", "never_connected"),
)


def servers() -> list[Server]:
    """Return the demonstration's servers with their phones, as they are at the start."""
    made = [Server(number=each.number, name=each.name, key=each.key) for each in SERVERS]
    for server in made:
        server.phones = {each.name: _phone(each) for each in PHONES if each.server == server.number}
    return made


def _phone(demo: DemoPhone) -> Phone:
    phone = Phone(name=demo.name, number=demo.number, token=f"token-{demo.name}", integration=demo.integration)
    if demo.condition != "never_connected":
        phone = play(phone, "paired", at=LONG_AGO)
    return play(phone, demo.condition, at=LONG_AGO)
