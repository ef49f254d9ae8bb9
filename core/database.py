"""The database beside its tables: is it there, and the locks that stand for no row."""

from enum import IntEnum

from django.db import InterfaceError, OperationalError


def is_away(error: Exception) -> bool:
    """Did the database end this session, or never begin it, rather than refuse a statement?"""
    code = getattr(error.__cause__, "sqlstate", None)
    ended = code is None or code[:2] == "08" or code[:3] == "57P"  # of the connection; of an administrator, or in a crash
    return isinstance(error, InterfaceError | OperationalError) and ended


class Lock(IntEnum):
    """Advisory locks, taken for the length of a transaction. Any numbers that differ."""

    CHECK_EVERYTHING = 7_301_000
    BULK_CHANGE = 7_301_001
    SERVERS_TICK = 7_301_002
