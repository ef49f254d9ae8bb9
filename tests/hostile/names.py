"""What the resolver says in these tests: names that lead nowhere, slowly, inside, or to many places.

monkeypatch.setattr(socket, "getaddrinfo", names.getaddrinfo)
"""

import socket
import time

SYSTEM = socket.getaddrinfo
SLOW_SECONDS = 30
METADATA, PUBLIC = "169.254.169.254", "1.1.1.1"

BOOK: dict[str, list[str] | int] = {
    "nowhere.example": socket.EAI_NONAME,
    "no-address.example": socket.EAI_NODATA,
    "no-resolver.example": socket.EAI_AGAIN,
    "slow.example": [],
    "one-family.example": ["127.0.0.1"],
    "two-families.example": ["::1", "127.0.0.1"],
    "many.example": [f"127.0.0.{n}" for n in range(1, 200)],
}


def getaddrinfo(host, port, *args, **kwargs):
    """Answer for the names of BOOK, and ask the system for any other."""
    if host == "slow.example":
        time.sleep(SLOW_SECONDS)
    found = BOOK.get(host)
    if found is None:
        return SYSTEM(host, port, *args, **kwargs)
    if isinstance(found, int):
        raise socket.gaierror(found, "as the book says")
    families = {True: socket.AF_INET6, False: socket.AF_INET}
    return [(families[":" in a], socket.SOCK_STREAM, 6, "", (a, port or 0)) for a in found]
