"""Simulated servers whose phones are all well, until somebody is told otherwise: `python bench/phones.py CHANNELS SERVERS`.

Prints one line of JSON, the control port's address and each server's by its number, then answers until its standard
input closes. What happens to a phone is posted to the control port, as the demonstration's page does.
"""

import asyncio
import json
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench.plan import ANSWERS_AFTER, KEY, Number
from demo.simulator.mishaps import play
from demo.simulator.phones import Phone
from demo.simulator.running import Simulator
from demo.simulator.servers import Server


def well(channels: int, servers: int) -> Iterator[Number]:
    """Numbers that are all connected, spread over servers 1 to `servers`."""
    for n in range(channels):
        yield Number(f"number-{n}", 1 + n % servers, "open")


async def serve(channels: int, servers: int) -> None:
    simulator = Simulator(Server(number=1 + n, name="", key=KEY) for n in range(servers))
    now = datetime.now(UTC)
    for number in well(channels, servers):
        simulator.put(number.server, [play(Phone(name=number.name, number="5511900000000"), "paired", at=now)])
    simulator.listen()
    for n in simulator.servers:
        simulator.set_mood(n, "slow", seconds=ANSWERS_AFTER)
    urls = {n: server.base_url for n, server in simulator.servers.items()}
    print(json.dumps({"control": simulator.url, "servers": urls}), flush=True)
    ended = asyncio.Event()
    asyncio.get_running_loop().add_reader(sys.stdin, ended.set)
    await ended.wait()
    simulator.close()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), int(sys.argv[2])))
