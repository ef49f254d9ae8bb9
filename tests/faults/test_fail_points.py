"""A process may die between any two effects on the world: the one after it makes the same record of the same life.

python3 start.py exec -- python -m tests.faults --points        # each point in each chapter, not only in the first
"""

import os

import pytest
from django.db import connection

from channels_app import due, errands, flush, reachability, upkeep, witness
from incidents import ledger, servers
from notifications import announce
from tests.faults.chapters import LIFE
from tests.faults.launch import name_of
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

    print(f"{len(result.names(result.existing))} points, {len(result.existing)} passings in {len(LIFE)} chapters")
    assert result.names(result.covered) == result.names(result.existing)
    assert {name for name, point in statements().items() if point not in result.names(result.existing)} == NOT_IN_THIS_LIFE
    assert result.differences == {}


MODULES = [due, errands, flush, reachability, upkeep, witness, announce, ledger, servers]
NOT_IN_THIS_LIFE = {
    "due._CLAIM_DUE",  # what both claims end with
    "due._WAITS_ALONE",  # of a loop that lasts for more than a tick: tests/channels_app/test_watch.py
    "due._REQUEST",  # people's and commands'
    "due._POSTPONE",  # of a row that cannot be written: tests/channels_app/test_flush.py
    "errands._IS_BACK",  # of a worker for errands
    "witness._CLAIM",  # where there is a witness
    "witness._WRITE",
}


def statements() -> dict[str, str]:
    """The watch's own statements, and the point before each, by their names in the code."""
    return {
        f"{module.__name__.rpartition('.')[2]}.{name}": f"before: {name_of(text)}"
        for module in MODULES
        for name, text in vars(module).items()
        if name.isupper() and isinstance(text, str) and text.lstrip().startswith(("select", "insert", "update", "with"))
    }
