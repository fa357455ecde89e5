"""The guides show what the commands print, and the help of every command."""

from pathlib import Path

import pytest

from unit.cli.console import PAGES, example_folder, executed

GUIDE = next(page for page in PAGES if page.name == "command-line.md")
COMMANDS = (
    "",
    "inspect",
    "verify",
    "policy",
    "policy new",
    "policy show",
    "policy check",
    "policy diff",
    "policy to-kms",
    "pcr",
    "pcr role",
    "pcr instance",
    "pcr certificate",
    "explain",
    "demo",
    "completion",
)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_outputs_in_a_guide_are_the_real_ones(page: Path) -> None:
    """`python tests/unit/cli/console.py --write` writes them after a change that is wanted."""
    text = page.read_text(encoding="utf-8")
    with example_folder():
        assert executed(text) == text


@pytest.mark.parametrize("command", COMMANDS)
def test_the_help_of_every_command_is_in_the_guide(command: str) -> None:
    """The test above compares the texts."""
    line = " ".join(["$", "nitro-attest", *command.split(), "--help"])
    assert f"\n{line}\nUsage: " in GUIDE.read_text(encoding="utf-8")
