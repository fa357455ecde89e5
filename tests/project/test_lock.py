"""The lock names all that is installed from it, extras included: pip resolves nothing.

With `--require-hashes`, pip looks for the newest release of a requirement that the lock does not
name in full; an extra that is missing there makes the installation fail on a fresh machine once a
newer release exists.
"""

import re
from importlib.metadata import PackageNotFoundError, requires
from pathlib import Path
from typing import Final

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

LOCK: Final = Path(__file__).parents[2] / "requirements" / "dev.txt"
LOCKED: Final = re.compile(r"^([A-Za-z0-9._-]+)(?:\[([^\]]*)\])?==", re.MULTILINE)


def _read(text: str) -> dict[str, frozenset[str]]:
    """Return the extras that are locked with each name."""
    return {
        canonicalize_name(name): frozenset(filter(None, extras.split(",")))
        for name, extras in LOCKED.findall(text)
    }


def _needed(name: str, extras: frozenset[str]) -> list[Requirement]:
    """Return what an installed package needs here, with the extras that are locked."""
    try:
        declared = requires(name) or []
    except PackageNotFoundError:
        return []  # locked for another platform or Python
    parsed = map(Requirement, declared)
    return [
        requirement
        for requirement in parsed
        if requirement.marker is None
        or any(requirement.marker.evaluate({"extra": extra}) for extra in extras | {""})
    ]


def _missing(text: str) -> set[str]:
    """Return the requirements of locked packages that the lock does not name in full."""
    locked = _read(text)
    return {
        f"{name} needs {requirement}"
        for name, extras in locked.items()
        for requirement in _needed(name, extras)
        if not requirement.extras <= locked.get(canonicalize_name(requirement.name), {"absent"})
        or canonicalize_name(requirement.name) not in locked
    }


def test_every_name_and_extra_that_a_locked_package_needs_is_locked() -> None:
    """An installation from the lock resolves nothing."""
    assert _missing(LOCK.read_text(encoding="utf-8")) == set()


def test_the_lock_names_its_packages_with_their_hashes_and_no_index() -> None:
    """Nothing is taken from an address that the lock brings along."""
    text = LOCK.read_text(encoding="utf-8")

    assert len(_read(text)) > 50
    assert text.count("--hash=sha256:") >= len(_read(text))
    assert "://" not in text


@pytest.mark.parametrize(
    ("locked", "cut"), [("coverage[toml]==", "coverage=="), ("pytest==", "x==")]
)
def test_a_name_or_an_extra_that_is_taken_out_is_noticed(locked: str, cut: str) -> None:
    """The fault that broke every fresh machine: coverage was locked, coverage[toml] was needed."""
    text = LOCK.read_text(encoding="utf-8")
    assert f"\n{locked}" in text

    assert any(
        locked.partition("[")[0].rstrip("=") in line
        for line in _missing(text.replace(f"\n{locked}", f"\n{cut}"))
    )
