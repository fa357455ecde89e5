"""Invariant: any bytes give an `UnverifiedDocument` or a `MalformedDocumentError`.

The whole `verify` gives a result only for a payload that AWS's hardware signed, and otherwise a
`VerificationError` that shows nothing but short printable text. What is taken for an envelope is,
read by plain cbor2, the four items that AWS writes, byte for byte.

Input: a document.
"""

import hashlib
from datetime import UTC, datetime, timedelta
from functools import cache
from random import Random
from typing import Any, Final

import cbor2

from fuzz.invariant import check_refusal, require
from nitro_attest import (
    AnyEnclave,
    AnyNitroTpm,
    DocumentKind,
    MalformedDocumentError,
    NotChecked,
    Policy,
    TimestampOnly,
    UnverifiedDocument,
    VerificationError,
    read_unverified,
    verify,
)
from support import vectors as kit_reader
from support.captured import GENUINE
from support.mutators import cbor

MAX_BYTES: Final = 20_600
_WHY: Final = "fuzzing asks for signatures, not for values"
_RULES: Final = {
    "freshness": TimestampOnly(because=_WHY, max_age=timedelta(minutes=5)),
    "public_key": NotChecked(_WHY),
    "user_data": NotChecked(_WHY),
}
_POLICY: Final = {
    DocumentKind.ENCLAVE: Policy(measurements=(AnyEnclave(_WHY),), **_RULES),  # type: ignore[arg-type] # pyright: ignore[reportArgumentType] - the rules differ in type by name
    DocumentKind.NITRO_TPM: Policy(measurements=(AnyNitroTpm(_WHY),), **_RULES),  # type: ignore[arg-type] # pyright: ignore[reportArgumentType] - as above
}
_SOME_TIME: Final = datetime(2026, 1, 3, tzinfo=UTC)


def genuine_documents() -> list[bytes]:
    """Return the captured documents."""
    return [captured.doc for captured in GENUINE]


@cache
def _genuine() -> frozenset[bytes]:
    """Return the SHA-256 of every payload that AWS's hardware is known to have signed."""
    return frozenset(hashlib.sha256(cbor2.loads(doc)[2]).digest() for doc in genuine_documents())


def seeds() -> list[bytes]:
    """Begin with every document there is."""
    return [
        *genuine_documents(),
        *(kit_reader.read_vector(path).doc for path in kit_reader.paths()),
    ]


def mutate(data: bytes, chance: Random) -> bytes:
    """Change one CBOR item of the envelope."""
    return cbor.mutate(data, chance)


def one_input(data: bytes) -> None:
    """Hold the library to the invariant for one document."""
    kind, now = DocumentKind.ENCLAVE, _SOME_TIME
    try:
        unverified = read_unverified(data)
    except MalformedDocumentError as refusal:
        check_refusal(refusal)
    else:
        _check_read(data, unverified)
        kind, now = unverified.kind, unverified.timestamp
    try:
        result = verify(data, _POLICY[kind], now=now)
    except VerificationError as refusal:
        check_refusal(refusal)
        return
    require(result.replay_key in _genuine(), "accepted what AWS's hardware did not sign")


def _check_read(data: bytes, unverified: UnverifiedDocument) -> None:
    require(type(unverified) is UnverifiedDocument, "another type than promised")
    sign1 = data.removeprefix(b"\xd2")
    items: list[Any] = cbor2.loads(sign1)
    protected, unprotected, payload, signature = items
    require(
        protected == bytes.fromhex("a1013822") and unprotected == {}, "another header than AWS's"
    )
    require(cbor2.dumps(items) == sign1, "another encoding than the one allowed")
    require(len(signature) == 96 and 0 < len(payload) <= 16_384, "another size than AWS's")
