"""A person in two clinics chooses, visibly, in the top bar; a link may choose for them, but only among their own."""

import pytest
from django.urls import reverse

from tests.support import people

pytestmark = pytest.mark.django_db


@pytest.fixture
def of_both(client, clinic, other_clinic):
    """Somebody who works in two clinics, signed in."""
    client.force_login(people.admin_of(clinic, other_clinic))
    return client


def looked_at(client, address=None) -> str:
    """The clinic that the page is of."""
    answer = client.get(address or reverse("mfa_index"))
    assert answer.status_code == 200
    return answer.wsgi_request.membership.tenant.slug


def chooses(client, clinic):
    return client.post(reverse("switch-clinic"), {"clinic": clinic.slug})


def test_the_first_by_name_is_looked_at_until_one_is_chosen(of_both, clinic):
    assert looked_at(of_both) == clinic.slug


def test_the_choice_stands_in_the_top_bar_and_stays(of_both, other_clinic):
    assert f'value="{other_clinic.slug}"' in of_both.get(reverse("mfa_index")).content.decode()

    chooses(of_both, other_clinic)

    assert looked_at(of_both) == looked_at(of_both) == other_clinic.slug


def test_who_has_one_clinic_has_nothing_to_choose(client, staff):
    client.force_login(staff)

    assert reverse("switch-clinic") not in client.get(reverse("mfa_index")).content.decode()


def test_a_link_switches_to_the_clinic_it_names(of_both, other_clinic):
    assert looked_at(of_both, f"{reverse('mfa_index')}?clinica={other_clinic.slug}") == other_clinic.slug
    assert looked_at(of_both) == other_clinic.slug


@pytest.mark.parametrize("slug", ["", "no-such-clinic", "%00", "a" * 500])
def test_a_link_that_names_none_of_ones_own_changes_nothing(of_both, clinic, slug):
    assert looked_at(of_both, f"{reverse('mfa_index')}?clinica={slug}") == clinic.slug


def test_a_link_to_a_foreign_clinic_changes_nothing(client, staff, clinic, other_clinic):
    client.force_login(staff)

    assert looked_at(client, f"{reverse('mfa_index')}?clinica={other_clinic.slug}") == clinic.slug


def test_a_foreign_clinic_cannot_be_chosen_and_looks_like_none(client, staff, other_clinic):
    client.force_login(staff)

    foreign, unknown = chooses(client, other_clinic), client.post(reverse("switch-clinic"), {"clinic": "none"})

    assert foreign.status_code == unknown.status_code == 404


def test_choosing_is_no_link(of_both, other_clinic):
    assert of_both.get(reverse("switch-clinic"), {"clinic": other_clinic.slug}).status_code == 405


def test_a_clinic_that_one_has_left_is_looked_at_no_more(of_both, clinic, other_clinic):
    chooses(of_both, other_clinic)
    other_clinic.memberships.update(is_active=False)

    assert looked_at(of_both) == clinic.slug


def test_the_operator_looks_at_no_clinic(client, operator, clinic):
    client.force_login(operator)

    answer = client.get(f"{reverse('mfa_index')}?clinica={clinic.slug}")

    assert answer.wsgi_request.membership is None
