"""The folder of one run: var/demo or var/empty, kept between starts, or var/test-XXXX, thrown away. One run owns it."""

import contextlib
import fcntl
import hashlib
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from config.embedded import watchdog
from config.embedded.terminal import Problem, say

ROOT = Path(__file__).resolve().parents[2]
VAR = ROOT / "var"
KEPT = ("demo", "empty")
ELSEWHERE = Path("/var/lib/vigia-demo")
STOPPING_SECONDS = 8  # a killed run's watchdog holds the lock for up to 5


@dataclass(frozen=True)
class Home:
    folder: Path
    lock: int  # file descriptor; whoever has it open owns the folder
    is_throwaway: bool

    @property
    def log(self) -> Path:
        return self.folder / "log"


def kept(name: str) -> Home:
    folder = VAR / name
    _make(folder)
    lock = _try_lock(folder)
    if lock is None and not _owner_lives(folder):
        say("A cópia anterior ainda está encerrando; aguardando…")
        end = time.monotonic() + STOPPING_SECONDS
        while lock is None and time.monotonic() < end:
            time.sleep(0.1)
            lock = _try_lock(folder)
    if lock is None:
        raise Problem(f"já há uma cópia aberta nesta pasta ({ROOT}). Use-a ou encerre-a com Ctrl-C antes de iniciar outra.")
    return Home(folder, lock, is_throwaway=False)


def running() -> Path | None:
    """Return the folder of the run that is open, if any; the demonstration's before the empty one's."""
    return next((VAR / name for name in KEPT if _is_locked(VAR / name / "lock")), None)


def _is_locked(path: Path) -> bool:
    if not path.exists():
        return False
    with path.open() as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def throwaway() -> Home:
    VAR.mkdir(exist_ok=True)
    with _sweeping():
        _remove_leftovers()
        folder = Path(tempfile.mkdtemp(prefix="test-", dir=VAR))
        _make(folder)
        return Home(folder, _try_lock(folder), is_throwaway=True)


def elsewhere(folder: Path) -> Path:
    """Return root's place for what PostgreSQL's account must reach where it cannot reach `folder`."""
    return ELSEWHERE / f"{folder.name}-{hashlib.sha256(bytes(folder)).hexdigest()[:12]}"


def _make(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o711)  # PostgreSQL's account passes through; each secret in it is 0600, the data 0700


def _try_lock(folder: Path) -> int | None:
    lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        return None
    _stop_leftovers(folder / "lock")
    os.truncate(lock, 0)
    os.write(lock, f"{os.getpid()}\n".encode())
    return lock


def _stop_leftovers(lock: Path) -> None:
    """Kill what a run left whose parent and watchdog were killed: its folder is ours now. No pid that was given away again."""
    noted = {line.partition(" ")[::2] for line in lock.read_text().splitlines()[1:]}
    left = [int(pid) for pid, started in noted if started and watchdog.started(int(pid)) == started]
    if left:
        watchdog.kill(left, seconds=3)


def _owner_lives(folder: Path) -> bool:
    pid = (folder / "lock").read_text().partition("\n")[0]
    return not pid or Path("/proc", pid).exists()


@contextlib.contextmanager
def _sweeping() -> Iterator[None]:
    """Keep a sweep from taking a folder that another run has made and not yet locked."""
    with (VAR / "sweep.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _remove_leftovers() -> None:
    for folder in VAR.glob("test-*"):
        lock = _try_lock(folder)
        if lock is not None:
            shutil.rmtree(elsewhere(folder), ignore_errors=True)
            shutil.rmtree(folder, ignore_errors=True)
            os.close(lock)
