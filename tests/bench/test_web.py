"""The bench of the pages still runs, its browsers do as a browser does, and it shows nothing over wrong answers."""

import time

import pytest
import requests

from bench.browsers import Browser, Polls, Window
from tests.bench.running import run_bench

PAGE = "/configuracoes/whatsapp-pessoal"


def test_a_small_fleet_ends_in_tables(transactional_db):
    small = "--channels 100 --servers 3 --processes 1 --pages 12 --numbers 1 --pairs 1 --seconds 6"
    ended = run_bench("web", small, bell=13)

    assert ended.returncode == 0, ended.stderr[-2000:]
    assert f"| poll {PAGE}/N/agora | " in ended.stdout
    assert "| CPU seconds of the watch | " in ended.stdout


@pytest.mark.parametrize(
    ("trigger", "seconds"),
    [("every 10s", [10.0]), ("every 1500ms", [1.5]), ("every 15s, swept from:body", [15.0]), ("number-changed from:body", [])],
)
def test_a_page_is_asked_for_what_it_polls(trigger, seconds):
    found = Polls(f'<div hx-get="/a?b=1&amp;c=2" hx-trigger="{trigger}"></div>').found

    assert found == [("/a?b=1&c=2", every) for every in seconds]


def test_a_browser_that_is_not_signed_in_is_wrong(live_server):
    window = Window()
    window.begins(seconds=1)
    stranger = Browser(live_server.url, PAGE, requests.Session(), window, opens_at=time.monotonic())

    stranger.lives()

    assert stranger.wrong == ["page: 302", "a page that asks for nothing"]
