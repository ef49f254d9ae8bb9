"""Everything that servers do and what each must become: section by section, with the cause it is held to.

A row's `scripts` misbehave once a request has been read, on a plain port and behind TLS alike; its `doors` before that.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field

from incidents.causes import UNSEEN_ASKED_TO_WAIT
from tests.hostile import bodies, broken, floods, slow, statuses
from tests.hostile.doors import (
    Door,
    before_the_request,
    never_accepts,
    refuses_connections,
    under_the_name,
    with_certificate,
)
from tests.hostile.server import Ground
from tests.hostile.words import Script
from tests.support.raw_server import RawServer


@dataclass(frozen=True, kw_only=True)
class Row:
    what: str
    becomes: str  # a code of incidents.causes
    or_else: str = ""  # a second cause that is right as well
    received: str = ""  # our own word for what came, where all of the row share one
    code: int | None = None  # likewise
    lasts: bool = False  # until the deadline
    scripts: dict[str, Script] = field(default_factory=dict)
    doors: dict[str, Door] = field(default_factory=dict)


@dataclass(frozen=True)
class Case:
    name: str
    row: Row
    script: Script | None = None
    door: Door | None = None

    def __str__(self) -> str:
        return ascii(f"{self.row.what}: {self.name}")[1:-1].replace("\\\\", "\\")

    def opened_on(self, ground: Ground) -> list[AbstractContextManager[RawServer]]:
        """The servers that misbehave so, to be entered: one for a door, a plain and a TLS one for a script."""
        return [self.door(ground)] if self.door else [ground.http(self.script), ground.https(self.script)]


ROWS = [
    Row(what="slow", becomes="server_unreachable", received="timeout", lasts=True, scripts=slow.SCRIPTS),
    Row(
        what="slow",
        becomes="server_unreachable",
        received="timeout",
        lasts=True,
        doors={
            "never accepts": never_accepts,
            "never reads": before_the_request(slow.wait),
            **{name: before_the_request(script, says_tls=True) for name, script in slow.IN_TLS.items()},
        },
    ),
    Row(what="too much", becomes="invalid_answer", scripts=floods.TOO_MUCH),
    Row(what="too much", becomes="server_error", code=500, scripts=floods.endless_error(500)),
    Row(what="too much", becomes="key_rejected", code=401, scripts=floods.endless_error(401)),
    Row(what="too much", becomes=UNSEEN_ASKED_TO_WAIT, code=429, scripts=floods.endless_error(429)),
    Row(what="too much", becomes="wrong_address", code=302, scripts=floods.endless_error(302, b"Location: /x")),
    Row(what="encoded", becomes="invalid_answer", received="encoded", scripts=floods.ENCODED),
    Row(what="encoded", becomes="invalid_answer", scripts=floods.UNLABELLED),
    Row(what="redirect", becomes="wrong_address", received="a redirect", scripts=statuses.REDIRECTS),
    Row(what="200 with HTML", becomes="wrong_address", received="a web page", scripts=bodies.PAGES),
    Row(what="no answer in it", becomes="invalid_answer", scripts=bodies.NOT_AN_ANSWER),
    Row(what="tolerated", becomes="connected", received="open", scripts=bodies.TOLERATED),
    Row(what="other types", becomes="invalid_answer", scripts=bodies.OTHER_TYPES),
    Row(what="unknown state", becomes="unknown_state", scripts=bodies.UNKNOWN_STATES),
    Row(what="without state", becomes="starting", received="absent", scripts=bodies.WITHOUT_STATE),
    Row(what="another's name", becomes="invalid_answer", received="another instance", scripts=bodies.OTHER_NAMES),
    Row(what="not a 200", becomes="invalid_answer", scripts=statuses.ODD | statuses.OTHER_404),
    Row(
        what="not a 200",
        becomes="invalid_answer",
        scripts=statuses.BEYOND,
    ),
    Row(what="not a 200", becomes="server_error", scripts=statuses.SERVER_ERRORS),
    Row(what="key", becomes="key_rejected", scripts=statuses.KEY_REJECTED),
    Row(what="404", becomes="instance_missing", code=404, scripts=statuses.INSTANCE_MISSING),
    Row(what="404", becomes="wrong_address", code=404, scripts=statuses.NOT_EVOLUTION),
    Row(what="asked to wait", becomes=UNSEEN_ASKED_TO_WAIT, code=429, scripts=statuses.ASKED_TO_WAIT),
    Row(
        what="certificate",
        becomes="certificate",
        doors={
            "self-signed": with_certificate("self_signed"),
            "of an unknown authority": with_certificate("of_an_unknown_authority"),
            "expired": with_certificate("expired"),
            "not yet valid": with_certificate("not_yet_valid"),
            "of another name": with_certificate("of_another_name"),
            "without a name": with_certificate("without_a_name"),
            **{f"{name} on the TLS port": before_the_request(script, says_tls=True) for name, script in broken.PLAIN.items()},
        },
    ),
    Row(what="certificate", becomes="connected", doors={"trusted": with_certificate("trusted")}),
    Row(what="address", becomes="server_unreachable", received="refused", doors={"refused": refuses_connections}),
    Row(
        what="address",
        becomes="server_unreachable",
        received="no such name",
        doors={"no such name": under_the_name("nowhere.example"), "name without one": under_the_name("no-address.example")},
    ),
    Row(
        what="address",
        becomes="server_unreachable",
        received="resolver gone",
        doors={"no resolver": under_the_name("no-resolver.example")},
    ),
    Row(
        what="address",
        becomes="server_unreachable",
        received="timeout",
        lasts=True,
        doors={
            "slow name": under_the_name("slow.example"),
            "both families swallow": under_the_name("two-families.example", ipv4="swallows", ipv6="swallows"),
        },
    ),
    Row(
        what="address",
        becomes="server_unreachable",
        received="refused",
        doors={
            "both families refuse": under_the_name("two-families.example", ipv4="refuses"),
            "200 addresses refuse": under_the_name("many.example", ipv4="refuses"),
        },
    ),
    Row(
        what="address",
        becomes="connected",
        doors={
            "IPv6 refuses, IPv4 lives": under_the_name("two-families.example"),
            "IPv6 swallows, IPv4 lives": under_the_name("two-families.example", ipv6="swallows"),
        },
    ),
    Row(what="gone", becomes="server_unreachable", received="reset", scripts=broken.GONE),
    # Behind TLS some Pythons (3.11 run) take a reset for an orderly end: the answer is cut then.
    Row(what="gone", becomes="server_unreachable", or_else="invalid_answer", scripts=broken.RESET),
    Row(what="gone", becomes="server_unreachable", doors={"hangs up in TLS": before_the_request(broken.leave, says_tls=True)}),
    Row(what="broken", becomes="invalid_answer", scripts=broken.MALFORMED),
    Row(
        what="broken",
        becomes="invalid_answer",
        scripts=broken.ODD_LENGTHS,
    ),
    Row(
        what="broken",
        becomes="invalid_answer",
        scripts=broken.ODD_CHUNKS,
    ),
    Row(
        what="broken",
        becomes="invalid_answer",
        doors={f"{name} at once": before_the_request(script) for name, script in broken.BANNERS.items()},
    ),
    Row(what="tolerated", becomes="connected", received="open", scripts=broken.STILL_AN_ANSWER),
]


def cases() -> Iterator[Case]:
    for row in ROWS:
        yield from (Case(name, row, script=script) for name, script in row.scripts.items())
        yield from (Case(name, row, door=door) for name, door in row.doors.items())
