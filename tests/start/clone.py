"""A clone with stand-ins for web, worker, beat and simulator: start.py and the stores are real, the children cheap."""

import contextlib
import hashlib
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
OURS = {"DATABASE_URL", "REDIS_URL", "DEBUG", "VIGIA_TESTING", "SECRET_KEY", "FIELD_ENCRYPTION_KEYS", "SITE_URL"}


class Clone:
    """A copy of what start.py needs, in `folder`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(exist_ok=True)
        folder.chmod(0o755)
        shutil.copy(ROOT / "start.py", folder)
        shutil.copytree(Path(__file__).parent / "stubs", folder, dirs_exist_ok=True)
        shutil.copytree(
            ROOT / "config" / "embedded", folder / "config" / "embedded", ignore=shutil.ignore_patterns("__pycache__")
        )
        self._lend_venv()

    def _lend_venv(self) -> None:
        """Make a .venv of its own out of the running one's parts; its stamp says that it is finished."""
        venv = self.folder / ".venv"
        (venv / "bin").mkdir(parents=True)
        (venv / "bin" / "python").symlink_to(sys.executable)
        (venv / "lib").symlink_to(Path(sys.prefix) / "lib")
        shutil.copy(Path(sys.prefix) / "pyvenv.cfg", venv)
        requirements = self.folder / "requirements.txt"
        requirements.write_text("# none\n")
        version = "{}.{}".format(*sys.version_info[:2])
        (venv / "vigia-stamp").write_text(f"{version} {hashlib.sha256(requirements.read_bytes()).hexdigest()}")

    def start(self, *arguments: str, **variables: str) -> "Run":
        return Run(self.folder, [sys.executable, "start.py", *arguments], variables)

    def finish(self, *arguments: str, **variables: str) -> "Run":
        run = self.start(*arguments, **variables)
        run.process.wait(120)  # far more than it takes, unless the machine is busy
        return run

    def left_running(self) -> list[str]:
        return running_in(self.folder)

    def pid_of(self, words: str) -> int | None:
        return next((int(line.split()[0]) for line in self.left_running() if words in line), None)

    def is_empty_within(self, seconds: float) -> bool:
        return wait_for(lambda: not self.left_running(), seconds)


def running_in(folder: Path) -> list[str]:
    """Return the processes that work in a folder or name it: PostgreSQL's rename themselves, but stay in its data."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                facts = (entry / "cmdline").read_text().replace("\0", " ") + " in " + os.readlink(entry / "cwd")
            except OSError:
                continue
            if str(folder) in facts:
                found.append(f"{entry.name} {facts}")
    return found


class Run:
    def __init__(self, folder: Path, argv: list[str], variables: dict[str, str]) -> None:
        self._output = folder.parent / f"{folder.name}-output-{time.monotonic_ns()}"
        env = {name: value for name, value in os.environ.items() if name not in OURS and not name.startswith("PYTEST")}
        with self._output.open("wb") as output:
            streams = {"stdin": subprocess.DEVNULL, "stdout": output, "stderr": output}
            self.process = subprocess.Popen(argv, cwd=folder, env=env | variables, **streams)

    @property
    def said(self) -> str:
        return self._output.read_text()

    @property
    def code(self) -> int | None:
        return self.process.poll()

    def wait_for(self, words: str, seconds: float = 20) -> bool:
        return wait_for(lambda: words in self.said or self.code is not None, seconds) and words in self.said

    def send(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def is_one_sentence(self) -> bool:
        """Exit code 1, our name, no traceback, nothing else."""
        return self.code == 1 and self.said.startswith("Vigia: ") and len(self.said.strip().splitlines()) == 1


def wait_for(true, seconds: float) -> bool:
    end = time.monotonic() + seconds
    while not true() and time.monotonic() < end:
        time.sleep(0.05)
    return bool(true())


@contextlib.contextmanager
def folder_open_to_all():
    """Pytest's own tmp_path is private, and every account may enter where people clone."""
    folder = Path(tempfile.mkdtemp(prefix="vigia-clone-"))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        for line in running_in(folder):
            with contextlib.suppress(ProcessLookupError):  # a server's children end with it
                os.kill(int(line.split()[0]), signal.SIGKILL)
        wait_for(lambda: not running_in(folder), 5)
        shutil.rmtree(folder)


def free_ports() -> list[str]:
    """Return one for the page and one for the simulator, which takes the two after it as well."""
    while True:
        first = random.randrange(20_000, 32_000)  # below those the kernel gives to outgoing connections
        with contextlib.ExitStack() as stack, contextlib.suppress(OSError):
            for port in range(first, first + 4):
                stack.enter_context(socket.socket()).bind(("127.0.0.1", port))
            return [str(first), str(first + 1)]
