"""`start.py --empty`: no demonstration, no simulator, and an operator who is asked for once."""

import os
import pty
import select
import signal
import sys
import time
from itertools import cycle

from tests.start.clone import OURS, Clone


class Terminal:
    """start.py --empty with a person at the keyboard."""

    def __init__(self, clone: Clone, port: str) -> None:
        env = {name: value for name, value in os.environ.items() if name not in OURS and not name.startswith("PYTEST")}
        self.said = ""
        self.pid, self._keyboard = pty.fork()
        if not self.pid:
            os.chdir(clone.folder)
            os.execve(sys.executable, [sys.executable, "start.py", "--empty", "--port", port], env)

    def reads(self, words: str, seconds: float = 60) -> bool:
        """Wait until the words are there, and pass over them."""
        end = time.monotonic() + seconds
        while words not in self.said and time.monotonic() < end:
            if select.select([self._keyboard], [], [], 0.1)[0]:
                try:
                    self.said += os.read(self._keyboard, 4096).decode(errors="replace")
                except OSError:  # it has ended
                    break
        _, found, rest = self.said.partition(words)
        self.said = rest if found else self.said
        return bool(found)

    def types(self, *lines: str) -> None:
        for question, line in zip(cycle(["E-mail do operador: ", "Senha: "]), lines, strict=False):
            assert self.reads(question), self.said
            time.sleep(0.2)  # getpass empties what was typed before it asked
            os.write(self._keyboard, f"{line}\n".encode())

    def interrupts(self) -> int:
        os.write(self._keyboard, b"\x03")
        self.reads("never said", 10)
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


def test_the_operator_is_asked_for_until_it_fits_and_then_never_again(clone, ports):
    first = Terminal(clone, ports[0])
    assert first.reads("Ainda não há operador"), first.said
    first.types("chief@example.com", "short", "chief@example.com", "a long password")
    assert first.reads("Vigia está no ar, sem dados"), first.said
    assert first.interrupts() == 0

    assert (clone.folder / "var" / "operator").read_text() == "chief@example.com a long password"
    second = clone.start("--empty", "--port", ports[0])
    assert second.wait_for("Vigia está no ar, sem dados"), second.said
    assert clone.pid_of("simulate_evolution") is None
    assert "operador@vigia.test" not in second.said
    second.send(signal.SIGTERM)
    assert clone.is_empty_within(5), clone.left_running()


def test_ctrl_c_at_the_question_leaves_nothing_running(clone, ports):
    terminal = Terminal(clone, ports[0])
    terminal.reads("E-mail do operador")
    time.sleep(0.5)

    assert terminal.interrupts() == 0
    assert clone.is_empty_within(5), clone.left_running()


def test_without_a_terminal_one_sentence_says_what_to_do(clone, ports):
    run = clone.finish("--empty", "--port", ports[0])

    assert run.code == 1
    assert "Vigia: ainda não há operador: rode start.py --empty num terminal" in run.said
    assert "Traceback" not in run.said
    assert clone.is_empty_within(5), clone.left_running()


def test_its_data_stand_beside_the_demonstrations(clone, ports):
    clone.finish("--empty", "--port", ports[0])

    assert (clone.folder / "var" / "empty" / "keys.json").exists()
    assert not (clone.folder / "var" / "demo").exists()
