"""What a person typed, turned into the one form we store, or refused with one sentence that says why.

Parsed by our own strict rules and rebuilt from the parts: two parsers that read one text differently are how
a checked address becomes another one. Which addresses may be *connected to* is `core.perimeter`'s question.
"""

import re
from ipaddress import AddressValueError, IPv4Address, IPv6Address
from urllib.parse import urlsplit

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

MOST_URL_CHARACTERS = 255
MOST_NAME_CHARACTERS = 255  # Evolution keeps an instance's name in a varchar(255)
DEFAULT_PORTS = {"http": 80, "https": 443}

_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")  # container names carry underscores
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")  # a host that ends in one is read as an IPv4 address
_PATH = re.compile(r"(/[A-Za-z0-9._~-]+)*")


class AddressError(ValueError):
    """Refused. `sentence` is translatable and fit for the person who typed."""

    def __init__(self, sentence: Promise) -> None:
        super().__init__(sentence)
        self.sentence = sentence

    def __str__(self) -> str:
        return str(self.sentence)


def rebuild(text: str) -> str:
    """Return the stored form of a server's address: scheme, lower-case host, port unless default, path prefix.

    No slash at the end. Raises `AddressError`. Host names are ASCII (`xn--…` for others): look-alike letters
    never reach a screen or a certificate check.
    """
    _refuse_odd_characters(text)
    scheme, separator, rest = text.partition("://")
    scheme = scheme.lower()
    if not separator or scheme not in DEFAULT_PORTS:
        raise AddressError(_("Begin the address with https:// or http://."))
    authority, slash, path = rest.partition("/")
    if "@" in authority:
        raise AddressError(_("Leave user name and password out of the address."))
    host, port = _host_and_port(authority)
    shown_port = "" if port is None or port == DEFAULT_PORTS[scheme] else f":{port}"
    return f"{scheme}://{host}{shown_port}{_path_prefix(slash + path)}"


def origin(base_url: str) -> tuple[str, str, int]:
    """Return scheme, host and port of a rebuilt address: the key follows them. IPv6 hosts without brackets."""
    scheme, _separator, rest = base_url.partition("://")
    host, port = _split_port(rest.partition("/")[0])
    return scheme, host.strip("[]"), int(port) if port else DEFAULT_PORTS[scheme]


def host(base_url: str) -> str:
    """Return the host of an address that `rebuild` made; "" where it is none."""
    return urlsplit(base_url).hostname or ""


def instance_name(text: str) -> str:
    """Return an instance's name as it is, or raise `AddressError` where it could change the request it is put into.

    `..` survives quoting, and `../connect/victim` would start a QR session on somebody's phone. Inner blanks and
    accents work on the real server (2.3.6) once quoted with nothing left safe.
    """
    if not text:
        raise AddressError(_("Type the name of the instance."))
    if len(text) > MOST_NAME_CHARACTERS:
        raise AddressError(_("The name of the instance is too long."))
    if any(c in text for c in "/\\?#%"):
        raise AddressError(_("The name of the instance may not contain / \\ ? # or %."))
    if not text.isprintable():
        raise AddressError(_("The name of the instance contains invisible characters: type it again by hand."))
    if text != text.strip() or not text.strip("."):
        raise AddressError(_("The name of the instance may not begin or end with a blank, nor consist of dots alone."))
    return text


def _refuse_odd_characters(text: str) -> None:
    if len(text) > MOST_URL_CHARACTERS:
        raise AddressError(_("The address is too long."))
    if " " in text or not text.isprintable():
        raise AddressError(_("The address contains blanks or invisible characters: type it again by hand."))
    if "\\" in text:
        raise AddressError(_("Write the address with / instead of \\."))
    if "?" in text or "#" in text:
        raise AddressError(_("Leave out everything from ? or # on."))


def _host_and_port(authority: str) -> tuple[str, int | None]:
    host, port = _split_port(authority)
    if port is None:
        return _host(host.lower()), None
    if not re.fullmatch(r"[1-9][0-9]{0,4}", port) or int(port) > 65535:
        raise AddressError(_("The port is a number from 1 to 65535."))
    return _host(host.lower()), int(port)


def _split_port(authority: str) -> tuple[str, str | None]:
    """Split `host:port`; the port is None where there is no colon, and an IPv6 host keeps its brackets."""
    if authority.startswith("["):
        host, bracket, rest = authority.partition("]")
        return host + bracket, rest.removeprefix(":") if rest else None
    host, colon, port = authority.partition(":")
    return host, port if colon else None


def _host(host: str) -> str:
    if host.startswith("["):
        return f"[{_ipv6(host)}]"
    if not host:
        raise AddressError(_("The address has no host name."))
    if not host.isascii():
        raise AddressError(_("Write the host name in plain letters; names with accents have a form that begins with xn--."))
    if host.endswith("."):
        raise AddressError(_("Leave out the dot at the end of the host name."))
    labels = host.split(".")
    if _NUMBER.fullmatch(labels[-1]):
        return _ipv4(host)
    if len(host) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        raise AddressError(_("The host name is not a valid one."))
    return host


def _ipv4(host: str) -> str:
    try:
        return str(IPv4Address(host))  # four plain decimal numbers; no 127.1, 0x7f000001, 2130706433, 0177.0.0.1
    except AddressValueError:
        raise AddressError(_("Write the IP address as four numbers, such as 203.0.113.7.")) from None


def _ipv6(host: str) -> str:
    try:
        address = IPv6Address(host[1:-1] if host.endswith("]") else "")
    except AddressValueError:
        raise AddressError(_("The IPv6 address between the brackets is not a valid one.")) from None
    if address.scope_id or address.ipv4_mapped:
        raise AddressError(_("Write an IPv4 address as four numbers, and an IPv6 address without %."))
    return str(address)


def _path_prefix(path: str) -> str:
    path = path.removesuffix("/")
    segments = path.split("/")[1:]
    if "manager" in (segment.lower() for segment in segments):
        raise AddressError(_("Leave /manager and what follows out of the address."))
    if not _PATH.fullmatch(path) or any(not segment.strip(".") for segment in segments):
        raise AddressError(_("The path of the address may hold letters, digits, and - . _ ~ between single slashes."))
    return path
