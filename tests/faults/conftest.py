"""Nine numbers of three clinics on three servers that follow a script, under the product as in production.

Whatever a test does to the product, the record has to be the truth after it: `fleet` is checked at the end of each.
"""

import pytest

from tests.faults.checker import check
from tests.faults.fleet import Fleet
from tests.faults.product import Product
from tests.faults.script import Script

SERVERS = 3


@pytest.fixture
def script():
    with Script(SERVERS) as script:
        yield script


@pytest.fixture
def product(transactional_db, tmp_path):
    with Product(tmp_path) as product:
        yield product


@pytest.fixture
def fleet(product, script, settings):
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]  # nobody logs in
    fleet = Fleet(product, script)
    yield fleet
    found = check(fleet, times=not fleet.clock_was_moved)
    assert not found, found
