"""A memo holds the last facts up to its size, and a look-up changes nothing."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from nitro_attest._core.memo import Memo


def _keys(memo: Memo[int, str], upto: int) -> list[int]:
    return [key for key in range(upto) if memo.recall(key) is not None]


def test_what_was_remembered_is_recalled() -> None:
    """A fact comes back for its key and for no other."""
    memo: Memo[bytes, str] = Memo(4)
    memo.remember(b"key", "fact")
    assert memo.recall(b"key") == "fact"
    assert memo.recall(b"kez") is None


@pytest.mark.parametrize("size", [0, 1, 2, 3, 8])
@pytest.mark.parametrize("count", range(12))
def test_the_last_facts_are_held_and_no_more(size: int, count: int) -> None:
    """Below, at and above the bound; a size of zero holds nothing."""
    memo: Memo[int, str] = Memo(size)
    for key in range(count):
        memo.remember(key, "fact")
    assert _keys(memo, count) == list(range(max(0, count - size), count))
    assert len(memo) == min(size, count)


def test_using_a_fact_keeps_it_no_longer() -> None:
    """The oldest goes first: certificates expire in the order they came."""
    memo: Memo[int, str] = Memo(2)
    memo.remember(0, "fact")
    memo.remember(1, "fact")
    memo.recall(0)
    memo.remember(2, "fact")
    assert _keys(memo, 3) == [1, 2]


def test_the_same_key_again_pushes_out_nothing() -> None:
    """A second fact for a key takes the place of the first."""
    memo: Memo[int, str] = Memo(2)
    for key in (0, 1, 1, 1):
        memo.remember(key, "fact")
    memo.remember(1, "newer")
    assert memo.recall(0) == "fact"
    assert memo.recall(1) == "newer"


class Racing:
    """Be a key that another thread takes out just before it would be taken out here: being hashed does that, once."""

    overtake: Callable[[], None] | None = None

    def __hash__(self) -> int:
        """Let the other thread be first."""
        overtake, self.overtake = self.overtake, None
        if overtake is not None:
            overtake()
        return id(self)


def test_an_entry_that_is_gone_already_is_no_error() -> None:
    """Two threads may find the same oldest entry; only one of them takes it out."""
    memo: Memo[Racing, str] = Memo(1)
    oldest, newest = Racing(), Racing()
    memo.remember(oldest, "fact")
    oldest.overtake = lambda: memo.remember(newest, "fact")
    memo.remember(Racing(), "fact")
    assert memo.recall(oldest) is None
    assert memo.recall(newest) == "fact"


def test_threads_keep_the_bound_and_the_facts() -> None:
    """Many threads at once lose no bound and mix no facts."""
    memo: Memo[int, int] = Memo(16)

    def work(start: int) -> bool:
        good = True
        for key in range(start, start + 2000):
            memo.remember(key, -key)
            found = memo.recall(key - 3)
            good = good and (found is None or found == 3 - key)
        return good

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(work, range(0, 80_000, 10_000)))
    assert len(memo) <= 16
