"""Signed nonces: what we did not sign is rejected, and what was spent stays spent."""

import math
from datetime import timedelta
from itertools import product
from typing import Any, cast

import pytest

from nitro_attest import PolicyError, Reason, StaleDocumentError
from nitro_attest.nonces import MemoryOnce, SignedNonces, SigningKeys
from nitro_attest.nonces import _memory as memory
from nitro_attest.nonces import _signed as module
from support.nonce_contract import refusal

TTL = timedelta(minutes=5)
ONE_CLOCK = timedelta(0)
OLD, NEW, OTHER = (bytes([number]) * 32 for number in (1, 2, 3))
EPOCH = 1_800_000_000


class Clocks:
    """The true time, and how far the wall clock of whoever works now is from it, in seconds."""

    def __init__(self) -> None:
        """Begin with a wall clock that is right."""
        self.true = 1_000.0
        self.offset = 0.0

    def wall(self) -> int:
        """Return the wall clock, in ns since 1970."""
        return (EPOCH * 1_000 + round((self.true + self.offset) * 1_000)) * 1_000_000

    def monotonic(self) -> float:
        """Return the clock of the store."""
        return self.true


@pytest.fixture
def clocks(monkeypatch: pytest.MonkeyPatch) -> Clocks:
    """Put clocks in place of the system's."""
    clocks = Clocks()
    monkeypatch.setattr(module, "time_ns", clocks.wall)
    monkeypatch.setattr(memory, "monotonic", clocks.monotonic)
    return clocks


def _store(
    current: int = 1,
    secrets: dict[int, bytes] | None = None,
    spent: MemoryOnce | None = None,
    ttl: timedelta = TTL,
) -> SignedNonces:
    keys = SigningKeys(current=current, secrets={1: OLD} if secrets is None else secrets)
    return SignedNonces(keys, ttl=ttl, spent=spent or MemoryOnce(), max_clock_skew=ONE_CLOCK)


def test_every_changed_bit_is_rejected(clocks: Clocks) -> None:
    """Version, key id, expiry, random bytes and HMAC; the token itself is not used up."""
    store = _store(secrets={1: OLD, 0: NEW, 3: OTHER})
    token = store.issue()
    for bit in range(len(token) * 8):
        changed = bytearray(token)
        changed[bit // 8] ^= 1 << bit % 8
        assert refusal(store, bytes(changed)) is Reason.FRESHNESS_NONCE_UNKNOWN
    clocks.true += 1
    store.redeem(token)


def test_every_truncation_and_extension_is_rejected() -> None:
    """From 16 bytes on; below it is short."""
    store = _store()
    token = store.issue()
    for length in range(16, len(token)):
        assert refusal(store, token[:length]) is Reason.FRESHNESS_NONCE_UNKNOWN
    assert refusal(store, token + b"\0") is Reason.FRESHNESS_NONCE_UNKNOWN
    assert refusal(store, b"\0" + token) is Reason.FRESHNESS_NONCE_UNKNOWN


def test_another_version_is_rejected_although_the_key_signed_it() -> None:
    """A later version may mean something else."""
    store = _store()
    fields = b"\2" + store.issue()[1:29]
    sign = cast("Any", store)._mac  # noqa: SLF001 - nothing else signs a wrong version
    assert refusal(store, fields + sign(1, fields, b"")) is Reason.FRESHNESS_NONCE_UNKNOWN
    good = b"\1" + fields[1:]
    store.redeem(good + sign(1, good, b""))


def test_a_token_of_another_secret_is_rejected() -> None:
    """Same key id, same everything else."""
    assert refusal(_store(), _store(secrets={1: OTHER}).issue()) is Reason.FRESHNESS_NONCE_UNKNOWN


def test_a_token_of_another_time_to_live_is_rejected() -> None:
    """Its issue could not be told from its expiry."""
    long = _store(ttl=TTL * 2)
    assert refusal(_store(), long.issue()) is Reason.FRESHNESS_NONCE_UNKNOWN


def test_keys_are_rotated_without_downtime_and_then_out() -> None:
    """New secret known, new secret current, old secret gone: each step next to the one before."""
    spent = MemoryOnce()
    before = _store(1, {1: OLD}, spent)
    known = _store(1, {1: OLD, 2: NEW}, spent)
    current = _store(2, {1: OLD, 2: NEW}, spent)
    after = _store(2, {2: NEW}, spent)
    for issuer, redeemer in [(before, known), (known, before), (known, current), (current, known)]:
        redeemer.redeem(issuer.issue())
    current.redeem(after.issue())
    assert refusal(after, known.issue()) is Reason.FRESHNESS_NONCE_UNKNOWN


def test_a_token_expires(clocks: Clocks) -> None:
    """At the end of its time to live, and it was good just before."""
    store = _store()
    first, second = store.issue(), store.issue()
    clocks.true += 299.999
    store.redeem(first)
    clocks.true += 0.001
    assert refusal(store, second) is Reason.FRESHNESS_NONCE_EXPIRED


def test_a_token_from_too_far_in_the_future_is_rejected(clocks: Clocks) -> None:
    """Whoever issued it had a wrong clock, and it would live too long."""
    spent = MemoryOnce()
    keys = SigningKeys(current=1, secrets={1: OLD})
    store = SignedNonces(keys, ttl=TTL, spent=spent, max_clock_skew=timedelta(seconds=30))
    clocks.true += 60
    clocks.offset = 30.0
    near = store.issue()
    clocks.offset = 30.001
    far = store.issue()
    clocks.offset = 0.0
    assert refusal(store, far) is Reason.FRESHNESS_NONCE_UNKNOWN
    store.redeem(near)


def test_a_pause_that_outlasts_the_token_ends_in_a_rejection(clocks: Clocks) -> None:
    """The claim of another worker may be forgotten by then."""

    class SlowOnce:
        """A store that answers after ten minutes."""

        def claim(self, key: bytes, seconds: float, *, age: float = 0.0) -> bool:
            """Answer late."""
            clocks.true += 600
            return bool(key and seconds and age is not None)

    store = SignedNonces(SigningKeys(current=1, secrets={1: OLD}), ttl=TTL, spent=SlowOnce())
    assert refusal(store, store.issue()) is Reason.FRESHNESS_NONCE_EXPIRED


@pytest.mark.parametrize("answer", [False, None, 1, "yes", object()])
def test_only_true_is_a_first_claim(answer: Any) -> None:
    """A store that answers anything else has not said that the token is new."""

    class OddOnce:
        """A store with another answer."""

        def claim(self, key: bytes, seconds: float, *, age: float = 0.0) -> bool:
            """Return what is no `True`."""
            return cast("bool", answer if key and seconds and math.isfinite(age) else True)

    store = SignedNonces(SigningKeys(current=1, secrets={1: OLD}), ttl=TTL, spent=OddOnce())
    assert refusal(store, store.issue()) is Reason.FRESHNESS_NONCE_USED


def test_no_token_is_accepted_twice_with_clocks_thirty_seconds_apart(clocks: Clocks) -> None:
    """Whichever clock is slow, and whenever the store of spent tokens loses its memory."""
    keys = SigningKeys(current=1, secrets={1: OLD})
    offsets = (-15.0, 0.0, 15.0)
    for issuer, first, second in product(offsets, repeat=3):
        for restart in range(70, 451, 60):
            clocks.true, clocks.offset = 1_000.0, issuer
            begin = clocks.true
            store = SignedNonces(keys, ttl=TTL, spent=MemoryOnce())
            clocks.true += 61
            token = store.issue()
            accepted = 0
            restarted = False
            while clocks.true < begin + 460:
                if not restarted and clocks.true >= begin + restart:
                    restarted = True
                    store = SignedNonces(keys, ttl=TTL, spent=MemoryOnce())
                for offset in (first, second):
                    clocks.offset = offset
                    accepted += _accepts(store, token)
                clocks.true += 5
            assert accepted == 1


def _accepts(store: SignedNonces, token: bytes) -> bool:
    try:
        store.redeem(token)
    except StaleDocumentError:
        return False
    return True


def test_tokens_issued_before_the_memory_of_spent_ones_are_rejected(clocks: Clocks) -> None:
    """The new store can't know whether the old one had seen them."""
    token = _store().issue()
    clocks.true += 1
    new = _store()
    assert refusal(new, token) is Reason.FRESHNESS_NONCE_UNKNOWN
    new.redeem(new.issue())


@pytest.mark.parametrize(
    ("field", "current", "secrets"),
    [
        ("SigningKeys.current", 2, {1: OLD}),
        ("SigningKeys.current", 1, {}),
        ("SigningKeys.current", True, {1: OLD}),
        ("SigningKeys.current", None, {1: OLD}),
        ("SigningKeys.secrets", -1, {-1: OLD}),
        ("SigningKeys.secrets", 2**32, {2**32: OLD}),
        ("SigningKeys.secrets", "a", {"a": OLD}),
        ("SigningKeys.secrets", True, {True: OLD}),
        ("SigningKeys.secrets[1]", 1, {1: OLD[:31]}),
        ("SigningKeys.secrets[1]", 1, {1: "0" * 32}),
        ("SigningKeys.secrets[1]", 1, {1: bytearray(OLD)}),
    ],
)
def test_wrong_keys_are_policy_errors(field: str, current: Any, secrets: Any) -> None:
    """Short secrets above all."""
    with pytest.raises(PolicyError) as refused:
        SigningKeys(current=current, secrets=secrets)
    assert refused.value.field == field


def test_the_longest_key_id_works() -> None:
    """Four bytes of a token."""
    store = _store(2**32 - 1, {2**32 - 1: OLD, 0: NEW})
    store.redeem(store.issue())


def test_keys_show_no_secret() -> None:
    """Only their ids."""
    keys = SigningKeys(current=2, secrets={2: NEW, 1: OLD})
    assert repr(keys) == "SigningKeys(current=2, secrets=<[1, 2]>)"


def test_a_later_change_of_the_mapping_changes_no_key() -> None:
    """The secrets are copied."""
    secrets = {1: OLD}
    store = SignedNonces(
        SigningKeys(current=1, secrets=secrets),
        ttl=TTL,
        spent=MemoryOnce(),
        max_clock_skew=ONE_CLOCK,
    )
    secrets[1] = NEW
    assert refusal(_store(secrets={1: NEW}), store.issue()) is Reason.FRESHNESS_NONCE_UNKNOWN
    store.redeem(store.issue())


def test_wrong_stores_and_keys_are_policy_errors() -> None:
    """A mapping in place of SigningKeys; a store without claim, or with an async one."""

    class AsyncOnce:
        """A store whose method is a coroutine function."""

        async def claim(self, key: bytes, seconds: float, *, age: float = 0.0) -> bool:
            """Return nothing that is a bool."""
            return bool(key and seconds and age)

    keys = SigningKeys(current=1, secrets={1: OLD})
    with pytest.raises(PolicyError) as refused:
        SignedNonces(cast("Any", {1: OLD}), ttl=TTL, spent=MemoryOnce())
    assert refused.value.field == "SignedNonces.keys"
    for wrong in (None, object(), AsyncOnce()):
        with pytest.raises(PolicyError) as refused:
            SignedNonces(keys, ttl=TTL, spent=cast("Any", wrong))
        assert refused.value.field == "SignedNonces.spent"
