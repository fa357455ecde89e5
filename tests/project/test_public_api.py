"""The public names, signatures and fields are those of tests/project/public_api.txt.

A change there is a change for users.
"""

import inspect
import subprocess
import sys
from dataclasses import fields, is_dataclass
from enum import Enum
from pathlib import Path
from typing import Any

import nitro_attest

SNAPSHOT = Path(__file__).parent / "public_api.txt"


def _describe(name: str, value: Any) -> list[str]:
    if inspect.isclass(value) and issubclass(value, Enum):
        return [f"{name}: {', '.join(str(member.value) for member in value)}"]
    if inspect.isclass(value) and issubclass(value, Exception):
        return [f"{name}({', '.join(base.__name__ for base in value.__bases__)})"]
    if inspect.isclass(value) and is_dataclass(value):
        lines = [f"{name}{inspect.signature(value)}"]
        lines += [f"    .{field.name}" for field in fields(value)]
        public = (
            key
            for key, member in vars(value).items()
            if not key.startswith("_") and callable(getattr(value, key)) and member
        )
        return lines + [f"    .{key}()" for key in sorted(public)]
    if inspect.isfunction(value):
        return [f"{name}{inspect.signature(value)}"]
    return [f"{name}: {type(value).__name__}"]


def _snapshot() -> str:
    lines = [
        line
        for name in sorted(nitro_attest.__all__)
        for line in _describe(name, getattr(nitro_attest, name))
    ]
    return "\n".join(lines) + "\n"


def test_the_public_api_is_the_recorded_one() -> None:
    """`python tests/project/test_public_api.py` records a change that is wanted."""
    assert _snapshot() == SNAPSHOT.read_text(encoding="utf-8")


def test_every_public_name_is_documented() -> None:
    """Classes and functions have a docstring of their own."""
    for name in nitro_attest.__all__:
        value = getattr(nitro_attest, name)
        if inspect.isclass(value) or inspect.isfunction(value):
            assert value.__doc__
            assert not value.__doc__.startswith(f"{name}(")


def test_the_package_imports_only_what_it_needs() -> None:
    """The core imports neither the fake Nitro nor the demonstration, nor an extra's package."""
    unwanted = (
        "pytest",
        "typer",
        "rich",
        "pydantic",
        "awscrt",
        "nitro_attest.testing",
        "nitro_attest.demo",
    )
    code = f"import sys, nitro_attest; print([name for name in {unwanted} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)  # noqa: S603 - this program
    assert done.stdout.strip() == "[]"


if __name__ == "__main__":
    SNAPSHOT.write_text(_snapshot(), encoding="utf-8")
