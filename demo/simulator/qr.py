"""A picture that looks like a QR code and is none: nothing real stands behind a demonstration's phone."""

import base64
import hashlib
import struct
import zlib

MODULES = 29  # a side of the square
QUIET = 4  # white modules around it
DOTS = 6  # pixels per module


def shown_for(name: str) -> dict:
    """Return what `connect` answers while a phone waits to be scanned."""
    code = f"2@DEMONSTRACAO{hashlib.sha256(name.encode()).hexdigest()}"
    picture = base64.b64encode(_png(_squares(code))).decode()
    return {"pairingCode": None, "code": code, "base64": f"data:image/png;base64,{picture}", "count": 1}


def _squares(code: str) -> list[list[bool]]:
    """Scatter dark modules by the code's hash and put the three finder marks over them."""
    noise = hashlib.shake_256(code.encode()).digest(MODULES * MODULES)
    return [[_finder(x, y, default=noise[y * MODULES + x] % 2 == 0) for x in range(MODULES)] for y in range(MODULES)]


def _finder(x: int, y: int, *, default: bool) -> bool:
    for left, top in ((0, 0), (MODULES - 7, 0), (0, MODULES - 7)):
        ring = max(abs(x - left - 3), abs(y - top - 3))
        if ring <= 4:
            return ring in (0, 1, 3)
    return default


def _png(dark: list[list[bool]]) -> bytes:
    white = [False] * QUIET
    rows = [[False] * (MODULES + 2 * QUIET)] * QUIET
    rows = rows + [white + row + white for row in dark] + rows
    lines = b"".join((b"\0" + b"".join((b"\0" if cell else b"\xff") * DOTS for cell in row)) * DOTS for row in rows)
    side = (MODULES + 2 * QUIET) * DOTS
    header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)  # eight bits of grey
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + _chunk(b"IDAT", zlib.compress(lines)) + _chunk(b"IEND", b"")


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
