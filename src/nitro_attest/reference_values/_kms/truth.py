"""Three-valued logic: a condition of a key policy holds, does not hold, or cannot be decided.

A conjunction with one part that does not hold is decided whatever the others are, so an undecided
part matters only where the outcome depends on it (Kleene's strong logic).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeAlias, final


@final
@dataclass(frozen=True, slots=True)
class Undecided:
    """The reason why something cannot be decided exactly."""

    because: str


Truth: TypeAlias = bool | Undecided


def all_of(truths: Iterable[Truth]) -> Truth:
    """Return False if one is False, otherwise the first that is undecided, otherwise True."""
    undecided: Undecided | None = None
    for truth in truths:
        if truth is False:
            return False
        if isinstance(truth, Undecided) and undecided is None:
            undecided = truth
    return True if undecided is None else undecided


def any_of(truths: Iterable[Truth]) -> Truth:
    """Return True if one is True, otherwise the first that is undecided, otherwise False."""
    return negated(all_of(negated(truth) for truth in truths))


def negated(truth: Truth) -> Truth:
    """Return the opposite; the opposite of undecided is undecided."""
    return truth if isinstance(truth, Undecided) else not truth
