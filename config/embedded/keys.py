"""Secrets of one run: made once, kept as long as its data."""

import base64
import json
import os
import secrets
from pathlib import Path


def load(folder: Path) -> dict[str, str]:
    """Return SECRET_KEY and FIELD_ENCRYPTION_KEYS (one Fernet key) of this folder; make them the first time."""
    path = folder / "keys.json"
    if not path.exists():
        fernet_key = base64.urlsafe_b64encode(os.urandom(32)).decode()
        write_private(path, json.dumps({"SECRET_KEY": secrets.token_urlsafe(50), "FIELD_ENCRYPTION_KEYS": fernet_key}))
    return json.loads(path.read_text())


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner reads, all of it or nothing."""
    unfinished = path.with_suffix(".new")
    unfinished.unlink(missing_ok=True)
    with open(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    unfinished.rename(path)
