"""The fake Nitro Secure Module behaves as the device does, and `verify` accepts its documents."""

import hashlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Final

import cbor2
import pytest

from nitro_attest import (
    Equals,
    FreshNonce,
    Policy,
    Reason,
    Sha384,
    VerificationError,
    read_unverified,
    verify,
)
from nitro_attest.nsm import (
    AttestationSource,
    NsmError,
    NsmErrorCode,
    PcrDigest,
    SecureModule,
)
from nitro_attest.nsm import _device as device
from nitro_attest.testing import ENCLAVE_MODULE_ID, FakeNitro, FakeNsm, pcrs_of
from support.nsm_vectors import Vector, vectors

NOW: Final = datetime(2026, 1, 3, 20, 41, 7, tzinfo=UTC)
FAKE: Final = FakeNitro(seed=b"NEVER_TRUST a seed of a test", now=NOW)
NONCE: Final = bytes(range(32))
ZERO: Final = bytes(48)


@pytest.fixture
def nsm() -> FakeNsm:
    """Boot an enclave."""
    return FakeNsm(FAKE)


def code_of(call: Callable[[], object]) -> NsmErrorCode:
    """Return the code of the error that a call raises."""
    with pytest.raises(NsmError) as caught:
        call()
    return caught.value.code


def policy(*other_pcrs: tuple[int, Sha384]) -> Policy:
    """Pin the fake's build, and other PCRs with it."""
    return Policy(
        measurements=(replace(FAKE.enclave_measurements(), other_pcrs=other_pcrs),),
        freshness=FreshNonce(),
        public_key=Equals(b"key"),
        user_data=Equals(b"data"),
        trust_anchor=FAKE.trust_anchor,
    )


def attest(nsm: FakeNsm) -> bytes:
    """Ask for a document as the policy wants it."""
    return nsm.attestation_document(public_key=b"key", user_data=b"data", nonce=NONCE)


def test_verify_accepts_a_pcr_that_was_extended_and_locked(nsm: FakeNsm) -> None:
    """With `other_pcrs`, the value computed by hand."""
    value = nsm.extend_pcr(16, b"configuration")
    nsm.lock_pcr(16)
    assert value == hashlib.sha384(ZERO + b"configuration").digest()
    result = verify(attest(nsm), policy((16, Sha384(value))), nonce=NONCE, now=NOW)
    assert result.claims.pcrs[16] == value


@pytest.mark.parametrize("extended_with", [b"another configuration", b""])
def test_verify_rejects_another_value_of_the_pcr(nsm: FakeNsm, extended_with: bytes) -> None:
    """Extended with something else."""
    nsm.extend_pcr(16, extended_with)
    nsm.lock_pcr(16)
    pinned = Sha384(hashlib.sha384(ZERO + b"configuration").digest())
    with pytest.raises(VerificationError) as caught:
        verify(attest(nsm), policy((16, pinned)), nonce=NONCE, now=NOW)
    assert caught.value.reason is Reason.POLICY_PCR_MISMATCH


def test_a_pcr_is_part_of_documents_once_it_is_locked(nsm: FakeNsm) -> None:
    """As in captured documents: 16 entries, 17 with PCR16, or 32."""
    nsm.extend_pcr(20, b"measured")
    assert sorted(read_unverified(attest(nsm)).pcrs) == [*range(16)]
    nsm.lock_pcr(20)
    assert sorted(read_unverified(attest(nsm)).pcrs) == [*range(16), 20]
    nsm.lock_pcrs(32)
    pcrs = read_unverified(attest(nsm)).pcrs
    assert sorted(pcrs) == [*range(32)]
    assert pcrs[20] == hashlib.sha384(ZERO + b"measured").digest()
    assert pcrs[21] == ZERO


def test_extending_adds_to_what_was_there(nsm: FakeNsm) -> None:
    """SHA-384 of the old value, then the data."""
    first = nsm.extend_pcr(31, b"one")
    second = nsm.extend_pcr(31, b"two")
    assert second == hashlib.sha384(first + b"two").digest()
    assert nsm.describe_pcr(31).value == second


def test_the_first_sixteen_are_locked_and_hold_what_documents_hold(nsm: FakeNsm) -> None:
    """As AWS's own test of the device expects."""
    description = nsm.describe()
    assert description.locked_pcrs == frozenset(range(16))
    assert (description.max_pcrs, description.digest) == (32, PcrDigest.SHA384)
    assert description.module_id == ENCLAVE_MODULE_ID
    pcrs = read_unverified(FAKE.enclave_document()).pcrs
    assert {index: nsm.describe_pcr(index).value for index in range(16)} == dict(pcrs)
    assert all(nsm.describe_pcr(index).locked is (index < 16) for index in range(32))


def test_locked_pcrs_can_not_be_changed(nsm: FakeNsm) -> None:
    """To be extended and to be locked; locking a range passes over them."""
    nsm.lock_pcr(16)
    for index in (0, 15, 16):
        calls = (partial(nsm.extend_pcr, index, b""), partial(nsm.lock_pcr, index))
        assert {code_of(call) for call in calls} == {NsmErrorCode.READ_ONLY_INDEX}
    nsm.lock_pcrs(17)
    nsm.lock_pcrs(0)
    assert nsm.describe().locked_pcrs == frozenset(range(17))


def test_indexes_that_do_not_exist_are_rejected(nsm: FakeNsm) -> None:
    """And nothing is locked on the way."""
    calls: list[Callable[[], object]] = [
        lambda: nsm.describe_pcr(32),
        lambda: nsm.extend_pcr(32, b""),
        lambda: nsm.lock_pcr(65535),
        lambda: nsm.lock_pcrs(33),
    ]
    for call in calls:
        assert code_of(call) is NsmErrorCode.INVALID_INDEX
    assert nsm.describe().locked_pcrs == frozenset(range(16))


def test_fields_have_the_sizes_of_the_device(nsm: FakeNsm) -> None:
    """1,024 bytes each, 4,096 for the request."""
    full = bytes(1024)
    doc = nsm.attestation_document(public_key=full, user_data=full, nonce=full)
    read = read_unverified(doc)
    assert (read.public_key, read.user_data, read.nonce) == (full, full, full)
    for name in ("public_key", "user_data", "nonce"):
        found = code_of(partial(nsm.attestation_document, **{name: bytes(1025)}))
        assert found is NsmErrorCode.INPUT_TOO_LARGE
    found = code_of(lambda: nsm.extend_pcr(16, bytes(0x1000)))
    assert found is NsmErrorCode.INPUT_TOO_LARGE


def test_absent_fields_stay_absent(nsm: FakeNsm) -> None:
    """As null in the document."""
    read = read_unverified(nsm.attestation_document())
    assert (read.public_key, read.user_data, read.nonce) == (None, None, None)


def test_random_bytes_differ(nsm: FakeNsm) -> None:
    """256 at a time, as the device sends."""
    assert len({nsm.get_random() for _ in range(8)}) == 8
    assert len(nsm.get_random()) == 256


def test_the_measured_build_can_be_replaced() -> None:
    """By the build that a policy pins."""
    build = replace(FAKE.enclave_measurements(), pcr0_image=Sha384(b"\x11" * 48))
    doc = FakeNsm(FAKE, pcrs=pcrs_of(build)).attestation_document()
    assert read_unverified(doc).pcrs[0] == b"\x11" * 48


def test_documents_are_dated_by_the_clock() -> None:
    """The fake Nitro's time, unless a clock is given."""
    later = NOW + timedelta(hours=5)
    assert read_unverified(FakeNsm(FAKE).attestation_document()).timestamp == NOW
    doc = FakeNsm(FAKE, clock=lambda: later).attestation_document()
    assert read_unverified(doc).timestamp == later


def test_it_takes_the_place_of_a_device_in_a_with_statement() -> None:
    """And fits both protocols."""
    with FakeNsm(FAKE) as nsm:
        module: SecureModule = nsm
        source: AttestationSource = module
        assert source.attestation_document()
    nsm.close()
    assert nsm.get_random()


def test_threads_may_share_it(nsm: FakeNsm) -> None:
    """No extension is lost."""
    with ThreadPoolExecutor(8) as threads:
        values = set(threads.map(partial(nsm.extend_pcr, 16), [b"x"] * 200))
    assert len(values) == 200
    assert nsm.describe_pcr(16).value in values


# --- the wire, as a client in another language sees it ---


def answer_of(nsm: FakeNsm, request: bytes) -> Any:
    """Send bytes through the message of the driver."""
    return cbor2.loads(device.exchange(nsm._ioctl, request))  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] - the wire is the subject


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"",
        b"\xff",
        cbor2.dumps("NoSuchRequest"),
        cbor2.dumps("Attestation"),
        cbor2.dumps({"DescribeNSM": {}}),
        cbor2.dumps({"DescribePCR": 16}),
        cbor2.dumps({"DescribePCR": {}}),
        cbor2.dumps({"DescribePCR": {"index": "16"}}),
        cbor2.dumps({"DescribePCR": {"index": True}}),
        cbor2.dumps({"DescribePCR": {"index": 16}, "LockPCR": {"index": 16}}),
        cbor2.dumps({"ExtendPCR": {"index": 16, "data": "text"}}),
        cbor2.dumps({"Attestation": {"nonce": 1}}),
        cbor2.dumps(["GetRandom"]),
    ],
)
def test_anything_else_is_an_invalid_operation(nsm: FakeNsm, request_bytes: bytes) -> None:
    """Unknown, malformed, or of the wrong type."""
    assert answer_of(nsm, request_bytes) == {"Error": "InvalidOperation"}


@pytest.mark.parametrize(
    "vector",
    [vector for vector in vectors() if not vector.id.startswith(("bad", "encoding", "error"))],
    ids=lambda vector: vector.id,
)
def test_the_requests_of_the_vectors_are_answered_in_their_shape(
    nsm: FakeNsm, vector: Vector
) -> None:
    """The same names in the same order."""
    answer = answer_of(nsm, vector.request_bytes)
    good: Any = cbor2.loads(vector.answer)
    if vector.request.startswith("Lock"):
        assert answer == good
    else:
        assert list(answer) == list(good)
        assert list(answer[vector.request]) == list(good[vector.request])


def test_the_driver_rejects_a_request_that_is_too_large(nsm: FakeNsm) -> None:
    """With EMSGSIZE, as Linux does."""
    request = bytearray(device.MESSAGE.pack(0, 0x1001, 0, 0x3000))
    with pytest.raises(OSError, match="too long"):
        nsm._ioctl(request)  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] - the driver is the subject
