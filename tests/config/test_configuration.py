"""Each setting is told of where people look for it: docs/configuration.md and .env.example."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def names(file, pattern):
    return set(re.findall(pattern, (ROOT / file).read_text(), re.MULTILINE))


READ = names("config/settings.py", r'(?:env\.\w+|needed|whole|yes_or_no|one_of|postgresql)\(\s*"([A-Z_]+)"')


def test_the_settings_read_what_the_documentation_tells():
    assert names("docs/configuration.md", r"^\| `([A-Z_]+)` \|") == READ


def test_the_example_shows_what_the_settings_read():
    assert names(".env.example", r"^(?:# )?([A-Z_]+)=") == READ


def test_the_defaults_that_are_told_are_the_defaults():
    told = dict(re.findall(r"^\| `([A-Z_]+)` \| `(.+?)` \|", (ROOT / "docs/configuration.md").read_text(), re.MULTILINE))
    shown = dict(re.findall(r"^# ([A-Z_]+)=(.+)$", (ROOT / ".env.example").read_text(), re.MULTILINE))
    read = dict(re.findall(r'whole\("([A-Z_]+)", (?:min\()?([0-9_]+)', (ROOT / "config/settings.py").read_text()))
    assert {name: told[name] for name in read} == {name: shown[name] for name in read} == read
