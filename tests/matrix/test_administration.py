"""The administration: every one of its routes, found by walking, is the operator's alone."""

import re
from collections.abc import Iterator

import pytest
from django.contrib import admin
from django.contrib.contenttypes.models import ContentType
from django.test import Client
from django.urls import URLResolver, reverse
from django_celery_beat.models import IntervalSchedule, PeriodicTask

from tenants.models import User
from tests.matrix.conftest import written

OPEN = {"login", "logout"}  # lead to our own door, and out


@pytest.fixture
def addresses(things) -> list[str]:
    """One of each route, about a row that exists where there is one."""
    every = IntervalSchedule.objects.create(every=10, period=IntervalSchedule.SECONDS)
    PeriodicTask.objects.create(name="ring the watch", task="channels_app.tasks.ring", interval=every)
    rows = {model._meta.label_lower.replace(".", "/"): model._default_manager.first() for model in admin.site._registry}
    ids = {path: row.pk for path, row in rows.items() if row}
    people = str(ContentType.objects.get_for_model(User).pk)
    return [address(route, ids).replace("<path:content_type_id>", people) for route in routes(admin.site.get_urls())]


def routes(entries: list, before: str = "") -> Iterator[str]:
    for entry in entries:
        if isinstance(entry, URLResolver):
            yield from routes(entry.url_patterns, before + str(entry.pattern))
        elif entry.name not in OPEN:
            yield before + str(entry.pattern)


def address(route: str, ids: dict) -> str:
    of = ids.get("/".join(route.split("/")[:2]), 1)
    route = re.sub(r"<path:object_id>|<id>", str(of), route)
    route = re.sub(r"\^\(\?P<app_label>(\w+).*\)/\$", r"\1/", route)
    return reverse("admin:index") + route.replace("(?P<url>.*)$", "no-such-page/")


def test_the_walk_meets_every_kind_of_page(addresses):
    kinds = [
        len(re.findall(rf"/{kind}/$", "\n".join(addresses), re.MULTILINE)) for kind in ("add", "change", "delete", "history")
    ]

    assert kinds == [len(admin.site._registry)] * 4
    assert {reverse("admin:index"), reverse("admin:autocomplete"), reverse("admin:search")} <= set(addresses)
    assert not re.search(r"[<^$]", "".join(addresses))


@pytest.mark.parametrize("method", ["get", "post"])
@pytest.mark.parametrize("person", ["anonymous", "staff", "admin"])
def test_nobody_but_the_operator_opens_any_of_it(person, method, addresses, cast):
    browser = Client()
    if cast[person]:
        browser.force_login(cast[person])
    before = written()

    led_to = {url: getattr(browser, method)(url, {"post": "yes"}).headers.get("Location", "") for url in addresses}

    assert {url: place for url, place in led_to.items() if not place.startswith(f"{reverse('admin:login')}?next=")} == {}
    assert written() == before


def test_none_of_it_breaks_for_the_operator_and_looking_writes_nothing(addresses, cast):
    browser = Client()
    browser.force_login(cast["operator"])
    before = written()

    statuses = {url: browser.get(url).status_code for url in addresses}

    assert {url: status for url, status in statuses.items() if status not in (200, 301, 302, 403, 404, 405)} == {}
    assert written() == before
