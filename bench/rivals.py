"""What one would write first, over the same servers: a plain loop, threads, and the awaited loop of the original in Node."""

import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import requests

from bench import authority
from bench.plan import KEY, NEVER_IN_TIME, Number
from bench.processes import ROOT
from bench.stage import Servers
from channels_app.models import Watch
from core import clock

THREADS = 128
TITLES = {
    "loop": "one `requests.get` and one `save()` after the other",
    "threads": f"{THREADS} threads with `requests.get`",
    "node": "Node: one awaited `fetch` after the other",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Rival:
    title: str
    looks: int = 0  # measured; where it is a part of the fleet, `wall` is reckoned from it
    wall: float = 0.0  # seconds for the whole fleet; to a loop each that hangs costs the deadline, one after the other
    cpu: float = 0.0  # milliseconds a look, of its own process
    missing: str = ""  # why there are no figures


@dataclass(frozen=True, slots=True)
class _Spent:
    wall: float
    cpu: float  # seconds


def compete(name: str, numbers: list[Number], servers: Servers, tls: Path | None, *, seconds: float, sample: int) -> Rival:
    """Let one of NAMES look at the fleet, the loops at a sample of it. `tls` is where the authority's files are."""
    if name == "node" and not shutil.which("node"):
        return Rival(title=TITLES[name], missing="there is no Node on this machine")
    if name == "threads" and any(number.behaviour == "drips" for number in numbers):
        return Rival(title=TITLES[name], missing="no end: its timeout begins anew with each byte")
    answering = [number for number in numbers if number.behaviour not in NEVER_IN_TIME]
    looked_at = numbers if name == "threads" else answering[:sample]
    urls = [f"{servers.urls[number.server]}/instance/connectionState/{number.name}" for number in looked_at]
    match name:
        case "threads":
            spent = _trusting(tls, lambda: _threads(urls, seconds))
        case "loop":
            spent = _trusting(tls, lambda: _loop(looked_at, seconds))
        case "node":
            spent = _node(urls, tls, seconds)
    wall, hanging = spent.wall, len(numbers) - len(answering)
    if name != "threads":
        wall = wall / len(looked_at) * len(answering) + hanging * seconds
    return Rival(title=TITLES[name], looks=len(looked_at), wall=wall, cpu=1000 * spent.cpu / len(looked_at))


def _trusting(tls: Path | None, run: Callable[[], None]) -> _Spent:
    """Measure it while this process's `requests` trusts the authority, along with all that it ships."""
    if tls:
        os.environ["REQUESTS_CA_BUNDLE"] = str(tls / authority.BUNDLE_FILE)
    try:
        cpu, started = time.process_time(), time.monotonic()
        run()
        return _Spent(time.monotonic() - started, time.process_time() - cpu)
    finally:
        os.environ.pop("REQUESTS_CA_BUNDLE", None)


def _loop(numbers: list[Number], seconds: float) -> None:
    names = [number.name for number in numbers]
    for watch in Watch.objects.filter(channel__instance_name__in=names).select_related("channel__server"):
        channel = watch.channel
        url = f"{channel.server.base_url}/instance/connectionState/{channel.instance_name}"
        watch.connection_status = _state(url, channel.server.api_key.reveal(), seconds)
        watch.last_health_check = clock.database_now()
        watch.save()


def _threads(urls: list[str], seconds: float) -> None:
    """It only looks: what it would write is left out, in its favour."""
    with ThreadPoolExecutor(THREADS) as pool:
        for _state_of_one in pool.map(lambda url: _state(url, KEY, seconds), urls):
            pass


def _state(url: str, key: str, seconds: float) -> str:
    try:
        state = requests.get(url, headers={"apikey": key}, timeout=seconds).json()["instance"].get("state", "absent")
    except requests.RequestException:
        return "error"
    return {"close": "disconnected"}.get(state, state)


def _node(urls: list[str], tls: Path | None, seconds: float) -> _Spent:
    job = json.dumps({"urls": urls, "key": KEY, "milliseconds": seconds * 1000})
    env = os.environ | ({"NODE_EXTRA_CA_CERTS": str(tls / authority.ROOT_FILE)} if tls else {})
    ended = subprocess.run(["node", "bench/loop.mjs"], cwd=ROOT, env=env, input=job, capture_output=True, text=True, check=True)
    told = json.loads(ended.stdout)
    return _Spent(told["wall"], told["cpu"])
