"""Write what is generated (`make generate`), or only compare: `--check`, `make check-generated`.

A check runs the generators in a copy of the tree, so that it never changes the work tree.
"""

import filecmp
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
WRITE_SCHEMA: Final = """
import json, pathlib
from nitro_attest.policy_file import json_schema
pathlib.Path("docs/policy.schema.json").write_text(json.dumps(json_schema(), indent=2) + "\\n")
"""
# What is written, and the command that writes it. Later ones read what earlier ones have written.
GENERATORS: Final = (
    (("tests/vectors/kit", "tests/vectors/anchors.json"), ("-m", "vectorgen")),
    (("tests/golden/messages.json",), ("tests/golden/test_messages.py",)),
    (("tests/golden/key_policy_messages.json",), ("tests/golden/test_key_policy_messages.py",)),
    (("tests/project/public_api.txt",), ("tests/project/test_public_api.py",)),
    (("docs/spec/verification.md",), ("docs/spec/make_table.py",)),
    (("docs/policy.schema.json",), ("-c", WRITE_SCHEMA)),
    (("docs/security/evidence.md",), ("tests/project/test_evidence.py",)),
    (("docs/guides",), ("tests/unit/cli/console.py", "--write")),
)
NOT_COPIED: Final = shutil.ignore_patterns(".git", ".venv*", "build", "dist", "mutants", ".*cache")


def main() -> int:
    """Generate here, or compare with what a copy of the tree generates; 1 if something differs."""
    if sys.argv[1:] != ["--check"]:
        _generate(ROOT)
        return 0
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "tree"
        shutil.copytree(ROOT, copy, ignore=NOT_COPIED)
        _generate(copy)
        stale = sorted(set(_differences(copy)))
    for name in stale:
        print(f"{name} is not what its generator writes: run make generate")
    return 1 if stale else 0


def _generate(tree: Path) -> None:
    paths = os.pathsep.join(str(tree / name) for name in ("src", "tests"))
    environment = {**os.environ, "PYTHONPATH": paths}
    for _, command in GENERATORS:
        subprocess.run([sys.executable, *command], cwd=tree, env=environment, check=True)  # noqa: S603 - our own generators


def _differences(copy: Path) -> Iterator[str]:
    """Name the generated files that differ, are missing, or are there without a generator."""
    for outputs, _ in GENERATORS:
        for output in outputs:
            for tree in (ROOT, copy):
                paths = [tree / output, *(tree / output).rglob("*")]
                for path in filter(Path.is_file, paths):
                    name = path.relative_to(tree)
                    here, there = ROOT / name, copy / name
                    both = here.is_file() and there.is_file()
                    if not both or not filecmp.cmp(here, there, shallow=False):
                        yield str(name)


if __name__ == "__main__":
    sys.exit(main())
