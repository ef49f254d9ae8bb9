"""The door: who gets in, for how long, and what a stranger, a poll and the wrong person are told."""

import re
import time
from datetime import timedelta
from uuid import uuid4

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import (
    TOTP,
    format_hotp_value,
    generate_totp_secret,
    hotp_value,
)
from django.conf import settings
from django.core import mail
from django.http import HttpResponse
from django.test import override_settings
from django.urls import path, reverse
from django.utils import timezone

from config.urls import urlpatterns as ours
from tenants.door import of_a_clinic, operators_only, signed_in
from tests.support import people

PASSWORD = "a long password"  # of everybody in tests.support.people


def page(request):
    return HttpResponse("inside")


urlpatterns = [
    *ours,
    path("t/signed-in", signed_in(page)),
    path("t/operators", operators_only(page)),
    path("t/clinic", of_a_clinic(page)),
]
pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.tenants.test_door")]


@pytest.fixture(autouse=True)
def _own_count():
    """Attempts of one test are not another's."""
    own = settings.CACHES["default"] | {"KEY_PREFIX": uuid4().hex}
    with override_settings(CACHES={"default": own}):
        yield


def signs_in(client, person, password=PASSWORD, to="", **fields):
    return client.post(reverse("account_login"), {"login": person.email, "password": password, "next": to} | fields)


def confirms(client) -> None:
    """Give the password again, as one must before the account's safety is changed."""
    client.post(reverse("account_reauthenticate"), {"password": PASSWORD})


def is_in(client) -> bool:
    return client.get("/t/signed-in").status_code == 200


def code_of(secret: str, *, seconds_ago: int = 0) -> str:
    """What an authenticator app shows now, or showed some seconds ago."""
    return format_hotp_value(hotp_value(secret, int(time.time() - seconds_ago) // 30))


@pytest.fixture
def secret(operator):
    """The operator's second factor."""
    secret = generate_totp_secret()
    TOTP.activate(operator, secret)
    return secret


# --- In, and where to ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("who", "to"), [("operator", "overview"), ("staff", "my-whatsapp"), ("admin", "my-whatsapp")])
def test_each_lands_on_the_right_page(client, request, who, to):
    answer = signs_in(client, request.getfixturevalue(who))

    assert answer.headers["Location"] == reverse("home")
    assert client.get(reverse("home")).headers["Location"] == reverse(to)


def test_who_belongs_to_no_clinic_is_told_what_to_do(client):
    signs_in(client, people.person())

    answer = client.get(reverse("home"))

    assert answer.status_code == 403
    assert "tenants/no_clinic.html" in [template.name for template in answer.templates]


def test_an_address_is_written_in_any_case(client, staff):
    signs_in(client, staff, login=staff.email.upper())

    assert is_in(client)


def test_a_wrong_password_is_said_beside_nothing_that_tells_whether_the_person_exists(client, staff):
    known, unknown = (signs_in(client, staff, "wrong", login=login) for login in (staff.email, "nobody@example.com"))

    assert known.status_code == unknown.status_code == 200
    assert known.context["form"].errors == unknown.context["form"].errors
    assert not is_in(client)


def test_who_is_switched_off_stays_outside(client):
    signs_in(client, people.person(is_active=False))

    assert not is_in(client)


@pytest.mark.parametrize(
    ("wanted", "led_to"),
    [
        ("/incidentes/7/", "/incidentes/7/"),
        ("https://elsewhere.example.com/", "/"),
        ("//elsewhere.example.com/", "/"),
        ("javascript:alert(1)", "/"),
    ],
)
def test_a_link_leads_on_within_our_own_host_alone(client, staff, wanted, led_to):
    assert signs_in(client, staff, to=wanted).headers["Location"] == led_to


def test_a_code_by_e_mail_opens_the_door(client, staff):
    client.post(reverse("account_request_login_code"), {"email": staff.email})
    [sent] = mail.outbox
    code = re.search(r"^ +(\S+)$", sent.body, re.MULTILINE)[1]

    client.post(reverse("account_confirm_login_code"), {"code": code})

    assert sent.to == [staff.email]
    assert is_in(client)
    assert session_ends_in(client) == pytest.approx(timedelta(days=30), abs=timedelta(minutes=1))


def test_a_stranger_gets_no_code_and_learns_nothing(client, staff):
    known, unknown = (
        client.post(reverse("account_request_login_code"), {"email": email}).status_code
        for email in (staff.email, "nobody@example.com")
    )

    assert known == unknown == 302
    assert [sent.to for sent in mail.outbox] == [[staff.email]]


def test_a_forgotten_password_is_chosen_anew_by_the_link(client, staff):
    client.post(reverse("account_reset_password"), {"email": staff.email})
    link = re.search(r"http://testserver(/\S+)", mail.outbox[0].body)[1]
    form = client.get(link, follow=True)

    client.post(form.redirect_chain[-1][0], {"password1": "quite another 1", "password2": "quite another 1"})

    signs_in(client, staff)
    assert not is_in(client)
    signs_in(client, staff, "quite another 1")
    assert is_in(client)


@pytest.mark.parametrize("page", ["signup/", "email/", "confirm-email/", "password/set/"])
def test_nobody_signs_up_and_nobody_gives_themselves_another_address(client, staff, page):
    assert client.post(f"/conta/{page}", {"email": "new@example.com"}).status_code == 404
    client.force_login(staff)
    assert client.post(f"/conta/{page}", {"email": "new@example.com", "action_add": ""}).status_code == 404


# --- How long ------------------------------------------------------------------------------------------------------


def session_ends_in(client) -> timedelta:
    return client.session.get_expiry_date() - timezone.now()


@pytest.mark.parametrize(("who", "lasts"), [("operator", timedelta(hours=12)), ("staff", timedelta(days=30))])
def test_a_session_lasts_as_long_as_the_role_allows(client, request, who, lasts):
    signs_in(client, request.getfixturevalue(who), remember="on")

    assert session_ends_in(client) == pytest.approx(lasts, abs=timedelta(minutes=1))


def test_a_session_lasts_no_longer_with_a_second_factor(client, operator, secret):
    signs_in(client, operator)
    client.post(reverse("mfa_authenticate"), {"code": code_of(secret)})

    assert is_in(client)
    assert session_ends_in(client) == pytest.approx(timedelta(hours=12), abs=timedelta(minutes=1))


# --- Attempts ------------------------------------------------------------------------------------------------------


def test_the_sixth_wrong_password_for_an_address_closes_the_door_to_the_right_one_too(client, staff):
    for _ in range(5):
        signs_in(client, staff, "wrong")

    answer = signs_in(client, staff)

    assert answer.status_code == 200
    assert not is_in(client)


def test_a_flood_is_answered_with_429_in_our_look(client, staff):
    answers = [signs_in(client, staff, "") for _ in range(31)]

    assert answers[-1].status_code == 429
    assert 'class="auth"' in answers[-1].content.decode()


def test_a_cache_that_is_away_keeps_nobody_outside(client, staff):
    away = settings.CACHES["default"] | {"LOCATION": ["redis://127.0.0.1:1/0"]}
    with override_settings(CACHES={"default": away}):
        signs_in(client, staff, "wrong")
        signs_in(client, staff)

    assert is_in(client)


# --- The second factor ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("address", ["/", "/saas/whatsapp", "/admin/", "/admin/tenants/user/", "/t/operators"])
def test_an_operator_without_a_second_factor_is_led_to_set_one_up(client, operator, settings, address):
    settings.SECOND_FACTOR_FOR_OPERATORS = True
    client.force_login(operator)

    assert client.get(address).headers["Location"] == reverse("mfa_activate_totp")


def test_where_it_is_not_required_an_operator_passes_without(client, operator, settings):
    settings.SECOND_FACTOR_FOR_OPERATORS = False
    client.force_login(operator)

    assert client.get("/t/operators").status_code == 200


def test_clinics_are_never_asked_for_it(client, staff, settings):
    settings.SECOND_FACTOR_FOR_OPERATORS = True
    client.force_login(staff)

    assert is_in(client)


def test_an_operator_sets_it_up_on_the_way_and_gets_in(client, operator, settings):
    settings.SECOND_FACTOR_FOR_OPERATORS = True
    signs_in(client, operator)
    confirms(client)
    form = client.get(reverse("mfa_activate_totp"))

    client.post(reverse("mfa_activate_totp"), {"code": code_of(form.context["form"].secret)})

    assert client.get("/t/operators").status_code == 200
    assert client.get(reverse("mfa_view_recovery_codes")).status_code == 200


def test_a_code_that_took_long_to_type_is_still_good(client, operator, settings):
    settings.SECOND_FACTOR_FOR_OPERATORS = True
    signs_in(client, operator)
    confirms(client)
    form = client.get(reverse("mfa_activate_totp"))

    client.post(reverse("mfa_activate_totp"), {"code": code_of(form.context["form"].secret, seconds_ago=25)})

    assert client.get("/t/operators").status_code == 200


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("post", ["locmem.EmailBackend", "smtp.EmailBackend"], ids=["mailed", "mail server away"])
def test_setting_it_up_is_told_when_it_is_committed_and_stands_without_the_mail(client, operator, settings, post):
    settings.EMAIL_BACKEND = f"django.core.mail.backends.{post}"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1
    signs_in(client, operator)
    confirms(client)
    secret = client.get(reverse("mfa_activate_totp")).context["form"].secret

    answer = client.post(reverse("mfa_activate_totp"), {"code": code_of(secret)}, follow=True)

    assert answer.status_code == 200
    assert list(answer.context["messages"])
    assert [sent.to for sent in mail.outbox] == ([[operator.email]] if post.startswith("locmem") else [])
    assert Authenticator.objects.filter(user=operator, type="totp").exists()


def test_with_a_second_factor_the_password_alone_opens_nothing(client, operator, secret):
    answer = signs_in(client, operator)

    assert answer.headers["Location"] == reverse("mfa_authenticate")
    assert not is_in(client)


def test_an_operator_who_must_have_it_cannot_put_it_down(client, operator, secret, settings):
    settings.SECOND_FACTOR_FOR_OPERATORS = True
    signs_in(client, operator)
    client.post(reverse("mfa_authenticate"), {"code": code_of(secret)})

    confirms(client)
    client.post(reverse("mfa_deactivate_totp"))

    assert Authenticator.objects.filter(user=operator, type="totp").exists()


def test_its_secret_is_sealed_at_rest(operator, secret):
    assert secret not in str(Authenticator.objects.get(user=operator, type="totp").data)


def test_an_operator_who_passed_it_costs_no_query_for_it(client, operator, secret, settings, django_assert_max_num_queries):
    signs_in(client, operator)
    client.post(reverse("mfa_authenticate"), {"code": code_of(secret)})
    counts = []
    for settings.SECOND_FACTOR_FOR_OPERATORS in (False, True):
        with django_assert_max_num_queries(20) as queries:
            client.get("/t/operators")
        counts.append(len(queries))

    assert counts[0] == counts[1]


# --- The decorators ------------------------------------------------------------------------------------------------

POLL = {"HX-Request": "true", "HX-Current-URL": "http://testserver/incidentes/?open=yes"}


def test_a_stranger_is_asked_to_sign_in_and_led_back(client):
    answer = client.get("/t/signed-in?a=b")

    assert answer.headers["Location"] == f"{reverse('account_login')}?next=/t/signed-in%3Fa%3Db"


@pytest.mark.parametrize(
    ("came_from", "leads_to"),
    [
        ("http://testserver/incidentes/?estado=aberto", "/incidentes/%3Festado%3Daberto"),
        ("https://elsewhere.example.com/incidentes/", "/"),
        ("//elsewhere.example.com/", "/"),
        ("", "/"),
    ],
)
def test_whoever_sends_a_form_after_the_session_has_ended_signs_in_to_the_page_it_stood_on(client, db, came_from, leads_to):
    answer = client.post(reverse("mark-all-read"), headers={"Referer": came_from})

    assert answer.headers["Location"] == f"{reverse('account_login')}?next={leads_to}"


@pytest.mark.parametrize("address", ["/t/signed-in", "/t/operators", "/t/clinic"])
def test_a_poll_whose_session_has_ended_gets_a_sentence_with_the_way_back_and_no_page(client, address):
    answer = client.get(address, headers=POLL)

    assert answer.status_code == 401
    html = answer.content.decode()
    assert "<html" not in html
    assert 'href="/conta/login/?next=%2Fincidentes%2F%3Fopen%3Dyes"' in html
    assert answer.headers["HX-Reswap"] == "outerHTML"


def test_a_poll_from_elsewhere_leads_nowhere_else(client):
    answer = client.get("/t/signed-in", headers=POLL | {"HX-Current-URL": "https://elsewhere.example.com/x"})

    assert "elsewhere" not in answer.content.decode()


@pytest.mark.parametrize(("who", "code"), [("staff", 404), ("admin", 404), ("operator", 200)])
def test_what_is_the_operators_does_not_exist_for_others(client, request, who, code):
    client.force_login(request.getfixturevalue(who))

    assert client.get("/t/operators").status_code == code


def test_on_a_clinics_page_the_operator_is_led_to_the_overview(client, operator):
    client.force_login(operator)

    assert client.get("/t/clinic").headers["Location"] == reverse("overview")
    assert client.get("/t/clinic", headers=POLL).headers["HX-Redirect"] == reverse("overview")


def test_on_a_clinics_page_nobodys_member_is_led_to_the_page_that_says_what_to_do(client):
    client.force_login(people.person())

    assert client.get("/t/clinic").headers["Location"] == reverse("home")


def test_a_clinics_page_opens_for_its_people(client, staff):
    client.force_login(staff)

    assert client.get("/t/clinic").status_code == 200


# --- The pages wear our look ---------------------------------------------------------------------------------------

OUTSIDE = [
    "account_login",
    "account_request_login_code",
    "account_reset_password",
    "account_reset_password_done",
    "account_inactive",
]
INSIDE = ["account_change_password", "account_logout", "mfa_index", "mfa_activate_totp"]


@pytest.mark.parametrize("name", OUTSIDE)
def test_a_page_outside_wears_our_look_and_has_one_primary_button_at_most(client, name):
    html = client.get(reverse(name)).content.decode()

    assert 'class="auth"' in html
    assert html.count('class="btn btn-primary') - 1 <= 1  # the link that skips to the content is another
    assert "<script>" not in html
    assert " style=" not in html


@pytest.mark.parametrize("name", INSIDE)
def test_a_page_inside_stands_in_the_frame(client, staff, name):
    signs_in(client, staff)
    confirms(client)

    html = client.get(reverse(name)).content.decode()

    assert 'class="topbar"' in html
    assert "<script>" not in html
    assert " style=" not in html
