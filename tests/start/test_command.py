"""`start.py exec` and `start.py test`: a command beside throw-away stores."""

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.start.clone import Clone, wait_for

SHOW_STORES = """
import json, os, psycopg, redis
with psycopg.connect(os.environ["DATABASE_URL"]) as db:
    query = "select rolname, rolsuper, rolbypassrls, rolcreatedb from pg_roles where rolname = current_user"
    role = db.execute(query).fetchone()
    owner = db.execute("select pg_get_userbyid(datdba) from pg_database where datname = current_database()").fetchone()
redis.Redis.from_url(os.environ["REDIS_URL"]).ping()
try:
    refused = redis.Redis.from_url("redis://" + os.environ["REDIS_URL"].rpartition("@")[2]).ping()
except redis.AuthenticationError as error:
    refused = str(error)
print("STORES", json.dumps([role, owner, refused, os.environ["DATABASE_URL"], os.environ["REDIS_URL"]]))
"""
SLEEP = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('READY', flush=True); time.sleep(600)"


@pytest.fixture
def elsewhere():
    """Where root puts what PostgreSQL's account cannot reach in a clone; the copy of its programs stays for the next time."""
    folder = Path("/var/lib/vigia-demo")
    was_there = folder.exists()
    yield folder
    if not was_there:
        shutil.rmtree(folder)


def shown(run) -> list:
    return json.loads(run.said.partition("STORES ")[2].partition("\n")[0])


def test_the_role_is_no_superuser_and_the_broker_wants_its_password(clone):
    run = clone.finish("exec", "--", "python", "-c", SHOW_STORES)

    role, owner, refused, *_ = shown(run)
    assert role == ["vigia", False, False, True]
    assert owner == ["vigia"]
    assert "authenticat" in refused


def test_two_runs_beside_each_other_have_different_stores_and_leave_none(clone):
    runs = [clone.start("exec", "python", "-c", SHOW_STORES) for _ in range(2)]

    assert [run.process.wait(30) for run in runs] == [0, 0]
    (*_, database_1, broker_1), (*_, database_2, broker_2) = map(shown, runs)
    assert database_1 != database_2
    assert broker_1 != broker_2
    assert clone.is_empty_within(5)
    assert not list((clone.folder / "var").glob("test-*"))


def test_the_exit_code_is_that_of_the_command(clone):
    assert clone.finish("exec", "--", "sh", "-c", "exit 7").code == 7


def test_test_hands_its_arguments_to_pytest(clone):
    (clone.folder / "test_it.py").write_text("def test_one(): pass\ndef test_two(): pass\n")

    run = clone.finish("test", "-p", "no:django", "-k", "two")

    assert run.code == 0
    assert "1 passed, 1 deselected" in run.said


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_parent_that_is_stopped_leaves_neither_stores_nor_command_nor_folder(clone, number):
    run = clone.start("exec", "python", "-c", SLEEP, str(clone.folder))
    assert run.wait_for("READY")

    run.send(number)

    assert clone.is_empty_within(5), clone.left_running()
    assert wait_for(lambda: not list((clone.folder / "var").glob("test-*")), 1)
    assert "Traceback" not in run.said


def test_what_a_run_left_whose_watchdog_was_killed_too_is_swept_at_the_next(clone):
    run = clone.start("exec", "python", "-c", SLEEP, str(clone.folder))
    assert run.wait_for("READY")
    left = next((clone.folder / "var").glob("test-*"))
    stranger = subprocess.Popen(["sleep", "600"])
    with (left / "lock").open("a") as noted:  # as if its pid had been that of one of ours, before
        noted.write(f"{stranger.pid} 1\n")
    run.send(signal.SIGSTOP)  # else it would start another one
    os.kill(clone.pid_of("watchdog.py"), signal.SIGKILL)
    run.send(signal.SIGKILL)
    run.process.wait()

    assert clone.left_running()
    assert clone.finish("exec", "true").code == 0

    assert not left.exists()
    assert clone.left_running() == []
    assert stranger.poll() is None
    stranger.kill()
    stranger.wait()


def test_a_path_too_long_or_too_odd_for_a_socket_is_handled_and_said(place):
    clone = Clone(place / ("uma pasta com espaço, 'aspas' e % " + "x" * 90))

    run = clone.finish("exec", "python", "-c", SHOW_STORES)

    assert run.code == 0, run.said
    assert "o do PostgreSQL fica em" in run.said
    sockets = Path(shown(run)[3].partition("host=")[2])
    assert not sockets.exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root hands PostgreSQL to another account")
def test_root_in_a_folder_closed_to_others_keeps_it_closed_and_says_where_the_data_is(place, elsewhere):
    closed = place / "closed"
    closed.mkdir(mode=0o700)
    clone = Clone(closed / "vigia")

    run = clone.finish("exec", "python", "-c", SHOW_STORES)

    assert run.code == 0, run.said
    data = Path(run.said.partition("os dados dele ficam em ")[2].partition(".\n")[0])
    assert data.parent == elsewhere
    assert not data.exists()
    assert closed.stat().st_mode & 0o777 == 0o700


@pytest.mark.skipif(os.geteuid() != 0, reason="as a normal user, all the other tests say it")
def test_a_normal_user_needs_nothing_more(place):
    clone = Clone(place / "vigia")
    user = {"user": 65534, "group": 65534, "extra_groups": []}
    subprocess.run(["chown", "-R", "65534:65534", clone.folder], check=True)

    def as_user(*argv):
        return subprocess.run(argv, cwd=clone.folder, capture_output=True, text=True, check=False, **user)

    try:
        as_user(sys.executable, "-c", "import psycopg, redis").check_returncode()
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("this interpreter lies where other users may not read it")
    run = as_user(sys.executable, "start.py", "exec", "python", "-c", SHOW_STORES)
    assert run.returncode == 0, run.stdout + run.stderr
