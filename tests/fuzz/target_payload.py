"""Invariant: a well-signed payload is accepted only if it says what the policy demands.

What it says is read by plain cbor2. The signature is never blamed, and everything else is rejected
with a `VerificationError`.

Input: a payload; it is signed under the fake root. The policy pins a build, a nonce, a public key
    and no user data.
"""

import json
from datetime import UTC, datetime, timedelta
from functools import cache
from random import Random
from typing import Any, Final

import cbor2

from fuzz.invariant import check_refusal, require
from fuzz.target_envelope import seeds as documents
from nitro_attest import (
    Absent,
    Equals,
    FreshNonce,
    Measurements,
    Policy,
    Reason,
    VerificationError,
    verify,
)
from nitro_attest.testing import ENCLAVE_MODULE_ID, NITRO_TPM_MODULE_ID, FakeNitro, PayloadMap
from support.mutators import cbor, chains

MAX_BYTES: Final = 16_500
_NONCE: Final = bytes(range(32))
_KEY: Final = b"a public key"
_MAX_AGE: Final = timedelta(minutes=5)
_SKEW: Final = timedelta(seconds=30)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LISTED: Final = frozenset(
    {
        "module_id",
        "digest",
        "timestamp",
        "pcrs",
        "nitrotpm_pcrs",
        "certificate",
        "cabundle",
        "public_key",
        "user_data",
        "nonce",
    }
)


@cache
def _policy(measurements: Measurements) -> Policy:
    return Policy(
        measurements=(measurements,),
        freshness=FreshNonce(max_age=_MAX_AGE, max_clock_skew=_SKEW),
        public_key=Equals(_KEY),
        user_data=Absent(),
        trust_anchor=chains.fake_nitro().trust_anchor,
    )


def seeds() -> list[bytes]:
    """Begin with good payloads of both kinds and encodings, and those of all vectors."""
    fake = chains.fake_nitro()
    good = [
        issue(nonce=_NONCE, public_key=_KEY, payload_map=encoding)
        for issue in (fake.enclave_document, fake.nitro_tpm_document)
        for encoding in PayloadMap
    ]
    return [found for doc in (*good, *documents()) if (found := _payload(doc))]


def _payload(doc: bytes) -> bytes | None:
    try:
        found = cbor2.loads(doc)[2]
    except Exception:  # noqa: BLE001 - a vector whose envelope is the fault has no payload
        return None
    return found if isinstance(found, bytes) else None


def mutate(data: bytes, chance: Random) -> bytes:
    """Change one item of the payload."""
    return cbor.mutate(data, chance)


def one_input(data: bytes) -> None:
    """Hold the library to the invariant for one payload."""
    fake = chains.fake_nitro()
    instance = fake.chain(NITRO_TPM_MODULE_ID, chains.NOW)
    doc = FakeNitro.sign(
        data,
        instance if instance.certificate in data else fake.chain(ENCLAVE_MODULE_ID, chains.NOW),
    )
    for measurements in (fake.enclave_measurements(), fake.nitro_tpm_measurements()):
        try:
            result = verify(doc, _policy(measurements), nonce=_NONCE, now=chains.NOW)
        except VerificationError as refusal:
            check_refusal(refusal)
            require(
                refusal.reason is not Reason.SIGNATURE_INVALID,
                "the leaf's key signed, yet it is denied",
            )
            continue
        json.dumps(result.to_dict())
        _check_accepted(
            data, "pcrs" if measurements == fake.enclave_measurements() else "nitrotpm_pcrs"
        )


def _check_accepted(payload: bytes, name: str) -> None:
    fields: dict[str, Any] = cbor2.loads(payload)
    require(fields.keys() <= _LISTED, "accepted a field that AWS does not list")
    require(fields["digest"] == "SHA384", "accepted another digest")
    wanted = _wanted(name)
    require(
        all(fields[name].get(index) == value for index, value in wanted.items()),
        "accepted another build",
    )
    require(
        fields["nonce"] == _NONCE and fields["public_key"] == _KEY, "accepted another nonce or key"
    )
    require(fields.get("user_data") is None, "accepted user data")
    made = _EPOCH + timedelta(milliseconds=fields["timestamp"])
    require(chains.NOW - _MAX_AGE <= made <= chains.NOW + _SKEW, "accepted at another time")
    chain = chains.fake_nitro().chain(
        ENCLAVE_MODULE_ID if name == "pcrs" else NITRO_TPM_MODULE_ID, chains.NOW
    )
    require(
        fields["certificate"] == chain.certificate and tuple(fields["cabundle"]) == chain.cabundle,
        "accepted another chain",
    )


@cache
def _wanted(name: str) -> dict[int, bytes]:
    """Return the PCRs that the sets of the fake pin, from its documents and not from the sets."""
    issue, pinned = {
        "pcrs": (chains.fake_nitro().enclave_document, (0, 1, 2, 3, 4, 8)),
        "nitrotpm_pcrs": (chains.fake_nitro().nitro_tpm_document, (4, 7, 12)),
    }[name]
    pcrs = cbor2.loads(cbor2.loads(issue())[2])[name]
    return {index: pcrs[index] for index in pinned}
