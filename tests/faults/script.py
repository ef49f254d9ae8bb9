"""The tests' end of the scripted gateway: what its numbers and servers say, and what it has said to whom.

with Script(servers=4) as script:
    script.say("1/maria", "close")
    script.visits()                     # since the last time: (monotonic seconds, "1/maria", "close")
"""

import json
import subprocess
import sys
from typing import NamedTuple

from tests.faults import gateway


class Visit(NamedTuple):
    at: float  # time.monotonic()
    number: str
    said: str


class Script:
    key = gateway.KEY

    def __init__(self, servers: int) -> None:
        argv = [sys.executable, gateway.__file__, str(servers)]
        self._process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)
        self.urls: dict[str, str] = json.loads(self._process.stdout.readline())
        self._read = 0

    def __enter__(self) -> "Script":
        return self

    def __exit__(self, *_error: object) -> None:
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()

    def say(self, *numbers: str, mood: str) -> None:
        self._order(numbers=dict.fromkeys(numbers, mood))

    def server_is(self, number: str, mood: str) -> None:
        self._order(servers={number: mood})

    def answers_after(self, seconds: float) -> None:
        self._order(delay=seconds)

    def visits(self) -> list[Visit]:
        """Return the looks since the last time this was asked."""
        new = [Visit(*visit) for visit in self._order(visits=self._read)]
        self._read += len(new)
        return new

    def _order(self, **order: object):
        self._process.stdin.write(json.dumps(order) + "\n")
        return json.loads(self._process.stdout.readline())
