"""What all stores share: the contract, where no server is needed, and checked arguments."""

import math
import pickle
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import pytest
from sqlalchemy import NullPool, create_engine

from nitro_attest import NitroAttestError, PolicyError
from nitro_attest.nonces import (
    MemoryNonces,
    MemoryOnce,
    NonceStore,
    NonceStoreUnavailableError,
    OnceStore,
    ReplayGuard,
    SignedNonces,
    SigningKeys,
)
from nitro_attest.nonces.sql import SqlNonces, SqlOnce, create_tables
from support.nonce_contract import NONCE_CONTRACT, ONCE_CONTRACT

TTL = timedelta(minutes=5)
KEYS = SigningKeys(current=1, secrets={1: bytes(range(32))})
ONE_CLOCK = timedelta(0)


def _memory(_: Path) -> NonceStore:
    return MemoryNonces(ttl=TTL, max_outstanding=1_000)


def _signed(_: Path) -> NonceStore:
    return SignedNonces(KEYS, ttl=TTL, spent=MemoryOnce(), max_clock_skew=ONE_CLOCK)


def _sql(directory: Path) -> NonceStore:
    engine = create_engine(
        f"sqlite:///{directory}/nonces.db", connect_args={"timeout": 60}, poolclass=NullPool
    )
    create_tables(engine)
    return SqlNonces(engine, ttl=TTL)


def _sql_once(directory: Path) -> OnceStore:
    engine = create_engine(
        f"sqlite:///{directory}/claims.db", connect_args={"timeout": 60}, poolclass=NullPool
    )
    create_tables(engine)
    return SqlOnce(engine)


def _memory_once(_: Path) -> OnceStore:
    return MemoryOnce()


@pytest.mark.parametrize("make", [_memory, _signed, _sql])
@pytest.mark.parametrize("contract", NONCE_CONTRACT)
def test_a_nonce_store_keeps_the_contract(
    make: Callable[[Path], NonceStore], contract: Callable[[NonceStore], None], tmp_path: Path
) -> None:
    """One nonce, one redemption, in its context."""
    contract(make(tmp_path))


@pytest.mark.parametrize("make", [_memory_once, _sql_once])
@pytest.mark.parametrize("contract", ONCE_CONTRACT)
def test_a_once_store_keeps_the_contract(
    make: Callable[[Path], OnceStore], contract: Callable[[OnceStore], None], tmp_path: Path
) -> None:
    """One key, one claim, and nothing older than the memory."""
    contract(make(tmp_path))


@pytest.mark.parametrize("make", [_memory, _signed, _sql])
def test_a_context_that_is_not_bytes_is_a_policy_error(
    make: Callable[[Path], NonceStore], tmp_path: Path
) -> None:
    """Text, None or a bytearray would be another context to somebody else."""
    store = make(tmp_path)
    nonce = store.issue()
    for wrong in ("session", None, bytearray(b"session"), 1):
        with pytest.raises(PolicyError) as issued:
            store.issue(context=cast("Any", wrong))
        with pytest.raises(PolicyError) as redeemed:
            store.redeem(nonce, context=cast("Any", wrong))
        assert issued.value.field == redeemed.value.field == "context"
    store.redeem(nonce)


@pytest.mark.parametrize("make", [_memory, _signed, _sql])
def test_a_nonce_that_is_not_bytes_is_a_policy_error(
    make: Callable[[Path], NonceStore], tmp_path: Path
) -> None:
    """No document has such a nonce."""
    store = make(tmp_path)
    for wrong in ("0" * 32, None, bytearray(32), 32):
        with pytest.raises(PolicyError) as refused:
            store.redeem(cast("Any", wrong))
        assert refused.value.field == "nonce"


@pytest.mark.parametrize(
    "ttl",
    [
        timedelta(0),
        timedelta(microseconds=999),
        timedelta(seconds=-1),
        timedelta(days=1, microseconds=1),
        300,
        None,
    ],
)
def test_a_time_to_live_has_bounds(ttl: Any, tmp_path: Path) -> None:
    """From a millisecond to a day."""
    engine = create_engine(f"sqlite:///{tmp_path}/nonces.db", poolclass=NullPool)
    for make in (
        lambda: MemoryNonces(ttl=ttl, max_outstanding=1),
        lambda: SignedNonces(KEYS, ttl=ttl, spent=MemoryOnce()),
        lambda: SqlNonces(engine, ttl=ttl),
    ):
        with pytest.raises(PolicyError) as refused:
            make()
        assert refused.value.field.endswith(".ttl")


@pytest.mark.parametrize("skew", [timedelta(seconds=-1), timedelta(minutes=5, seconds=1), 30, None])
def test_a_clock_skew_has_bounds(skew: Any) -> None:
    """From zero to five minutes."""
    for make in (
        lambda: SignedNonces(KEYS, ttl=TTL, spent=MemoryOnce(), max_clock_skew=skew),
        lambda: ReplayGuard(MemoryOnce(), context=b"a test", max_clock_skew=skew),
    ):
        with pytest.raises(PolicyError) as refused:
            make()
        assert refused.value.field.endswith(".max_clock_skew")


@pytest.mark.parametrize("limit", [0, -1, 1.5, True, None])
def test_a_limit_is_a_number_of_at_least_one(limit: Any) -> None:
    """Zero would be a store that never works, and None is never "no limit"."""
    with pytest.raises(PolicyError) as nonces:
        MemoryNonces(ttl=TTL, max_outstanding=limit)
    with pytest.raises(PolicyError) as claims:
        MemoryOnce(max_remembered=limit)
    assert nonces.value.field == "MemoryNonces.max_outstanding"
    assert claims.value.field == "MemoryOnce.max_remembered"


@pytest.mark.parametrize("make", [_memory_once, _sql_once])
@pytest.mark.parametrize(
    ("field", "arguments"),
    [
        ("key", (b"", 1, 0)),
        ("key", ("key", 1, 0)),
        ("key", (None, 1, 0)),
        ("seconds", (b"key", 0, 0)),
        ("seconds", (b"key", -1.0, 0)),
        ("seconds", (b"key", math.nan, 0)),
        ("seconds", (b"key", math.inf, 0)),
        ("seconds", (b"key", 3.3e11, 0)),
        ("seconds", (b"key", True, 0)),
        ("seconds", (b"key", None, 0)),
        ("age", (b"key", 1, math.nan)),
        ("age", (b"key", 1, math.inf)),
        ("age", (b"key", 1, 3.3e11)),
        ("age", (b"key", 1, -1e308)),
        ("age", (b"key", 1, 10**400)),
        ("age", (b"key", 1, False)),
        ("age", (b"key", 1, None)),
    ],
)
def test_the_arguments_of_a_claim_are_checked(
    make: Callable[[Path], OnceStore], field: str, arguments: Any, tmp_path: Path
) -> None:
    """A comparison with nan would be false on both sides."""
    key, seconds, age = arguments
    with pytest.raises(PolicyError) as refused:
        make(tmp_path).claim(key, seconds, age=age)
    assert refused.value.field == field


def test_the_error_of_a_store_says_which_and_what_to_do() -> None:
    """It is no VerificationError: nothing is wrong with the document. It survives pickle."""
    error = NonceStoreUnavailableError("RedisNonces", "the server is a replica")
    assert isinstance(error, NitroAttestError)
    assert str(error) == "RedisNonces: the server is a replica"
    copy = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own bytes
    assert (copy.store, copy.problem) == ("RedisNonces", "the server is a replica")
