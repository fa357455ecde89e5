"""Remove each rule of verification, and see that a test named for it fails (`make rules`).

    python tests/project/rules.py [V-54 ...]

A rule's number stands in a comment at each line of `_core` that applies it (`# V-54`), and
docs/spec/rules.toml names its tests. For each such line this makes one change in a copy of the
tree, runs the rule's tests there, and prints a row of a table:

- an operand of a condition on several lines, if the number stands at that operand alone, is
  dropped;
- an entry of a table or list, or a keyword argument, on a line of its own is taken out;
- a condition of a comprehension never holds;
- `if` that rejects (it ends in `raise`, in `return False`, or in a function that always raises)
  never holds; any other `if` never holds, and in a second run always;
- `for` goes through nothing, a handler of exceptions does nothing;
- `return` of a function that returns `bool` becomes `return True`;
- `_typed(value, ...)` returns its value unchecked;
- any other statement is taken out.

The exit code is 1 if the tests of some line pass nevertheless, or a rule has no line.
"""

import ast
import io
import os
import re
import shutil
import subprocess
import sys
import tempfile
import tokenize
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

ROOT: Final = Path(__file__).parents[2]
CORE: Final = Path("src/nitro_attest/_core")
NUMBER: Final = re.compile(r"\bV-[0-9]{2,3}\b")
NEEDED: Final = ("src", "tests", "docs", "conftest.py", "pyproject.toml", "README.md")
SECONDS: Final = 300  # for the tests of one rule


class Place(NamedTuple):
    """A line that applies a rule."""

    rule: str
    path: Path
    line: int

    def __str__(self) -> str:
        """Write the place for the table."""
        return f"{self.path.name}:{self.line}"


def rules() -> dict[str, list[str]]:
    """Return the tests of each rule."""
    steps = tomllib.loads((ROOT / "docs/spec/rules.toml").read_text(encoding="utf-8"))["step"]
    return {rule["id"]: rule["tests"] for step in steps for rule in step["rule"]}


def places(folder: Path = ROOT / CORE) -> Iterator[Place]:
    """Find the numbers in the comments of `_core`."""
    for path in sorted(folder.glob("*.py")):
        text = path.read_text(encoding="utf-8")
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            if token.type == tokenize.COMMENT:
                for rule in NUMBER.findall(token.string):
                    yield Place(rule, path, token.start[0])


def changes(text: str, line: int) -> Iterator[tuple[str, str]]:
    """Yield the source without what is at `line`, and a description, for each way to do so."""
    first = _Change(line, text, holds=False)
    yield first.apply(), first.done
    if first.has_another:
        second = _Change(line, text, holds=True)
        yield second.apply(), second.done


class _Change:
    """One change at one line of a module; `holds` is what a condition is set to."""

    def __init__(self, line: int, text: str, *, holds: bool) -> None:
        self._tree = ast.parse(text)
        self._line = line
        self._holds = holds
        self._parents = {
            child: node for node in ast.walk(self._tree) for child in ast.iter_child_nodes(node)
        }
        self._raises = {
            node.name
            for node in ast.walk(self._tree)
            if isinstance(node, ast.FunctionDef)
            and isinstance(node.returns, ast.Name)
            and node.returns.id == "NoReturn"
        }
        self.done = ""
        self.has_another = False

    def apply(self) -> str:
        """Change the smallest thing that the line is about."""
        nodes = [node for node in ast.walk(self._tree) if self._is_here(node)]
        nodes.sort(key=lambda node: _lines(node)[1] - _lines(node)[0])
        steps = (self._operand, self._entry, self._condition, self._typed, self._statement)
        for change in steps:
            for node in nodes:
                if change(node):
                    return ast.unparse(ast.fix_missing_locations(self._tree))
        message = f"nothing to change at line {self._line}"
        raise ValueError(message)

    def _is_here(self, node: ast.AST) -> bool:
        first, last = _lines(node)
        return first <= self._line <= last

    def _operand(self, node: ast.AST) -> bool:
        if not isinstance(node, ast.BoolOp) or not _is_long(node):
            return False
        for index, operand in enumerate(node.values):
            if _lines(operand) == (self._line, self._line):
                node.values[index] = ast.Constant(isinstance(node.op, ast.And))
                self.done = "operand dropped"
                return True
        return False

    def _entry(self, node: ast.AST) -> bool:
        if isinstance(node, ast.Dict):
            for index, (key, value) in enumerate(zip(node.keys, node.values, strict=True)):
                first = value if key is None else key
                if _lines(first)[0] <= self._line <= _lines(value)[1]:
                    del node.keys[index], node.values[index]
                    self.done = "entry taken out"
                    return True
        elif isinstance(node, ast.Tuple | ast.List | ast.Set) and _is_long(node):
            for index, element in enumerate(node.elts):
                if self._is_here(element):
                    del node.elts[index]
                    self.done = "entry taken out"
                    return True
        elif isinstance(node, ast.Call) and _is_long(node):
            for keyword in node.keywords:
                if _lines(keyword) == (self._line, self._line):
                    node.keywords.remove(keyword)
                    self.done = "argument taken out"
                    return True
        return False

    def _condition(self, node: ast.AST) -> bool:
        for part in getattr(node, "generators", ()):
            for index, condition in enumerate(part.ifs):
                if self._is_here(condition):
                    part.ifs[index] = ast.Constant(value=False)
                    self.done = "never"
                    return True
        return False

    def _typed(self, node: ast.AST) -> bool:
        match node:
            case ast.Call(func=ast.Name(id="_typed")):
                node.func = ast.parse("lambda value, *_: value", mode="eval").body
                self.done = "of any type"
                return True
            case _:
                return False

    def _statement(self, node: ast.AST) -> bool:
        match node:
            case ast.If() if self._line < node.body[0].lineno or self._is_here(node.test):
                self.has_another = not self._rejects(node.body[-1])
                node.test = ast.Constant(value=self._holds)
                self.done = "always" if self._holds else "never"
            case ast.For() if self._line < node.body[0].lineno:
                node.iter = ast.Tuple([], ast.Load())
                self.done = "goes through nothing"
            case ast.ExceptHandler() if self._line < node.body[0].lineno:
                node.body = [ast.Pass()]
                self.done = "handler does nothing"
            case ast.Return() if self._function_returns_bool(node):
                node.value = ast.Constant(value=True)
                self.done = "returns True"
            case ast.stmt() if not hasattr(node, "body"):
                self._take_out(node)
            case _:
                return False
        return True

    def _rejects(self, node: ast.stmt) -> bool:
        match node:
            case ast.Raise() | ast.Return(value=ast.Constant(value=False)):
                return True
            case ast.Expr(value=ast.Call(func=ast.Name(id=name))):
                return name in self._raises
            case _:
                return False

    def _function_returns_bool(self, node: ast.AST) -> bool:
        while not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Module):
            node = self._parents[node]
        returns = getattr(node, "returns", None)
        return isinstance(returns, ast.Name) and returns.id == "bool"

    def _take_out(self, node: ast.stmt) -> None:
        parent: Any = self._parents[node]
        for name in ("body", "orelse", "finalbody"):
            block = getattr(parent, name, [])
            if node in block:
                block[block.index(node)] = ast.Pass()
        self.done = "statement taken out"


def _lines(node: ast.AST) -> tuple[int, int]:
    first = getattr(node, "lineno", None)
    return (0, -1) if first is None else (first, getattr(node, "end_lineno", first))


def _is_long(node: ast.AST) -> bool:
    first, last = _lines(node)
    return last > first


def copy(folder: Path) -> None:
    """Copy what the tests need."""
    ignore = shutil.ignore_patterns("__pycache__", ".*", "build", "dist")
    for name in NEEDED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=ignore)
        else:
            shutil.copy(source, folder / name)


def fails(folder: Path, tests: list[str]) -> bool:
    """Run tests in the copy, and tell whether one of them fails."""
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *tests]
    paths = os.pathsep.join((str(folder / "src"), str(folder / "tests")))
    environment = {
        **os.environ,
        "PYTHONPATH": paths,
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",  # none is needed, and they take most of the time
    }
    try:
        done = subprocess.run(  # noqa: S603 - pytest, on our own copy
            command,
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=SECONDS,
        )
    except subprocess.TimeoutExpired:
        return True
    if done.returncode not in {0, 1, 2, 4}:  # 2, 4: the changed module can't be imported any more
        sys.stderr.write(done.stdout)
        raise RuntimeError(done.returncode)
    return done.returncode != 0


def main(wanted: list[str]) -> int:
    """Print the table; `wanted` are numbers, or none for all rules."""
    tests = {rule: names for rule, names in rules().items() if not wanted or rule in wanted}
    found = [place for place in places() if place.rule in tests]
    unknown = sorted({place.rule for place in places()} - rules().keys())
    alive = [*unknown, *sorted(tests.keys() - {place.rule for place in found})]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        copy(folder)
        if fails(folder, sorted({test for names in tests.values() for test in names})):
            sys.stderr.write("the tests fail without any change\n")
            return 2
        for place in found:
            target = folder / CORE / place.path.name
            text = target.read_text(encoding="utf-8")
            for changed, done in changes(text, place.line):
                target.write_text(changed, encoding="utf-8")
                killed = fails(folder, tests[place.rule])
                verdict = "fails" if killed else "PASSES"
                sys.stdout.write(f"{place.rule}  {place!s:22}  {done:20}  {verdict}\n")
                sys.stdout.flush()
                if not killed:
                    alive.append(f"{place.rule} {place}")
            target.write_text(text, encoding="utf-8")
    sys.stdout.write(f"{len(tests)} rules, {len(found)} lines; without a line or a failing test: ")
    sys.stdout.write(f"{', '.join(alive) or 'none'}\n")
    return 1 if alive else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
