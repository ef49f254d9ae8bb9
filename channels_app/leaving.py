"""Is this worker asked to leave? The main process hears it, and the forked ones that run the loops see it at once.

A byte of memory that all of them share since before the fork. No `multiprocessing.Event`: its lock, held by a process that
was killed, would keep the main one from leaving at all.
"""

import mmap

_shared = mmap.mmap(-1, 1)


def ask() -> None:
    """Let every loop of this worker end: no new looks, what was seen is written. Safe in a signal handler."""
    _shared[0] = 1


def is_asked() -> bool:
    return _shared[0] == 1


def forget() -> None:
    """In tests, whose process goes on."""
    _shared[0] = 0
