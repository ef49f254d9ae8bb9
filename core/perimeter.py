"""Which addresses this machine may connect to on somebody's behalf.

Public ones only. The operator may open own networks by EVOLUTION_ALLOWED_HOSTS; that, and the rewriting of
`localhost` inside a container, hold for the operator's servers alone: a tenant's address never leads inside.
"""

from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from django.conf import settings

# Not public, whatever Python's is_global says of them (3.11 misses several).
_CLOSED = [
    ip_network(text)
    for text in (
        "100.64.0.0/10",  # carrier-grade NAT, some clouds' metadata
        "168.63.129.16/32",  # Azure's host
        "192.0.0.0/24",
        "192.88.99.0/24",  # 6to4 relays
        "::/96",
        "64:ff9b::/96",  # NAT64: leads to any IPv4 address
        "64:ff9b:1::/48",
        "2001::/32",  # Teredo
        "2002::/16",  # 6to4
        "3fff::/20",
        "fec0::/10",
    )
]


class AddressRefused(Exception):
    """`host` may not be connected to. Fit for the operator; the remedy is EVOLUTION_ALLOWED_HOSTS."""

    def __init__(self, host: str) -> None:
        super().__init__(f"{host} is not a public address")
        self.host = host


def dialled_name(host: str, *, operator_owned: bool) -> str:
    """Return the name to resolve for `host`: EVOLUTION_LOCALHOST_ALIAS for the operator's `localhost`."""
    if operator_owned and host == "localhost":
        return settings.EVOLUTION_LOCALHOST_ALIAS or host
    return host


def check(address: str, *, host: str, operator_owned: bool) -> None:
    """Raise `AddressRefused(host)` unless `address`, one of the answers for `host`, may be connected to."""
    ip = ip_address(address.partition("%")[0])
    ip = getattr(ip, "ipv4_mapped", None) or ip
    if is_public(ip) or (operator_owned and _listed(ip, host.lower())):
        return
    raise AddressRefused(host)


def is_public(ip: IPv4Address | IPv6Address) -> bool:
    if not ip.is_global or ip.is_multicast or ip.is_reserved:
        return False
    return not any(ip in network for network in _CLOSED if network.version == ip.version)


def _listed(ip: IPv4Address | IPv6Address, host: str) -> bool:
    names, networks = _allowed(tuple(settings.EVOLUTION_ALLOWED_HOSTS))
    return host in names or any(ip in network for network in networks if network.version == ip.version)


@lru_cache(maxsize=8)
def _allowed(entries: tuple[str, ...]) -> tuple[frozenset[str], list[IPv4Network | IPv6Network]]:
    names, networks = set(), []
    for entry in entries:
        try:
            networks.append(ip_network(entry.strip(), strict=False))
        except ValueError:
            names.add(entry.strip().lower())
    return frozenset(names), networks
