"""manage.py beside the demonstration that is running: `start.py manage check_channels --all`."""

import json
import os
import sys
from pathlib import Path

from config.embedded import home, keys
from config.embedded.terminal import Problem

OF_A_TERMINAL = {"PWD", "OLDPWD", "SHLVL", "TERM", "COLUMNS", "LINES", "_"}
ENVIRONMENT = "environment.json"  # private: it holds the stores' addresses and the keys


def leave_environment(folder: Path, env: dict[str, str]) -> None:
    """Leave what the demonstration's processes were given for those who join it, from whatever terminal."""
    keys.write_private(folder / ENVIRONMENT, json.dumps({n: v for n, v in env.items() if n not in OF_A_TERMINAL}))


def manage(arguments: list[str]) -> None:
    """Become manage.py. Does not return."""
    folder = home.running()
    if folder is None:
        raise Problem("a demonstração não está aberta. Inicie-a em outro terminal com: python3 start.py")
    given = json.loads((folder / ENVIRONMENT).read_text())
    os.execve(sys.executable, [sys.executable, "manage.py", *arguments], {**os.environ, **given})
