"""Check the Python examples of the README and the documentation with mypy strict and pyright strict.

The blocks of one page follow one another, so they are one module; each line keeps its number, so
that an error names the line of the page.
"""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
BUILD: Final = ROOT / "build" / "examples"
BLOCK: Final = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
# A page shows one thing after the other: imports where they are needed, names used once.
PYRIGHT: Final[dict[str, object]] = {
    "include": ["."],
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
    (BUILD / "pyrightconfig.json").write_text(json.dumps(PYRIGHT), encoding="utf-8")
    commands = (
        ["-m", "mypy", "--strict", "--config-file", "", "--no-incremental", "."],
        ["-m", "pyright", "--pythonpath", sys.executable, "-p", "."],
    )
    codes = [
        subprocess.run([sys.executable, *command], cwd=BUILD, check=False).returncode  # noqa: S603 - our own tools
        for command in commands
    ]
    print(f"{count} pages with examples checked")
    return max(codes)


if __name__ == "__main__":
    sys.exit(main())
