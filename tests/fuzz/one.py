"""Fuzz one target: `python one.py TARGET CORPUS [flags of libFuzzer]`.

`run.py` calls this, and only this file needs atheris. The package under test is instrumented, so
nothing may import it before.
"""

import importlib
import sys
import warnings
from pathlib import Path
from random import Random
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))
_HALF = 0.5


def main() -> None:
    """Give the target to libFuzzer."""
    _, name, *flags = sys.argv
    atheris: Any = importlib.import_module("atheris")  # it comes without types
    with atheris.instrument_imports(include=["nitro_attest"]):
        importlib.import_module("nitro_attest.testing")
        target: Any = importlib.import_module(f"fuzz.target_{name}")

    def mutator(data: bytes, max_size: int, seed: int) -> bytes:
        chance = Random(seed)  # noqa: S311 - reproducible on purpose
        if chance.random() < _HALF:
            return bytes(atheris.Mutate(data, max_size))
        return bytes(target.mutate(bytes(data), chance))[:max_size]

    warnings.simplefilter(
        "error"
    )  # a warning that a document can cause would be an exception in some services

    def one_input(data: bytes) -> None:
        target.one_input(bytes(data))

    atheris.Setup([sys.argv[0], *flags], one_input, custom_mutator=mutator)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
