"""The bench's Evolution servers, in a process of their own: `python bench/server.py CHANNELS SERVERS`.

Prints one line of JSON, each server's address by its number, then answers until its standard input closes.
"""

import asyncio
import json
import sys
from datetime import UTC, datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench.plan import ANSWERS_AFTER, KEY, closed_servers, numbers
from demo.simulator.messages import NEVER
from demo.simulator.mishaps import play
from demo.simulator.phones import Phone
from demo.simulator.running import Simulator
from demo.simulator.servers import Server


async def serve(channels: int, servers: int) -> None:
    simulator = Simulator(Server(number=1 + n, name="", key=KEY) for n in range(servers + closed_servers(servers)))
    now = datetime.now(UTC)
    for number in numbers(channels, servers):
        simulator.put(number.server, [play(Phone(name=number.name, number="5511900000000"), "paired", at=now)])
        if number.behaviour == "close":
            simulator.play(number.server, number.name, "logged_out")
        if number.behaviour == "hangs":
            simulator.play(number.server, number.name, "slow", seconds=NEVER)
    simulator.listen()
    for n in simulator.servers:
        simulator.set_mood(n, "slow" if n <= servers else "down", seconds=ANSWERS_AFTER)
    print(json.dumps({n: server.base_url for n, server in simulator.servers.items()}), flush=True)
    ended = asyncio.Event()
    asyncio.get_running_loop().add_reader(sys.stdin, ended.set)
    await ended.wait()
    simulator.close()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), int(sys.argv[2])))
