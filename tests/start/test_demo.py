"""`start.py` with real stores and stand-ins for the rest."""

import json
import os
import signal
from collections.abc import Iterator
from typing import NamedTuple

import pytest

from tests.start.clone import Clone, Run, folder_open_to_all, free_ports, wait_for


class Demo(NamedTuple):
    clone: Clone
    options: list[str]
    run: Run


def begin(clone: Clone) -> Demo:
    port, simulator_port = free_ports()
    options = ["--port", port, "--simulator-port", simulator_port]
    run = clone.start(*options)
    assert run.wait_for("Vigia está no ar"), run.said
    return Demo(clone, options, run)


@pytest.fixture
def demo(clone) -> Demo:
    return begin(clone)


@pytest.fixture(scope="module")
def lasting_demo() -> Iterator[Demo]:
    """For what leaves it running."""
    with folder_open_to_all() as folder:
        demo = begin(Clone(folder / "vigia"))
        yield demo
        demo.run.send(signal.SIGTERM)
        assert demo.clone.is_empty_within(5), demo.clone.left_running()


def test_the_screen_says_where_it_is_who_may_enter_and_what_to_try(lasting_demo):
    _, port, _, simulator_port = lasting_demo.options
    said = lasting_demo.run.said

    assert f"http://127.0.0.1:{port}/admin/" in said
    assert f"http://127.0.0.1:{simulator_port}/" in said
    assert "operador@vigia.test" in said
    assert "Experimente" in said


def test_a_second_copy_is_refused_with_a_sentence(lasting_demo):
    second = lasting_demo.clone.finish(*lasting_demo.options)

    assert second.is_one_sentence(), second.said
    assert "já há uma cópia aberta" in second.said


def test_a_command_joins_the_demonstration_that_is_running(lasting_demo):
    joined = lasting_demo.clone.finish("manage", "print-environment")

    assert joined.code == 0, joined.said
    assert json.loads(joined.said)["DATABASE_URL"].startswith("postgresql://vigia@/vigia?host=")


def test_without_a_demonstration_a_command_is_refused_with_a_sentence(clone):
    alone = clone.finish("manage", "print-environment")

    assert alone.is_one_sentence(), alone.said
    assert "a demonstração não está aberta" in alone.said


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("postgres", "postgres -D"),
        ("valkey", "valkey-server"),
        ("web", "-m gunicorn"),
        ("worker", "-Q watch"),
        ("errands", "-Q errands"),
    ],
)
def test_a_child_that_dies_is_restarted_and_said(lasting_demo, name, words):
    clone, run = lasting_demo.clone, lasting_demo.run
    dead = clone.pid_of(words)
    os.kill(dead, signal.SIGKILL)

    assert run.wait_for(f"{name} parou (sinal SIGKILL); volta em 1 s. Registro: ")
    assert wait_for(lambda: clone.pid_of(words) not in (None, dead), 3)


def test_a_command_runs_beside_the_demo(lasting_demo):
    assert lasting_demo.clone.finish("exec", "true").code == 0


def test_the_keys_are_private(lasting_demo):
    keys = lasting_demo.clone.folder / "var" / "demo" / "keys.json"

    assert set(json.loads(keys.read_text())) == {"SECRET_KEY", "FIELD_ENCRYPTION_KEYS"}
    assert keys.stat().st_mode & 0o777 == 0o600


def test_ctrl_c_leaves_nothing_within_five_seconds(demo):
    demo.run.send(signal.SIGINT)

    assert demo.clone.is_empty_within(5), demo.clone.left_running()
    assert demo.run.process.wait(1) == 0
    assert "Encerrando…" in demo.run.said
    assert "Traceback" not in demo.run.said


def test_a_killed_parent_leaves_nothing_within_five_seconds_and_starts_again_at_once_with_its_data(demo):
    keys = demo.clone.folder / "var" / "demo" / "keys.json"
    first_keys = keys.read_text()
    demo.run.send(signal.SIGKILL)
    demo.run.process.wait()

    again = demo.clone.start(*demo.options)

    assert again.wait_for("Vigia está no ar"), again.said
    assert "ainda está encerrando" in again.said
    assert keys.read_text() == first_keys
    again.send(signal.SIGKILL)
    assert demo.clone.is_empty_within(5), demo.clone.left_running()


def test_a_killed_watchdog_is_replaced_and_still_stops_everything(demo):
    os.kill(demo.clone.pid_of("watchdog.py"), signal.SIGKILL)
    assert demo.run.wait_for("outro tomou o lugar")

    demo.run.send(signal.SIGKILL)

    assert demo.clone.is_empty_within(5), demo.clone.left_running()


def test_a_process_that_cannot_start_ends_with_its_reason_and_the_log(clone, ports):
    (clone.folder / "gunicorn" / "__main__.py").write_text("raise SystemExit('sem página')")

    run = clone.finish("--port", ports[0], "--simulator-port", ports[1])

    assert run.code == 1
    assert "Vigia: web não iniciou: sem página Registro: " in run.said
    assert clone.is_empty_within(5)


def test_a_failing_step_ends_with_its_reason_and_the_log(clone, ports):
    (clone.folder / "manage.py").write_text("raise SystemExit('a tabela sumiu')")

    run = clone.finish("--port", ports[0], "--simulator-port", ports[1])

    assert run.code == 1
    assert "Vigia: migrate falhou (código 1): a tabela sumiu Registro: " in run.said
    assert "Traceback" not in run.said
    assert clone.is_empty_within(5)
