"""A wrong setting ends the start with one sentence that names the variable and the remedy."""

import os
import runpy
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from django.core.exceptions import ImproperlyConfigured

ROOT = Path(__file__).resolve().parents[2]
GOOD = {
    "SECRET_KEY": "x" * 60,
    "FIELD_ENCRYPTION_KEYS": Fernet.generate_key().decode(),
    "DATABASE_URL": "postgresql://vigia:secret@127.0.0.1:1/vigia",
    "REDIS_URL": "redis://:secret@127.0.0.1:1/0",
    "DEBUG": "1",
}


@pytest.fixture
def read(monkeypatch):
    """Read the settings from good variables but for these; None leaves one out."""

    def read(**changes):
        for name, value in (GOOD | changes).items():
            monkeypatch.delenv(name, raising=False)
            if value is not None:
                monkeypatch.setenv(name, value)
        return runpy.run_path(str(ROOT / "config" / "settings.py"))

    return read


def test_good_settings_are_read(read):
    assert read()["DATABASES"]["default"]["NAME"] == "vigia"


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("SECRET_KEY", None),
        ("FIELD_ENCRYPTION_KEYS", None),
        ("FIELD_ENCRYPTION_KEYS", "not-a-key"),
        ("DATABASE_URL", None),
        ("DATABASE_URL", "nonsense"),
        ("DATABASE_URL", "mysql://user@host/name"),
        ("HEALTHCHECK_PING_URL", "hc.example.com/a-check"),
        ("WITNESS_URLS", "witness.example.com"),
        ("WITNESS_URLS", "https://witness.example.com,https://"),
        ("WITNESS_URLS", "https://witness example.com"),
        ("WITNESS_URLS", "https://witness.example.com:99999"),  # nobody would be asked, and that passed for an answer
        ("DATABASE_URL", "postgresql://user:secret@host:port/name"),
        ("DATABASE_URL", "postgresql://user@host"),
        ("REDIS_URL", None),
        ("DEBUG", "perhaps"),
        ("HEARTBEAT_INTERVAL_SECONDS", "0"),
        ("HEARTBEAT_INTERVAL_SECONDS", "two minutes"),
        ("HEARTBEAT_INTERVAL_SECONDS", "1800"),  # further than the watch plans: it would look without a pause
        ("HEARTBEAT_RECHECK_SECONDS", "121"),  # longer than the interval
        ("HEARTBEAT_TICK_SECONDS", "60"),  # a number that is to be looked at alone would never be
        ("HEARTBEAT_TIMEOUT_SECONDS", "-8"),
        ("HEARTBEAT_TIMEOUT_SECONDS", "60"),  # longer than a loop may last
        ("WATCH_THREADS", "1e9"),
        ("LOG_LEVEL", "loud"),
    ],
)
def test_a_wrong_value_is_named_with_its_remedy(variable, value, read):
    with pytest.raises(ImproperlyConfigured) as wrong:
        read(**{variable: value})
    assert str(wrong.value).startswith(f"{variable} ")
    assert ": " in str(wrong.value)
    assert "secret" not in str(wrong.value)


WITHIN_THE_INTERVAL = ["HEARTBEAT_RECHECK_SECONDS", "HEARTBEAT_TICK_SECONDS"]


@pytest.mark.parametrize("variable", WITHIN_THE_INTERVAL)
@pytest.mark.parametrize(("interval", "seconds"), [("120", 10), ("10", 10), ("4", 4)])
def test_the_tick_and_the_look_after_a_change_come_within_the_interval_by_default(variable, interval, seconds, read):
    assert read(HEARTBEAT_INTERVAL_SECONDS=interval)[variable] == seconds


@pytest.mark.parametrize("variable", WITHIN_THE_INTERVAL)
def test_one_that_comes_later_than_the_interval_is_refused(variable, read):
    assert read(HEARTBEAT_INTERVAL_SECONDS="12", **{variable: "12"})[variable] == 12
    with pytest.raises(ImproperlyConfigured, match=rf"^{variable} .*HEARTBEAT_INTERVAL_SECONDS.*: set it to 12 "):
        read(HEARTBEAT_INTERVAL_SECONDS="12", **{variable: "13"})


def test_witnesses_are_kept_in_the_form_that_is_dialled(read):
    given = "HTTPS://Witness.example.com/, http://203.0.113.7:8080/up"
    assert read(WITNESS_URLS=given)["WITNESS_URLS"] == ["https://witness.example.com", "http://203.0.113.7:8080/up"]
    assert read(WITNESS_URLS="")["WITNESS_URLS"] == []


def test_shortened_time_is_refused_in_production(read):
    with pytest.raises(ImproperlyConfigured, match=r"^HEARTBEAT_MINUTE_SECONDS "):
        read(DEBUG="0", HEARTBEAT_MINUTE_SECONDS="6")
    assert read(DEBUG="0", HEARTBEAT_MINUTE_SECONDS="6", VIGIA_TESTING="1")["HEARTBEAT_MINUTE_SECONDS"] == 6


def test_the_demonstration_is_not_installed_in_production(read):
    assert "demo" in read(DEBUG="1")["INSTALLED_APPS"]
    assert "demo" not in read(DEBUG="0")["INSTALLED_APPS"]


def test_at_the_terminal_it_is_one_line_without_a_traceback():
    plain = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    command = [sys.executable, "manage.py", "check"]
    environment = plain | GOOD | {"LOG_LEVEL": "loud"}
    ended = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 1
    assert ended.stderr.strip().splitlines() == ["Vigia: LOG_LEVEL is 'LOUD': choose DEBUG, INFO, WARNING or ERROR."]
