"""The simulated Evolution inside a test's own process: real HTTP on free ports, with verbs that read as the test does.

    def test_...(simulator):                    # from tests.support.simulator import simulator
        phone = simulator.phone("maria")        # paired, on server 1
        phone.logs_out()
        simulator.server.goes_down()            # refused at the socket, until comes_back()

`phone.server.base_url`, `phone.server.key`, `phone.token` and `phone.name` are what a Target needs.
"""

import asyncio
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from datetime import UTC, datetime

import pytest

from demo.simulator.mishaps import play
from demo.simulator.phones import BAILEYS, OFFICIAL_API, Phone
from demo.simulator.running import Simulator as Running
from demo.simulator.servers import Server


class Simulator:
    """A context: servers 1 to `servers`, empty at first, answering from a thread of this process."""

    def __init__(self, servers: int = 2) -> None:
        made = [Server(number=n, name=f"Servidor {n}", key=f"global-key-{n}") for n in range(1, servers + 1)]
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="simulator", daemon=True)
        self.running = Running(made)
        self.servers = {server.number: SimulatedServer(self, server) for server in made}

    def __enter__(self) -> "Simulator":
        self._thread.start()
        self.inside(self.running.listen)
        return self

    def __exit__(self, *error: object) -> None:
        self.inside(self.running.close)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(timeout=5)
        self._loop.close()

    @property
    def server(self) -> "SimulatedServer":
        return self.servers[1]

    @property
    def control_url(self) -> str:
        return self.running.url

    def phone(self, name: str, *, server: int = 1) -> "SimulatedPhone":
        return self.servers[server].phone(name)

    def inside(self, call: Callable, *arguments, **named):
        """Run a call inside the simulator's loop and return what it returns."""
        done: Future = Future()

        def run() -> None:
            try:
                done.set_result(call(*arguments, **named))
            except Exception as error:
                done.set_exception(error)

        self._loop.call_soon_threadsafe(run)
        return done.result(timeout=5)


class SimulatedServer:
    def __init__(self, simulator: Simulator, server: Server) -> None:
        self._simulator = simulator
        self._server = server
        self.number, self.key = server.number, server.key

    @property
    def base_url(self) -> str:
        return self._server.base_url

    def phone(self, name: str, *, integration: str = BAILEYS, number: str = "5511900000001") -> "SimulatedPhone":
        """Return the phone of that name, paired and open if it is new."""
        if name not in self._server.phones:
            fresh = Phone(name=name, number=number, token=f"token-{name}", integration=integration)
            self._simulator.inside(self._simulator.running.put, self.number, [play(fresh, "paired", at=datetime.now(UTC))])
        return SimulatedPhone(self._simulator, self, name)

    def official_phone(self, name: str) -> "SimulatedPhone":
        return self.phone(name, integration=OFFICIAL_API)

    def is_now(self, mood: str, *, seconds: float | None = None) -> None:
        """Set any mood of `demo.simulator.servers.MOODS`."""
        self._simulator.inside(self._simulator.running.set_mood, self.number, mood, seconds=seconds)

    def goes_down(self) -> None:
        self.is_now("down")

    def comes_back(self) -> None:
        self.is_now("up")

    def hangs(self) -> None:
        self.is_now("hanging")

    def answers_after(self, seconds: float) -> None:
        self.is_now("slow", seconds=seconds)

    def loses_its_database(self) -> None:
        self.is_now("database_down")

    def refuses_the_key(self) -> None:
        self.is_now("wrong_key")

    def talks_nonsense(self) -> None:
        self.is_now("nonsense")

    def asks_to_wait(self, seconds: float) -> None:
        self.is_now("asked_to_wait", seconds=seconds)


class SimulatedPhone:
    def __init__(self, simulator: Simulator, server: SimulatedServer, name: str) -> None:
        self._simulator = simulator
        self.server, self.name, self.token = server, name, f"token-{name}"

    def meets(self, mishap: str, *, seconds: float | None = None) -> None:
        """Let any mishap of `demo.simulator.mishaps.MISHAPS` happen."""
        self._simulator.inside(self._simulator.running.play, self.server.number, self.name, mishap, seconds=seconds)

    def pairs(self) -> None:
        self.meets("paired")

    def logs_out(self) -> None:
        self.meets("logged_out")

    def is_logged_out_by_command(self) -> None:
        self.meets("logged_out_by_command")

    def is_banned(self) -> None:
        self.meets("banned")

    def loses_its_network(self) -> None:
        self.meets("network_lost")

    def reconnects(self) -> None:
        self.meets("reconnecting")

    def falls_silent(self) -> None:
        self.meets("silent")

    def asks_for_a_scan(self) -> None:
        self.meets("awaiting_scan")

    def lets_its_qr_expire(self) -> None:
        self.meets("qr_expired")

    def is_not_loaded(self) -> None:
        self.meets("not_loaded")

    def is_deleted(self) -> None:
        self.meets("deleted")

    def is_made_anew(self) -> None:
        self.meets("never_connected")

    def answers_after(self, seconds: float) -> None:
        self.meets("slow", seconds=seconds)


@pytest.fixture
def simulator(settings) -> Iterator[Simulator]:
    settings.EVOLUTION_ALLOWED_HOSTS = ["127.0.0.0/8"]  # the operator lets Vigia look at this machine
    with Simulator() as running:
        yield running
