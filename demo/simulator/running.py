"""The simulator at work: a control port and one port per server, in the running event loop."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial

from demo.simulator import control, evolution
from demo.simulator.http1 import Port
from demo.simulator.messages import Answer, Request, UnknownWord
from demo.simulator.mishaps import MISHAPS, play
from demo.simulator.phones import Phone
from demo.simulator.servers import MOODS, Server


class Simulator:
    """Owns servers and ports. Port 0 gives every port a free number; else server `n` stands at the control port + n."""

    def __init__(self, servers: Iterable[Server], *, host: str = "127.0.0.1", port: int = 0) -> None:
        self.servers = {server.number: server for server in servers}
        self._ports: dict[int, Port] = {}
        try:
            self.control = Port(host, port, partial(control.answer, self))
            for server in self.servers.values():
                number = self.control.number + server.number if port else 0
                self._ports[server.number] = Port(host, number, partial(self._answer_as, server))
                server.base_url = _address(self._ports[server.number])
        except OSError:
            self.close()
            raise
        self.url = _address(self.control)

    def listen(self) -> None:
        """Begin to answer. Call inside the running loop."""
        for port in (self.control, *self._ports.values()):
            port.listen()

    def close(self) -> None:
        for port in (getattr(self, "control", None), *self._ports.values()):
            if port is not None:
                port.close()

    def put(self, number: int, phones: Iterable[Phone]) -> None:
        """Add phones to a server, or replace those of the same name."""
        server = self.server(number)
        server.phones.update({phone.name: phone for phone in phones})

    def play(self, number: int | None, name: str, mishap: str, *, seconds: float | None = None) -> tuple[Server, Phone]:
        """Let a mishap happen to a phone; without a server's number, to the first phone of that name."""
        server = self.server(number) if number else self._home_of(name)
        if name not in server.phones:
            raise UnknownWord(name)
        if mishap not in MISHAPS:
            raise UnknownWord(mishap)
        phone = play(server.phones[name], mishap, at=datetime.now(UTC))
        server.phones[name] = phone if seconds is None else replace(phone, delay_seconds=seconds)
        return server, server.phones[name]

    def set_mood(self, number: int, mood: str, *, seconds: float | None = None) -> Server:
        """Change how a whole server behaves; `down` refuses connections until another mood comes."""
        server, port = self.server(number), self._ports[number]
        if mood not in MOODS:
            raise UnknownWord(mood)
        server.mood = mood
        server.seconds = server.seconds if seconds is None else seconds
        if mood == "down":
            port.go_down()
        else:
            port.listen()
        return server

    def server(self, number: int) -> Server:
        if number not in self.servers:
            raise UnknownWord(str(number))
        return self.servers[number]

    def _home_of(self, name: str) -> Server:
        for server in self.servers.values():
            if name in server.phones:
                return server
        raise UnknownWord(name)

    def _answer_as(self, server: Server, request: Request) -> Answer:
        return evolution.answer(server, request, at=datetime.now(UTC))


def _address(port: Port) -> str:
    return f"http://[{port.host}]:{port.number}" if ":" in port.host else f"http://{port.host}:{port.number}"
