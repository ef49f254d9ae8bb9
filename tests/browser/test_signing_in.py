"""The way in, step by step, in light, in dark and on a phone: each page with axe, and what happens when a session ends."""

import re
import time

import pytest
from allauth.account.forms import default_token_generator
from allauth.account.utils import user_pk_to_url_str
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value
from django.contrib.sessions.models import Session
from django.template.loader import render_to_string

from tenants.models import User
from tests.browser.conftest import PASSWORD, SCREENS, Person

SUBMIT = "main button[type=submit].btn-primary"


# --- Each page of the door -----------------------------------------------------------------------------------------


def test_nothing_is_wrong_on_the_way_through_the_second_factor(product, somebody):
    wrong = []
    for name, screen in SCREENS.items():
        Authenticator.objects.all().delete()
        person = somebody("operador@vigia.example", **screen).signs_in()

        secret = sets_up_a_second_factor(person, f"{name}: ", wrong)
        for path in (
            "/conta/2fa/",
            "/conta/2fa/recovery-codes/",
            "/conta/2fa/recovery-codes/generate/",
            "/conta/2fa/totp/deactivate/",
        ):
            person.goes_to(path)
            wrong += [f"{name}: {path}: {finding}" for finding in person.finds_wrong()]

        person.context.clear_cookies()
        person.page.goto("/conta/login/")
        gives_the_password(person)
        person.page.wait_for_url("**/2fa/authenticate/**")
        wrong += [f"{name}: the code: {finding}" for finding in person.finds_wrong()]
        person.page.locator("#id_code").fill("000000")
        person.page.locator(SUBMIT).click()
        person.page.locator("#id_code-error").wait_for()
        wrong += [f"{name}: the wrong code: {finding}" for finding in person.finds_wrong()]
        person.page.locator("#id_code").fill(code_of(secret))
        person.page.locator(SUBMIT).click()
        person.page.locator(".topbar").wait_for()

    assert not wrong, "\n".join(["", *wrong])


def sets_up_a_second_factor(person: Person, where: str, wrong: list[str]) -> str:
    page = person.page
    page.goto("/conta/2fa/totp/activate/")
    if page.locator("#id_password").count():  # the account is asked for once more
        wrong += [f"{where}reauthenticate: {finding}" for finding in person.finds_wrong()]
        page.locator("#id_password").fill(PASSWORD)
        page.locator(SUBMIT).click()
    page.locator("#id_code").wait_for()
    wrong += [f"{where}activate: {finding}" for finding in person.finds_wrong()]
    secret = page.locator("#authenticator_secret").input_value()
    page.locator("#id_code").fill("000000")
    page.locator(SUBMIT).click()
    page.locator("#id_code-error").wait_for()
    wrong += [f"{where}activate, wrong code: {finding}" for finding in person.finds_wrong()]
    page.locator("#id_code").fill(code_of(page.locator("#authenticator_secret").input_value()))
    page.locator(SUBMIT).click()
    page.wait_for_url("**/2fa/recovery-codes/**")
    return secret


def code_of(secret: str) -> str:
    return format_hotp_value(hotp_value(secret, int(time.time()) // 30))


def gives_the_password(person: Person) -> None:
    person.page.locator("#id_login").fill(person.email)
    person.page.locator("#id_password").fill(PASSWORD)
    person.page.locator(SUBMIT).click()


def test_nothing_is_wrong_on_the_way_to_a_new_password_and_through_a_code_by_e_mail(product, somebody):
    user = User.objects.get(email="ana@aurora.example")
    wrong = []
    for name, screen in SCREENS.items():
        stranger = somebody(user.email, **screen)
        page = stranger.page

        def look(where: str, name=name, stranger=stranger) -> None:
            wrong.extend(f"{name}: {where}: {finding}" for finding in stranger.finds_wrong())

        page.goto("/conta/login/")
        page.locator("#id_login").fill(user.email)
        page.locator("#id_password").fill("wrong")
        page.locator(SUBMIT).click()
        page.locator("main [role=alert]").first.wait_for()
        look("a wrong password")
        page.goto(f"/conta/password/reset/key/{user_pk_to_url_str(user)}-{default_token_generator.make_token(user)}/")
        page.locator("#id_password1").wait_for()
        look("a new password")
        page.locator("#id_password1").fill("quite another 1")
        page.locator("#id_password2").fill("yet another 2")
        page.locator(SUBMIT).click()
        page.locator(".invalid-feedback").wait_for()
        look("two different ones")
        page.goto("/conta/password/reset/key/0-none/")
        look("a link that is no longer good")
        page.goto("/conta/login/code/")
        page.locator("#id_email").fill(user.email)
        page.locator(SUBMIT).click()
        page.locator("#id_code").wait_for()
        look("the code")
        page.locator("#id_code").fill("WRONG")
        page.locator(SUBMIT).click()
        page.locator("#id_code-error").wait_for()
        look("a wrong code")
        stranger.context.close()

    assert not wrong, "\n".join(["", *wrong])


def test_nothing_is_wrong_with_the_pages_that_say_no(product, somebody):
    wrong = []
    for name, screen in SCREENS.items():
        ana = somebody("ana@aurora.example", **screen).signs_in()
        # The product has no page that fails: what it would answer stands in for one.
        failed = {"status": 500, "content_type": "text/html", "body": render_to_string("500.html")}
        ana.page.route("**/fails", lambda route, _request, failed=failed: route.fulfill(**failed))
        for path, code in {"/admin/": 403, "/no-such-page": 404, "/incidentes/999999999/": 404, "/fails": 500}.items():
            answer = ana.page.goto(path)
            assert (path, answer.status) == (path, code)
            ana.page.locator(".auth").wait_for()
            ana.noise[:] = [heard for heard in ana.noise if f"status of {code}" not in heard]
            wrong += [f"{name}: {path}: {finding}" for finding in ana.finds_wrong()]
        ana.context.close()

    assert not wrong, "\n".join(["", *wrong])


# --- A session that ends -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("email", "path", "place"),
    [
        pytest.param("ana@aurora.example", "/configuracoes/whatsapp-pessoal", "section[id^=numero-]", id="a clinic's number"),
        pytest.param("operador@vigia.example", "/saas/whatsapp", "main", id="the fleet"),
    ],
)
def test_a_page_that_polls_after_its_session_ended_says_so_in_place_and_leads_back(product, somebody, email, path, place):
    person = somebody(email).signs_in()
    page = person.goes_to(path).page

    Session.objects.all().delete()

    told = page.locator(f"{place} [role=alert]", has_text=re.compile("sessão terminou|session has ended", re.IGNORECASE)).first
    told.wait_for()
    assert page.locator("#id_login").count() == 0  # no login page inside the page
    assert page.locator("html").count() == page.locator(".topbar").count() == 1
    assert page.url.endswith(path)
    assert all("status of 401" in heard for heard in person.noise), person.noise

    told.get_by_role("link").click()
    gives_the_password(person)
    page.wait_for_url(f"**{path}")
    page.locator(".topbar").wait_for()
