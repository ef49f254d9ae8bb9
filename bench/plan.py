"""Which number answers how, and where: known alike to the servers' process and to the one that checks the record.

- plain: equal servers. Each answer takes 50 ms; of a hundred numbers one stands behind a closed port, one says `close`,
  one never answers.
- https: the same over TLS.
- dark: the same, but 30 in 100 numbers stand on one server more, which accepts and never answers.
- dripping: the same, but twenty of the servers (two in five, where that is fewer) send a byte a second.
- realistic: unequal servers, from one number to 300, half of them below 20. Answers take 80 ms, spread as a lognormal
  is: one in a hundred takes a second, one in a thousand more than two. Of a thousand numbers 30 are in the states that
  were recorded of the real server (tests/recorded), and three never answer; one server in a hundred is down. The states
  and their answers are observed; how often they come, the sizes and the times are assumed: nobody gave us a fleet's.
"""

import math
import random
from collections.abc import Iterator
from dataclasses import dataclass, replace

KEY = "the-key-of-every-server"
RARE = ("refused", "close", "hangs")  # one in a hundred each; all others are open
ANSWERS_AFTER = 0.05  # seconds, each answer of each server
SCENARIOS = ("plain", "realistic", "dark", "dripping", "https")
DARK_SHARE = 0.3
DRIPPING = 20
UNWELL = {  # of a thousand
    "close": 8,
    "awaiting_scan": 6,
    "reconnecting": 6,
    "network_lost": 6,
    "banned": 2,
    "not_loaded": 2,
    "hangs": 3,
}
LONGEST_ANSWER = 6.0  # seconds, of those that answer at all
TROUBLE = {"dark", "drips"}  # of a whole server, which may be calm first
NEVER_IN_TIME = {"hangs"} | TROUBLE


@dataclass(frozen=True, slots=True)
class Number:
    name: str
    server: int
    behaviour: str
    after: float = ANSWERS_AFTER  # seconds, until it says its state


def of(scenario: str, channels: int, servers: int) -> list[Number]:
    """Return the fleet of a scenario. The realistic one finds its number of servers itself."""
    made = {"dark": _dark, "dripping": _dripping, "realistic": _realistic}.get(scenario, numbers)
    return list(made(channels, servers))


def usual_servers(channels: int) -> int:
    """One for each hundred numbers."""
    return max(3, channels // 100)


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


def _dark(channels: int, servers: int) -> Iterator[Number]:
    lit = round(channels * (1 - DARK_SHARE))
    yield from numbers(lit, servers)
    home = servers + closed_servers(servers) + 1
    yield from (Number(f"number-{n}", home, "dark") for n in range(lit, channels))


def _dripping(channels: int, servers: int) -> Iterator[Number]:
    most = min(DRIPPING, servers * 2 // 5)
    for number in numbers(channels, servers):
        yield replace(number, behaviour="drips") if number.server <= most else number


def _realistic(channels: int, _servers: int) -> Iterator[Number]:
    chance = random.Random(7)
    words, weights = [*UNWELL, "open"], [*UNWELL.values(), 1000 - sum(UNWELL.values())]
    made = home = 0
    while made < channels:
        home += 1
        size = min(max(1, round(chance.lognormvariate(math.log(20), 1.1))), 300, channels - made)
        is_down = home % 100 == 50
        for n in range(made, made + size):
            behaviour = "refused" if is_down else chance.choices(words, weights)[0]
            after = min(chance.lognormvariate(math.log(0.08), 1.1), LONGEST_ANSWER)
            yield Number(f"number-{n}", home, behaviour, after)
        made += size
