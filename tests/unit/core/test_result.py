"""A result is made by `verify` alone and can be kept, compared and written as JSON."""

import copy
import json
import pickle
from dataclasses import FrozenInstanceError, fields, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from nitro_attest import (
    Absent,
    AnyEnclave,
    AttestationResult,
    Claims,
    EnclaveMeasurements,
    Equals,
    FieldRule,
    NotChecked,
    PolicyError,
    Present,
    UnverifiedDocument,
    verify,
)
from nitro_attest.testing import FakeNitro
from support.captured import DEBUG, NITRO_TPM, PRODUCTION, policy_for

RESULT = verify(PRODUCTION.doc, policy_for(PRODUCTION.measurements), now=PRODUCTION.time)


def _parts(result: AttestationResult) -> dict[str, Any]:
    return {field.name: getattr(result, field.name) for field in fields(result)}


def test_nobody_else_makes_a_result() -> None:
    """Neither the constructor nor `replace` nor a guessed seal."""
    with pytest.raises(TypeError):
        AttestationResult(**_parts(RESULT))
    for seal in (None, object(), True, "seal"):
        with pytest.raises(TypeError, match=r"^only nitro_attest.verify makes a result; "):
            AttestationResult(**_parts(RESULT), seal=seal)
    with pytest.raises((TypeError, ValueError)):
        replace(RESULT, replay_key=bytes(32))  # type: ignore[call-arg]  # the seal is missing
    with pytest.raises(FrozenInstanceError):
        RESULT.replay_key = bytes(32)  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue] - what must fail


def test_a_result_is_a_plain_value() -> None:
    """Equal by value, hashable, and the same after pickle and copies."""
    for twin in (copy.copy(RESULT), copy.deepcopy(RESULT), pickle.loads(pickle.dumps(RESULT))):  # noqa: S301 - our own bytes
        assert twin == RESULT
        assert hash(twin) == hash(RESULT)


def test_an_unverified_document_is_no_claims() -> None:
    """The two types share no base, so neither passes for the other."""
    assert UnverifiedDocument.__mro__[1:] == Claims.__mro__[1:] == (object,)


def test_the_result_as_json() -> None:
    """Bytes are hex digits, times UTC with milliseconds, absent fields null; no more is in it."""
    written = json.loads(json.dumps(RESULT.to_dict()))
    assert written == {
        "claims": {
            "kind": "enclave",
            "module_id": "i-0368fa67e156d6d23-enc019b8596b1a9dad6",
            "instance_id": "i-0368fa67e156d6d23",
            "timestamp": "2026-01-03T20:41:07.402+00:00",
            "pcrs": {
                str(index): value.hex() for index, value in PRODUCTION.payload["pcrs"].items()
            },
            "public_key": None,
            "user_data": PRODUCTION.payload["user_data"].hex(),
            "nonce": None,
            "unknown_fields": [],
        },
        "matched": {"set": "EnclaveMeasurements", "label": "measured"},
        "not_checked": [
            {"subject": "freshness", "because": "a captured document"},
            {"subject": "public_key", "because": "not what this test is about"},
            {"subject": "user_data", "because": "not what this test is about"},
        ],
        "trust_anchor": {
            "name": "aws.nitro-enclaves G1",
            "sha256": "641a0321a3e244efe456463195d606317ed7cdcc3c1756e09893f3c68f79bb5b",
            "is_root_of_aws": True,
        },
        "appraised_at": "2026-01-03T20:41:07.402+00:00",
        "valid_until": "2026-01-03T23:40:28.000+00:00",
        "remember_until": "2026-01-03T20:47:07.402+00:00",
        "replay_key": RESULT.replay_key.hex(),
    }


def test_sets_without_a_label_have_none() -> None:
    """A waiver of measurements is told by the name of its type; a NitroTPM set has a label."""
    debug = verify(DEBUG.doc, policy_for(DEBUG.measurements), now=DEBUG.time)
    assert debug.to_dict()["matched"] == {"set": "DebugEnclave", "label": None}
    tpm = verify(NITRO_TPM.doc, policy_for(NITRO_TPM.measurements), now=NITRO_TPM.time)
    assert tpm.to_dict()["matched"] == {"set": "NitroTpmMeasurements", "label": "measured"}


def test_times_are_in_utc_whatever_zone_the_call_used() -> None:
    """`now` in another zone gives the same result."""
    zone = datetime.now().astimezone().tzinfo
    assert isinstance(PRODUCTION.measurements, EnclaveMeasurements)
    result = verify(
        PRODUCTION.doc, policy_for(PRODUCTION.measurements), now=PRODUCTION.time.astimezone(zone)
    )
    assert result == RESULT
    assert result.appraised_at.tzinfo is UTC
    assert result.valid_until.utcoffset() == timedelta()


def _result_of(public_key: bytes | None, rule: FieldRule) -> AttestationResult:
    fake = FakeNitro(seed=bytes(16), now=PRODUCTION.time)
    policy = policy_for(AnyEnclave("any"), public_key=rule, trust_anchor=fake.trust_anchor)
    return verify(fake.enclave_document(public_key=public_key), policy, now=fake.now)


@pytest.mark.parametrize("rule", [Present(), Equals(b"key")])
def test_a_required_public_key_is_handed_out(rule: FieldRule) -> None:
    """As bytes, not as bytes or None."""
    assert _result_of(b"key", rule).require_public_key() == b"key"


@pytest.mark.parametrize(
    ("public_key", "rule"),
    [
        (None, Absent()),
        (None, NotChecked("why")),
        (b"key", NotChecked("why")),
        (b"", NotChecked("why")),
        (b"", Equals(b"")),
    ],
)
def test_a_public_key_that_was_not_required_is_not_handed_out(
    public_key: bytes | None, rule: FieldRule
) -> None:
    """Whoever uses the key has to require it in the policy."""
    with pytest.raises(PolicyError) as mistake:
        _result_of(public_key, rule).require_public_key()
    assert mistake.value.field == "Policy.public_key"
    assert mistake.value.problem == "expected Present or Equals, to use the key"


def test_a_public_key_and_a_nonce_are_hex_digits_in_json() -> None:
    """What the captured document has not."""
    fake = FakeNitro(seed=bytes(16), now=PRODUCTION.time)
    nonce, policy = bytes(range(16)), policy_for(AnyEnclave("any"), trust_anchor=fake.trust_anchor)
    result = verify(fake.enclave_document(public_key=b"key", nonce=nonce), policy, now=fake.now)
    claims = result.to_dict()["claims"]
    assert isinstance(claims, dict)
    assert (claims["public_key"], claims["nonce"]) == (b"key".hex(), nonce.hex())


def test_a_test_root_is_told_from_a_root_of_aws() -> None:
    """In the result and in its JSON; the flag does not depend on the name."""
    result = _result_of(None, Absent())
    assert not result.trust_anchor.is_root_of_aws
    assert result.to_dict()["trust_anchor"] == {
        "name": "NEVER_TRUST.fake-nitro",
        "sha256": result.trust_anchor.sha256,
        "is_root_of_aws": False,
    }
