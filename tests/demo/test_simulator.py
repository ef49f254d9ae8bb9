"""The simulated server keeps the contract's manners over real HTTP, and its ports really go down."""

import base64
import socket
import time

import pytest
import requests


def get(phone, path: str, *, key: str | None = None, timeout: float = 5) -> requests.Response:
    headers = {"apikey": phone.server.key if key is None else key}
    return requests.get(phone.server.base_url + path, headers=headers, timeout=timeout)


def message(response: requests.Response) -> str:
    told = response.json()["response"]["message"]
    return told if isinstance(told, str) else told[0]


@pytest.fixture
def maria(simulator):
    return simulator.phone("maria")


@pytest.mark.parametrize("key", ["global-key-1", "token-maria", "wrong", ""])
def test_an_unknown_name_is_told_before_the_key_is_looked_at(maria, key):
    response = get(maria, "/instance/connectionState/nobody", key=key)

    assert response.status_code == 404
    assert message(response) == 'The "nobody" instance does not exist'


def test_a_known_name_opens_to_the_global_key_and_to_its_own_token_alone(simulator, maria):
    stranger = simulator.phone("joana")

    answers = [
        get(maria, "/instance/connectionState/maria", key=key).status_code
        for key in (maria.server.key, maria.token, stranger.token, "no", "")
    ]

    assert answers == [200, 200, 401, 401, 401]


@pytest.mark.parametrize(
    "path",
    [
        "/api/instance/connectionState/maria",
        "//instance/connectionState/maria",
        "/instance/connectionState/",
        "/instance/fetchInstances/maria",
    ],
)
def test_a_wrong_path_is_called_so(maria, path):
    response = get(maria, path)

    assert (response.status_code, message(response)) == (404, f"Cannot GET {path}")


def test_a_name_is_found_when_it_is_quoted_with_nothing_left_safe(simulator):
    odd = simulator.phone("São João/2 #1")

    assert get(odd, "/instance/connectionState/S%C3%A3o%20Jo%C3%A3o%2F2%20%231").json()["instance"]["instanceName"] == odd.name


def test_a_percent_sign_left_bare_is_a_bad_request(maria):
    with socket.create_connection(("127.0.0.1", int(maria.server.base_url.rsplit(":", 1)[1])), timeout=5) as line:
        line.sendall(b"GET /instance/connectionState/100% HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        answer = b"".join(iter(lambda: line.recv(4096), b""))

    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b"Failed to decode param '100%'" in answer


def test_the_list_shows_every_row_to_the_global_key_and_its_own_to_a_token(simulator, maria):
    simulator.phone("joana")

    everything = get(maria, "/instance/fetchInstances").json()
    own = get(maria, "/instance/fetchInstances", key=maria.token).json()

    assert [row["name"] for row in everything] == ["maria", "joana"]
    assert [row["name"] for row in own] == ["maria"]


def test_a_phone_that_is_not_loaded_is_missing_by_name_but_in_the_full_list(maria):
    maria.is_not_loaded()

    assert message(get(maria, "/instance/fetchInstances?instanceName=maria")) == 'Instance "maria" not found'
    assert message(get(maria, "/instance/fetchInstances", key=maria.token)) == 'Instance "maria" not found'
    assert [row["name"] for row in get(maria, "/instance/fetchInstances").json()] == ["maria"]


def test_connect_shows_an_open_phone_its_state_and_a_logged_out_one_a_picture(simulator, maria, monkeypatch):
    monkeypatch.setattr("demo.simulator.evolution.CONNECT_SECONDS", 0.01)
    assert get(maria, "/instance/connect/maria").json() == {"instance": {"instanceName": "maria", "state": "open"}}

    maria.logs_out()
    shown = get(maria, "/instance/connect/maria").json()

    assert base64.b64decode(shown["base64"].removeprefix("data:image/png;base64,")).startswith(b"\x89PNG\r\n")
    assert shown["count"] == 1
    assert get(maria, "/instance/connectionState/maria").json()["instance"]["state"] == "connecting"


def test_connect_without_a_network_has_no_picture_to_give(maria, monkeypatch):
    monkeypatch.setattr("demo.simulator.evolution.CONNECT_SECONDS", 0.01)
    maria.loses_its_network()

    assert get(maria, "/instance/connect/maria").json() == {"count": 0}


def test_a_server_that_goes_down_refuses_and_comes_back_under_the_same_address(simulator, maria):
    address = maria.server.base_url
    with requests.Session() as kept:
        assert kept.get(address).status_code == 200

        maria.server.goes_down()
        with pytest.raises(requests.ConnectionError):
            kept.get(address)

        maria.server.comes_back()
        assert kept.get(address).status_code == 200
    assert requests.get(simulator.servers[2].base_url, timeout=5).status_code == 200


def test_what_hangs_on_a_server_that_goes_down_is_reset(maria):
    with socket.create_connection(("127.0.0.1", int(maria.server.base_url.rsplit(":", 1)[1])), timeout=5) as line:
        line.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert line.recv(4096)

        maria.server.goes_down()

        with pytest.raises(ConnectionResetError):
            line.recv(4096)


def test_a_slow_server_answers_late_and_truly(maria):
    maria.server.answers_after(0.2)
    begun = time.monotonic()

    answer = get(maria, "/instance/connectionState/maria")

    assert answer.json()["instance"]["state"] == "open"
    assert time.monotonic() - begun >= 0.2


def test_a_slow_phone_does_not_hold_its_neighbour_up(simulator, maria):
    maria.answers_after(30)
    simulator.phone("joana")

    assert get(maria, "/instance/connectionState/joana", timeout=1).status_code == 200


def test_a_server_that_asks_to_wait_says_how_long(maria):
    maria.server.asks_to_wait(17)

    answer = get(maria, "/instance/connectionState/maria")

    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "17")


def test_one_connection_carries_many_requests_also_when_they_come_together(maria):
    request = f"GET /instance/connectionState/maria HTTP/1.1\r\nHost: x\r\napikey: {maria.server.key}\r\n\r\n".encode()
    with socket.create_connection(("127.0.0.1", int(maria.server.base_url.rsplit(":", 1)[1])), timeout=5) as line:
        line.sendall(request * 3)
        received = b""
        while received.count(b'"state":"open"') < 3:
            received += line.recv(4096)

    assert received.count(b"Connection: keep-alive") == 3


def test_an_idle_connection_is_closed_as_node_does(maria, monkeypatch):
    monkeypatch.setattr("demo.simulator.http1.IDLE_SECONDS", 0.05)
    with socket.create_connection(("127.0.0.1", int(maria.server.base_url.rsplit(":", 1)[1])), timeout=5) as line:
        assert line.recv(1) == b""
