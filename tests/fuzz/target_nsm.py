"""Invariant: any answer of the module gives what plain cbor2 reads in it, or `NsmError`.

Input: one byte that chooses the request, then the answer.
"""

from collections.abc import Callable
from dataclasses import fields
from random import Random
from typing import Any, Final

import cbor2

from fuzz.invariant import require
from nitro_attest.nsm import NsmDescription, NsmError, NsmErrorCode
from nitro_attest.nsm import _requests as requests
from support.mutators import cbor
from support.nsm_vectors import vectors

MAX_BYTES: Final = 0x3001
_MAX_TEXT: Final = 200

Exchange = Callable[[bytes], bytes]
_CALLS: Final[dict[str, Callable[[Exchange], object]]] = {
    "Attestation": lambda exchange: requests.attestation_document(
        exchange, public_key=None, user_data=None, nonce=None
    ),
    "DescribeNSM": requests.describe,
    "DescribePCR": lambda exchange: requests.describe_pcr(exchange, 16),
    "ExtendPCR": lambda exchange: requests.extend_pcr(exchange, 16, b"measured"),
    "LockPCR": lambda exchange: requests.lock_pcr(exchange, 16),
    "LockPCRs": lambda exchange: requests.lock_pcrs(exchange, 32),
    "GetRandom": requests.get_random,
}
_NAMES: Final = tuple(_CALLS)
_BYTES: Final = {"Attestation": "document", "ExtendPCR": "data", "GetRandom": "random"}
_DESCRIBED: Final = {field.name for field in fields(NsmDescription)}


def seeds() -> list[bytes]:
    """Begin with the answers of all vectors."""
    return [bytes([_NAMES.index(vector.request)]) + vector.answer for vector in vectors()]


def mutate(data: bytes, chance: Random) -> bytes:
    """Change one item of the answer, and sometimes the request."""
    chosen = bytes([chance.randrange(len(_NAMES))]) if chance.random() < 0.1 else data[:1]
    return chosen + cbor.mutate(data[1:], chance)


def one_input(data: bytes) -> None:
    """Hold the codec to the invariant for one answer."""
    if not data:
        return
    name, answer = _NAMES[data[0] % len(_NAMES)], data[1:]
    try:
        result = _CALLS[name](lambda _: answer)
    except NsmError as error:
        require(error.code in NsmErrorCode, "an error without a code")
        require(len(str(error)) <= _MAX_TEXT and str(error).isprintable(), "an unprintable error")
        return
    _check_accepted(name, result, cbor2.loads(answer))


def _check_accepted(name: str, result: Any, plain: Any) -> None:
    if name in ("LockPCR", "LockPCRs"):
        require(plain == name and result is None, "a lock that was not confirmed")
        return
    require(list(plain) == [name], "the answer to another request")
    content = plain[name]
    match name:
        case "DescribePCR":
            same = (result.value, result.locked) == (content["data"], content["lock"])
        case "DescribeNSM":
            numbers = frozenset(content.pop("locked_pcrs"))
            same = result.locked_pcrs == numbers and all(
                getattr(result, field) == value
                for field, value in content.items()
                if field in _DESCRIBED
            )
        case _:
            same = result == content[_BYTES[name]] != b""
    require(same, "another value than cbor2 reads")
