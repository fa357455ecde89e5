"""Check the Python examples of README and documentation with mypy strict and pyright strict.

The blocks of one page follow one another, so they are one module; each line keeps its number, so
that an error names the line of the page. The package is the one in this tree, whatever is installed.
"""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
SOURCE: Final = ROOT / "src"
BUILD: Final = ROOT / "build" / "examples"
BLOCK: Final = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
# awscrt has annotations, but no py.typed.
MYPY: Final = f"[mypy]\nmypy_path = {SOURCE}\n[mypy-awscrt.*]\nfollow_untyped_imports = True\n"
# A page shows one thing after the other: imports where they are needed, names used once.
PYRIGHT: Final[dict[str, object]] = {
    "include": ["."],
    "extraPaths": [str(SOURCE)],
    "typeCheckingMode": "strict",
    "reportUnusedExpression": "none",
    "reportConstantRedefinition": "none",
}


def module(page: str) -> str:
    """Return the page as Python: its examples, with blank lines for everything else."""
    lines = [""] * (page.count("\n") + 1)
    for block in BLOCK.finditer(page):
        first = page.count("\n", 0, block.start(1))
        for number, line in enumerate(block[1].splitlines()):
            lines[first + number] = line
    return "\n".join(lines) + "\n"


def main() -> int:
    """Write each page with examples as a module, and check all of them."""
    shutil.rmtree(BUILD, ignore_errors=True)
    BUILD.mkdir(parents=True)
    pages = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    count = 0
    for path in pages:
        text = module(path.read_text(encoding="utf-8"))
        if text.strip():
            name = path.relative_to(ROOT).with_suffix("").as_posix()
            (BUILD / f"{re.sub('[^a-z0-9]+', '_', name.lower())}.py").write_text(text, "utf-8")
            count += 1
    (BUILD / "mypy.ini").write_text(MYPY, encoding="utf-8")
    (BUILD / "pyrightconfig.json").write_text(json.dumps(PYRIGHT), encoding="utf-8")
    commands = (
        ["-m", "mypy", "--strict", "--config-file", "mypy.ini", "--no-incremental", "."],
        ["-m", "pyright", "--pythonpath", sys.executable, "-p", "."],
    )
    codes = [
        subprocess.run([sys.executable, *command], cwd=BUILD, check=False).returncode  # noqa: S603 - type checkers
        for command in commands
    ]
    sys.stdout.write(f"{count} pages with examples checked\n")
    return max(codes)


if __name__ == "__main__":
    sys.exit(main())
