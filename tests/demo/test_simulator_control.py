"""The control page and its JSON calls: what a person or a test may let happen, and who may not."""

import re

import pytest
import requests


@pytest.fixture
def control(simulator) -> str:
    simulator.phone("maria")
    return simulator.control_url


def test_the_page_shows_every_phone_with_its_mishaps_and_every_server_with_its_moods(simulator, control):
    simulator.phone("joana", server=2)

    page = requests.get(f"{control}/simulador", timeout=5)

    assert "<title>Simulador do Evolution (demonstração)</title>" in page.text
    assert all(
        word in page.text for word in ("maria", "joana", "Banir", "Derrubar a rede", "Congelar", simulator.servers[2].base_url)
    )


def test_the_page_needs_no_script_and_no_inline_style_and_forbids_both(control):
    page = requests.get(f"{control}/simulador", timeout=5)

    assert not re.search(r"<script|<style|\sstyle=|\son[a-z]+=", page.text)
    assert "default-src 'none'; style-src 'self'" in page.headers["Content-Security-Policy"]
    assert requests.get(f"{control}/simulador/simulator.css", timeout=5).headers["Content-Type"].startswith("text/css")


def test_the_front_door_leads_to_the_page(control):
    assert requests.get(control, timeout=5).url == f"{control}/simulador"


def test_a_button_lets_the_mishap_happen_and_leads_back_to_its_phone(simulator, control):
    form = {"server": "1", "name": "maria", "mishap": "banned"}

    answer = requests.post(
        f"{control}/simulador/phones", data=form, headers={"Origin": control}, allow_redirects=False, timeout=5
    )

    assert (answer.status_code, answer.headers["Location"]) == (303, "/simulador#1-maria")
    assert phones(control)["maria"]["condition"] == "banned"


def test_a_button_takes_a_server_down_and_the_page_stays(simulator, control):
    requests.post(f"{control}/simulador/servers", data={"server": "1", "mood": "down"}, timeout=5)

    with pytest.raises(requests.ConnectionError):
        requests.get(simulator.server.base_url, timeout=5)
    assert "Fora do ar" in requests.get(f"{control}/simulador", timeout=5).text


def test_a_json_call_answers_with_the_new_state(control):
    answer = requests.post(f"{control}/simulador/api/phones/maria", json={"mishap": "logged_out"}, timeout=5).json()

    assert (answer["condition"], answer["memory"], answer["row"], answer["code"]) == ("logged_out", "close", "close", 401)


def test_a_json_call_changes_a_server(simulator, control):
    answer = requests.post(f"{control}/simulador/api/servers/2", json={"mood": "slow", "seconds": 0.2}, timeout=5).json()

    assert answer["mood"] == "slow"
    assert requests.get(simulator.servers[2].base_url, timeout=5).elapsed.total_seconds() >= 0.2


def test_thousands_of_phones_are_added_by_one_call(simulator, control):
    many = [{"name": f"bench-{n}", "server": 2, "seconds": 0.05} for n in range(5000)]

    answer = requests.post(f"{control}/simulador/api/phones", json={"phones": many}, timeout=30)

    assert (answer.status_code, answer.json()) == (201, {"added": 5000})
    state = requests.get(
        f"{simulator.servers[2].base_url}/instance/connectionState/bench-4999",
        headers={"apikey": simulator.servers[2].key},
        timeout=5,
    )
    assert state.json()["instance"]["state"] == "open"
    assert state.elapsed.total_seconds() >= 0.05


@pytest.mark.parametrize(
    ("path", "content", "status"),
    [
        ("phones/nobody", {"mishap": "paired"}, 404),
        ("phones/maria", {"mishap": "eaten by the dog"}, 404),
        ("phones/maria", {}, 400),
        ("phones/maria", [], 400),
        ("servers/9", {"mood": "up"}, 404),
        ("servers/1", {"mood": "cheerful"}, 404),
    ],
)
def test_a_call_that_names_what_is_not_there_is_refused(control, path, content, status):
    assert requests.post(f"{control}/simulador/api/{path}", json=content, timeout=5).status_code == status


@pytest.mark.parametrize(
    "headers",
    [{"Origin": "http://evil.example"}, {"Origin": "null"}, {"Host": "evil.example"}, {"Host": "127.0.0.1.evil.example:80"}],
)
def test_a_page_of_another_site_presses_no_button(control, headers):
    answer = requests.post(f"{control}/simulador/api/phones/maria", json={"mishap": "banned"}, headers=headers, timeout=5)

    assert answer.status_code == 403
    assert phones(control)["maria"]["condition"] == "paired"


def test_a_name_that_only_leads_here_reads_nothing(control):
    assert requests.get(f"{control}/simulador", headers={"Host": "rebound.example"}, timeout=5).status_code == 403


def phones(control: str) -> dict[str, dict]:
    return {phone["name"]: phone for phone in requests.get(f"{control}/simulador/api/phones", timeout=5).json()["phones"]}
