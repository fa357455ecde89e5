"""Write the kit (`make vectors`): every vector as one file, and nothing else in its folder.

A folder comes in, or none for tests/vectors/kit; files go out, the same bytes on every run.
"""

import sys
from pathlib import Path

from vectorgen.groups import EVERY_VECTOR
from vectorgen.kit import texts

KIT = Path(__file__).parent.parent / "vectors" / "kit"


def main(folder: Path = KIT) -> int:
    """Write every vector, and remove what is none."""
    wanted = texts(EVERY_VECTOR)
    for old in folder.rglob("*.json"):
        if old.relative_to(folder).as_posix() not in wanted:
            old.unlink()
    for name, text in wanted.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    sys.stdout.write(f"{len(wanted)} vectors\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
