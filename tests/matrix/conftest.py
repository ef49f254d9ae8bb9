"""Two furnished clinics, everybody who may come by, and what becomes of what they ask."""

import re
from contextlib import contextmanager
from datetime import timedelta
from functools import cache
from urllib.parse import parse_qsl

import pytest
from django.apps import apps
from django.db import connection, transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from channels_app.models import ConnectionPeriod, Pulse, Sweep, Watch
from incidents import actions, ledger
from incidents.models import Incident
from notifications.models import Notification
from tests.matrix.routes import DONE, LOGIN, Route
from tests.support import people
from tests.support.readings import bad

OURS, THEIRS = "Aurora", "Horizonte"  # in every name that belongs to the one clinic or to the other
MAY_NOT_READ = {"staff": [THEIRS], "admin": [THEIRS], "outsider": [OURS], "both": [], "operator": []}  # others: neither
UNWATCHED = {"sessions", "contenttypes", "auth"}  # apps whose tables a request may write


@pytest.fixture
def wall(request, db):
    """Down, unless a test puts both up: what is refused then is refused by the application itself."""
    if getattr(request, "param", "down") == "up":
        return
    with connection.cursor() as cursor:
        cursor.execute("select relname from pg_class where relforcerowsecurity")
        for (table,) in cursor.fetchall():
            cursor.execute(f"alter table {table} no force row level security")  # the tables' owner then sees every row


@pytest.fixture
def cast(wall, clinic, other_clinic):
    """Everybody, by the names of `routes`."""
    closed = people.clinic("Clínica Fechada", is_active=False)
    return {
        "anonymous": None,
        "nobody": people.person(),
        "dismissed": people.admin_of(clinic),
        "left": people.admin_of(clinic),
        "of_a_closed_clinic": people.admin_of(closed),
        "staff": people.staff_of(clinic),
        "admin": people.admin_of(clinic, name=f"Ana {OURS}"),
        "both": people.admin_of(clinic, other_clinic),
        "outsider": people.admin_of(other_clinic, name=f"Otto {THEIRS}"),
        "operator": people.operator(),
    }


@pytest.fixture
def things(cast, clinic, other_clinic):
    """Whose ids addresses and forms may take: the clinic's own, and what is foreign to it."""
    channel = furnish(clinic, people.server(), OURS, by=cast["admin"])
    # Ids that are in no page by chance.
    server = people.server(other_clinic, pk=7_300_001, name=f"Servidor {THEIRS}")
    foreign = furnish(other_clinic, server, THEIRS, by=cast["outsider"], pk=7_300_002)
    cast["left"].memberships.update(is_active=False)  # once told, and no longer to be
    cast["dismissed"].is_active = False
    cast["dismissed"].save()
    Pulse.objects.create(last_tick_at=timezone.now(), oldest_overdue_seconds=0, channels_watched=2)
    hour_ago = timezone.now() - timedelta(hours=1)
    return {
        "slug": clinic.slug,
        "channel": channel.pk,
        "incident": Incident.objects.get(channel=channel).pk,
        "notification": Notification.objects.get(user=cast["admin"]).pk,
        "sweep": Sweep.objects.create(started_at=hour_ago).pk,
        "sweep_of_channel": Sweep.objects.create(tenant=clinic, channel=channel, started_at=hour_ago).pk,
        "foreign_slug": other_clinic.slug,
        "foreign_server": server.pk,
        "foreign_channel": foreign.pk,
        "foreign_incident": Incident.objects.get(channel=foreign).pk,
        "foreign_notification": Notification.objects.get(user=cast["outsider"]).pk,
        "worn_key": ("1", "a-key-of-yesterday"),
        "worn_mail_key": "MQ:a-key:of-yesterday",
        "day": timezone.localdate() - timedelta(days=1),
    }


def furnish(tenant, server, word: str, *, by, **fields: object):
    """A number that has been down since yesterday, with its incident, a note and who was told; each bears the word."""
    channel = people.channel(tenant, server, name=f"Recepção {word}", instance_name=f"{word.lower()}-1", **fields)
    start = timezone.now() - timedelta(days=1)
    state = {"channel": channel, "tenant": tenant, "cause": "logged_out"}
    Watch.objects.create(
        connection_status="disconnected",
        status_since=start,
        last_verdict_at=timezone.now(),
        last_health_check=timezone.now(),
        paired_at=start,
        seen_server=channel.server_id,
        seen_instance=channel.instance_name,
        **state,
    )
    ConnectionPeriod.objects.create(status="disconnected", started_at=start, **state)
    ledger.open_incidents([bad(channel, started_at=start, at=start + timedelta(minutes=5))])
    actions.note(Incident.objects.get(channel=channel).pk, f"{word} sabe.", by=by, at=timezone.now())
    return channel


@pytest.fixture
def ask(cast, things):
    """Let somebody ask, and take back what came of it: `ask("admin", route)` is an Answer."""

    def ask(person: str, route: Route, *, method: str = "", of: object = None, query: str = "", **headers: str) -> "Answer":
        sent = {name: text.format(**things) for name, text in route.sent.items()}
        url = address(route, things, of=of) + query.format(**things)
        return asked(cast[person], method or route.method, url, sent, person=person, headers=headers)

    return ask


class Answer:
    def __init__(self, response, *, wrote: bool, person: str) -> None:
        self.response, self.wrote, self.person = response, wrote, person

    @property
    def status(self) -> int:
        return self.response.status_code

    @property
    def text(self) -> str:
        return self.response.content.decode(errors="replace")

    @property
    def plain(self) -> tuple[int, str, dict]:
        """What a person could tell one answer from another by: without the forms' tokens, and how long ago something was."""
        text = re.sub(r'(csrfmiddlewaretoken" value="|X-CSRFToken": ")\w+', "", self.text)
        text = re.sub(r"\b\d+(s|min|h|d)( \d+(s|min|h))?\b", "", text)
        headers = {name: value for name, value in self.response.headers.items() if name not in ("Expires", "Content-Length")}
        return self.status, text, headers

    @property
    def names(self) -> list[str]:
        """The words of another clinic that this answer has in it, headers included."""
        told = f"{self.text} {self.response.headers}"
        for _name, typed in parse_qsl(self.response.request["QUERY_STRING"]):
            told = told.replace(typed, "")  # what they have named themselves comes back in links
        return [word for word in MAY_NOT_READ.get(self.person, [OURS, THEIRS]) if word.lower() in told.lower()]

    def in_a_word(self, route: Route, things: dict) -> str:
        """As the table says it; whatever must never be is added."""
        word = str(self.status)
        if self.status == 302:
            word = self._led_to(route, things)
        faults = ["but wrote"] if self.wrote and word != DONE else []
        return " ".join([word, *faults, *(f"but named {word}" for word in self.names)])

    def _led_to(self, route: Route, things: dict) -> str:
        place = self.response["Location"].partition("?")[0].partition("#")[0]
        if self.wrote and place == reverse(route.then, args=[things[route.then]] if route.then in things else []):
            return DONE
        names = [answer for answer in set(route.answers.values()) if not answer.isdigit() and answer != DONE]
        places = {reverse("account_login" if name == LOGIN else name): name for name in names}
        return places.get(place, place)


def address(route: Route, things: dict, *, of: object = None) -> str:
    taken = of if of is not None else things.get(route.of)
    arguments = taken if isinstance(taken, tuple) else [taken]
    return reverse(route.name, args=arguments if route.of else [])


def asked(user, method: str, url: str, sent: dict | None = None, *, person: str = "", headers: dict | None = None) -> Answer:
    with undone():
        browser = _browser()
        browser.cookies.clear()
        if user:
            browser.force_login(user)
        before = written()
        response = getattr(browser, method)(url, sent, headers=headers or {})
        return Answer(response, wrote=written() != before, person=person)


@cache
def _browser() -> Client:
    """One for all: each new one costs as much as a page, since whitenoise looks for every static file anew."""
    return Client()


@contextmanager
def undone():
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def written() -> list[tuple[str, str]]:
    """What stands in every table, as one sum each."""
    with connection.cursor() as cursor:
        cursor.execute(" union all ".join(_SUM.format(table=table) for table in _tables()))
        return cursor.fetchall()


@cache
def _tables() -> list[str]:
    return [model._meta.db_table for model in apps.get_models() if model._meta.app_label not in UNWATCHED]


_SUM = "select '{table}', md5(coalesce(string_agg(row::text, '' order by row::text), '')) from {table} row"
