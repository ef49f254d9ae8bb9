"""The bench's Evolution servers, in a process of their own: `python bench/server.py CHANNELS SERVERS [--scenario plain]`.

Prints one line of JSON, each server's address by its number; for each line that it reads, one with what it has done so
far; and ends when its standard input closes. Servers that are dark or drip answer as others after the line "calm", until
the line "trouble". What is answered is the demonstration's simulator's own, worked out once:
at a hundred thousand numbers it must not be the servers that are measured.
"""

import argparse
import asyncio
import gc
import json
import os
import resource
import socket
import ssl
import sys
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench import plan
from bench.plan import ANSWERS_AFTER, KEY, Number
from demo.simulator import evolution, wire
from demo.simulator.http1 import BACKLOG, IDLE_SECONDS
from demo.simulator.messages import NEVER, Request
from demo.simulator.mishaps import play
from demo.simulator.phones import Phone
from demo.simulator.servers import Server

MISHAPS = {"close": "logged_out", "awaiting_scan": "awaiting_scan", "reconnecting": "reconnecting"}
MISHAPS |= {"network_lost": "network_lost", "banned": "banned", "not_loaded": "not_loaded"}
STATE = "/instance/connectionState/"
DRIP_SECONDS = 1.0  # a byte


@dataclass(slots=True)
class Done:
    answers: int = 0
    connections: int = 0  # with TLS, those whose handshake ended well


@dataclass
class Home:
    """One server: its phones, and its answers once they were worked out."""

    server: Server
    done: Done
    is_dark: bool = False
    drips: bool = False
    is_calm: bool = False  # neither of these for now
    known: dict[bytes, tuple[bytes, float]] = field(default_factory=dict)

    def put(self, number: Number, at: datetime) -> None:
        phone = play(Phone(name=number.name, number="5511900000000"), "paired", at=at)
        if mishap := MISHAPS.get(number.behaviour):
            phone = play(phone, mishap, at=at)
        self.server.phones[number.name] = phone
        target = STATE + number.name
        self.known[target.encode()] = (self._worked_out(target), NEVER if number.behaviour == "hangs" else number.after)

    def answer(self, target: bytes) -> tuple[bytes, float]:
        """Return the bytes of the answer, and after how many seconds they come."""
        if target not in self.known:
            self.known[target] = (self._worked_out(target.decode()), ANSWERS_AFTER)
        return self.known[target]

    def refuse(self, target: bytes) -> tuple[bytes, float]:
        """As `answer`, to one who has no key."""
        return self._worked_out(target.decode(), headers={}), ANSWERS_AFTER

    def _worked_out(self, target: str, headers: dict[str, str] | None = None) -> bytes:
        request = Request("GET", target, {"apikey": KEY} if headers is None else headers)
        return wire.written(evolution.answer(self.server, request, at=datetime.now(UTC)), stays=True)


class Connection(asyncio.Protocol):
    """One connection of a client that asks again only when it was answered."""

    key = KEY.encode()

    def __init__(self, home: Home) -> None:
        self.home = home
        self.received = b""
        self.is_answering = False

    def connection_made(self, transport: asyncio.Transport) -> None:
        self.transport = transport
        self.loop = asyncio.get_running_loop()
        self.home.done.connections += 1
        self.rests_since = self.loop.time()
        self.idle = self.loop.call_later(IDLE_SECONDS, self._close_if_idle)

    def connection_lost(self, error: Exception | None) -> None:
        self.idle.cancel()

    def data_received(self, data: bytes) -> None:
        data = self.received + data if self.received else data
        if not data.endswith(b"\r\n\r\n"):
            self.received = data
            return
        self.received = b""
        self.is_answering = True
        in_trouble = not self.home.is_calm
        if in_trouble and self.home.is_dark:
            return
        target = data[4 : data.index(b" ", 4)]
        answer, after = self.home.answer(target) if self.key in data else self.home.refuse(target)
        if in_trouble and self.home.drips:
            self._drip(answer)
        elif after != NEVER:
            self.loop.call_later(after, self._send, answer)

    def _send(self, answer: bytes) -> None:
        self.transport.write(answer)
        self.home.done.answers += 1
        self.is_answering = False
        self.rests_since = self.loop.time()

    def _drip(self, answer: bytes) -> None:
        if self.transport.is_closing():
            return
        self.transport.write(answer[:1])
        if len(answer) > 1:
            self.loop.call_later(DRIP_SECONDS, self._drip, answer[1:])

    def _close_if_idle(self) -> None:
        """One timer a connection, which is set again: one an answer would cost more than the answer."""
        rested = 0.0 if self.is_answering else self.loop.time() - self.rests_since
        if rested >= IDLE_SECONDS:
            self.transport.close()
        else:
            self.idle = self.loop.call_later(IDLE_SECONDS - rested, self._close_if_idle)


async def serve(numbers: list[Number], tls: ssl.SSLContext | None) -> None:
    done = Done()
    urls, ports, homes = {}, [], []
    for home_number, residents in _by_home(numbers).items():
        port = socket.create_server(("127.0.0.1", 0), backlog=BACKLOG) if not _is_closed(residents) else _claimed()
        ports.append(port)
        urls[home_number] = f"{'https' if tls else 'http'}://127.0.0.1:{port.getsockname()[1]}"
        if not _is_closed(residents):
            homes.append(_home(home_number, residents, done))
            await _open(homes[-1], port, tls)
    gc.freeze()  # what is there stays
    print(json.dumps(urls), flush=True)
    await _listen(homes, done)


def _by_home(numbers: list[Number]) -> dict[int, list[Number]]:
    by_home = defaultdict(list)
    for number in numbers:
        by_home[number.server].append(number)
    return dict(sorted(by_home.items()))


def _is_closed(residents: list[Number]) -> bool:
    return residents[0].behaviour == "refused"


def _claimed() -> socket.socket:
    """A port that is ours and at which nobody listens."""
    claimed = socket.socket()
    claimed.bind(("127.0.0.1", 0))
    return claimed


def _home(number: int, residents: list[Number], done: Done) -> Home:
    words = {resident.behaviour for resident in residents}
    home = Home(Server(number=number, name="", key=KEY), done, is_dark="dark" in words, drips="drips" in words)
    now = datetime.now(UTC)
    for resident in residents:
        home.put(resident, now)
    return home


async def _open(home: Home, port: socket.socket, tls: ssl.SSLContext | None) -> None:
    loop = asyncio.get_running_loop()
    await loop.create_server(lambda: Connection(home), sock=port, backlog=BACKLOG, ssl=tls)


async def _listen(homes: list[Home], done: Done) -> None:
    """Obey each line, and answer it with what was done, until there are no more."""
    ended = asyncio.Event()

    def heard() -> None:
        lines = os.read(sys.stdin.fileno(), 65536)
        for word in lines.splitlines():
            if word in (b"calm", b"trouble"):
                for home in homes:
                    home.is_calm = word == b"calm"
            print(json.dumps({"answers": done.answers, "connections": done.connections}), flush=True)
        if not lines:
            ended.set()

    asyncio.get_running_loop().add_reader(sys.stdin, heard)
    await ended.wait()


def _context(folder: Path | None) -> ssl.SSLContext | None:
    if folder is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "chain.pem", folder / "key.pem")
    return context


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("channels", type=int)
    parser.add_argument("servers", type=int)
    parser.add_argument("--scenario", choices=plan.SCENARIOS, default="plain")
    parser.add_argument("--tls", type=Path, help="folder of chain.pem and key.pem")
    given = parser.parse_args()
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    asyncio.run(serve(plan.of(given.scenario, given.channels, given.servers), _context(given.tls)))


if __name__ == "__main__":
    main()
