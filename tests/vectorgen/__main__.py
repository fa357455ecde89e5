"""Write the kit (`make vectors`): each vector as one file, the anchors, nothing else.

The files are in tests/vectors, and have the same bytes on every run.
"""

import sys
from pathlib import Path
from typing import Final

from vectorgen.groups import EVERY_VECTOR
from vectorgen.kit import texts

VECTORS: Final = Path(__file__).parent.parent / "vectors"


def main() -> int:
    """Write every file, and remove what is no vector any more."""
    wanted = texts(EVERY_VECTOR)
    for old in (VECTORS / "kit").rglob("*"):
        if old.is_file() and old.relative_to(VECTORS).as_posix() not in wanted:
            old.unlink()
    for name, text in wanted.items():
        path = VECTORS / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="\n")
    sys.stdout.write(f"{len(EVERY_VECTOR)} vectors\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
