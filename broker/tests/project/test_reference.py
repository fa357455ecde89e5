"""The reference page names all that there is: settings, commands, operations, errors, reasons."""

import argparse
import re
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import cast

import pytest

from nitro_attest_broker import _cli
from nitro_attest_broker._errors import Code
from nitro_attest_broker._operations import OPERATIONS
from nitro_attest_broker._settings import Settings

BROKER = Path(__file__).parents[2]
PAGE = BROKER.parent / "docs" / "reference" / "key-broker.md"
SOURCE = BROKER / "src" / "nitro_attest_broker"
REASON = re.compile(
    r'"((?:signature|request|key|alias|ciphertext|policy|tag|settings|broker|nonces|database)'
    r'\.[a-z0-9_]+|dry_run|database)"'
)
pytestmark = pytest.mark.skipif(not PAGE.exists(), reason="the sdist has no documentation")


def page() -> str:
    return PAGE.read_text(encoding="utf-8")


def parsers(parser: argparse.ArgumentParser, name: str = "") -> Iterator[tuple[str, str]]:
    """Yield each command with each of its options."""
    for action in parser._actions:  # noqa: SLF001 - it has no other list
        choices: object = action.choices
        if isinstance(choices, dict):  # the parsers of its commands
            commands = cast("dict[str, argparse.ArgumentParser]", choices)
            for command, inner in commands.items():
                yield from parsers(inner, f"{name} {command}".strip())
        else:
            yield from ((name, option) for option in action.option_strings if option[:2] == "--")


def test_names_every_command_and_option() -> None:
    found = set(parsers(_cli._parser()))  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] - the parser itself
    assert len(found) > 50
    for command, option in found - {("", "--help")}:
        assert f"`{command}" in page(), command
        assert option == "--help" or option in page(), option


def test_names_every_setting() -> None:
    names = {field.name for field in fields(Settings)} - {"trust_anchor", "max_age"}
    for name in (*names, "max_age_seconds"):
        assert f"| `{name}` |" in page(), name


def test_lists_every_operation_and_no_other() -> None:
    section = page().split("## Operations")[1].split("Any other name")[0]
    first = [row.split("|")[1] for row in section.splitlines() if row.startswith("| ")][1:]
    listed = [name.strip() for cell in first for name in cell.split(",")]
    assert sorted(listed) == sorted(OPERATIONS)


def test_names_every_error() -> None:
    section = page().split("## Errors")[1].split("## Audit log")[0]
    assert set(re.findall(r"\b[A-Z]\w+Exception\b", section)) == {code.value for code in Code}


def test_names_every_reason() -> None:
    section = page().split("A `reason` is")[1].split("## Ciphertexts")[0]
    listed = set(re.findall(r"others \| (.*) \|", section)[0].split(", "))
    for prefix, names in re.findall(r"\| `([a-z]+\.)` \| (.*) \|", section):
        listed.update(f"{prefix}{name}" for name in names.split(", "))
    used = {
        reason
        for path in SOURCE.rglob("*.py")
        for reason in REASON.findall(path.read_text(encoding="utf-8"))
    }
    assert listed == used - {
        "broker.toml",
        "key.type",
    }  # a file, and a part of document.public_key.type
