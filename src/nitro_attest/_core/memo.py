"""Remember what has been proven, within a bound.

A key and a fact come in once the fact is proven; the fact comes back for the same key. Never: a
refusal, a time or a verdict, which are no facts for ever; more entries than the size; an entry that
looking something up could change.
"""

from collections.abc import Hashable
from typing import Final, Generic, TypeVar, final

_KeyT = TypeVar("_KeyT", bound=Hashable)
_FactT = TypeVar("_FactT")


@final
class Memo(Generic[_KeyT, _FactT]):
    """Hold the facts of the last `size` keys that were proven; 0 holds none.

    The oldest entry goes first, whether it was used or not: certificates expire in the order they
    came, and a fact that is still needed is proven again. Every step is one operation on a dict,
    which Python makes atomic (a key is hashed and compared in C), so threads need no lock, and no
    fork or signal can leave one held.
    """

    def __init__(self, size: int) -> None:
        """Start empty."""
        self._size: Final = size
        self._facts: Final[dict[_KeyT, _FactT]] = {}

    def __len__(self) -> int:
        """Return how many facts are held."""
        return len(self._facts)

    def recall(self, key: _KeyT) -> _FactT | None:
        """Return the fact for `key`, or None if it is not held."""
        return self._facts.get(key)

    def remember(self, key: _KeyT, fact: _FactT) -> None:
        """Hold `fact` for `key`, and let the oldest go if there are too many."""
        self._facts[key] = fact
        excess = len(self._facts) - self._size
        if excess > 0:
            for oldest in list(self._facts)[:excess]:
                self._facts.pop(oldest, None)  # another thread may have been first
