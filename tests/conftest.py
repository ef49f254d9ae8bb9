"""What every test may use: a clinic with its people, a server, channels. Fixtures give nouns, helpers give verbs."""

import pytest
from celery import current_app
from django.conf import settings

from tenants import scope
from tests.support import people

settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]  # people are made by the hundred here
settings.WHITENOISE_AUTOREFRESH = True  # each test's client loads the middleware: 80 ms to scan all static files otherwise
scope.declare_service()  # tests prepare their rows as the service does; `scope.use("")` gives the web's blindness

PATIENT = ("faults", "whole_way", "browser", "bench")  # folders of tests that start real processes and then mostly wait


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Deal the patient tests out among the quick ones: then some workers wait while others compute.

    The first is a patient one and the last are quick, so that no worker is left alone at the end with a minute's waiting.
    """
    patient = [item for folder in PATIENT for item in items if item.path.parent.name == folder]
    quick = [item for item in items if item.path.parent.name not in PATIENT]
    between = len(quick) // (len(patient) + 1)
    items[:] = [dealt for n, item in enumerate(patient) for dealt in (item, *quick[n * between : (n + 1) * between])]
    items += quick[len(patient) * between :]


@pytest.fixture
def clinic(db):
    return people.clinic("Clínica Aurora")


@pytest.fixture
def other_clinic(db):
    return people.clinic("Odonto Horizonte")


@pytest.fixture
def admin(clinic):
    return people.admin_of(clinic)


@pytest.fixture
def staff(clinic):
    return people.staff_of(clinic)


@pytest.fixture
def outsider(other_clinic):
    """An admin, but of another clinic."""
    return people.admin_of(other_clinic)


@pytest.fixture
def operator(db):
    return people.operator()


@pytest.fixture(scope="session", autouse=True)
def _own_broker_database(worker_id) -> None:
    """Tests that run beside each other ring at different doors."""
    number = 1 + int(worker_id.removeprefix("gw") or 0) if worker_id != "master" else 1
    current_app.conf.broker_url = settings.REDIS_URL.rpartition("/")[0] + f"/{number}"
