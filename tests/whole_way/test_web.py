"""The web process as it is served: it declares no scope, and sees what its middleware opens for the person who asks."""

import re
import socket

import pytest
import requests
from django.conf import global_settings

from channels_app.models import Sweep
from tests.support import people
from tests.support.processes import wait_until


@pytest.fixture
def site(processes, place):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    processes.web(port, ALLOWED_HOSTS="127.0.0.1")
    address = f"http://127.0.0.1:{port}"
    wait_until(lambda: answers(address), "the web answers")
    return address


def answers(address):
    try:
        return requests.get(f"{address}/admin/", timeout=5)
    except (requests.ConnectionError, requests.Timeout):
        return None


def signs_in(site, person):
    """Sign in as a browser does; return the browser and the page it was led to."""
    browser = requests.Session()
    door = browser.get(f"{site}/admin/channels_app/channel/", timeout=30)
    token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', door.text)[1]
    filled = {"csrfmiddlewaretoken": token, "username": person.email, "login": person.email, "password": "a long password"}
    return browser, browser.post(door.url, data=filled, headers={"Referer": door.url}, timeout=30)


def test_the_operator_signs_in_sees_every_number_and_asks_for_a_look(site, place, settings):
    settings.PASSWORD_HASHERS = global_settings.PASSWORD_HASHERS  # the web process knows no faster ones
    operator = people.operator()

    browser, page = signs_in(site, operator)

    assert page.status_code == 200
    assert place.channel.tenant.name in page.text
    assert place.quiet.tenant.name in page.text
    token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page.text)[1]
    asks = {"csrfmiddlewaretoken": token, "action": "check_now", "_selected_action": [place.channel.pk, place.quiet.pk]}
    assert browser.post(page.url, data=asks, headers={"Referer": page.url}, timeout=30).status_code == 200
    assert {(sweep.channel, sweep.requested_by) for sweep in Sweep.objects.all()} == {
        (place.channel, operator),
        (place.quiet, operator),
    }
