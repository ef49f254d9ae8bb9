"""What a test can move inside processes that are already running: two clocks and one network.

A few numbers in a file that every process maps: no signal, no polling, and a fork keeps it. The product knows nothing of
it; `launch` puts it under the product from outside.
"""

import mmap
import struct
from pathlib import Path

_NAMES = ("host_seconds", "database_seconds", "network_is_gone")
_FORM = struct.Struct("d")


class Levers:
    """`host_seconds`, `database_seconds`: by how much that clock is wrong. `network_is_gone`: 1 or 0."""

    host_seconds: float
    database_seconds: float
    network_is_gone: float

    def __init__(self, path: Path) -> None:
        if not path.exists():
            path.write_bytes(bytes(_FORM.size * len(_NAMES)))
        with path.open("r+b") as file:
            self._memory = mmap.mmap(file.fileno(), _FORM.size * len(_NAMES))

    def __getattr__(self, name: str) -> float:
        if name not in _NAMES:
            raise AttributeError(name)
        return _FORM.unpack_from(self._memory, _FORM.size * _NAMES.index(name))[0]

    def __setattr__(self, name: str, value: object) -> None:
        if name in _NAMES:
            _FORM.pack_into(self._memory, _FORM.size * _NAMES.index(name), float(value))
        else:
            super().__setattr__(name, value)
