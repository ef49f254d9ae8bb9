"""What a person can have stored, or a name server can say, leads a look nowhere that it must not go."""

import ipaddress
import socket
from collections.abc import Callable

import pytest

from core import perimeter, resolver
from incidents.readings import Reading, Status
from tests.hostile.conftest import D, look
from tests.hostile.names import METADATA, PUBLIC
from tests.support.raw_server import raw_server

pytestmark = pytest.mark.usefixtures("outside")


# --- Names of instances ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    [
        *("/", "a/b", "/alpha", "alpha/", "../connect/victim", "..\\connect\\victim", "a\\b", "..;/x", "//127.0.0.2/x"),
        *("?", "alpha?instanceName=beta", "a?b", "#", "alpha#", "a#b"),
        *(".", "..", "...", "%2e", "%2e%2e", "..%2fconnect%2fvictim", "%252e%252e", "%", "alpha%00"),
        *("", " ", "\t", " alpha", "alpha ", "\u00a0alpha", "alpha\u3000", "al\u200bpha", "\ufeffalpha", "al\u00adpha"),
        *("alpha\n", "alpha\r\nHost: other", "alpha HTTP/1.1\r\n\r\nGET /instance/logout/victim", "\x85", "a\u2028b"),
        *("\x00", "alpha\x00", "\x1b[2J", "\x7f", "\ud800", "alpha\udfff"),
        *("\u202ealpha", "\u200falpha", "\u2066alpha\u2069", "al\u061cpha"),
        *("a" * 256, "a" * 5_000, "\U0001f9b7" * 5_000),
    ],
    ids=lambda name: ascii(name)[:40],
)
def test_a_name_that_could_change_the_request_is_never_on_the_wire(name):
    with raw_server(lambda visit: visit.request()) as server:
        reading = look(server.url, name=name)

    assert (reading.status, reading.cause, reading.raw_state) == (Status.ERROR, "instance_missing", "impossible name")
    assert server.connections == 0


@pytest.mark.parametrize(
    "name", ["\u2025", "\uff0e\uff0e", "\uff0fconnect\uff0fvictim", "alpha\uff1fb", "connect;victim", "a&b=c", "~"], ids=ascii
)
def test_a_name_that_looks_like_it_stays_one_quoted_piece_of_the_path(name):
    with raw_server(lambda visit: visit.request()) as server:
        look(server.url, name=name)

    path = server.requests[0].split(b" ")[1].decode()
    assert path.startswith("/instance/connectionState/")
    assert not set(path.removeprefix("/instance/connectionState/")) & set("/?#\\;&=. ")


# --- Addresses of servers, were they stored without being rebuilt ------------------------------------------------


@pytest.mark.parametrize(
    "form",
    [
        *("http://{}", "http://user:secret@{}", "http://evo.example.com@{}", "http://1.1.1.1:80@{}", "http:\\\\{}"),
        *(
            "http://{}\\@evo.example.com",
            "http://{}/\\evo.example.com",
            "http://{}#@evo.example.com",
            "http://{}?@evo.example.com",
        ),
        *(
            "http://{}/..",
            "http://{}/instance/../..",
            "HTTP://{}",
            "http:///{}",
            "http:{}",
            "//{}",
            "{}",
            "ftp://{}",
            "file://{}",
        ),
    ],
)
def test_a_tenants_address_in_whatever_form_opens_no_connection_inside(form, dialled):
    with raw_server(lambda visit: visit.request()) as server:
        for host in ("127.0.0.1", "127.1", "0x7f000001", "2130706433", "0177.0.0.1", "[::ffff:127.0.0.1]", "localhost."):
            reading = look(form.format(f"{host}:{server.port}"), operator_owned=False, seconds=D)
            assert reading.status is Status.ERROR

    assert server.connections == 0
    assert [address for address, _port in dialled if not is_public(address)] == []


@pytest.mark.parametrize(
    "host",
    [
        *("localhost", "LOCALHOST", "localhost.", "127.0.0.1.", "127.0.1", "127.255.255.255", "0", "0.0.0.0", "[::]", "[::1]"),
        *(
            "[0:0:0:0:0:ffff:7f00:1]",
            "[::7f00:1]",
            "[64:ff9b::7f00:1]",
            "[2002:7f00:1::]",
            "[::1%lo]",
            "[::1%25lo]",
            "[fe80::1%lo]",
        ),
        *("0x7f.1", "017700000001", "00000127.0.0.1", "4294967297", "127.0.0.1%00", "127.0.0.1%2e", "127%2e0.0.1", "1②7.0.0.1"),
        *("１２７.０.０.１", "ⓛⓞⓒⓐⓛⓗⓞⓢⓣ", "127。0。0。1", "loc\u00adalhost", "xn--127", "", ".", "..", "a..b", "-", "*", " "),
    ],
    ids=ascii,
)
def test_an_odd_host_or_port_of_a_tenant_opens_no_connection_inside(host, dialled):
    for port in ("", ":80", ":080", ":+80", ":0", ":-1", ":65536", ":٨٠", ":80:80", ":"):
        reading = look(f"http://{host}{port}", operator_owned=False, seconds=D)
        assert reading.status is Status.ERROR

    assert [address for address, _port in dialled if not is_public(address)] == []


def is_public(address: str) -> bool:
    return perimeter.is_public(ipaddress.ip_address(address.partition("%")[0]))


# --- Where names lead --------------------------------------------------------------------------------------------

CLOSED = [
    *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "168.63.129.16/32", "169.254.0.0/16", "172.16.0.0/12"),
    *("192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24"),
    *("224.0.0.0/4", "240.0.0.0/4", "255.255.255.255/32"),
    *("::/96", "64:ff9b::/96", "64:ff9b:1::/48", "100::/64", "2001::/32", "2001:db8::/32", "2002::/16", "3fff::/20"),
    *("fc00::/7", "fe80::/10", "fec0::/10", "ff00::/8"),
]
OPEN = [  # right beside a closed range
    *("1.0.0.0", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.255.255.255", "128.0.0.0"),
    *("168.63.129.15", "168.63.129.17", "169.253.255.255", "169.255.0.0", "172.15.255.255", "172.32.0.0", "192.0.1.0"),
    *("192.88.98.255", "192.88.100.0", "192.167.255.255", "192.169.0.0", "198.17.255.255", "198.20.0.0", "223.255.255.255"),
    *("2001:200::", "2003::", "2001:db7:ffff::1", "2001:db9::"),
]


def edges(text: str) -> list[str]:
    """The first, a middle and the last address of a network; IPv4 ones mapped into IPv6 as well."""
    network = ipaddress.ip_network(text)
    found = [str(network[n]) for n in sorted({0, network.num_addresses // 2, network.num_addresses - 1})]
    return found if network.version == 6 else found + [f"::ffff:{address}" for address in found]


INSIDE = [address for network in CLOSED for address in edges(network)]


@pytest.fixture
def leads_to(monkeypatch) -> Callable[..., None]:
    """Let every name lead to these addresses."""

    def lead(*addresses: str) -> None:
        resolver.forget()  # it remembers what a name led to
        found = [(socket.AF_INET6 if ":" in a else socket.AF_INET, socket.SOCK_STREAM, 6, "", (a, 0)) for a in addresses]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_args, **_named: found)

    return lead


def look_at_a_name(*, operator_owned: bool = False) -> Reading:
    return look("https://evo.example.com", operator_owned=operator_owned, seconds=D)


@pytest.mark.parametrize("address", INSIDE)
def test_a_name_that_leads_inside_is_refused_whatever_stands_beside_it(settings, leads_to, dialled, address):
    settings.EVOLUTION_ALLOWED_HOSTS = []
    for answers in ([address], [PUBLIC, address], [address, PUBLIC], [*[PUBLIC] * 20, "2606:4700:4700::1111", address]):
        for operator_owned in (True, False):
            leads_to(*answers)
            reading = look_at_a_name(operator_owned=operator_owned)
            assert (reading.cause, reading.raw_state) == ("address_refused", "evo.example.com")

    assert dialled == []


@pytest.mark.parametrize("address", OPEN)
def test_a_range_is_closed_no_further_than_it_goes(settings, address):
    settings.EVOLUTION_ALLOWED_HOSTS = []

    perimeter.check(address, host="evo.example.com", operator_owned=False)


def test_what_the_operator_opened_does_not_open_what_stands_beside_it(settings, leads_to, dialled):
    settings.EVOLUTION_ALLOWED_HOSTS = ["127.0.0.0/8"]
    leads_to("127.0.0.1", METADATA)

    assert look_at_a_name(operator_owned=True).cause == "address_refused"
    assert dialled == []
