"""From a phone's drop to the alert: python3 start.py exec -- python bench/alarm.py [--channels 1000] [--outages 200]

The intervals of production, the real worker, errands and beat. The outages run beside each other and begin at random
moments within one interval; then as many others, while a fifth of the fleet never answers.
"""

import argparse
import json
import random
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # this file is run by its path

from bench import begin

if __name__ == "__main__":
    LOAD = begin.as_the_service()

import requests
from django.conf import settings

from bench import fleet, phones, product, sheet
from bench.plan import Number
from bench.product import note
from channels_app import circuit
from core import clock
from demo.simulator.messages import NEVER
from incidents.models import Incident
from notifications.models import Notification

SLACK_SECONDS = 10  # of the bound, beside threshold, interval and two deadlines
POLL_SECONDS = 0.2
# What befalls the phones in turn, and what their numbers are to read as: a word of fleet.EXPECTED.
MISHAPS = {"logged_out": "close", "banned": "banned", "network_lost": "network_lost", "awaiting_scan": "awaiting_scan"}


@dataclass(slots=True)
class Outage:
    number: Number
    mishap: str
    begins: float  # seconds after the part's own begin
    dropped: float = 0.0  # by the monotonic clock, the moment before the simulator was told
    alerted: float = float("inf")  # the end of the first poll that saw the notification: its commit was before that
    found: float = float("inf")  # when the look began that saw it first; never where the incident opened by its server's

    @property
    def seconds(self) -> float:
        """Never less than it took, and at most one poll more."""
        return self.alerted - self.dropped


@dataclass(frozen=True, slots=True)
class Part:
    title: str
    outages: list[Outage]
    longest_poll: float  # seconds from the end of one to the end of the next


def main() -> None:
    given = arguments()
    with tempfile.TemporaryDirectory() as folder:
        parts, mistakes = measure(given, Path(folder) / "watch.log")
    sheet.show_or_refuse(
        mistakes,
        sheet.preface(
            LOAD,
            f"{given.channels} channels on {given.servers} servers, {given.outages} outages a part, {given.processes} worker "
            f"processes. Looks every {settings.HEARTBEAT_INTERVAL_SECONDS} s, deadline {settings.HEARTBEAT_TIMEOUT_SECONDS} s, "
            f"threshold {settings.HEARTBEAT_MINUTE_SECONDS} s: the bound is {bound():.0f} s.",
        ),
        as_table(parts),
    )


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--channels", type=int, default=1000)
    parser.add_argument("--servers", type=int, default=50)
    parser.add_argument("--processes", type=int, default=2, help="of the worker")
    parser.add_argument("--outages", type=int, default=200, help="of each part")
    parser.add_argument("--hanging", type=int, default=20, help="percent of the fleet that never answers in the second part")
    given = parser.parse_args()
    if 2 * given.outages > given.channels * (100 - given.hanging) // 100:
        parser.error("there are too few channels: those that hang, and those of the two parts, are others each time")
    return given


def bound() -> float:
    """Seconds from the drop to the alert at most."""
    threshold, interval = settings.HEARTBEAT_MINUTE_SECONDS, settings.HEARTBEAT_INTERVAL_SECONDS
    return threshold + interval + 2 * settings.HEARTBEAT_TIMEOUT_SECONDS + SLACK_SECONDS


def measure(given: argparse.Namespace, log: Path) -> tuple[list[Part], list[str]]:
    plan = list(phones.well(given.channels, given.servers))
    chance = random.Random(7)
    chosen = chance.sample(plan, 2 * given.outages + given.channels * given.hanging // 100)
    first, second, hanging = chosen[: given.outages], chosen[given.outages : 2 * given.outages], chosen[2 * given.outages :]
    with product.servers("bench/phones.py", given.channels, given.servers) as told:
        fleet.make(plan, {int(n): url for n, url in told["servers"].items()})
        simulated = Simulated(told["control"])
        with product.watching(log, processes=given.processes) as watching:
            watching.look_at_everything()
            time.sleep(settings.HEARTBEAT_INTERVAL_SECONDS / 2)  # each number has its own moment again
            parts = [suffered("all others well", scripted(first, chance), simulated)]
            mistakes = wrong(plan, parts, hanging=[])
            for number in hanging:
                simulated.hangs(number)
            parts.append(suffered(f"{given.hanging} % never answer", scripted(second, chance), simulated))
            rest = len(hanging) + 2 * given.outages
            watching.wait_until(lambda: _standing() >= rest, "incidents of those that hang", seconds=bound())
            return parts, mistakes + wrong(plan, parts, hanging=hanging) + watching.errors()


def scripted(numbers: Iterable[Number], chance: random.Random) -> list[Outage]:
    within = settings.HEARTBEAT_INTERVAL_SECONDS
    words = list(MISHAPS)
    return [Outage(number, words[n % len(words)], chance.uniform(0, within)) for n, number in enumerate(numbers)]


def suffered(title: str, outages: list[Outage], simulated: "Simulated") -> Part:
    """Let each begin at its moment, and wait until all are alerted of; who is late by as much again is given up."""
    began = polled = time.monotonic()
    to_come = sorted(outages, key=lambda outage: outage.begins, reverse=True)
    waiting: dict[str, Outage] = {}
    longest_poll = 0.0
    while to_come or any(time.monotonic() - outage.dropped < 2 * bound() for outage in waiting.values()):
        while to_come and to_come[-1].begins <= time.monotonic() - began:
            outage = to_come.pop()
            outage.dropped = time.monotonic()
            simulated.drops(outage.number, outage.mishap)
            waiting[outage.number.name] = outage
        told = _told(waiting)
        before, polled = polled, time.monotonic()
        longest_poll = max(longest_poll, polled - before)
        for name in told:
            waiting.pop(name).alerted = polled
        time.sleep(POLL_SECONDS)
    _add_when_found(outages)
    part = Part(title, outages, longest_poll)
    note(f"{title}: p50 {_at(part, 50):.0f} s, the last after {_at(part, 100):.0f} s, {late(part)} late")
    return part


def _told(names: Iterable[str]) -> set[str]:
    """Those of whose incident a person of the clinic has been told."""
    told = Notification.objects.filter(event=Notification.Event.OPENED, user__is_saas_admin=False)
    return set(
        told.filter(incident__channel__instance_name__in=names).values_list("incident__channel__instance_name", flat=True)
    )


def _add_when_found(outages: list[Outage]) -> None:
    """By the readings of their incidents, told by the database's clock: the two run on one machine.

    Where many numbers of one server hang it may count as down for a moment, and that is what such a reading found.
    """
    now = clock.anchor(clock.database_now())
    names = [outage.number.name for outage in outages]
    incidents = Incident.objects.filter(channel__instance_name__in=names)
    readings = dict(incidents.values_list("channel__instance_name", "readings"))
    for outage in outages:
        ours = (kept for kept in readings.get(outage.number.name, ()) if kept["cause"] not in circuit.SERVER_WIDE)
        if first := next(ours, None):
            outage.found = now.monotonic - (now.at - datetime.fromisoformat(first["at"])) / timedelta(seconds=1)


class Simulated:
    """The phones of the other process."""

    def __init__(self, control: str) -> None:
        self._control, self._session = control, requests.Session()
        self._session.trust_env = False

    def drops(self, number: Number, mishap: str) -> None:
        self._play(number, mishap=mishap)

    def hangs(self, number: Number) -> None:
        self._play(number, mishap="slow", seconds=NEVER)

    def _play(self, number: Number, **what: object) -> None:
        url = f"{self._control}/simulador/api/phones/{number.name}"
        self._session.post(url, data=json.dumps({"server": number.server, **what}), timeout=5).raise_for_status()


# --- What is said -----------------------------------------------------------------------------------------------------


def wrong(plan: list[Number], parts: list[Part], *, hanging: list[Number]) -> list[str]:
    """What is not on record as the script has it."""
    now = {outage.number.name: MISHAPS[outage.mishap] for part in parts for outage in part.outages}
    now |= {number.name: "hangs" for number in hanging}
    scripted_plan = [replace(number, behaviour=now.get(number.name, "open")) for number in plan]
    found = fleet.mistakes(scripted_plan, incidents=len(now))
    outages = [outage for part in parts for outage in part.outages]
    if too_early := [outage.number.name for outage in outages if outage.found < outage.dropped]:
        found.append(f"{len(too_early)} incidents began before their phone had dropped: {too_early[:3]}")
    if silent := [outage.number.name for outage in outages if outage.alerted == float("inf")]:
        found.append(f"of {len(silent)} outages nobody was told within {2 * bound():.0f} s: {silent[:3]}")
    return [f"{parts[-1].title}: {what}" for what in found]


def _standing() -> int:
    return Incident.objects.open().filter(channel__isnull=False).count()


def late(part: Part) -> int:
    return sum(outage.seconds > bound() for outage in part.outages)


def _at(part: Part, percent: float, of: Callable[[Outage], float] = lambda outage: outage.seconds) -> float:
    return sheet.percentile([of(outage) for outage in part.outages], percent)


def as_table(parts: list[Part]) -> str:
    def row(title: str, of: Callable[[Part], str]) -> list[str]:
        return [title, *map(of, parts)]

    def until_found(outage: Outage) -> float:
        return outage.found - outage.dropped

    def from_there(outage: Outage) -> float:
        return outage.alerted - outage.found

    return sheet.table(
        ["from the drop to the alert", *[part.title for part in parts]],
        [
            row("outages", lambda part: str(len(part.outages))),
            row("**late**", lambda part: f"**{late(part)}**"),
            row("p50, × the bound", lambda part: f"{_at(part, 50) / bound():.3f}"),
            row("p99, × the bound", lambda part: f"{_at(part, 99) / bound():.3f}"),
            row("most, × the bound", lambda part: f"{_at(part, 100) / bound():.3f}"),
            row("p50, s", lambda part: f"{_at(part, 50):.1f}"),
            row("p99, s", lambda part: f"{_at(part, 99):.1f}"),
            row("most, s", lambda part: f"{_at(part, 100):.1f}"),
            row("until a look found it: p50, most, s", lambda part: _two(part, until_found)),
            row("from there to the alert: p50, most, s", lambda part: _two(part, from_there)),
            row("the alert's moment is known to, s", lambda part: f"{part.longest_poll:.2f}"),
        ],
    )


def _two(part: Part, of: Callable[[Outage], float]) -> str:
    part = replace(part, outages=[outage for outage in part.outages if outage.found < float("inf")])
    return f"{_at(part, 50, of):.1f}, {_at(part, 100, of):.1f}"


if __name__ == "__main__":
    main()
