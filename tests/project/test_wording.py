"""The project says what a native engineer would say: one standard term for each thing.

tests/project/wording.txt lists the patterns that are out, where each may stand, and why.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[2]
LIST: Final = Path(__file__).parent / "wording.txt"
FOLDERS: Final = ("src", "docs", "tests", "benchmarks", "examples", "broker")
PAGES: Final = ("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", "Makefile")
KINDS: Final = {".py", ".md", ".toml"}


@dataclass(frozen=True)
class Rule:
    """One pattern that is out, the prefixes of the paths where it may stand, and the reason."""

    pattern: re.Pattern[str]
    allowed: tuple[str, ...]
    reason: str


def _read_rules() -> list[Rule]:
    rules: list[Rule] = []
    for line in LIST.read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            pattern, allowed, reason = line.split("\t")
            places = () if allowed == "-" else tuple(allowed.split())
            rules.append(Rule(re.compile(pattern, re.IGNORECASE), places, reason))
    return rules


RULES: Final = _read_rules()


def _texts() -> dict[str, str]:
    """Return every text of the project by its path."""
    paths = [ROOT / name for name in PAGES]
    for folder in FOLDERS:
        paths += [path for path in (ROOT / folder).rglob("*") if path.suffix in KINDS]
    own = {Path(__file__), LIST}
    return {
        path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8")
        for path in paths
        if path.is_file() and path not in own
    }


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.pattern.pattern)
def test_no_text_says_what_is_out(rule: Rule) -> None:
    """Each place is named, with the reason beside it."""
    found = [
        f"{name}:{number}: {line.strip()[:80]} ({rule.reason})"
        for name, text in _texts().items()
        if not name.startswith(rule.allowed or ("\0",))
        for number, line in enumerate(text.splitlines(), start=1)
        if rule.pattern.search(line)
    ]
    assert found == []


def test_every_rule_has_a_reason() -> None:
    """A list without reasons would only grow."""
    assert all(rule.reason for rule in RULES)
