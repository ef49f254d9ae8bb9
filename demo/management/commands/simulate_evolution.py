"""`manage.py simulate_evolution`: the demonstration's Evolution servers, until Ctrl-C or SIGTERM."""

import asyncio
import signal

from django.core.management.base import BaseCommand, CommandError

from demo import fleet
from demo.loopback import is_loopback
from demo.simulator.running import Simulator


class Command(BaseCommand):
    help = "Run simulated Evolution API servers: the control page on the given port, server n on port + n."
    requires_system_checks = []  # it needs no database

    def add_arguments(self, parser) -> None:
        parser.add_argument("--port", type=int, default=8081)
        parser.add_argument("--host", default="127.0.0.1", help="an address of this machine alone, such as 127.0.0.1 or ::1")

    def handle(self, *, host: str, port: int, **options) -> None:
        if not is_loopback(host):
            raise CommandError(f"--host is {host}: the simulator has no login, so it listens on a loopback address alone.")
        last = port + len(fleet.SERVERS)
        if port < 1 or last > 65535:
            raise CommandError(f"--port is {port}: choose one from 1 to {65535 - len(fleet.SERVERS)}.")
        try:
            asyncio.run(self._run(host, port))
        except OSError as error:
            raise CommandError(f"Cannot listen on {host}, ports {port} to {last}: {error.strerror}.") from error

    async def _run(self, host: str, port: int) -> None:
        simulator = Simulator(fleet.servers(), host=host, port=port)
        stop = asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        simulator.listen()
        self.stdout.write(f"Control page: {simulator.url}/simulador")
        for server in simulator.servers.values():
            self.stdout.write(f"{server.name}: {server.base_url}")
        self.stdout.flush()
        await stop.wait()
        simulator.close()
