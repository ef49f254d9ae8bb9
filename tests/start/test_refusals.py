"""Wrong settings end with one sentence that says what to do."""

import ast
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

START = Path(__file__).resolve().parents[2] / "start.py"


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        pytest.param({"DATABASE_URL": "banana"}, "DATABASE_URL está malformada", id="no-url"),
        pytest.param({"DATABASE_URL": "postgres://u:p@h:x/db"}, "DATABASE_URL está malformada", id="port-is-a-word"),
        pytest.param({"DATABASE_URL": "mysql://u:p@127.0.0.1/db"}, "não é de PostgreSQL", id="another-engine"),
        pytest.param({"DATABASE_URL": "postgres://u:p@127.0.0.1:1/db"}, "não consegui entrar no banco", id="nobody-there"),
        pytest.param({"REDIS_URL": "banana"}, "REDIS_URL está malformada", id="broker-no-url"),
        pytest.param({"REDIS_URL": "redis://127.0.0.1:x/0"}, "REDIS_URL está malformada", id="broker-port-is-a-word"),
        pytest.param({"REDIS_URL": "redis://127.0.0.1:1/0"}, "de REDIS_URL não respondeu", id="broker-away"),
        pytest.param({"DEBUG": "0"}, "não roda com DEBUG=0", id="production"),
    ],
)
def test_a_wrong_variable_ends_with_one_sentence(clone, variables, words):
    run = clone.finish("exec", "true", **variables)

    assert run.is_one_sentence(), run.said
    assert words in run.said


def test_debug_off_is_allowed_to_the_launcher_of_faults_and_benches(clone):
    assert clone.finish("exec", "true", DEBUG="0", VIGIA_TESTING="1").code == 0


def test_a_role_that_row_level_security_does_not_bind_is_refused_and_a_plain_one_is_taken_as_given(clone):
    again = "python -m config.embedded exec true"
    as_superuser = f"DATABASE_URL=$(echo $DATABASE_URL | sed s,vigia@/vigia,postgres@/postgres,) {again}"

    run = clone.finish("exec", "sh", "-c", f"{again} && echo TAKEN; {as_superuser}")

    taken, refused = run.said.partition("TAKEN\n")[::2]
    assert taken.count("Iniciando o PostgreSQL") == 1  # ours; the one inside found both stores given
    assert taken.count("Iniciando o Valkey") == 1
    assert "Vigia: o usuário postgres de DATABASE_URL é superusuário" in refused
    assert run.code == 1


@pytest.mark.parametrize("position", [0, 1])
def test_a_port_that_is_taken_is_named_with_the_option_that_changes_it(clone, ports, position):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", int(ports[position])))
        taken.listen()
        run = clone.finish("--port", ports[0], "--simulator-port", ports[1])

    assert run.is_one_sentence(), run.said
    assert f"a porta {ports[position]} já está em uso" in run.said
    assert ("--port ", "--simulator-port ")[position] in run.said


def test_a_port_that_the_simulator_needs_is_not_given_to_the_page(clone):
    run = clone.finish("--port", "8083", "--simulator-port", "8081")

    assert run.is_one_sentence(), run.said
    assert "o simulador usa as portas 8081 a 8083" in run.said


@pytest.mark.parametrize("arguments", [["--port", "eight"], ["--port", "70000"], ["--empty-handed"], ["exec"], ["tests"]])
def test_wrong_usage_shows_the_usage(clone, arguments):
    run = clone.finish(*arguments)

    assert run.code == 2
    assert "Uso:" in run.said


def test_a_folder_that_we_may_not_write_is_named(clone):
    python = next((path for path in (os.path.realpath(sys.executable), "/usr/bin/python3") if _others_may_run(path)), None)
    if python is None:
        pytest.skip("no Python here that another user may run")
    clone.folder.chmod(0o555)
    argv = [python, "start.py"]
    run = subprocess.run(argv, cwd=clone.folder, capture_output=True, text=True, check=False, **_another_user())
    clone.folder.chmod(0o755)

    assert run.returncode == 1
    assert run.stderr.startswith("Vigia: não consigo escrever em ")
    assert len(run.stderr.strip().splitlines()) == 1


@pytest.mark.parametrize("version", [(3, 6, 15), (3, 10, 13)])
def test_an_old_python_gets_a_sentence(version):
    pretend = f"import sys, runpy; sys.version_info = {version}; runpy.run_path({str(START)!r}, run_name='__main__')"

    run = subprocess.run([sys.executable, "-c", pretend], capture_output=True, text=True, check=False)

    assert run.returncode == 1
    assert run.stderr.startswith("Vigia: este é o Python {}.{}; é preciso o 3.11".format(*version))
    assert len(run.stderr.strip().splitlines()) == 1


def test_start_py_parses_on_python_3_6():
    ast.parse(START.read_text(), feature_version=(3, 6))


def test_a_half_made_environment_is_made_anew(clone):
    shutil.rmtree(clone.folder / ".venv")  # it borrows the real one's parts
    (clone.folder / ".venv" / "bin").mkdir(parents=True)
    (clone.folder / ".venv" / "vigia-stamp").write_text("unfinished")
    (clone.folder / ".venv" / "leftover").touch()

    run = clone.finish("exec", "true")  # the new one is empty, so what comes after it cannot run

    assert "Criando o ambiente Python" in run.said
    assert (clone.folder / ".venv" / "vigia-stamp").read_text() not in ("", "unfinished")
    assert not (clone.folder / ".venv" / "leftover").exists()


def _another_user() -> dict:
    return {"user": 65534, "group": 65534, "extra_groups": []} if os.geteuid() == 0 else {}


def _others_may_run(path: str) -> bool:
    is_new = [path, "-c", "import sys; sys.exit(sys.version_info < (3, 11))"]
    try:
        return subprocess.run(is_new, cwd="/", check=False, **_another_user()).returncode == 0
    except OSError:
        return False
