"""One way to write a length of time, everywhere: `45s`, `3min 20s`, `25min`, `2h 05min`, `3d 4h`."""

from datetime import timedelta


def spell(length: timedelta) -> str:
    """Write a length with its two largest units; parts of a second are dropped. The units read alike in pt-BR and English."""
    seconds = max(0, int(length.total_seconds()))
    minutes, hours, days = seconds // 60, seconds // 3600, seconds // 86400
    if days:
        return _two(f"{days}d", hours % 24, "h")
    if hours:
        return _two(f"{hours}h", minutes % 60, "min", width=2)
    if minutes:
        return _two(f"{minutes}min", seconds % 60, "s")
    return f"{seconds}s"


def _two(first: str, second: int, unit: str, width: int = 0) -> str:
    return f"{first} {second:0{width}d}{unit}" if second else first
