"""The bench's servers: they answer as the demonstration's do, and behave as the plan says."""

from collections.abc import Iterator

import pytest
import requests

from bench import plan, stage
from bench.plan import KEY
from bench.stage import Servers


@pytest.fixture(scope="module")
def servers() -> Iterator[Servers]:
    with stage.servers(40, 3, "dark", None) as opened:
        yield opened


def test_a_number_says_its_state_to_who_has_the_key(servers):
    answer = state_of("open", servers)

    assert answer.json()["instance"]["state"] == "open"
    assert answer.elapsed.total_seconds() >= plan.ANSWERS_AFTER
    assert state_of("open", servers, key="another").status_code == 401


def test_the_list_names_every_number_of_its_server(servers):
    home = number_that_is("open").server
    rows = requests.get(f"{servers.urls[home]}/instance/fetchInstances", headers={"apikey": KEY}, timeout=5).json()

    assert {row["name"] for row in rows} == {n.name for n in plan.of("dark", 40, 3) if n.server == home}


def test_a_closed_port_refuses(servers):
    with pytest.raises(requests.ConnectionError):
        state_of("refused", servers)


@pytest.mark.parametrize("behaviour", ["hangs", "dark"])
def test_some_accept_and_never_answer(servers, behaviour):
    with pytest.raises(requests.ReadTimeout):
        state_of(behaviour, servers)


def test_a_dark_server_answers_while_it_is_calm(servers):
    servers.calm(is_calm=True)
    try:
        assert state_of("dark", servers).status_code == 200
    finally:
        servers.calm(is_calm=False)
    with pytest.raises(requests.ReadTimeout):
        state_of("dark", servers)


def test_connections_and_answers_are_counted(servers):
    before = servers.done()
    state_of("close", servers)

    assert servers.done() == {name: count + 1 for name, count in before.items()}


def state_of(behaviour: str, servers: Servers, *, key: str = KEY) -> requests.Response:
    number = number_that_is(behaviour)
    url = f"{servers.urls[number.server]}/instance/connectionState/{number.name}"
    return requests.get(url, headers={"apikey": key}, timeout=5 if behaviour in ("open", "close") else 1)


def number_that_is(behaviour: str) -> plan.Number:
    return next(number for number in plan.of("dark", 40, 3) if number.behaviour == behaviour)
