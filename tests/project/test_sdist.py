"""The sdist has the tests that run without the key broker, which is a distribution of its own."""

import ast
import tomllib
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).parents[2]
BROKER: Final = "nitro_attest_broker"
ITS_TESTS: Final = "support.kms"
SEQUENCE: Final = "tests/end_to_end/sequence"  # it starts the broker as a process


def imported(path: Path) -> set[str]:
    """Return the modules that a file imports, in whole names."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            names.add(node.module)
    return names


def needs_the_broker(path: Path) -> bool:
    """Return whether a test file imports the broker, itself or by the module that wraps it."""
    return any(name.split(".")[0] == BROKER or name == ITS_TESTS for name in imported(path))


def test_the_sdist_leaves_out_the_tests_that_need_the_broker() -> None:
    """And no other. In the sdist itself both sides are empty."""
    pyproject: Any = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    excluded: set[Path] = set()
    for entry in pyproject["tool"]["hatch"]["build"]["targets"]["sdist"]["exclude"]:
        path = ROOT / entry
        excluded.update(path.rglob("*.py") if path.is_dir() else [path] if path.exists() else [])
    assert {path for path in (ROOT / "tests").rglob("*.py") if needs_the_broker(path)} == {
        path for path in excluded if not path.is_relative_to(ROOT / SEQUENCE)
    }
