"""The first operator is entered at the terminal."""

import pytest
from django.core.management import CommandError, call_command

from tenants.models import User

pytestmark = pytest.mark.django_db


def enters(monkeypatch, email="Chief@Example.com", password="a long password 7"):
    monkeypatch.setenv("OPERATOR_PASSWORD", password)
    call_command("add_operator", email)


def test_an_operator_is_entered_once(monkeypatch):
    enters(monkeypatch)

    entered = User.objects.get()
    assert (entered.email, entered.is_saas_admin) == ("chief@example.com", True)
    assert entered.check_password("a long password 7")
    with pytest.raises(CommandError):
        enters(monkeypatch)


@pytest.mark.parametrize(("email", "password"), [("nonsense", "a long password 7"), ("a@example.com", "short")])
def test_nonsense_enters_nobody(monkeypatch, email, password):
    with pytest.raises(CommandError):
        enters(monkeypatch, email, password)

    assert not User.objects.exists()


def test_it_tells_by_its_exit_code_whether_there_is_one(monkeypatch, staff):
    with pytest.raises(SystemExit, match="3"):
        call_command("add_operator", "--check")

    enters(monkeypatch)
    call_command("add_operator", "--check")
