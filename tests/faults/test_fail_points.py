"""A process may die between any two effects on the world: the one after it makes the same record of the same life.

python3 start.py exec -- python -m tests.faults --points        # each point in each chapter, not only in the first
"""

import ast
import importlib
import inspect
import os
from types import ModuleType

import grimp
import pytest
from django.db import connection

from tests.faults.chapters import LIFE
from tests.faults.launch import name_of
from tests.faults.script import Script
from tests.faults.sweep import Life, sweep

APPS = ("channels_app", "incidents", "notifications", "tenants", "core")
TASKS = "channels_app.tasks"
WRITES = ("insert ", "update ", "delete ", "with ")


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
    assert result.differences == {}
    assert {name for name, point in statements().items() if point not in result.names(result.existing)} == NOT_IN_THIS_LIFE


NOT_IN_THIS_LIFE = {  # as docs/reliability.md has them; by constant, or by the function that the statement stands in
    "channels_app.due._CLAIM_DUE",  # what both claims end with
    "channels_app.due._POSTPONE",  # of a row that cannot be written: tests/channels_app/test_flush.py
    "channels_app.listing._UNSENT",  # of errands that the broker does not take: tests/channels_app/test_listing.py
}


def statements() -> dict[str, str]:
    """All that writes in SQL in the modules that Celery's tasks reach, and the point before each, by its name in the code.

    What Django writes for us has no name here: it is among the points that exist, if it is in the life.
    """
    graph = grimp.build_graph(*APPS, cache_dir=None)
    found = {}
    for name in sorted({TASKS} | graph.find_upstream_modules(TASKS)):
        module = importlib.import_module(name)
        texts = {key: value for key, value in vars(module).items() if key.isupper() and isinstance(value, str)}
        texts |= _inside_functions(module)
        found |= {
            f"{name}.{key}": f"before: {name_of(text)}" for key, text in texts.items() if text.lstrip().startswith(WRITES)
        }
    return found


def _inside_functions(module: ModuleType) -> dict[str, str]:
    functions = [node for node in ast.walk(ast.parse(inspect.getsource(module))) if isinstance(node, ast.FunctionDef)]
    return {
        f"{function.name}: {' '.join(node.value.split()[:2])}": node.value
        for function in functions
        for node in ast.walk(function)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
