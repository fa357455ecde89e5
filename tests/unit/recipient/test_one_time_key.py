"""A RecipientKey opens one envelope, whatever happens."""

import copy
import gc
import os
import pickle
import sys
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key

from nitro_attest import PolicyError
from nitro_attest.recipient import (
    RecipientError,
    RecipientKey,
    SpentKeyError,
    encrypt,
    require_rsa_key,
    seal,
)

SECRET = b"correct horse battery staple"
THREADS = 8
MODULE = "nitro_attest.recipient._one_time_key"


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[RSAPrivateKey]:
    """Collect the private keys that are generated, so that references can be counted."""
    keys: list[RSAPrivateKey] = []

    def record(exponent: int, bits: int) -> RSAPrivateKey:
        keys.append(generate_private_key(exponent, bits))
        return keys[-1]

    monkeypatch.setattr(f"{MODULE}.generate_private_key", record)
    return keys


def references(made: list[RSAPrivateKey]) -> int:
    """Count who holds the key besides the list."""
    gc.collect()
    held_by_a_list_alone = [object()]
    return sys.getrefcount(made[0]) - sys.getrefcount(held_by_a_list_alone[0])


@pytest.mark.parametrize("key_size", [2048, 3072, 4096])
def test_generates_the_size_asked_for(key_size: Any) -> None:
    """In DER, and fit to encrypt to."""
    key = RecipientKey.generate(key_size=key_size)
    assert require_rsa_key(key.public_key).key_size == key_size
    assert len(key.public_key) <= 1024  # what a document can carry


def test_generates_2048_bits_by_default() -> None:
    """As KMS documents it."""
    assert require_rsa_key(RecipientKey.generate().public_key).key_size == 2048
    assert RecipientKey.generate().public_key != RecipientKey.generate().public_key


@pytest.mark.parametrize("key_size", [0, 1024, 2047, 8192, 2048.0, None, "2048"])
def test_rejects_another_size(key_size: Any) -> None:
    """The caller's own mistake."""
    with pytest.raises(PolicyError) as caught:
        RecipientKey.generate(key_size=key_size)
    assert caught.value.field == "key_size"


def test_opens_one_envelope() -> None:
    """And no second one, not even the same."""
    key = RecipientKey.generate()
    envelope = encrypt(SECRET, key.public_key)
    assert key.open(envelope) == SECRET
    for again in (key.open, key.open_sealed):
        with pytest.raises(SpentKeyError):
            again(envelope)


def test_opens_one_sealed_envelope() -> None:
    """And no second one."""
    key = RecipientKey.generate()
    envelope = seal(SECRET, key.public_key)
    assert key.open_sealed(envelope) == SECRET
    with pytest.raises(SpentKeyError):
        key.open_sealed(envelope)


@pytest.mark.parametrize("bad", [b"", b"\x30\x80", bytes(1 << 21)])
def test_a_failure_spends_the_key(bad: bytes, made: list[RSAPrivateKey]) -> None:
    """A second call raises without touching a key: there is none."""
    key = RecipientKey.generate()
    with pytest.raises(RecipientError) as caught:
        key.open(bad)
    assert not isinstance(caught.value, SpentKeyError)
    assert references(made) == 0
    with pytest.raises(SpentKeyError):
        key.open(encrypt(SECRET, key.public_key))


def test_success_leaves_no_reference(made: list[RSAPrivateKey]) -> None:
    """Nobody but this test has the key afterwards."""
    key = RecipientKey.generate()
    assert references(made) == 1
    key.open(encrypt(SECRET, key.public_key))
    assert references(made) == 0


@pytest.mark.parametrize("position", [20, 200, -20])
def test_a_failure_leaves_no_reference_in_its_traceback(
    position: int, made: list[RSAPrivateKey]
) -> None:
    """An exception keeps the frames it passed: bad heads, a bad data key, bad content."""
    key = RecipientKey.generate()
    envelope = bytearray(encrypt(b"", key.public_key))
    envelope[position] ^= 1
    with pytest.raises(RecipientError) as caught:
        key.open(bytes(envelope))
    assert caught.value.__traceback__ is not None
    assert references(made) == 0


@pytest.mark.parametrize("envelope", [None, "text", bytearray(3)])
def test_an_envelope_that_is_no_bytes_spends_the_key_too(
    envelope: Any, made: list[RSAPrivateKey]
) -> None:
    """The mistake is the caller's; the rule stays as simple as it is."""
    key = RecipientKey.generate()
    with pytest.raises(PolicyError):
        key.open(envelope)
    assert references(made) == 0
    with pytest.raises(SpentKeyError):
        key.open(encrypt(SECRET, key.public_key))


def test_an_interruption_spends_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever ends the attempt."""

    def interrupt(_envelope: bytes, _key: RSAPrivateKey) -> bytes:
        raise KeyboardInterrupt

    monkeypatch.setattr(f"{MODULE}.opened", interrupt)
    key = RecipientKey.generate()
    with pytest.raises(KeyboardInterrupt):
        key.open(b"")
    with pytest.raises(SpentKeyError):
        key.open(b"")


def test_of_racing_threads_one_gets_the_key() -> None:
    """The others learn that it is spent."""
    for _ in range(5):
        key = RecipientKey.generate()
        envelope = encrypt(SECRET, key.public_key)
        barrier = Barrier(THREADS)

        def attempt(
            key: RecipientKey = key, envelope: bytes = envelope, barrier: Barrier = barrier
        ) -> bytes | None:
            barrier.wait()
            try:
                return key.open(envelope)
            except SpentKeyError:
                return None

        with ThreadPoolExecutor(THREADS) as pool:
            outcomes = [
                future.result() for future in [pool.submit(attempt) for _ in range(THREADS)]
            ]
        assert outcomes.count(SECRET) == 1
        assert outcomes.count(None) == THREADS - 1


def test_a_forked_child_cannot_open(
    monkeypatch: pytest.MonkeyPatch, made: list[RSAPrivateKey]
) -> None:
    """It has a copy of the memory; two copies would open two envelopes."""
    key = RecipientKey.generate()
    envelope = encrypt(SECRET, key.public_key)
    monkeypatch.setattr(os, "getpid", lambda: -1)
    with pytest.raises(SpentKeyError):
        key.open(envelope)
    assert references(made) == 0


@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy, pickle.dumps])
def test_is_never_copied(duplicate: Any) -> None:
    """A copy would open a second envelope."""
    with pytest.raises(TypeError):
        duplicate(RecipientKey.generate())


def test_the_public_key_stays_and_cannot_be_replaced() -> None:
    """It belongs to the document."""
    key: Any = RecipientKey.generate()
    before = key.public_key
    with pytest.raises(RecipientError):
        key.open(b"")
    assert key.public_key == before
    with pytest.raises(AttributeError):
        key.public_key = b""
