"""Our verdict under a key policy is that of IAM's own rules; policies go to KMS and back."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from nitro_attest import (
    EnclaveMeasurements,
    NitroTpmMeasurements,
    NotChecked,
    Policy,
    PolicyError,
    PolicyMismatchError,
    TimestampOnly,
    verify,
)
from nitro_attest.reference_values import kms
from nitro_attest.testing import FakeNitro
from support.strategies import DIGESTS, enclave_sets, nitro_tpm_sets, policies, policies_of
from unit.reference_values.iam_evaluator import Asked, outcome

NOW = datetime(2026, 1, 3, tzinfo=UTC)
FAKE = FakeNitro(seed=b"KMS properties, never trust", now=NOW)
KEY = "kms:RecipientAttestation:"
POOL = tuple(digest.hex() for digest in DIGESTS[:3])

NOT_TIMED = settings(
    deadline=None, suppress_health_check=[HealthCheck.too_slow]
)  # a busy machine is no failure

values = st.one_of(st.sampled_from(POOL), st.lists(st.sampled_from(POOL), min_size=1, max_size=3))


def _conditions(names: list[str]) -> st.SearchStrategy[dict[str, Any]]:
    keys = st.dictionaries(
        st.sampled_from(names).map(lambda name: KEY + name), values, min_size=1, max_size=4
    )
    upper = keys.map(
        lambda found: {
            key: value.upper() if isinstance(value, str) else value for key, value in found.items()
        }
    )
    return (
        st.fixed_dictionaries({"StringEquals": keys})
        | st.fixed_dictionaries({"StringEqualsIgnoreCase": upper})
        | st.fixed_dictionaries({"StringEquals": keys, "StringEqualsIgnoreCase": upper})
    )


def _key_policies(names: list[str]) -> st.SearchStrategy[dict[str, Any]]:
    statement = _conditions(names).map(
        lambda condition: {
            "Effect": "Allow",
            "Principal": "*",
            "Action": "kms:Decrypt",
            "Resource": "*",
            "Condition": condition,
        }
    )
    return st.lists(statement, min_size=1, max_size=3).map(
        lambda statements: {"Statement": statements}
    )


def _verdict(measurements: tuple[Any, ...], doc: bytes) -> bool:
    policy = Policy(
        measurements=measurements,
        freshness=TimestampOnly(because="KMS checks none", max_age=timedelta(minutes=5)),
        public_key=NotChecked("not part of the key policy"),
        user_data=NotChecked("not part of the key policy"),
        trust_anchor=FAKE.trust_anchor,
    )
    try:
        verify(doc, policy, now=NOW)
    except PolicyMismatchError:
        return False
    return True


def _agree(key_policy: dict[str, Any], prefix: str, pcrs: dict[int, bytes], doc: bytes) -> None:
    try:
        reading = kms.read_key_policy(json.dumps(key_policy))
    except PolicyError:
        event("refused when read")
        return
    stem = f"kms:recipientattestation:{prefix}pcr"
    asked = Asked("Decrypt", "arn:aws:iam::111122223333:role/payments")
    asked.keys.update({f"{stem}{index}": [value.hex()] for index, value in pcrs.items()})
    if not prefix:
        asked.keys["kms:recipientattestation:imagesha384"] = [pcrs[0].hex()]
    expected = outcome(key_policy, asked) == "allow"
    event(f"KMS says {expected}")
    if _verdict(reading.measurements, doc) is not expected:
        message = f"KMS says {expected}: {json.dumps(key_policy)}, {pcrs}"
        raise AssertionError(message)


@settings(NOT_TIMED, max_examples=300)
@given(
    key_policy=_key_policies(
        ["ImageSha384", "PCR0", "PCR0", "PCR2", "PCR3", "PCR8", "pcr0", "PCR16"]
    ),
    pcrs=st.fixed_dictionaries(
        {index: st.sampled_from(POOL).map(bytes.fromhex) for index in (0, 1, 2, 3, 8)},
        optional={16: st.sampled_from(POOL).map(bytes.fromhex)},
    ),
)
def test_enclaves_get_the_verdict_of_iam(
    key_policy: dict[str, Any], pcrs: dict[int, bytes]
) -> None:
    """For every key policy that can be read, and every enclave that is not in debug mode."""
    doc = FAKE.enclave_document(pcrs=pcrs)
    _agree(key_policy, "", pcrs, doc)


@settings(NOT_TIMED, max_examples=250)
@given(
    key_policy=_key_policies(
        ["NitroTPMPCR4", "NitroTPMPCR7", "NitroTPMPCR7", "NitroTPMPCR12", "nitrotpmpcr7"]
    ),
    pcrs=st.fixed_dictionaries(
        {index: st.sampled_from(POOL).map(bytes.fromhex) for index in (0, 4, 7, 12)}
    ),
)
def test_nitro_tpm_gets_the_verdict_of_iam(
    key_policy: dict[str, Any], pcrs: dict[int, bytes]
) -> None:
    """The same for the keys of NitroTPM."""
    doc = FAKE.nitro_tpm_document(pcrs=pcrs)
    _agree(key_policy, "nitrotpm", pcrs, doc)


def _as_kms_can_say(measurements: Any, sid: str) -> Any:
    """Return the set with what a key policy has no place for written as it reads back."""
    waived = {
        name: NotChecked(kms.UNNAMED)
        for name in measurements.__dataclass_fields__
        if isinstance(getattr(measurements, name), NotChecked)
    }
    return replace(
        measurements,
        label=sid,
        other_pcrs=tuple(sorted(measurements.other_pcrs, key=lambda p: p[0])),
        **waived,
    )


@settings(NOT_TIMED, max_examples=300)
@given(policies | policies_of(enclave_sets()) | policies_of(nitro_tpm_sets()))
def test_a_policy_goes_to_kms_and_back_or_is_refused(policy: Policy) -> None:
    """Every pinned PCR comes back; a label, reason or rule that doesn't is named in a remark."""
    try:
        written = kms.to_kms(policy)
    except PolicyError as refusal:
        event(refusal.field)
        return
    read = kms.read_key_policy(written.to_json()).measurements
    sids = [sid for sid, _ in written.statements]
    expected = tuple(
        _as_kms_can_say(found, sid) for found, sid in zip(policy.measurements, sids, strict=True)
    )
    assert read == expected
    remarks = "\n".join(written.remarks)
    for measurements, sid in zip(policy.measurements, sids, strict=True):
        assert isinstance(measurements, (EnclaveMeasurements, NitroTpmMeasurements))
        assert measurements.label == sid or f'written as "{sid}"' in remarks
        for name in measurements.__dataclass_fields__:
            rule: object = getattr(measurements, name)
            assert (
                not isinstance(rule, NotChecked)
                or f"{name} is not checked" in remarks
                or rule.because == kms.UNNAMED
            )
