"""`/dev/nsm`: one `ioctl` carries a request to the Nitro Secure Module and brings its answer back.

The interface is that of Linux, include/uapi/linux/nsm.h: a struct of two (address, length) pairs of
64 bits each. Nothing but Python's standard library is used.
"""

import ctypes
import errno
import os
import struct
from collections.abc import Callable
from threading import Lock
from types import TracebackType
from typing import Final, Self, TypeAlias, final

from nitro_attest.nsm import _requests as requests
from nitro_attest.nsm._errors import NsmError, NsmErrorCode, NsmUnavailableError
from nitro_attest.nsm._results import NsmDescription, PcrDescription

DEFAULT_DEVICE: Final = "/dev/nsm"
MAX_REQUEST_BYTES: Final = 0x1000  # linux/nsm.h, NSM_REQUEST_MAX_SIZE
MAX_ANSWER_BYTES: Final = 0x3000  # linux/nsm.h, NSM_RESPONSE_MAX_SIZE
RAW_REQUEST: Final = 0xC020_0A00  # linux/nsm.h, _IOWR(0x0A, 0, struct nsm_raw) of 32 bytes
MESSAGE: Final = struct.Struct("=QQQQ")  # request address, length; answer address, length
_NO_IOCTL: Final = "a platform without ioctl"
_CLOSED: Final = "that this Nsm has been closed"

Ioctl: TypeAlias = Callable[[bytearray], object]


@final
class Nsm:
    """The Nitro Secure Module of this enclave, open until `close`.

    One object may be shared by all threads and kept for the life of the process; requests go to the
    device one at a time, as they do in the driver, which gives up after two minutes.

    Raises:
        NsmUnavailableError: There is no such device, it can't be opened, or this is not Linux.

    """

    def __init__(self, device: str = DEFAULT_DEVICE) -> None:
        """Open the device."""
        try:
            from fcntl import ioctl  # noqa: PLC0415 - Windows has no fcntl
        except ImportError:
            raise _unavailable(_NO_IOCTL) from None
        try:
            descriptor = os.open(device, os.O_RDWR)
        except (OSError, ValueError) as error:
            raise _unavailable(str(error)) from error
        self._lock: Final = Lock()
        self._descriptor: int | None = descriptor
        self._ioctl: Final = ioctl

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self,
        exception_type: type[BaseException] | None,
        exception: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close the device."""
        self.close()

    def close(self) -> None:
        """Close the device; closing twice does nothing."""
        with self._lock:
            descriptor, self._descriptor = self._descriptor, None
            if descriptor is not None:
                os.close(descriptor)

    def attestation_document(
        self,
        *,
        public_key: bytes | None = None,
        user_data: bytes | None = None,
        nonce: bytes | None = None,
    ) -> bytes:
        """Return a new attestation document that carries the given fields, each up to 1,024 bytes.

        Raises:
            NsmError: `INPUT_TOO_LARGE`, or any other code of the device.

        """
        return requests.attestation_document(
            self._exchange, public_key=public_key, user_data=user_data, nonce=nonce
        )

    def describe(self) -> NsmDescription:
        """Return the module's version, id and PCR bank.

        Raises:
            NsmError: Any code of the device.

        """
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
            NsmError: `READ_ONLY_INDEX`; the PCR is locked, as 0 to 15 always are.
                `INVALID_INDEX`; there is no such PCR.

        """
        return requests.extend_pcr(self._exchange, index, data)

    def lock_pcr(self, index: int) -> None:
        """Lock one PCR until the enclave ends. Only locked PCRs are part of a document.

        Raises:
            NsmError: `READ_ONLY_INDEX`; the PCR is locked already. `INVALID_INDEX`; there is no
                such PCR.

        """
        requests.lock_pcr(self._exchange, index)

    def lock_pcrs(self, count: int) -> None:
        """Lock the PCRs from 0 up to, but without, `count`, whether locked before or not.

        Raises:
            NsmError: `INVALID_INDEX`; there are fewer PCRs than that.

        """
        requests.lock_pcrs(self._exchange, count)

    def get_random(self) -> bytes:
        """Return random bytes of the device: up to 256, at least one.

        Raises:
            NsmError: Any code of the device.

        """
        return requests.get_random(self._exchange)

    def _exchange(self, request: bytes) -> bytes:
        with self._lock:  # so that `close` in another thread can't hand the number to another file
            descriptor = self._descriptor
            if descriptor is None:
                raise _unavailable(_CLOSED)
            return exchange(
                lambda message: self._ioctl(descriptor, RAW_REQUEST, message, True),  # noqa: FBT003 - fcntl takes it by position only: write the result back
                request,
            )


def exchange(ioctl: Ioctl, request: bytes) -> bytes:
    """Lay out the driver's message around a request, call `ioctl` with it, and return the answer.

    Raises:
        NsmError: `INPUT_TOO_LARGE`; more than 4,096 bytes. `INTERNAL_ERROR`; the driver failed.
            `INVALID_RESPONSE`; the driver reports an impossible length.

    """
    if len(request) > MAX_REQUEST_BYTES:
        raise _too_large(len(request))
    sent = ctypes.create_string_buffer(request, len(request))
    answer = ctypes.create_string_buffer(MAX_ANSWER_BYTES)
    message = bytearray(
        MESSAGE.pack(
            ctypes.addressof(sent), len(request), ctypes.addressof(answer), MAX_ANSWER_BYTES
        )
    )
    try:
        ioctl(message)
    except OSError as error:
        if error.errno == errno.EMSGSIZE:
            raise _too_large(len(request)) from error
        raise NsmError(NsmErrorCode.INTERNAL_ERROR, f"the driver failed ({error})") from error
    *_, length = MESSAGE.unpack(message)
    if length > MAX_ANSWER_BYTES:
        raise NsmError(
            NsmErrorCode.INVALID_RESPONSE,
            f"expected an answer of at most {MAX_ANSWER_BYTES} bytes, found {length}",
        )
    return answer.raw[:length]


def _too_large(length: int) -> NsmError:
    return NsmError(
        NsmErrorCode.INPUT_TOO_LARGE,
        f"expected a request of at most {MAX_REQUEST_BYTES} bytes, found {length}",
    )


def _unavailable(found: str) -> NsmUnavailableError:
    return NsmUnavailableError(
        NsmErrorCode.INTERNAL_ERROR,
        f"expected the Nitro Secure Module of an enclave, found {found}; "
        "where there is no enclave, use nitro_attest.testing.FakeNsm",
    )
