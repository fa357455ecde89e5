"""A result is made by `verify` alone and can be kept, compared and written as JSON."""

import copy
import json
import pickle
from dataclasses import FrozenInstanceError, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from nitro_attest import (
    AttestationResult,
    Claims,
    EnclaveMeasurements,
    TimestampOnly,
    UnverifiedDocument,
    verify,
)
from support.captured import DEBUG, NITRO_TPM, PRODUCTION, policy_for

RESULT = verify(PRODUCTION.doc, policy_for(PRODUCTION.measurements), now=PRODUCTION.time)


def _parts(result: AttestationResult) -> dict[str, Any]:
    times = ("appraised_at", "valid_until", "remember_until")
    names = ("claims", "matched", "not_checked", *times, "replay_key")
    return {name: getattr(result, name) for name in names}


def test_nobody_else_makes_a_result() -> None:
    """Neither the constructor nor `replace` nor a guessed seal."""
    with pytest.raises(TypeError):
        AttestationResult(**_parts(RESULT))
    for seal in (None, object(), True, "seal"):
        with pytest.raises(TypeError):
            AttestationResult(**_parts(RESULT), seal=seal)
    with pytest.raises((TypeError, ValueError)):
        replace(RESULT, replay_key=bytes(32))  # type: ignore[call-arg]  # the seal is missing
    with pytest.raises(FrozenInstanceError):
        RESULT.replay_key = bytes(32)  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue] - what must fail


def test_a_result_is_a_plain_value() -> None:
    """Equal by value, hashable, and the same after pickle and copies."""
    for twin in (copy.copy(RESULT), copy.deepcopy(RESULT), pickle.loads(pickle.dumps(RESULT))):
        assert twin == RESULT
        assert hash(twin) == hash(RESULT)


def test_an_unverified_document_is_no_claims() -> None:
    """The two types share no base, so neither passes for the other."""
    assert UnverifiedDocument.__mro__[1:] == Claims.__mro__[1:] == (object,)


def test_the_result_as_json() -> None:
    """Bytes in hex digits, times in UTC with milliseconds, absent fields as null; nothing else is in it."""
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
        "appraised_at": "2026-01-03T20:41:07.402+00:00",
        "valid_until": "2026-01-03T23:40:28.000+00:00",
        "remember_until": "2026-01-03T20:47:07.402+00:00",
        "replay_key": RESULT.replay_key.hex(),
    }


def test_sets_without_a_label_have_none() -> None:
    """A waiver instead of measurements is told by the name of its type; a NitroTPM set has a label."""
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


def test_a_window_longer_than_the_calendar_is_remembered_to_its_end() -> None:
    """`remember_until` stops at the last time there is; the document is judged as ever."""
    window = TimestampOnly(because="an archive", max_age=timedelta.max)
    policy = replace(policy_for(PRODUCTION.measurements), freshness=window)
    result = verify(PRODUCTION.doc, policy, now=PRODUCTION.time)
    assert result.remember_until == datetime.max.replace(tzinfo=UTC)
