"""`start.py` with everything it starts: what a newcomer sees, from the first screen to a phone that drops."""

import json
import shutil
import signal
import urllib.request

import pytest

from tests.start.clone import ROOT, Clone, free_ports, wait_for

NOT_COPIED = shutil.ignore_patterns(".venv", "var", ".git", "__pycache__", "tests", "bench", "staticfiles", "screenshots")


@pytest.fixture
def product(place):
    """A copy of the product itself, with a .venv that is lent."""
    clone = Clone(place / "vigia")
    shutil.rmtree(clone.folder / "gunicorn")
    shutil.rmtree(clone.folder / "celery")
    (clone.folder / "serve.py").unlink()
    lock = (clone.folder / "requirements.txt").read_text()
    shutil.copytree(ROOT, clone.folder, ignore=NOT_COPIED, dirs_exist_ok=True)
    (clone.folder / "requirements.txt").write_text(lock)  # the lent .venv is finished by this one's stamp
    return clone


def test_a_phone_that_is_logged_out_on_the_simulator_is_seen_by_the_next_check(product):
    port, simulator_port = free_ports()
    run = product.start("--port", port, "--simulator-port", simulator_port)
    assert run.wait_for("Vigia está no ar", 120), run.said

    logs_out(f"http://127.0.0.1:{simulator_port}", "aurora-recepcao")
    seen = product.finish("manage", "check_channels", "--tenant", "clinica-aurora")

    assert seen.code == 0, seen.said
    (row,) = [line for line in seen.said.splitlines() if "Recepção" in line]
    assert "Desconectado" in row
    assert "O sistema foi desconectado deste WhatsApp" in row
    verified = product.finish("manage", "verify_ledger")
    assert verified.code == 0, verified.said
    run.send(signal.SIGINT)
    assert product.is_empty_within(5), product.left_running()
    assert wait_for(lambda: run.code == 0, 2)


def logs_out(simulator, name):
    asked = urllib.request.Request(
        f"{simulator}/simulador/api/phones/{name}",
        data=json.dumps({"mishap": "logged_out"}).encode(),
        headers={"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(asked, timeout=10) as answer:
        assert answer.status == 200
