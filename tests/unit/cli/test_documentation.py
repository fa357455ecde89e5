"""The guides show what the commands print, and the help of every command; the README's work."""

import shlex
import shutil
from pathlib import Path

import pytest

from unit.cli.console import EXAMPLES, PAGES, ROOT, example_folder, executed, run

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


def test_the_commands_of_the_readme_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As they are, in a checkout with the extra `cli`."""
    shutil.copytree(EXAMPLES, tmp_path / "docs" / "examples")
    monkeypatch.chdir(tmp_path)
    text = (ROOT / "README.md").read_text(encoding="utf-8").replace("\\\n", " ")
    commands = [line for line in text.splitlines() if line.startswith("$ nitro-attest ")]
    done = [run(*shlex.split(command)[2:]) for command in commands]
    assert [(it.code, it.err) for it in done] == [(0, "")] * 3
    assert "ACCEPTED" in done[-1].out
