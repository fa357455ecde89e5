"""The fuzz targets hold for their seeds, a few hundred changes, and all that fuzzing found."""

import importlib
import importlib.util
from pathlib import Path
from random import Random
from typing import Any, Final

import pytest

from fuzz.invariant import InvariantError, require

TARGETS: Final = (
    *("envelope", "chain", "walk", "payload", "policy_file"),
    *("recipient", "nsm"),
)
FOUND: Final = sorted(
    path for path in (Path(__file__).parent / "found").glob("*/*") if path.is_file()
)
CHANGES: Final = 300

needs_policy_file = pytest.mark.skipif(
    importlib.util.find_spec("nitro_attest.policy_file") is None
    or importlib.util.find_spec("pydantic") is None,
    reason="there are no policy files without the extra cli",
)
every_target = pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=needs_policy_file) if name == "policy_file" else name
        for name in TARGETS
    ],
)


def target(name: str) -> Any:
    """Import a target."""
    return importlib.import_module(f"fuzz.target_{name}")


@every_target
def test_the_seeds_keep_the_invariant(name: str) -> None:
    """Fuzzing can begin with each of them."""
    module = target(name)
    for seed in module.seeds():
        module.one_input(seed)


@every_target
def test_changed_seeds_keep_the_invariant(name: str) -> None:
    """The same few hundred inputs in every run; `make fuzz` tries others."""
    module = target(name)
    seeds, chance = module.seeds(), Random(name)  # noqa: S311 - reproducible on purpose
    for _ in range(CHANGES):
        module.one_input(module.mutate(chance.choice(seeds), chance))


@pytest.mark.parametrize("file", FOUND, ids=lambda file: f"{file.parent.name}/{file.name}")
def test_what_was_found_stays_fixed(file: Path) -> None:
    """Each input once broke the invariant of its target."""
    target(file.parent.name).one_input(file.read_bytes())


def test_a_broken_invariant_is_an_exception() -> None:
    """It must be one under `python -O` too, or the fuzzer would see nothing."""
    with pytest.raises(InvariantError):
        require(0, "broken")
