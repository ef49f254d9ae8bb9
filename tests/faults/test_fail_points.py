"""A process may die between any two effects on the world: the one after it makes the same record of the same life.

python3 start.py exec -- python -m tests.faults --points        # each point in each chapter, not only in the first
"""

import os

import pytest
from django.db import connection

from tests.faults.chapters import LIFE
from tests.faults.script import Script
from tests.faults.sweep import Life, sweep


@pytest.fixture
def life(transactional_db, tmp_path):
    template = connection.settings_dict["NAME"]
    connection.close()  # a database that is copied must have no visitors
    with Script(servers=3) as script:
        with Life(tmp_path, script, database_url=os.environ["DATABASE_URL"], template=template, prefix=template) as life:
            yield life


def test_a_death_at_any_point_changes_nothing_on_record(life):
    result = sweep(life, LIFE, per="life")

    assert result.names(result.covered) == result.names(result.existing)
    assert result.differences == {}
