"""The command as a person starts it: in a process of its own, until it is told to end."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from io import StringIO

import pytest
import requests
from django.core.management import CommandError, call_command

from demo import fleet
from demo.management.commands import simulate_evolution

DEADLINE = 20  # seconds for a process to begin


@pytest.fixture
def port() -> int:
    """A port with two free ones behind it."""
    for first in range(20000 + os.getpid() % 10000, 60000, 3):
        if all(_is_free(number) for number in range(first, first + 3)):
            return first
    pytest.fail("no three free ports in a row")


@pytest.fixture
def process(port) -> Iterator[subprocess.Popen]:
    command = [sys.executable, "manage.py", "simulate_evolution", "--port", str(port)]
    started = subprocess.Popen(command, env={**os.environ, "DEBUG": "1"}, stdout=subprocess.PIPE, text=True)
    _wait_until_it_answers(f"http://127.0.0.1:{port}/simulador")
    yield started
    started.kill()
    started.wait()


def test_it_shows_the_demonstrations_phones_and_ends_when_told(process, port):
    agenda, key = f"http://127.0.0.1:{port + 1}/instance/connectionState/aurora-agenda", fleet.SERVERS[0].key
    state = requests.get(agenda, headers={"apikey": key}, timeout=5)
    told = requests.get(f"http://127.0.0.1:{port}/simulador/api/phones", timeout=5).json()

    assert state.json()["instance"]["state"] == "close"
    assert [server["url"] for server in told["servers"]] == [f"http://127.0.0.1:{port + 1}", f"http://127.0.0.1:{port + 2}"]
    assert len(told["phones"]) == len(fleet.PHONES)

    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=5) == 0
    assert "Control page" in process.stdout.read()


def test_it_says_in_one_sentence_that_a_port_is_taken():
    with socket.create_server(("127.0.0.1", 0)) as taken, ThreadPoolExecutor(1) as thread:  # a browser leaves its loop in ours
        listening = thread.submit(call_command, simulate_evolution.Command(), port=taken.getsockname()[1], stdout=StringIO())

        with pytest.raises(CommandError, match="Cannot listen"):
            listening.result()


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "evolution.example"])
def test_it_listens_to_this_machine_alone(host):
    with pytest.raises(CommandError, match="loopback"):
        call_command(simulate_evolution.Command(), host=host)


def test_it_refuses_a_port_that_leaves_no_room_for_its_servers():
    with pytest.raises(CommandError, match="from 1 to 65533"):
        call_command(simulate_evolution.Command(), port=65534)


def _is_free(number: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", number)) != 0


def _wait_until_it_answers(url: str) -> None:
    end = time.monotonic() + DEADLINE
    while time.monotonic() < end:
        try:
            requests.get(url, timeout=1)
            return
        except (requests.ConnectionError, requests.Timeout):
            time.sleep(0.05)
    pytest.fail(f"{url} did not answer within {DEADLINE} s")
