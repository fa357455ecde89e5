"""Import every module of vectors, so that they are collected; the first word of a module's name is the group of its vectors."""

import pkgutil
from importlib import import_module
from typing import Final

from vectorgen.kit import VECTORS, Vector

__all__ = ["EVERY_VECTOR"]


def _collect() -> dict[str, Vector]:
    for module in pkgutil.iter_modules(__path__):
        import_module(f"{__name__}.{module.name}")
    return VECTORS


EVERY_VECTOR: Final = _collect()
