"""A Nitro Secure Module for tests and for development where there is no enclave.

Requests and answers pass through the same codec and the same message as with `/dev/nsm`; only the
`ioctl` itself is replaced. Its documents are those of a `FakeNitro`: none verifies under a root of
AWS.
"""

import ctypes
import errno
import hashlib
import os
import secrets
from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from threading import Lock
from types import TracebackType
from typing import Final, Self, assert_never, final

from nitro_attest.nsm import NsmDescription, NsmError, NsmErrorCode, PcrDescription
from nitro_attest.nsm import _requests as requests
from nitro_attest.nsm._codec import (
    BARE_ANSWERS,
    BARE_REQUESTS,
    RequestName,
    Value,
    decode,
    encode,
    named,
)
from nitro_attest.nsm._device import MAX_REQUEST_BYTES, MESSAGE, exchange
from nitro_attest.testing._fake import ENCLAVE_MODULE_ID, FakeNitro, pcrs_of

_PCRS: Final = 32
_LOCKED_AT_START: Final = 16
_RANDOM_BYTES: Final = 256
_MAX_FIELD_BYTES: Final = 1024


@final
class FakeNsm:
    """A Nitro Secure Module whose documents come from a `FakeNitro`.

    It has 32 PCRs. 0 to 15 are locked, as in every enclave, and hold what the documents of
    `fake_nitro` hold; `pcrs` replaces single ones, for example by `pcrs_of(BUILD)`. 16 to 31 begin
    as zeros, can be extended and locked, and are part of its documents **once they are locked**, as
    on hardware. Documents are dated by `clock`, by default always `fake_nitro.now`.

    A PCR that is locked is answered with `READ_ONLY_INDEX`, an index beyond 31 with
    `INVALID_INDEX`, a field of more than 1,024 bytes with `INPUT_TOO_LARGE`. May be shared by
    threads.
    """

    def __init__(
        self,
        fake_nitro: FakeNitro,
        *,
        pcrs: Mapping[int, bytes] | None = None,
        clock: Callable[[], datetime] | None = None,
    ) -> None:
        """Begin as an enclave that has just booted."""
        self._fake_nitro: Final = fake_nitro
        self._clock: Final = clock
        measured = pcrs_of(fake_nitro.enclave_measurements())
        self._pcrs: Final = {**dict.fromkeys(range(_PCRS), bytes(48)), **measured, **(pcrs or {})}
        self._locked: Final = set(range(_LOCKED_AT_START))
        self._lock: Final = Lock()

    def __enter__(self) -> Self:
        """Return itself, so that it can take the place of an `Nsm` in a with statement."""
        return self

    def __exit__(
        self,
        exception_type: type[BaseException] | None,
        exception: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Do nothing: there is no device to close."""

    def close(self) -> None:
        """Do nothing: there is no device to close."""

    def attestation_document(
        self,
        *,
        public_key: bytes | None = None,
        user_data: bytes | None = None,
        nonce: bytes | None = None,
    ) -> bytes:
        """Return a new attestation document that carries the given fields, each up to 1,024 bytes.

        Raises:
            NsmError: `INPUT_TOO_LARGE`; a field, or all together, are too large.

        """
        return requests.attestation_document(
            self._exchange, public_key=public_key, user_data=user_data, nonce=nonce
        )

    def describe(self) -> NsmDescription:
        """Return the module's version, id and PCR bank."""
        return requests.describe(self._exchange)

    def describe_pcr(self, index: int) -> PcrDescription:
        """Return the value of one PCR, and whether it is locked.

        Raises:
            NsmError: `INVALID_INDEX`; there is no such PCR.

        """
        return requests.describe_pcr(self._exchange, index)

    def extend_pcr(self, index: int, data: bytes) -> bytes:
        """Extend one PCR and return its new value: SHA-384 of the old value, then `data`.

        Raises:
            NsmError: `READ_ONLY_INDEX`; the PCR is locked. `INVALID_INDEX`; there is no such PCR.

        """
        return requests.extend_pcr(self._exchange, index, data)

    def lock_pcr(self, index: int) -> None:
        """Lock one PCR for the life of this object.

        Raises:
            NsmError: `READ_ONLY_INDEX`; the PCR is locked already. `INVALID_INDEX`; there is no
                such PCR.

        """
        requests.lock_pcr(self._exchange, index)

    def lock_pcrs(self, count: int) -> None:
        """Lock the PCRs from 0 up to, but without, `count`.

        Raises:
            NsmError: `INVALID_INDEX`; there are fewer PCRs than that.

        """
        requests.lock_pcrs(self._exchange, count)

    def get_random(self) -> bytes:
        """Return 256 random bytes."""
        return requests.get_random(self._exchange)

    # --- the device ---

    def _exchange(self, request: bytes) -> bytes:
        return exchange(self._ioctl, request)

    def _ioctl(self, message: bytearray) -> None:
        """Do what the driver does with its message: read the request, write the answer."""
        request_at, request_length, answer_at, answer_length = MESSAGE.unpack(message)
        if request_length > MAX_REQUEST_BYTES:
            raise OSError(errno.EMSGSIZE, os.strerror(errno.EMSGSIZE))
        answer = self._answer(ctypes.string_at(request_at, request_length))[:answer_length]
        ctypes.memmove(answer_at, answer, len(answer))
        MESSAGE.pack_into(message, 0, request_at, request_length, answer_at, len(answer))

    def _answer(self, request: bytes) -> bytes:
        try:
            name, fields = _read_request(request)
            with self._lock:
                answer = self._carry_out(name, fields)
        except NsmError as error:
            return encode({"Error": str(error.code)})
        return encode(str(name) if name in BARE_ANSWERS else {str(name): answer})

    def _carry_out(self, name: RequestName, fields: Mapping[str, Value]) -> dict[str, Value]:
        match name:
            case RequestName.ATTESTATION:
                return {"document": self._document(fields)}
            case RequestName.DESCRIBE_NSM:
                return {
                    "version_major": 1,
                    "version_minor": 0,
                    "version_patch": 0,
                    "module_id": ENCLAVE_MODULE_ID,
                    "max_pcrs": _PCRS,
                    "locked_pcrs": [*sorted(self._locked)],
                    "digest": "SHA384",
                }
            case RequestName.DESCRIBE_PCR:
                index = _number(fields, "index", up_to=_PCRS - 1)
                return {"lock": index in self._locked, "data": self._pcrs[index]}
            case RequestName.EXTEND_PCR:
                index, data = self._writable(fields), _octets(fields, "data")
                self._pcrs[index] = hashlib.sha384(self._pcrs[index] + data).digest()
                return {"data": self._pcrs[index]}
            case RequestName.LOCK_PCR | RequestName.LOCK_PCRS:
                self._locked.update(self._to_lock(name, fields))
                return {}
            case RequestName.GET_RANDOM:
                return {"random": secrets.token_bytes(_RANDOM_BYTES)}
            case _:
                assert_never(name)

    def _document(self, fields: Mapping[str, Value]) -> bytes:
        return self._fake_nitro.enclave_document(
            public_key=_field(fields, "public_key"),
            user_data=_field(fields, "user_data"),
            nonce=_field(fields, "nonce"),
            pcrs={index: self._pcrs[index] for index in sorted(self._locked)},
            now=None if self._clock is None else self._clock(),
        )

    def _to_lock(self, name: RequestName, fields: Mapping[str, Value]) -> Collection[int]:
        if name is RequestName.LOCK_PCR:
            return (self._writable(fields),)
        return range(_number(fields, "range", up_to=_PCRS))

    def _writable(self, fields: Mapping[str, Value]) -> int:
        index = _number(fields, "index", up_to=_PCRS - 1)
        if index in self._locked:
            raise _rejected(NsmErrorCode.READ_ONLY_INDEX)
        return index


def _read_request(request: bytes) -> tuple[RequestName, Mapping[str, Value]]:
    """Tell which of the seven requests it is; everything else is an invalid operation."""
    try:
        name, fields = named(decode(request))
    except NsmError:
        raise _rejected(NsmErrorCode.INVALID_OPERATION) from None
    if name in BARE_REQUESTS and fields is None:
        return RequestName(name), {}
    if name in set(RequestName) - BARE_REQUESTS and isinstance(fields, dict):
        return RequestName(name), fields
    raise _rejected(NsmErrorCode.INVALID_OPERATION)


def _number(fields: Mapping[str, Value], name: str, *, up_to: int) -> int:
    found = fields.get(name)
    if type(found) is not int:
        raise _rejected(NsmErrorCode.INVALID_OPERATION)
    if found > up_to:
        raise _rejected(NsmErrorCode.INVALID_INDEX)
    return found


def _octets(fields: Mapping[str, Value], name: str) -> bytes:
    found = fields.get(name)
    if not isinstance(found, bytes):
        raise _rejected(NsmErrorCode.INVALID_OPERATION)
    return found


def _field(fields: Mapping[str, Value], name: str) -> bytes | None:
    """Read a field of a document; absent and null are the same."""
    if fields.get(name) is None:
        return None
    found = _octets(fields, name)
    if len(found) > _MAX_FIELD_BYTES:
        raise _rejected(NsmErrorCode.INPUT_TOO_LARGE)
    return found


def _rejected(code: NsmErrorCode) -> NsmError:
    return NsmError(code, "from the fake module")
