"""The whole product as `start.py` runs it, with the demonstration's data, and a person in front of a real Chromium.

    def test_...(product, ana):
        ana.signs_in()
        ana.goes_to("/notificacoes/")
        assert ana.finds_wrong() == []         # axe, console, Content-Security-Policy

Where there is no Chromium the tests are skipped, and say so.
"""

import os
import re
import socket
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.contrib.auth.hashers import PBKDF2PasswordHasher, make_password
from playwright.sync_api import Browser, ConsoleMessage, Locator, Page, sync_playwright

from channels_app import invariants
from channels_app.models import Channel, Server, Watch
from demo import fleet
from demo.logins import PASSWORD
from demo.seed import seed
from demo.simulator.running import Simulator as Running
from tenants.models import User
from tests.support.processes import Processes, processes, wait_until
from tests.support.simulator import SimulatedPhone, SimulatedServer, Simulator

__all__ = ["processes"]

# The headless shell has no windows, which cost a whole Chromium as much again as the pages in them.
CHROMIUMS = [Path("/usr/bin/chromium-headless-shell"), Path("/usr/bin/chromium")]
OFFLINE = ["--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run"]
ARGUMENTS = ["--no-sandbox", "--disable-gpu", *OFFLINE]
DESK, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 844}
SCREENS = {
    "light": {"viewport": DESK, "color_scheme": "light"},
    "dark": {"viewport": DESK, "color_scheme": "dark"},
    "phone": {"viewport": PHONE, "color_scheme": "light", "has_touch": True},
}
PATIENCE = 30_000  # milliseconds

# Django refuses its database where an event loop runs in the same thread, and Playwright keeps one.
os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"

# What people read, by msgid: a page that is not translated yet still works.
TEXTS = {
    "Sign in": "Entrar",
    "I am taking care of it": "Estou cuidando disso",
    "Check everything now": "Verificar tudo agora",
    "All is well.": "Tudo certo.",
}


def word(msgid: str) -> re.Pattern:
    """The text in either language."""
    return re.compile("|".join(re.escape(text) for text in (msgid, TEXTS.get(msgid, msgid))), re.IGNORECASE)


@cache
def hashed(password: str) -> str:
    """The tests' own quick hash is none that the real process knows; its own takes a while to make."""
    return make_password(password, hasher=PBKDF2PasswordHasher())


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    program = next((path for path in CHROMIUMS if path.exists()), None)
    if program is None:
        pytest.skip("no Chromium: install Debian's chromium-headless-shell, or chromium, to run the tests in a browser")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(program), args=ARGUMENTS)
        yield browser
        browser.close()


class DemoSimulator(Simulator):
    """The demonstration's servers and phones, on free ports of this process."""

    def __init__(self) -> None:
        super().__init__()
        made = fleet.servers()
        self.running = Running(made)
        self.servers = {server.number: SimulatedServer(self, server) for server in made}


class Product:
    """Web, worker, beat and simulator, and the way to what they know."""

    def __init__(self, url: str, simulator: DemoSimulator, processes: Processes) -> None:
        self.url, self.simulator, self.processes = url, simulator, processes

    def phone(self, name: str) -> SimulatedPhone:
        number = next(phone.server for phone in fleet.PHONES if phone.name == name)
        return self.simulator.phone(name, server=number)

    def channel(self, name: str) -> Channel:
        return Channel.objects.get(instance_name=name)

    def sees(self, name: str, status: str) -> bool:
        return Watch.objects.filter(channel__instance_name=name, connection_status=status).exists()


@pytest.fixture
def product(chromium, processes: Processes) -> Iterator[Product]:
    with DemoSimulator() as simulator:
        seed(simulator_url="http://127.0.0.1:9")
        for demo in fleet.SERVERS:
            Server.objects.filter(name=demo.name).update(base_url=simulator.servers[demo.number].base_url)
        User.objects.update(password=hashed(PASSWORD))
        port = _free_port()
        started = Product(f"http://127.0.0.1:{port}", simulator, processes)
        started.worker = processes.worker()
        processes.beat()
        processes.web(port, SITE_URL=started.url)
        wait_until(lambda: _is_ready(started.url), "the product is ready")
        wait_until(lambda: started.sees("aurora-recepcao", "open"), "the first looks are over")
        yield started
    assert {name: ids for name, ids in invariants.violations().items() if ids} == {}


class Person:
    """Somebody at a screen: what they do, and what they must never see."""

    def __init__(self, browser: Browser, product: Product, email: str, **screen: object) -> None:
        self.email, self.product = email, product
        screen = {"viewport": DESK, "locale": "pt-BR"} | screen
        self.context = browser.new_context(base_url=product.url, reduced_motion="reduce", **screen)
        self.context.set_default_timeout(PATIENCE)
        self.context.add_init_script(path=Path(__file__).with_name("measures.js"))
        self.page: Page = self.context.new_page()
        self.noise: list[str] = []
        self.page.on("console", self._hears)
        self.page.on("pageerror", lambda error: self.noise.append(str(error)))

    def _hears(self, message: ConsoleMessage) -> None:
        is_refused_input = "status of 422" in message.text  # Chromium tells of every answer that is no success
        if message.type in ("error", "warning") and not is_refused_input:
            self.noise.append(message.text)

    def signs_in(self, path: str = "/") -> "Person":
        self.page.goto(path)
        self.page.locator("#id_login").fill(self.email)
        self.page.locator("#id_password").fill(PASSWORD)
        self.page.get_by_role("main").get_by_role("button", name=word("Sign in")).first.click()
        self.page.locator(".topbar").wait_for()
        return self

    def goes_to(self, path: str) -> "Person":
        response = self.page.goto(path)
        assert response.ok, f"{path}: {response.status}"
        return self

    def reads(self, msgid: str, *, within: Locator | None = None) -> Locator:
        """Wait until it stands there, without anybody reloading."""
        found = (within or self.page).get_by_text(word(msgid)).first
        found.wait_for()
        return found

    def presses(self, msgid: str, *, within: Locator | None = None) -> None:
        (within or self.page).get_by_role("button", name=word(msgid)).first.click()

    def finds_wrong(self, but_not: frozenset[str] = frozenset()) -> list[str]:
        """Errors and warnings of the console (a violated policy is one), what axe says, what is wider than the window.

        `but_not` names rules of axe.
        """
        wrong, _ = self.noise[:], self.noise.clear()
        wide = self.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        if wide > 0:
            wrong.append(f"{wide} px wider than the window")
        for each in Axe().run(self.page).response["violations"]:
            wrong += [f"axe {each['id']}: {node['target']}" for node in each["nodes"] if each["id"] not in but_not]
        self.noise.clear()  # axe's own
        return wrong


@pytest.fixture
def somebody(chromium: Browser, product: Product) -> Iterator[Callable[..., Person]]:
    """Make people: somebody("ana@aurora.example", viewport=PHONE, color_scheme="dark")."""
    made: list[Person] = []

    def make(email: str, **screen: object) -> Person:
        made.append(Person(chromium, product, email, **screen))
        return made[-1]

    yield make
    for person in made:
        person.context.close()


@pytest.fixture
def ana(somebody) -> Person:
    """An admin of Clínica Aurora."""
    return somebody("ana@aurora.example").signs_in()


@pytest.fixture
def operator(somebody) -> Person:
    return somebody("operador@vigia.example").signs_in()


@pytest.fixture
def colleague(somebody) -> Person:
    """A second operator."""
    User.objects.create(email="plantao@vigia.example", name="Plantão", password=hashed(PASSWORD), is_saas_admin=True)
    return somebody("plantao@vigia.example").signs_in()


def _is_ready(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/readyz", timeout=5) as response:
            return response.status == 200
    except (urllib.error.URLError, OSError):
        return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
