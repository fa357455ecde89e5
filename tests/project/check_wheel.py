"""Check the built wheel as a user gets it: pure Python, typed, with its samples, working.

It is installed into an environment of its own. Usage: python tests/project/check_wheel.py DIST.
Prints one line, or ends with an exit code that is not 0.
"""

import subprocess
import sys
import tempfile
import venv
import zipfile
from pathlib import Path

NEEDED = (
    "nitro_attest/__init__.py",
    "nitro_attest/py.typed",
    "nitro_attest/samples/enclave-2026-01-03-production.cbor",
    "nitro_attest/samples/enclave-2024-11-14-debug.cbor",
)


def main(dist: Path) -> int:
    """Install the one wheel in `dist` into a new environment and run the demonstration from it."""
    (wheel,) = dist.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    missing = [name for name in NEEDED if name not in names]
    strangers = [
        name
        for name in names
        if not name.startswith(("nitro_attest", "nitro_attest.testing.pytest_plugin.py"))
    ]
    if missing or strangers or not wheel.name.endswith("-py3-none-any.whl"):
        print(f"{wheel.name}: missing {missing}, not ours {strangers}")
        return 1
    with tempfile.TemporaryDirectory() as folder:
        venv.create(folder, with_pip=True)
        python = Path(folder) / "bin" / "python"
        install: list[str | Path] = [
            python,
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            wheel,
        ]
        subprocess.run(install, check=True)  # noqa: S603 - our own wheel
        subprocess.run(  # noqa: S603 - our own wheel
            [python, "-m", "nitro_attest.demo"], check=True, stdout=subprocess.DEVNULL, cwd=folder
        )
    print(f"{wheel.name}: pure Python, typed, {len(names)} files, the demonstration runs from it")
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
