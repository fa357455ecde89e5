"""Pack the vectors into one archive for a release (`make vectors-dist`).

The same files give the same bytes: every file gets the same owner, mode and time, and the order is
that of the names.
"""

import gzip
import io
import sys
import tarfile
from pathlib import Path
from typing import Final

REPOSITORY: Final = Path(__file__).parent.parent.parent
VECTORS: Final = REPOSITORY / "tests" / "vectors"
NAME: Final = "nitro-attest-vectors"
SAME_TIME: Final = 1_767_225_600  # 2026-01-01T00:00:00Z
PLAIN_FILE: Final = 0o644


def pack() -> bytes:
    """Return the archive: the licence, and all of tests/vectors."""
    files = {"LICENSE": REPOSITORY / "LICENSE"}
    files |= {
        path.relative_to(VECTORS).as_posix(): path for path in VECTORS.rglob("*") if path.is_file()
    }
    buffer = io.BytesIO()
    with (
        gzip.GzipFile(
            filename="", mode="wb", compresslevel=9, fileobj=buffer, mtime=0
        ) as compressed,
        tarfile.open(fileobj=compressed, mode="w", format=tarfile.USTAR_FORMAT) as archive,
    ):
        for name, path in sorted(files.items()):
            entry = tarfile.TarInfo(f"{NAME}/{name}")
            entry.size, entry.mtime, entry.mode = path.stat().st_size, SAME_TIME, PLAIN_FILE
            archive.addfile(entry, io.BytesIO(path.read_bytes()))
    return buffer.getvalue()


def main(folder: Path) -> int:
    """Write the archive into the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{NAME}.tar.gz").write_bytes(pack())
    sys.stdout.write(f"{folder / NAME}.tar.gz\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
