"""Import every group, so that its vectors are collected."""

from vectorgen.groups import cose
from vectorgen.kit import VECTORS

__all__ = ["EVERY_VECTOR", "cose"]

EVERY_VECTOR = VECTORS
