"""The list of incidents, filtered by what stands in the address. A value that does not exist filters nothing."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Q, QuerySet
from django.http import QueryDict
from django.utils.translation import gettext_lazy as _

from incidents.causes import CAUSES, Acts
from incidents.models import Incident
from tenants.models import Tenant

STATES = {"aberto": _("Open ones"), "resolvido": _("Resolved ones")}
PERIODS = {"1": _("Last 24 hours"), "7": _("Last 7 days"), "30": _("Last 30 days"), "90": _("Last 90 days")}  # days


@dataclass(frozen=True, slots=True)
class Option:
    value: str
    label: str
    is_chosen: bool


class Filters:
    """`estado`, `tipo`, `causa`, `periodo`, and for the operator `cliente` (a slug)."""

    def __init__(self, given: QueryDict, *, for_operator: bool) -> None:
        self.for_operator = for_operator
        self._tenants = list(Tenant.objects.order_by("name").values_list("slug", "name")) if for_operator else []
        causes = [(code, cause.title) for code, cause in CAUSES.items() if cause.acts is not Acts.NOBODY]
        self._choices = {
            "estado": STATES,
            "tipo": dict(Incident.Kind.choices),
            "causa": dict(sorted(causes, key=lambda pair: str(pair[1]).casefold())),
            "periodo": PERIODS,
            "cliente": dict(self._tenants),
        }
        self.chosen = {name: given.get(name) for name, known in self._choices.items() if given.get(name) in known}

    def apply(self, incidents: QuerySet[Incident], *, now: datetime) -> QuerySet[Incident]:
        chosen = self.chosen
        if "estado" in chosen:
            incidents = incidents.filter(resolved_at__isnull=chosen["estado"] == "aberto")
        if "tipo" in chosen:
            incidents = incidents.filter(kind=chosen["tipo"])
        if "causa" in chosen:
            incidents = incidents.filter(cause=chosen["causa"])
        if "cliente" in chosen:
            incidents = incidents.filter(tenant__slug=chosen["cliente"])
        if "periodo" in chosen:
            # Whatever lasted into it: what is still open belongs to today, whenever it began.
            since = now - timedelta(days=int(chosen["periodo"]))
            incidents = incidents.filter(Q(resolved_at=None) | Q(resolved_at__gte=since))
        return incidents

    @property
    def counts_servers_as_one(self) -> bool:
        """The operator reads of a dead server once, and of its numbers on its page; of one clinic, all of them."""
        return self.for_operator and "cliente" not in self.chosen

    @property
    def is_narrowed(self) -> bool:
        return bool(self.chosen)

    @property
    def state(self) -> str:
        return self.chosen.get("estado", "")

    @property
    def states(self) -> list[Option]:
        """The pills' addresses, each with the other filters kept."""
        others = {name: value for name, value in self.chosen.items() if name != "estado"}
        pills = [("", _("All")), *STATES.items()]
        return [
            Option(query(others | ({"estado": value} if value else {})), str(label), value == self.state)
            for value, label in pills
        ]

    @property
    def kinds(self) -> list[Option]:
        return self._options("tipo")

    @property
    def causes(self) -> list[Option]:
        return self._options("causa")

    @property
    def periods(self) -> list[Option]:
        return self._options("periodo")

    @property
    def clinics(self) -> list[Option]:
        return self._options("cliente")

    @property
    def prefix(self) -> str:
        """What stands before `pagina=` in a link to another page."""
        return f"{query(self.chosen)}&" if self.chosen else "?"

    def _options(self, name: str) -> list[Option]:
        return [Option(str(v), str(label), v == self.chosen.get(name)) for v, label in self._choices[name].items()]


def query(parameters: dict[str, str]) -> str:
    given = QueryDict(mutable=True)
    given.update(parameters)
    return f"?{given.urlencode()}"
