"""The operator at their desk, reading English. Whoever imports these fixtures names them in `__all__`."""

from collections.abc import Iterator

import pytest
from django.test import Client
from django.utils.translation import override

from tenants.models import User


@pytest.fixture(autouse=True)
def in_english() -> Iterator[None]:
    with override("en"):
        yield


@pytest.fixture
def desk(client: Client, operator: User) -> Client:
    """A browser in which the operator has signed in."""
    client.force_login(operator)
    client.defaults["HTTP_ACCEPT_LANGUAGE"] = "en"
    return client
