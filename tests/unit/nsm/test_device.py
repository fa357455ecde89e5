"""`Nsm` over a file that stands for /dev/nsm, and a function that does what the driver does."""

import ctypes
import errno
import os
import pickle
import struct
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, Final

import pytest

from nitro_attest import NitroAttestError
from nitro_attest.nsm import (
    AttestationSourceError,
    Nsm,
    NsmError,
    NsmErrorCode,
    NsmUnavailableError,
    PcrDescription,
)
from support.nsm_vectors import PCR, vectors

VECTORS: Final = {vector.id: vector for vector in vectors()}
NUMBER: Final = 0xC0200A00

Answer = Callable[[bytes], bytes]


@pytest.fixture
def device(tmp_path: Path) -> str:
    """Make a file that can be opened as the device is."""
    file = tmp_path / "nsm"
    file.touch()
    return str(file)


class Driver:
    """Answer each request by a function, through the memory that the message names."""

    def __init__(self, answer: Answer) -> None:
        """Keep the function, and what comes in."""
        self.answer = answer
        self.requests: list[bytes] = []
        self.descriptors: set[int] = set()

    def ioctl(self, descriptor: int, number: int, message: bytearray, mutate: object) -> int:
        """Read the request and write the answer where the message says."""
        assert number == NUMBER
        assert mutate is True
        assert os.fstat(descriptor)
        self.descriptors.add(descriptor)
        address, length, answer_address, answer_size = struct.unpack("=QQQQ", message)
        self.requests.append(ctypes.string_at(address, length))
        answer = self.answer(self.requests[-1])
        assert answer_size == 0x3000
        ctypes.memmove(answer_address, answer[:answer_size], min(len(answer), answer_size))
        struct.pack_into("=Q", message, 24, len(answer))
        return 0


@pytest.fixture
def drive(monkeypatch: pytest.MonkeyPatch) -> Callable[[Answer], Driver]:
    """Put a driver in the place of the kernel's."""

    def put(answer: Answer) -> Driver:
        driver = Driver(answer)
        monkeypatch.setattr("fcntl.ioctl", driver.ioctl)
        return driver

    return put


def by_vectors(request: bytes) -> bytes:
    """Answer what the good vectors answer."""
    return next(vector.answer for vector in VECTORS.values() if vector.request_bytes == request)


def test_the_seven_requests_reach_the_device(
    device: str, drive: Callable[[Answer], Driver]
) -> None:
    """Byte for byte as in the vectors, over one descriptor."""
    driver = drive(by_vectors)
    with Nsm(device) as nsm:
        vector = VECTORS["attestation"]
        document = nsm.attestation_document(**vector.fields)
        assert {"document": document} == vector.expect
        assert nsm.attestation_document()
        assert nsm.describe().max_pcrs == 32
        assert nsm.describe_pcr(31) == PcrDescription(value=bytes(48), locked=False)
        assert nsm.extend_pcr(16, b"measured") == PCR
        nsm.lock_pcr(16)
        nsm.lock_pcrs(32)
        assert nsm.get_random() == bytes(range(32))
    names = [
        "attestation",
        "attestation-without-fields",
        "describe-nsm",
        "describe-pcr-31",
        "extend-pcr",
        "lock-pcr",
        "lock-pcrs",
        "get-random",
    ]
    assert driver.requests == [VECTORS[name].request_bytes for name in names]
    assert len(driver.descriptors) == 1


@pytest.mark.parametrize("code", NsmErrorCode)
def test_an_error_code_of_the_device_is_kept(
    device: str, drive: Callable[[Answer], Driver], code: NsmErrorCode
) -> None:
    """All nine, as errors of the family that callers catch."""
    drive(lambda _: b"\xa1\x65Error" + bytes([0x60 + len(code)]) + code.encode())
    with Nsm(device) as nsm, pytest.raises(NsmError) as caught:
        nsm.get_random()
    assert caught.value.code is code
    assert isinstance(caught.value, AttestationSourceError)
    assert isinstance(caught.value, NitroAttestError)


def test_the_longest_answer_is_read(device: str, drive: Callable[[Answer], Driver]) -> None:
    """It fills the buffer to the last byte."""
    head = b"\xa1\x6bAttestation\xa1\x68document\x59"
    size = 0x3000 - len(head) - 2
    drive(lambda _: head + size.to_bytes(2, "big") + bytes(size))
    with Nsm(device) as nsm:
        assert nsm.attestation_document() == bytes(size)


def test_an_impossible_length_is_an_invalid_response(
    device: str, drive: Callable[[Answer], Driver]
) -> None:
    """Memory outside the buffer is never read."""
    drive(lambda _: bytes(0x3001))
    with Nsm(device) as nsm, pytest.raises(NsmError) as caught:
        nsm.get_random()
    assert caught.value.code is NsmErrorCode.INVALID_RESPONSE


def test_a_request_that_is_too_large_is_not_sent(
    device: str, drive: Callable[[Answer], Driver]
) -> None:
    """The driver would say EMSGSIZE."""
    driver = drive(by_vectors)
    with Nsm(device) as nsm, pytest.raises(NsmError) as caught:
        nsm.extend_pcr(16, bytes(0x1000))
    assert caught.value.code is NsmErrorCode.INPUT_TOO_LARGE
    assert driver.requests == []


@pytest.mark.parametrize(
    ("number", "code"),
    [
        (errno.EMSGSIZE, NsmErrorCode.INPUT_TOO_LARGE),
        (errno.ETIMEDOUT, NsmErrorCode.INTERNAL_ERROR),
        (errno.ENOTTY, NsmErrorCode.INTERNAL_ERROR),
    ],
)
def test_a_failure_of_the_driver_has_the_code_of_aws_own_client(
    device: str, drive: Callable[[Answer], Driver], number: int, code: NsmErrorCode
) -> None:
    """EMSGSIZE has a code of its own, all else is internal."""

    def fail(_: bytes) -> bytes:
        raise OSError(number, os.strerror(number))

    drive(fail)
    with Nsm(device) as nsm, pytest.raises(NsmError) as caught:
        nsm.get_random()
    assert caught.value.code is code


def test_a_file_that_is_no_device_is_an_internal_error(device: str) -> None:
    """The kernel itself rejects the ioctl here."""
    with Nsm(device) as nsm, pytest.raises(NsmError) as caught:
        nsm.get_random()
    assert caught.value.code is NsmErrorCode.INTERNAL_ERROR
    assert not isinstance(caught.value, NsmUnavailableError)


@pytest.mark.parametrize("name", ["missing", "null\0byte", ""])
def test_a_device_that_is_not_there_is_unavailable(tmp_path: Path, name: str) -> None:
    """The message says what to use in its place."""
    with pytest.raises(NsmUnavailableError) as caught:
        Nsm(str(tmp_path / name))
    assert "FakeNsm" in str(caught.value)


def test_a_platform_without_ioctl_is_unavailable(
    device: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Windows has no fcntl; importing the package works there."""
    monkeypatch.setitem(sys.modules, "fcntl", None)
    with pytest.raises(NsmUnavailableError):
        Nsm(device)


def test_a_closed_module_is_unavailable(device: str, drive: Callable[[Answer], Driver]) -> None:
    """Closing twice is harmless, and the descriptor is gone."""
    driver = drive(by_vectors)
    nsm = Nsm(device)
    nsm.get_random()
    nsm.close()
    nsm.close()
    with pytest.raises(NsmUnavailableError):
        nsm.get_random()
    (descriptor,) = driver.descriptors
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(descriptor)


def test_threads_may_share_a_module(device: str, drive: Callable[[Answer], Driver]) -> None:
    """Each gets the answer to its own request."""
    drive(lambda request: b"\xa1\x69ExtendPCR\xa1\x64data" + request[-50:])
    with Nsm(device) as nsm, ThreadPoolExecutor(8) as threads:
        given = [number.to_bytes(48, "big") for number in range(200)]
        assert list(threads.map(partial(nsm.extend_pcr, 16), given)) == given


@pytest.mark.parametrize(
    "error",
    [
        NsmError(NsmErrorCode.READ_ONLY_INDEX, "detail"),
        NsmUnavailableError(NsmErrorCode.INTERNAL_ERROR, "detail"),
    ],
)
def test_an_error_can_be_pickled(error: NsmError) -> None:
    """Worker processes hand errors on by pickle."""
    again: Any = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own bytes
    assert (type(again), again.code, again.detail) == (type(error), error.code, error.detail)
    assert str(again) == f"{error.code}: detail"
