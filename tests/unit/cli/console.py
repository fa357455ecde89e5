"""Run the command line in this process, and the console examples of the documentation.

`python tests/unit/cli/console.py --write` writes the outputs of the examples as they are now; the
tests compare them. The examples are what a terminal of 80 columns shows, without its colours.
"""

import contextlib
import io
import os
import re
import shlex
import shutil
import sys
import tempfile
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from pathlib import Path

from nitro_attest.cli import main

ROOT = Path(__file__).parents[3]
EXAMPLES = ROOT / "docs" / "examples"
CAPTURED = ROOT / "tests" / "vectors" / "real"
PAGES = sorted((ROOT / "docs" / "guides").glob("*.md"))
BLOCK = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)
MARK = "$ nitro-attest"
EXIT_CODE = "$ echo $?"


STYLE = re.compile(r"\x1b\[[0-9;]*m")


@dataclass(frozen=True)
class Finished:
    """What a command wrote, and its exit code."""

    code: int
    out: str
    err: str


class _Terminal(io.TextIOWrapper):
    """A stream in memory that says it is a terminal."""

    def isatty(self) -> bool:
        """Say so."""
        return True


def run(*arguments: str, stdin: bytes = b"", columns: int | None = None) -> Finished:
    """Run `nitro-attest` with these arguments: on a terminal of so many columns, or with a pipe."""
    kind = io.TextIOWrapper if columns is None else _Terminal
    out = kind(io.BytesIO(), "utf-8")
    err, source = (io.TextIOWrapper(io.BytesIO(start), "utf-8") for start in (b"", stdin))
    argv, stdin_before, environment = sys.argv, sys.stdin, dict(os.environ)
    sys.argv, sys.stdin = ["nitro-attest", *arguments], source
    os.environ.update({"COLUMNS": str(columns or 80), "TERM": "xterm"})
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = main()
    finally:
        sys.argv, sys.stdin = argv, stdin_before
        os.environ.clear()
        os.environ.update(environment)
    texts: list[str] = []
    for stream in (out, err):
        stream.flush()
        stream.seek(0)
        texts.append(STYLE.sub("", stream.read()))
    return Finished(code, *texts)


@contextlib.contextmanager
def example_folder() -> Generator[Path]:
    """Make a folder with the files that the examples use, and work in it."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for file in EXAMPLES.iterdir():
            shutil.copy(file, folder)
        (folder / "real").mkdir()
        for file in CAPTURED.glob("*.cbor"):
            shutil.copy(file, folder / "real")
        with contextlib.chdir(folder):
            yield folder


def executed(page: str) -> str:
    """Return a page with its examples' outputs as they are now; its commands run in their order."""
    return BLOCK.sub(lambda found: f"```console\n{_execute(found[1])}```", page)


def _execute(block: str) -> str:
    """Run the commands of one block; what another program prints is left as the page has it."""
    lines: list[str] = []
    code = 0
    ours = False
    for command, output in _commands(block):
        lines.append(command)
        if command == EXIT_CODE:
            lines.append(str(code))
        elif command.startswith(f"{MARK} "):
            ours = True
            done = run(*shlex.split(command.replace("\\\n", " "))[2:], columns=80)
            code = done.code
            lines += (done.err + done.out).splitlines()
        else:
            lines += output
    return "\n".join(lines) + "\n" if ours else block


def _commands(block: str) -> Iterator[tuple[str, list[str]]]:
    command, output = "", list[str]()
    for line in block.splitlines():
        if command.endswith("\\"):
            command += f"\n{line}"
        elif line.startswith("$ "):
            if command:
                yield command, output
            command, output = line, []
        else:
            output.append(line)
    yield command, output


if __name__ == "__main__" and sys.argv[1:] == ["--write"]:
    for path in PAGES:
        text = path.read_text(encoding="utf-8")
        with example_folder():
            written = executed(text)
        if written != text:
            path.write_text(written, encoding="utf-8")
