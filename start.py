#!/usr/bin/env python3
"""Start Vigia with one command, or run its tests: see USAGE below.

This file only prepares .venv and hands over to `config.embedded`. Standard library only, and it must parse on Python 3.6
(no `match`, no walrus, no annotation that is evaluated), so that an old Python gets a sentence and no SyntaxError.
"""

import argparse
import contextlib
import ctypes
import hashlib
import importlib.util
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

try:
    import fcntl
except ImportError:  # not Linux: refused below
    fcntl = None

USAGE = """\
Uso:
  python3 start.py [--port 8000] [--simulator-port 8081]   inicia a demonstração
  python3 start.py --empty [--port 8000]                   inicia vazio, sem demonstração nem simulador
  python3 start.py test [argumentos do pytest]             roda os testes (também com a demonstração aberta)
  python3 start.py manage COMANDO [argumentos]             roda o manage.py na cópia aberta
  python3 start.py exec -- COMANDO [argumentos]            roda um comando com bancos descartáveis

Com DATABASE_URL ou REDIS_URL no ambiente, o PostgreSQL ou o Valkey embutido não é iniciado."""

OLDEST_PYTHON = (3, 11)
if sys.version_info < OLDEST_PYTHON:
    sys.exit(
        "Vigia: este é o Python {}.{}; é preciso o 3.11 ou mais novo. "
        "Instale-o e rode, por exemplo: python3.11 start.py".format(*sys.version_info[:2])
    )
if fcntl is None or not sys.platform.startswith("linux"):
    sys.exit("Vigia: start.py funciona no Linux. Em outro sistema, use uma máquina virtual, o WSL 2 ou um contêiner.")

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
STAMP = VENV / "vigia-stamp"
REQUIREMENTS = ROOT / "requirements.txt"
LOG = ROOT / "var" / "setup.log"
UNFINISHED = "unfinished"


class Problem(Exception):
    """One sentence for the person at the terminal."""


def main():
    arguments = read_arguments(sys.argv[1:])
    os.chdir(str(ROOT))
    try:
        LOG.parent.mkdir(exist_ok=True)
        with one_at_a_time():
            prepare_venv()
    except Problem as problem:
        sys.exit("Vigia: {}".format(problem))
    except KeyboardInterrupt:
        sys.exit(130)
    except OSError as error:
        sys.exit("Vigia: não consigo escrever em {} ({}). {}".format(error.filename or ROOT, error.strerror, WRITE_ADVICE))
    os.execv(str(PYTHON), [str(PYTHON), "-m", "config.embedded", *arguments])


WRITE_ADVICE = "Copie o projeto para uma pasta sua ou ajuste o dono dos arquivos e tente de novo."


def read_arguments(argv):
    """Return what `config.embedded` is told: ["run", port, simulator_port], ["empty", port], ["exec", ...], ["manage", ...]."""
    if argv[:1] == ["test"]:
        return ["exec", "python", "-m", "pytest", *argv[1:]]
    if argv[:1] == ["manage"]:
        return argv
    if argv[:1] == ["exec"]:
        command = argv[2:] if argv[1:2] == ["--"] else argv[1:]
        return ["exec", *command] if command else wrong_usage("falta o comando depois de exec --")
    parser = argparse.ArgumentParser(add_help=False)
    parser.error = wrong_usage
    parser.add_argument("--empty", action="store_true")
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--simulator-port", type=int, default=8081)
    parser.add_argument("-h", "--help", action="store_true")
    given = parser.parse_args(argv)
    if given.help:
        print(USAGE)
        sys.exit(0)
    if not (0 < given.port < 65536 and 0 < given.simulator_port < 65500):
        wrong_usage("a porta vai de 1 a 65535; a do simulador, que usa mais algumas depois dela, até 65499")
    if given.empty:
        return ["empty", str(given.port)]
    return ["run", str(given.port), str(given.simulator_port)]


def wrong_usage(message):
    print("Vigia: {}\n\n{}".format(message, USAGE), file=sys.stderr)
    sys.exit(2)


@contextlib.contextmanager
def one_at_a_time():
    """Let one copy at a time prepare .venv: the demo and test runs may start together."""
    with open(str(ROOT / "var" / "setup.lock"), "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("Outra cópia está preparando o ambiente; aguardando…", flush=True)
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def prepare_venv():
    """Make .venv and install the locked requirements, unless its stamp says that this was finished."""
    version = "{}.{}".format(*sys.version_info[:2])
    wanted = "{} {}".format(version, hashlib.sha256(REQUIREMENTS.read_bytes()).hexdigest())
    found = STAMP.read_text().strip() if STAMP.exists() else ""
    usable = found != UNFINISHED and venv_version() == version
    if usable and found == wanted:
        return
    with open(str(LOG), "w") as log:
        if not usable:
            print("Criando o ambiente Python {} em .venv…".format(version), flush=True)
            create_venv(log)
        STAMP.write_text(UNFINISHED)  # until the last requirement is in: a half-made .venv is made anew
        print("Instalando as dependências (só na primeira vez; cerca de um minuto)…", flush=True)
        install(log)
    STAMP.write_text(wanted)


def venv_version():
    """Return "3.11" as .venv's own interpreter says it, or "" where it does not run."""
    try:
        asked = [str(PYTHON), "-c", "import sys; print('%d.%d' % sys.version_info[:2])"]
        return subprocess.run(asked, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False).stdout.decode().strip()
    except OSError:
        return ""


def create_venv(log):
    python = getattr(sys, "_base_executable", None) or sys.executable  # not .venv's own, which is about to go
    ways = (
        (has("ensurepip"), [python, "-m", "venv"]),
        (has("virtualenv"), [python, "-m", "virtualenv"]),
        (shutil.which("virtualenv"), ["virtualenv", "--python", python]),
        (shutil.which("uv"), ["uv", "venv", "--python", python]),
        (has("pip") and has("venv"), [python, "-m", "venv", "--without-pip"]),  # then this Python's pip fills it
    )
    for possible, command in ways:
        shutil.rmtree(str(VENV), ignore_errors=True)
        if possible and call([*command, str(VENV)], log) and venv_version():
            return
    raise Problem(
        "não há como criar um ambiente Python: falta o módulo venv. "
        "No Debian ou Ubuntu: sudo apt install python3-venv. Depois rode de novo. Detalhes: {}".format(LOG)
    )


def install(log):
    common = ["install", "--require-hashes", "-r", str(REQUIREMENTS)]
    ways = (
        (call([str(PYTHON), "-m", "pip", "--version"], log), [str(PYTHON), "-m", "pip", *common]),
        (shutil.which("uv"), ["uv", "pip", *common, "--python", str(PYTHON)]),
        (has("pip"), [sys.executable, "-m", "pip", "--python", str(PYTHON), *common]),
    )
    for possible, command in ways:
        if possible:
            if call(command, log):
                return
            break
    raise Problem(
        "a instalação das dependências falhou: {} Confira a conexão com a internet e o espaço em disco e rode de novo. "
        "Detalhes: {}".format(last_error(), LOG)
    )


def has(module):
    return importlib.util.find_spec(module) is not None


def call(command, log):
    environment = dict(os.environ, PIP_USER="0", PIP_DISABLE_PIP_VERSION_CHECK="1")
    finished = subprocess.run(
        command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment, check=False, preexec_fn=die_with_parent
    )
    return finished.returncode == 0


def die_with_parent():
    """Ask the kernel to kill this process when the one that started it ends, even by SIGKILL."""
    pr_set_pdeathsig = 1
    ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGKILL)


def last_error():
    lines = [line.strip() for line in LOG.read_text(errors="replace").splitlines() if line.strip()]
    return next((line for line in reversed(lines) if "error" in line.lower()), lines[-1] if lines else "sem detalhes.")


if __name__ == "__main__":
    main()
