"""Evolution servers that follow a script, in a process of their own: `python tests/faults/gateway.py SERVERS`.

Prints their addresses as one line of JSON, then obeys one order a line and answers each with a line, until its standard
input closes. What it said to whom, and when, is kept: no test has to believe the product about that. Times are those of
`time.monotonic()`, which all processes of a machine share and no clock jump moves. Standard library alone.

    {"numbers": {"1/maria": "close"}}     what the number "maria" on server 1 says from now on: see MOODS
    {"servers": {"1": "hang"}}            "up", "down" (refused at the socket), "hang"
    {"delay": 0.3}                        seconds before each answer
    {"visits": 17}                        the looks since the 17th: [when, number, what was said]
"""

import asyncio
import json
import sys
import time
from datetime import UTC, datetime
from urllib.parse import parse_qs, unquote

KEY = "the-server's-key"
OWNER = "5511900000000@s.whatsapp.net"

# What connectionState says; what the row of fetchInstances says, and its reason code.
MOODS = {
    "open": ("open", "open", None),
    "close": ("close", "close", 401),  # logged out on the phone
    "banned": ("close", "close", 402),
    "connecting": ("connecting", "open", None),
    "official": ("close", "close", None),  # on the official API: looking cannot tell
}
REFUSALS = {"401": "401 Unauthorized", "500": "500 Internal Server Error", "429": "429 Too Many Requests"}
HANGS = "hang"


class Server:
    def __init__(self, number: int, gateway: "Gateway") -> None:
        self.number, self.gateway = number, gateway
        self.mood, self.port, self._listening = "down", 0, None

    @property
    def host(self) -> str:
        return f"127.0.1.{self.number}"  # each server is a host of its own

    async def becomes(self, mood: str) -> None:
        if mood == "down" and self._listening:
            self._listening.close()
            self._listening = None
        if mood != "down" and not self._listening:
            self._listening = await asyncio.start_server(self._serve, self.host, self.port, backlog=1024)
            self.port = self._listening.sockets[0].getsockname()[1]  # kept when it comes back
        self.mood = mood

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            writer.write(await self.gateway.answer(self, head.split(b" ")[1].decode()))
            await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            pass  # whoever asked has left, or died
        finally:
            writer.close()


class Gateway:
    def __init__(self, servers: int) -> None:
        self.servers = {str(n): Server(n, self) for n in range(1, servers + 1)}
        self.numbers: dict[str, str] = {}
        self.said: dict[str, str] = {}
        self.delay = 0.0
        self.visits: list[tuple[float, str, str]] = []

    async def answer(self, server: Server, target: str) -> bytes:
        path, _, query = target.partition("?")
        is_look = path.startswith("/instance/connectionState/")
        name = unquote(path.rsplit("/", 1)[1]) if is_look else parse_qs(query).get("instanceName", [""])[0]
        if not is_look and not name:
            return http("200 OK", self._rows_of(server))
        number = f"{server.number}/{name}"
        mood = HANGS if server.mood == HANGS else self.numbers.get(number, "absent")
        if is_look:
            self.visits.append((time.monotonic(), number, mood))
            self.said[number] = mood
        elif mood != HANGS:
            mood = self.said.get(number, mood)  # one look's two requests are answered from one moment, however far apart
        await asyncio.sleep(self.delay)
        if mood == HANGS:
            await asyncio.sleep(3600)
        if mood in REFUSALS:
            return http(REFUSALS[mood], {"status": int(mood), "error": "refused", "response": {"message": "Unauthorized"}})
        if mood not in MOODS:
            return http("404 Not Found", {"status": 404, "response": {"message": [f'The "{name}" instance does not exist']}})
        state = MOODS[mood][0]
        return http("200 OK", {"instance": {"instanceName": name, "state": state}} if is_look else [row(name, mood)])

    def _rows_of(self, server: Server) -> list[dict]:
        of_server = (number.split("/", 1) for number, mood in self.numbers.items() if mood in MOODS)
        return [row(name, self.numbers[f"{n}/{name}"]) for n, name in of_server if n == str(server.number)]

    async def obey(self, order: dict) -> object:
        self.numbers |= order.get("numbers", {})
        self.delay = order.get("delay", self.delay)
        for number, mood in order.get("servers", {}).items():
            await self.servers[number].becomes(mood)
        return self.visits[order["visits"] :] if "visits" in order else "done"


def row(name: str, mood: str) -> dict:
    _, status, reason = MOODS[mood]
    return {
        "name": name,
        "connectionStatus": status,
        "ownerJid": OWNER,
        "integration": "WHATSAPP-BUSINESS" if mood == "official" else "WHATSAPP-BAILEYS",
        "disconnectionReasonCode": reason,
        "disconnectionObject": None,
        "disconnectionAt": datetime.now(UTC).isoformat() if reason else None,
    }


def http(status: str, content: object) -> bytes:
    body = json.dumps(content).encode()
    wait = "Retry-After: 3\r\n" if status.startswith("429") else ""
    head = (
        f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n{wait}Connection: close\r\n\r\n"
    )
    return head.encode() + body


async def serve(servers: int) -> None:
    gateway = Gateway(servers)
    await gateway.obey({"servers": dict.fromkeys(gateway.servers, "up")})
    say({n: f"http://{server.host}:{server.port}" for n, server in gateway.servers.items()})
    orders = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(orders), sys.stdin)
    while order := await orders.readline():
        say(await gateway.obey(json.loads(order)))


def say(what: object) -> None:
    print(json.dumps(what), flush=True)


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1])))
