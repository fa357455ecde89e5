"""The house stays straight: sizes, words and forbidden things that no other tool checks."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "nitro_attest"
CORE_LINES = 2_083
CORE = sorted((SOURCE / "_core").glob("*.py"))
modules = pytest.mark.parametrize(
    "path", sorted(SOURCE.rglob("*.py")), ids=lambda path: str(path.relative_to(SOURCE))
)


def _code_lines(path: Path) -> int:
    """Count the lines that are neither blank, comment nor docstring."""
    text = path.read_text(encoding="utf-8")
    tree = ast.parse(text)
    prose: set[int] = set()
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Expr)
            and isinstance(node.value, ast.Constant)
            and isinstance(node.value.value, str)
        ):
            prose.update(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    lines = enumerate(text.splitlines(), start=1)
    return sum(
        1
        for number, line in lines
        if line.strip() and not line.strip().startswith("#") and number not in prose
    )


def test_the_size_of_the_core_is_stated(capsys: pytest.CaptureFixture[str]) -> None:
    """What a reviewer reads; this number and its reason change in the same commit as the code.

    2,083 lines at 100 columns, where 1,250 were aimed at: constructors with keywords, one rejection
    to a line with what was expected, named structures in place of tuples, and a line of its own for
    whatever carries a rule's number take lines. 150 are imports in the core, 83 public names, 53
    the closed list of reasons.
    """
    sizes = {path.name: _code_lines(path) for path in [*CORE, SOURCE / "__init__.py"]}
    with capsys.disabled():
        print("\ncode lines of the core:", sum(sizes.values()), sizes)  # noqa: T201 - for whoever changes it
    assert sum(sizes.values()) <= CORE_LINES


@modules
def test_no_file_is_long(path: Path) -> None:
    """300 lines of code at the most."""
    assert _code_lines(path) <= 300


def test_verify_is_its_steps_and_nothing_else() -> None:
    """The function itself has under 40 lines without its docstring."""
    tree = ast.parse((SOURCE / "_core" / "verification.py").read_text(encoding="utf-8"))
    (verify,) = (
        node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == "verify"
    )
    assert (verify.end_lineno or 0) - (verify.body[0].end_lineno or 0) < 40


@modules
def test_checks_are_never_asserts(path: Path) -> None:
    """`python -O` would strip them."""
    assert not [
        node.lineno
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Assert)
    ]


@modules
def test_no_room_is_called_a_drawer(path: Path) -> None:
    """No module is named for what does not fit elsewhere."""
    assert path.stem.strip("_") not in {"utils", "helpers", "common", "types", "misc"}


@pytest.mark.parametrize("path", CORE, ids=lambda path: path.name)
def test_the_core_does_no_input_or_output(path: Path) -> None:
    """No socket, no file, no environment, no log, no process."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    imported = {
        alias.name.partition(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import)
        for alias in node.names
    }
    imported |= {
        (node.module or "").partition(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
    }
    assert not imported & {
        "os",
        "socket",
        "logging",
        "subprocess",
        "pathlib",
        "urllib",
        "http",
        "ssl",
        "requests",
        "tempfile",
    }
    called = {
        node.func.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    }
    assert not called & {"open", "print", "input", "eval", "exec"}
