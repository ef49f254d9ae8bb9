"""Is the database there? Told from what it raised."""

from django.db import InterfaceError, OperationalError


def is_away(error: Exception) -> bool:
    """Did the database end this session, or never begin it, rather than refuse a statement?"""
    code = getattr(error.__cause__, "sqlstate", None)
    ended = code is None or code[:2] == "08" or code[:3] == "57P"  # of the connection; of an administrator, or in a crash
    return isinstance(error, InterfaceError | OperationalError) and ended
