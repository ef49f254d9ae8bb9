"""Whether a name or an address is this machine's own: the demonstration has no login, so nobody else may reach it."""

import ipaddress


def is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
