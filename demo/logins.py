"""Who may log in to the demonstration, and what they are there. `seed_demo` creates them, `start.py` prints DEMO_LOGINS.

Everybody is invented. No Django here: `start.py` reads this before there is a database.
"""

from dataclasses import dataclass

PASSWORD = "vigia-demo-2026"
ADMIN, STAFF = "tenant_admin", "staff"  # roles of tenants.Membership


@dataclass(frozen=True, slots=True)
class Person:
    email: str
    name: str
    who: str  # in words, for the terminal
    roles: tuple[tuple[str, str], ...] = ()  # (a clinic's slug, a role)
    is_operator: bool = False


PEOPLE = (
    Person("operador@vigia.example", "Olívia Prado", "operadora do SaaS: vê todas as clínicas e servidores", is_operator=True),
    Person("ana@aurora.example", "Ana Lobato", "administradora da Clínica Aurora", (("clinica-aurora", ADMIN),)),
    Person("bruno@aurora.example", "Bruno Terra", "administrador da Clínica Aurora", (("clinica-aurora", ADMIN),)),
    Person("carla@aurora.example", "Carla Mendonça", "equipe da Clínica Aurora, só consulta", (("clinica-aurora", STAFF),)),
    Person("diego@horizonte.example", "Diego Vilar", "administrador da Odonto Horizonte", (("odonto-horizonte", ADMIN),)),
    Person(
        "elisa@horizonte.example", "Elisa Furtado", "equipe da Odonto Horizonte, só consulta", (("odonto-horizonte", STAFF),)
    ),
    Person("fabio@beirario.example", "Fábio Seixas", "administrador da Fisioterapia Beira-Rio", (("fisio-beira-rio", ADMIN),)),
    Person(
        "gisele@rede.example",
        "Gisele Amaral",
        "administradora da Odonto Horizonte e da Fisioterapia Beira-Rio",
        (("odonto-horizonte", ADMIN), ("fisio-beira-rio", ADMIN)),
    ),
)

DEMO_LOGINS: list[tuple[str, str, str]] = [(person.email, PASSWORD, person.who) for person in PEOPLE]
