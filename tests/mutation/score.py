"""Score a run of mutmut, and compare its survivors with survivors.toml.

`make mutation` calls `python tests/mutation/score.py`. A mutant is named by its function and by the
lines it takes away and puts in their place, which stay the same when numbers of mutants change.
Fails on a survivor that is not listed, on an entry that is killed by now, and on a score under the
limit.
"""

import json
import subprocess
import sys
import tomllib
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final, NamedTuple

ROOT: Final = Path(__file__).parent.parent.parent
LISTED: Final = Path(__file__).parent / "survivors.toml"
LEAST_PER_CENT: Final = 97.0
KILLED: Final = {
    1,
    3,
    24,
    36,
    -24,
    152,
    -9,
    -11,
    255,
}  # mutmut: a test failed, an error, a time limit, a signal
SURVIVED: Final = {
    0,
    5,
    33,
}  # mutmut: all tests passed, none was collected, none reaches the function


class Mutant(NamedTuple):
    """Name a mutant by what it changes."""

    function: str
    removed: str
    added: str


def main() -> int:
    """Print the score and what is wrong with it."""
    codes = read_codes()
    undecided = sorted(name for name, code in codes.items() if code not in KILLED | SURVIVED)
    alive = sorted(name for name, code in codes.items() if code in SURVIVED)
    with ThreadPoolExecutor(2) as pool:
        survivors = Counter(pool.map(describe, alive))
    listed = Counter(
        Mutant(mutant["function"], mutant["removed"], mutant["added"])
        for group in tomllib.loads(LISTED.read_text())["group"]
        for mutant in group["mutants"]
    )
    for title, found in (
        ("not listed", survivors - listed),
        ("listed, but killed", listed - survivors),
    ):
        for mutant in sorted(found):
            print(f"{title}: {mutant.function}\n  - {mutant.removed}\n  + {mutant.added}")
    for name in undecided:
        print(f"undecided ({codes[name]}): {name}")
    killed = len(codes) - len(alive) - len(undecided)
    score = 100 * killed / max(len(codes), 1)
    print(
        f"{killed} of {len(codes)} mutants killed: {score:.1f} %; "
        f"{len(alive)} survive, {listed.total()} listed with a reason"
    )
    return 0 if survivors == listed and not undecided and score >= LEAST_PER_CENT else 1


def read_codes() -> dict[str, int | None]:
    """Return mutmut's exit code of each mutant, None for one that was not run."""
    found: dict[str, int | None] = {}
    for file in sorted((ROOT / "mutants" / "src").rglob("*.meta")):
        found |= json.loads(file.read_text())["exit_code_by_key"]
    return found


def describe(name: str) -> Mutant:
    """Ask mutmut what a mutant changes."""
    command = [str(Path(sys.executable).parent / "mutmut"), "show", name]
    shown = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout  # noqa: S603 - our own command
    lines = [line for line in shown.splitlines() if not line.startswith(("---", "+++"))]
    removed, added = (
        "\n".join(line[1:].strip() for line in lines if line.startswith(sign)) for sign in "-+"
    )
    return Mutant(name.partition("__mutmut_")[0], removed, added)


if __name__ == "__main__":
    sys.exit(main())
