"""Which number answers how, and where: known alike to the servers' process and to the one that checks the record."""

from collections.abc import Iterator
from dataclasses import dataclass

KEY = "the-key-of-every-server"
RARE = ("refused", "close", "hangs")  # one in a hundred each; all others are open
ANSWERS_AFTER = 0.05  # seconds, each answer of each server


@dataclass(frozen=True, slots=True)
class Number:
    name: str
    server: int
    behaviour: str


def closed_servers(servers: int) -> int:
    """How many more servers there are whose port is closed: the home of the refused."""
    return max(1, servers // 10)


def numbers(channels: int, servers: int) -> Iterator[Number]:
    """Spread the channels, and the rare ones among them, over servers 1 to `servers`; the closed ones come after."""
    for n in range(channels):
        hundred, place = divmod(n, 100)
        behaviour = RARE[place] if place < len(RARE) else "open"
        turn = hundred if place < len(RARE) else n
        home = servers + turn % closed_servers(servers) if behaviour == "refused" else turn % servers
        yield Number(f"number-{n}", 1 + home, behaviour)
