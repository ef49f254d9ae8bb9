"""What a person types becomes one stored form or one sentence; what may be connected to is public, or the operator's."""

import pytest
from django.utils import translation

from core import addresses, perimeter


@pytest.mark.parametrize(
    ("typed", "stored"),
    [
        ("https://evo.example.com", "https://evo.example.com"),
        ("HTTPS://Evo.Example.COM/", "https://evo.example.com"),
        ("https://evo.example.com:443", "https://evo.example.com"),
        ("http://evo.example.com:80/", "http://evo.example.com"),
        ("http://evo.example.com:443", "http://evo.example.com:443"),
        ("https://evo.example.com:8443/Base/v1/", "https://evo.example.com:8443/Base/v1"),
        ("http://evolution_api:8080", "http://evolution_api:8080"),
        ("http://localhost:8080", "http://localhost:8080"),
        ("http://203.0.113.7", "http://203.0.113.7"),
        ("http://[2001:DB8:0:0::1]:8080", "http://[2001:db8::1]:8080"),
        ("https://xn--clnica-4va.com.br", "https://xn--clnica-4va.com.br"),
    ],
)
def test_an_address_is_stored_rebuilt_from_its_parts(typed, stored):
    assert addresses.rebuild(typed) == stored
    assert addresses.rebuild(stored) == stored


@pytest.mark.parametrize(
    ("typed", "word"),
    [
        ("", "https://"),
        ("evo.example.com", "https://"),
        ("//evo.example.com", "https://"),
        ("ftp://evo.example.com", "https://"),
        ("file:///etc/passwd", "https://"),
        ("javascript:alert(1)", "https://"),
        ("https://user:pass@evo.example.com", "password"),
        ("https://evo.example.com@127.0.0.1", "password"),
        ("https://evo.example.com\\@127.0.0.1", "instead of \\"),
        ("https:\\\\evo.example.com", "instead of \\"),
        ("https://evo.example.com/#x", "? or #"),
        ("https://evo.example.com/?x=1", "? or #"),
        ("https://evo.example.com?", "? or #"),
        ("https://evo.example.com.", "dot"),
        ("http://127.1", "four numbers"),
        ("http://0x7f000001", "four numbers"),
        ("http://0x7f.0.0.1", "four numbers"),
        ("http://2130706433", "four numbers"),
        ("http://0177.0.0.1", "four numbers"),
        ("http://127.0.0.0x1", "four numbers"),
        ("http://1.2.3.4.5", "four numbers"),
        ("http://256.1.1.1", "four numbers"),
        ("http://[::ffff:127.0.0.1]", "IPv4"),
        ("http://[fe80::1%25eth0]", "IPv6"),
        ("http://[::1", "IPv6"),
        ("http://[::1]x:80", "port"),
        ("https://evo.example.com:", "port"),
        ("https://evo.example.com:0", "port"),
        ("https://evo.example.com:65536", "port"),
        ("https://evo.example.com:0443", "port"),
        ("https://evo.example.com:+80", "port"),
        ("https://evo.example.com:٨٠", "port"),
        ("https://evo.example.com:80:80", "port"),
        ("https://", "no host"),
        ("https:///path", "no host"),
        ("https://:8080", "no host"),
        ("https://clínica.com.br", "xn--"),
        ("https://ехаmple.com", "xn--"),
        ("https://１２７.0.0.1", "xn--"),
        ("https://a..b", "host name"),
        ("https://-a.example.com", "host name"),
        ("https://a%2e.example.com", "host name"),
        ("https://a,b", "host name"),
        ("https://" + "a" * 64 + ".com", "host name"),
        (" https://evo.example.com", "blanks"),
        ("https://evo.example.com ", "blanks"),
        ("https://evo\t.example.com", "blanks"),
        ("https://evo.example.com\n", "blanks"),
        ("https://evo.example.com\x00", "blanks"),
        ("https://evo\u200b.example.com", "blanks"),
        ("https://evo\u202e.example.com", "blanks"),
        ("https://evo.example.com/a/../b", "path"),
        ("https://evo.example.com/..", "path"),
        ("https://evo.example.com/./a", "path"),
        ("https://evo.example.com/%2e%2e/a", "path"),
        ("https://evo.example.com//a", "path"),
        ("https://evo.example.com/a//", "path"),
        ("https://evo.example.com/a;b", "path"),
        ("https://evo.example.com/manager", "/manager"),
        ("https://evo.example.com/Manager/", "/manager"),
        ("https://evo.example.com/manager/instance/x/dashboard", "/manager"),
        ("https://" + "a." * 130 + "com", "too long"),
    ],
)
def test_an_odd_address_is_refused_with_one_sentence(typed, word):
    with pytest.raises(addresses.AddressError) as refusal:
        addresses.rebuild(typed)

    with translation.override("en"):
        sentence = str(refusal.value)
    assert word in sentence
    assert sentence.endswith(".")


@pytest.mark.parametrize(
    ("stored", "origin"),
    [
        ("https://evo.example.com", ("https", "evo.example.com", 443)),
        ("http://evo.example.com/base", ("http", "evo.example.com", 80)),
        ("http://evo.example.com:8080/base", ("http", "evo.example.com", 8080)),
        ("http://[2001:db8::1]", ("http", "2001:db8::1", 80)),
        ("http://[2001:db8::1]:8080", ("http", "2001:db8::1", 8080)),
    ],
)
def test_the_key_follows_scheme_host_and_port(stored, origin):
    assert addresses.origin(stored) == origin


@pytest.mark.parametrize(
    "name", ["alpha", "loja centro", "Clínica São José", "5511999990000", "a.b", "...a", "a+b&c=d", "🦷", "__proto__"]
)
def test_a_name_that_quoting_makes_safe_is_accepted(name):
    assert addresses.instance_name(name) == name


@pytest.mark.parametrize(
    "name",
    [
        "",
        " ",
        "a ",
        " a",
        ".",
        "..",
        "...",
        "a/b",
        "../connect/victim",
        "a\\b",
        "a?instanceName=b",
        "a#b",
        "a%2fb",
        "%2e%2e",
        "a\nb",
        "a\r\nHost: b",
        "a\x00b",
        "a\tb",
        "a\x7fb",
        "a\u00a0b",
        "a\u200bb",
        "a\u202eb",
        "\u200fa",
        "a\u2028b",
        "a\ud800b",
        "\ufeffa",
        "a" * 256,
        "a" * 5000,
    ],
    ids=ascii,
)
def test_a_name_that_could_change_the_request_is_refused(name):
    with pytest.raises(addresses.AddressError):
        addresses.instance_name(name)


CLOSED = [
    "0.0.0.0",
    "10.0.0.1",
    "100.64.0.1",
    "127.0.0.1",
    "127.255.255.254",
    "168.63.129.16",
    "169.254.169.254",
    "172.16.0.1",
    "192.0.0.9",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.1.1",
    "198.18.0.1",
    "203.0.113.1",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::7f00:1",
    "::ffff:127.0.0.1",
    "::ffff:169.254.169.254",
    "::ffff:10.0.0.1",
    "64:ff9b::7f00:1",
    "64:ff9b::808:808",
    "64:ff9b:1::1",
    "2001::1",
    "2001:db8::1",
    "2002:7f00:1::1",
    "3fff::1",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fe80::1%eth0",
    "fec0::1",
    "ff02::1",
]


@pytest.mark.parametrize("operator_owned", [True, False], ids=["operator", "tenant"])
@pytest.mark.parametrize("address", CLOSED)
def test_an_address_that_is_not_public_is_refused(settings, address, operator_owned):
    settings.EVOLUTION_ALLOWED_HOSTS = []

    with pytest.raises(perimeter.AddressRefused) as refusal:
        perimeter.check(address, host="evo.example.com", operator_owned=operator_owned)

    assert refusal.value.host == "evo.example.com"


@pytest.mark.parametrize("address", ["1.1.1.1", "200.147.3.157", "::ffff:1.1.1.1", "2606:4700:4700::1111", "2804:14d::1"])
def test_a_public_address_is_let_through(settings, address):
    settings.EVOLUTION_ALLOWED_HOSTS = []

    perimeter.check(address, host="evo.example.com", operator_owned=False)


@pytest.mark.parametrize(
    ("listed", "host", "address"),
    [
        ("10.0.0.0/8", "evo.internal", "10.1.2.3"),
        ("10.1.2.3", "evo.internal", "10.1.2.3"),
        ("10.1.2.3/8", "evo.internal", "10.9.9.9"),
        ("127.0.0.0/8", "127.0.0.1", "::ffff:127.0.0.1"),
        ("fd00::/8", "evo.internal", "fd00::5"),
        ("Evo.Internal", "evo.internal", "192.168.7.7"),
    ],
)
def test_the_operator_opens_a_host_or_a_network_for_its_own_servers_only(settings, listed, host, address):
    settings.EVOLUTION_ALLOWED_HOSTS = ["other.internal", listed]

    perimeter.check(address, host=host, operator_owned=True)
    with pytest.raises(perimeter.AddressRefused):
        perimeter.check(address, host=host, operator_owned=False)


def test_a_listed_host_does_not_open_another_one(settings):
    settings.EVOLUTION_ALLOWED_HOSTS = ["evo.internal", "10.0.0.0/24"]

    with pytest.raises(perimeter.AddressRefused):
        perimeter.check("10.0.1.1", host="x.evo.internal", operator_owned=True)


@pytest.mark.parametrize(
    ("host", "operator_owned", "dialled"),
    [
        ("localhost", True, "docker.internal"),
        ("localhost", False, "localhost"),
        ("localhost.example.com", True, "localhost.example.com"),
    ],
)
def test_localhost_is_rewritten_for_the_operator_alone(settings, host, operator_owned, dialled):
    settings.EVOLUTION_LOCALHOST_ALIAS = "docker.internal"

    assert perimeter.dialled_name(host, operator_owned=operator_owned) == dialled
