"""The look of `gateways.evolution`, held to the facts of the real server: each line served over real HTTP."""

from datetime import UTC, datetime

import pytest

from channels_app.gateways import Target, evolution
from core.fields import Secret
from tests.recorded import facts, situations
from tests.recorded.scripted import scripted

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
PATIENCE, SHORT_PATIENCE = 5.0, 0.4  # seconds in all; short where the server never answers
LINES = [line for line in situations.SITUATIONS if line[5] is not None]


@pytest.fixture(autouse=True)
def _this_machine_may_be_looked_at(settings):
    settings.EVOLUTION_ALLOWED_HOSTS = ["127.0.0.0/8"]


@pytest.mark.parametrize("line", LINES, ids=lambda line: f"{line[0]} {line[1]}: {line[2] or 'always'}")
def test_a_first_look_means_what_the_recording_means(line):
    _, _, _, said, row, gives = line
    hangs = facts.TIMEOUT in (said.word, row and row.word)

    with scripted(said, row, name="maria") as base_url:
        target = Target(base_url=base_url, key=Secret.seal("a-key"), instance_name="maria", operator_owned=True)
        reading = evolution.look(target, at=NOON, seconds=SHORT_PATIENCE if hangs else PATIENCE)

    assert (reading.status, reading.cause, reading.code) == (gives.status, gives.cause, gives.code)
    if row and row.http == 200 and row.word and reading.integration:
        assert (reading.integration, bool(reading.owner_jid)) == (row.integration, row.owned)
