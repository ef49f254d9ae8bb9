"""Error pages wear our look and ask nothing of whatever may be broken."""

import pytest
from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import PermissionDenied, SuspiciousOperation
from django.db import connection
from django.http import Http404
from django.template.loader import get_template
from django.test import Client, override_settings
from django.urls import path

from config.urls import urlpatterns as ours

PAGES = ["400.html", "403.html", "403_csrf.html", "404.html", "429.html", "500.html"]


def fails_with(error: type[Exception]):
    @login_not_required
    def view(request):
        raise error("on purpose")

    return view


urlpatterns = [
    *ours,
    path("t/400", fails_with(SuspiciousOperation)),
    path("t/403", fails_with(PermissionDenied)),
    path("t/404", fails_with(Http404)),
    path("t/500", fails_with(ZeroDivisionError)),
]


@pytest.mark.parametrize("page", PAGES)
def test_an_error_page_needs_no_context_and_no_database(page):
    with connection.execute_wrapper(refuse):
        html = get_template(page).render()

    assert 'class="auth"' in html
    assert "vigia.css" in html
    assert 'href="/"' in html


@pytest.mark.urls("tests.test_errors")
@pytest.mark.parametrize("code", [400, 403, 404, 500])
def test_an_error_is_answered_in_our_look(client, staff, code):
    client.force_login(staff)
    client.raise_request_exception = False

    answer = client.get(f"/t/{code}")

    assert answer.status_code == code
    assert wears_our_look(answer, code)
    assert "on purpose" not in answer.content.decode()


@pytest.mark.urls("tests.test_errors")
@pytest.mark.parametrize("code", [400, 403, 404, 500])
def test_with_debug_which_the_demonstration_runs_with_it_looks_the_same(client, staff, settings, code):
    settings.DEBUG = True
    client.force_login(staff)
    client.raise_request_exception = False

    answer = client.get(f"/t/{code}")

    assert answer.status_code == code
    assert wears_our_look(answer, code)
    assert "on purpose" not in answer.content.decode()


def test_with_debug_an_address_that_does_not_exist_lists_none_that_do(client, db, settings):
    settings.DEBUG = True

    answer = client.get("/no-such-page")

    assert answer.status_code == 404
    assert wears_our_look(answer, 404)


@pytest.mark.urls("tests.test_errors")
def test_with_debug_the_log_and_whoever_asks_for_text_still_get_the_traceback(client, staff, settings, caplog):
    settings.DEBUG = True
    client.force_login(staff)
    client.raise_request_exception = False

    answer = client.get("/t/500", headers={"accept": "text/plain"})

    assert "ZeroDivisionError" in answer.content.decode()
    [logged] = [record for record in caplog.records if record.name == "django.request" and record.levelname == "ERROR"]
    assert logged.exc_info[0] is ZeroDivisionError


@pytest.mark.urls("tests.test_errors")
def test_with_debug_an_address_without_its_last_slash_is_still_led_on(client, db, settings):
    settings.DEBUG = True

    assert client.get("/incidentes").headers["Location"] == "/incidentes/"


def test_a_stranger_gets_the_same_page_for_an_address_that_does_not_exist(client, db):
    answer = client.get("/no-such-page")

    assert answer.status_code == 404
    assert wears_our_look(answer, 404)


def test_a_form_without_its_token_is_answered_in_our_look(admin):
    client = Client(enforce_csrf_checks=True)
    client.force_login(admin)

    answer = client.post("/clinica/", {"clinic": "any"})

    assert answer.status_code == 403
    assert wears_our_look(answer, 403)


@override_settings(ALLOWED_HOSTS=["vigia.example.com"])
def test_a_host_that_is_not_ours_is_a_bad_request_in_our_look(client, db):
    answer = client.get("/", headers={"host": "elsewhere.example.com"})

    assert answer.status_code == 400
    assert wears_our_look(answer, 400)


def wears_our_look(answer, code: int) -> bool:
    html = answer.content.decode()
    return 'class="auth"' in html and f" {code}" in html.partition("</section>")[2]


def refuse(execute, sql, params, many, context):
    raise AssertionError("an error page asked the database")
