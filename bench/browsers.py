"""Clinics' open pages, in a process of their own: each a thread that asks for what a browser with that page would.

Reads one line of JSON (base, path, cookie's name, sessions, seconds, spread), says that it is ready, begins with the
next line, and at the end prints one line: each answer's kind and milliseconds, and what was wrong.

A page is opened once, at a random moment within `spread` seconds. From then on each element of it that says
`hx-trigger="every ..."` is asked for as often as it says; what comes back takes its place, as htmx swaps it, and where
an answer says `number-changed` the page is asked for again, as its summary does. Styles and scripts are in the cache.
"""

import json
import random
import re
import sys
import threading
import time
from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import urljoin, urlsplit

import requests
from requests.adapters import HTTPAdapter

EVERY = re.compile(r"^every (\d+)(m?s)\b")
TIMEOUT_SECONDS = 30
MOST_SHOWN = 5


@dataclass(slots=True)
class Polled:
    url: str
    every: float  # seconds
    next_at: float


class Polls(HTMLParser):
    """The elements of a page, or of a fragment, that ask again and again: (address, seconds)."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[tuple[str, float]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if "hx-get" in given and (every := EVERY.match(given.get("hx-trigger") or "")):
            seconds = int(every[1]) / (1000 if every[2] == "ms" else 1)
            self.found.append((given["hx-get"] or "", seconds))


@dataclass
class Browser:
    base: str
    path: str
    session: requests.Session
    ends_at: float  # by the monotonic clock, as all moments here
    answers: list[tuple[str, float]] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    def lives(self, opens_at: float) -> None:
        time.sleep(max(0.0, opens_at - time.monotonic()))
        page = self._open()
        polled = [self._poll(*found) for found in Polls(page).found]
        if not polled:
            self.wrong.append("a page that asks for nothing")
        while polled and (next_one := min(polled, key=lambda one: one.next_at)).next_at < self.ends_at:
            time.sleep(max(0.0, next_one.next_at - time.monotonic()))
            self._ask(next_one)

    def _open(self) -> str:
        answer = self._get("page", self.path)
        return answer.text if answer is not None else ""

    def _ask(self, one: Polled) -> None:
        kind = "poll " + re.sub(r"\d+", "N", urlsplit(one.url).path)
        answer = self._get(kind, one.url, headers={"HX-Request": "true"})
        one.next_at = time.monotonic() + one.every
        if answer is None or answer.status_code == 204:
            return
        if found := Polls(answer.text).found:  # it takes the place of what asked
            one.url, one.every = urljoin(self.base, found[0][0]), found[0][1]
            one.next_at = time.monotonic() + one.every
        if "number-changed" in str([value for name, value in answer.headers.items() if name.startswith("HX-Trigger")]):
            self._open()

    def _poll(self, url: str, every: float) -> Polled:
        return Polled(urljoin(self.base, url), every, time.monotonic() + every)

    def _get(self, kind: str, url: str, **more: object) -> requests.Response | None:
        began = time.perf_counter()
        try:
            answer = self.session.get(urljoin(self.base, url), timeout=TIMEOUT_SECONDS, allow_redirects=False, **more)
        except requests.RequestException as error:
            self.wrong.append(f"{kind}: {type(error).__name__}")
            return None
        self.answers.append((kind, 1000 * (time.perf_counter() - began)))
        if answer.status_code not in (200, 204):
            self.wrong.append(f"{kind}: {answer.status_code}")
            return None
        return answer


def session(cookie: str, value: str) -> requests.Session:
    made = requests.Session()
    made.trust_env = False
    made.mount("http://", HTTPAdapter(max_retries=1))  # a kept connection that gunicorn has just closed
    made.cookies.set(cookie, value)
    return made


def main() -> None:
    given = json.loads(sys.stdin.readline())
    sessions = [session(given["cookie"], value) for value in given["sessions"]]
    print("ready", flush=True)
    sys.stdin.readline()
    began, chance = time.monotonic(), random.Random(7)
    browsers = [Browser(given["base"], given["path"], made, began + given["seconds"]) for made in sessions]
    opens = [began + chance.uniform(0, given["spread"]) for _ in browsers]
    threads = [threading.Thread(target=one.lives, args=(at,)) for one, at in zip(browsers, opens, strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    answers = [answer for one in browsers for answer in one.answers]
    wrong = [what for one in browsers for what in one.wrong]
    print(json.dumps({"answers": answers, "wrong": wrong[:MOST_SHOWN], "wrong_count": len(wrong)}), flush=True)


if __name__ == "__main__":
    main()
