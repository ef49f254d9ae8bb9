"""The back-off, by the clock: a launcher of one child that cannot live."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LAUNCHER = """
import os, sys
from pathlib import Path
from config.embedded.supervisor import Child, Supervisor
with Supervisor(os.open(os.devnull, os.O_RDWR)) as supervisor:
    child = Child(name="frail", argv=["sh", "-c", sys.argv[3]], log=Path(sys.argv[1]))
    supervisor.start(child)
    supervisor.keep(child)
    supervisor.wait_until(lambda: False, seconds=float(sys.argv[2]))
"""


def run_frail_child(log: Path, *, seconds: float, does: str = "echo born; sleep 0.2; exit 3") -> str:
    argv = [sys.executable, "-c", LAUNCHER, log, str(seconds), does]
    return subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=False).stdout


def test_a_child_that_keeps_dying_is_restarted_after_ever_longer_pauses(tmp_path):
    said = run_frail_child(tmp_path / "log", seconds=4.5)

    assert [line.partition("volta em ")[2].partition(" s")[0] for line in said.splitlines()] == ["1", "2", "4"]
    assert "frail parou (código 3)" in said
    assert (tmp_path / "log").read_text().split() == ["born"] * 3


def test_a_long_log_starts_anew(tmp_path):
    log = tmp_path / "log"
    log.write_bytes(b"x" * 10_000_001)

    run_frail_child(log, seconds=0.5)

    assert log.read_text() == "born\n"


def test_a_log_that_grows_long_is_cut_while_its_child_writes(tmp_path):
    run_frail_child(tmp_path / "log", seconds=3, does="head -c 10000001 /dev/zero; sleep 1; echo later; sleep 9")

    assert (tmp_path / "log").read_bytes() == b"later\n"
