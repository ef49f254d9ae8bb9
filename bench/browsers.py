"""Clinics' open pages, in a process of their own: each a thread that asks for what a browser with that page would.

Reads one line of JSON (base, path, cookie's name, sessions, spread, seconds), opens each page at a random moment within
`spread` seconds, and says that they are open. With the next line its window begins, of so many seconds; at its end it
prints one line: kind and milliseconds of each answer that was asked for within it, and what was wrong.

Each element of a page that says `hx-trigger="every ..."` is asked for as often as it says; what comes back takes its
place, as htmx swaps it, and where an answer says `number-changed` the page is asked for again, as its summary does. Once
in the window, at a random moment, each page is opened anew. Styles and scripts are in the cache.
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


class Window:
    """The time in which answers count; moments are the monotonic clock's."""

    def __init__(self) -> None:
        self.begins_at = self.ends_at = float("inf")
        self._has_begun = threading.Event()

    def begins(self, seconds: float) -> None:
        self.begins_at = time.monotonic()
        self.ends_at = self.begins_at + seconds
        self._has_begun.set()

    def sleep_until(self, at: float) -> None:
        """Or, before it has begun, until it begins."""
        seconds = max(0.0, at - time.monotonic())
        if self._has_begun.is_set():
            time.sleep(seconds)
        else:
            self._has_begun.wait(seconds)


@dataclass
class Browser:
    base: str
    path: str
    session: requests.Session
    window: Window
    opens_at: float
    opens_again_after: float = float("inf")  # seconds of the window
    answers: list[tuple[str, float]] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    polled: list[Polled] = field(default_factory=list)

    def lives(self) -> None:
        while True:
            self._plan_to_open_again()
            next_at = min([self.opens_at, *(one.next_at for one in self.polled)])
            if next_at >= self.window.ends_at:
                return
            self.window.sleep_until(next_at)
            now = time.monotonic()
            if now >= self.opens_at:
                self._open_anew()
            elif (one := min(self.polled, key=lambda one: one.next_at, default=None)) and one.next_at <= now:
                self._ask(one)

    def _plan_to_open_again(self) -> None:
        """Once, as soon as it is known when the window begins."""
        at = self.window.begins_at + self.opens_again_after
        if self.opens_at == float("inf") and at < float("inf"):
            self.opens_at, self.opens_again_after = at, float("inf")

    def _open_anew(self) -> None:
        self.opens_at = float("inf")
        self.polled = [self._poll(*found) for found in Polls(self._open()).found]
        if not self.polled:
            self.wrong.append("a page that asks for nothing")

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
        began = time.monotonic()
        try:
            answer = self.session.get(urljoin(self.base, url), timeout=TIMEOUT_SECONDS, allow_redirects=False, **more)
        except requests.RequestException as error:
            self.wrong.append(f"{kind}: {type(error).__name__}")
            return None
        if began >= self.window.begins_at:
            self.answers.append((kind, 1000 * (time.monotonic() - began)))
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
    window, chance, now = Window(), random.Random(7), time.monotonic()
    browsers = [
        Browser(
            given["base"],
            given["path"],
            made,
            window,
            opens_at=now + chance.uniform(0, given["spread"]),
            opens_again_after=chance.uniform(0, given["seconds"]),
        )
        for made in sessions
    ]
    threads = [threading.Thread(target=one.lives) for one in browsers]
    for thread in threads:
        thread.start()
    time.sleep(given["spread"])
    print("open", flush=True)
    sys.stdin.readline()
    window.begins(given["seconds"])
    for thread in threads:
        thread.join()
    answers = [answer for one in browsers for answer in one.answers]
    wrong = [what for one in browsers for what in one.wrong]
    print(json.dumps({"answers": answers, "wrong": wrong[:MOST_SHOWN], "wrong_count": len(wrong)}), flush=True)


if __name__ == "__main__":
    main()
