"""A small model of the rules, as a table: what a document must be, in the rules' order.

From a draft of a document (plain values, before they are encoded) and a policy it gives the reasons
for which the document must be rejected, none if it must be accepted. Nothing of the library decides
here: only its names for reasons and its policy data are used.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, final

from nitro_attest import (
    Absent,
    AnyEnclave,
    AnyNitroTpm,
    DebugEnclave,
    EnclaveMeasurements,
    Equals,
    FreshNonce,
    Measurements,
    NitroTpmMeasurements,
    NotChecked,
    Policy,
    Present,
    Reason,
    Sha384,
)

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MANDATORY: Final = ("module_id", "digest", "timestamp", "certificate", "cabundle")
_LISTED: Final = (*_MANDATORY, "pcrs", "nitrotpm_pcrs", "public_key", "user_data", "nonce")
_LAST_MILLISECOND: Final = 253_402_300_799_999
_ZERO: Final = bytes(48)
_SUFFIX_OF_MAP: Final = {"pcrs": "enc", "nitrotpm_pcrs": "tpm"}


@final
@dataclass(frozen=True, slots=True)
class Draft:
    """A document before it is encoded: its fields, and the faults of its chain and signature."""

    fields: dict[object, Any]
    chain_fault: Reason | None
    signature_fault: Reason | None

    @property
    def pcr_map(self) -> str:
        """Return the name of the map of PCRs."""
        return "pcrs" if "pcrs" in self.fields else "nitrotpm_pcrs"

    @property
    def pcrs(self) -> dict[Any, Any]:
        """Return the PCRs."""
        return dict(self.fields[self.pcr_map])


@final
@dataclass(frozen=True, slots=True)
class Call:
    """Hold what the relying party brings: its policy, the nonce it issued, and the time."""

    policy: Policy
    nonce: bytes | None
    now: datetime


def _when(reason: Reason, broken: object) -> Reason | None:
    return reason if broken else None


def _names(draft: Draft, _: Call) -> Reason | None:
    return _when(Reason.DOCUMENT_FIELD_TYPE, any(type(name) is not str for name in draft.fields))


def _mandatory(draft: Draft, _: Call) -> Reason | None:
    return _when(
        Reason.DOCUMENT_FIELD_MISSING, any(draft.fields.get(name) is None for name in _MANDATORY)
    )


def _one_kind(draft: Draft, _: Call) -> Reason | None:
    present = [name for name in _SUFFIX_OF_MAP if name in draft.fields]
    if len(present) == 2:
        return Reason.DOCUMENT_KIND
    return _when(Reason.DOCUMENT_FIELD_MISSING, not present or draft.fields[present[0]] is None)


def _pcr_map(draft: Draft, _: Call) -> Reason | None:
    pcrs = draft.fields[draft.pcr_map]
    if type(pcrs) is not dict:
        return Reason.DOCUMENT_FIELD_TYPE
    return _when(Reason.DOCUMENT_PCR_COUNT, not 1 <= len(draft.pcrs) <= 32)


def _each_pcr(draft: Draft, _: Call) -> Reason | None:
    for index, value in draft.pcrs.items():
        if type(index) is not int or index not in range(32):
            return Reason.DOCUMENT_PCR_INDEX
        if type(value) is not bytes:
            return Reason.DOCUMENT_FIELD_TYPE
        if len(value) != 48:
            return Reason.DOCUMENT_PCR_LENGTH
    return None


def _module_id(draft: Draft, _: Call) -> Reason | None:
    value = draft.fields["module_id"]
    if type(value) is not str:
        return Reason.DOCUMENT_FIELD_TYPE
    if len(value) > 256 or any(not " " <= letter <= "~" for letter in value):
        return Reason.DOCUMENT_MODULE_ID
    found = re.search(r".-(enc|tpm)[0-9a-f]{16}\Z", value)
    if not found:
        return Reason.DOCUMENT_MODULE_ID
    return _when(Reason.DOCUMENT_KIND, found[1] != _SUFFIX_OF_MAP[draft.pcr_map])


def _digest(draft: Draft, _: Call) -> Reason | None:
    value = draft.fields["digest"]
    return (
        Reason.DOCUMENT_FIELD_TYPE
        if type(value) is not str
        else _when(Reason.DOCUMENT_DIGEST, value != "SHA384")
    )


def _timestamp(draft: Draft, _: Call) -> Reason | None:
    value = draft.fields["timestamp"]
    if type(value) is not int:
        return Reason.DOCUMENT_FIELD_TYPE
    return _when(Reason.DOCUMENT_TIMESTAMP, value < 1 or value > _LAST_MILLISECOND)


def _certificate(draft: Draft, _: Call) -> Reason | None:
    value = draft.fields["certificate"]
    if type(value) is not bytes:
        return Reason.DOCUMENT_FIELD_TYPE
    return _when(Reason.DOCUMENT_CERTIFICATE, not value or len(value) > 1024)


def _cabundle(draft: Draft, _: Call) -> Reason | None:
    value = draft.fields["cabundle"]
    if type(value) is not list:
        return Reason.DOCUMENT_FIELD_TYPE
    if len(draft.fields["cabundle"]) not in range(2, 9):
        return Reason.DOCUMENT_CABUNDLE
    for entry in draft.fields["cabundle"]:
        if type(entry) is not bytes:
            return Reason.DOCUMENT_FIELD_TYPE
        if not entry or len(entry) > 1024:
            return Reason.DOCUMENT_CABUNDLE
    return None


def _optional(name: str, reason: Reason) -> Callable[[Draft, Call], Reason | None]:
    def rule(draft: Draft, _: Call) -> Reason | None:
        value = draft.fields.get(name)
        if value is None:
            return None
        return (
            Reason.DOCUMENT_FIELD_TYPE
            if type(value) is not bytes
            else _when(reason, len(value) > 1024)
        )

    return rule


def _wanted_kind(draft: Draft, call: Call) -> Reason | None:
    wanted = (
        "nitrotpm_pcrs"
        if isinstance(call.policy.measurements[0], NitroTpmMeasurements | AnyNitroTpm)
        else "pcrs"
    )
    return _when(Reason.DOCUMENT_KIND, draft.pcr_map != wanted)


def _unknown(draft: Draft, call: Call) -> Reason | None:
    unlisted = any(name not in _LISTED for name in draft.fields)
    return _when(Reason.DOCUMENT_FIELD_UNKNOWN, unlisted and call.policy.unknown_fields == Absent())


RULES: Final[tuple[Callable[[Draft, Call], Reason | None], ...]] = (
    _names,
    _mandatory,
    _one_kind,
    _pcr_map,
    _each_pcr,
    _module_id,
    _digest,
    _timestamp,
    _certificate,
    _cabundle,
    _optional("public_key", Reason.DOCUMENT_PUBLIC_KEY),
    _optional("user_data", Reason.DOCUMENT_USER_DATA),
    _optional("nonce", Reason.DOCUMENT_NONCE),
    _wanted_kind,
    _unknown,
    lambda draft, _: draft.chain_fault,
    lambda draft, _: draft.signature_fault,
)
"""What makes a document malformed or untrusted: the first rule that is broken names the reason."""


def _freshness(draft: Draft, call: Call) -> list[Reason]:
    rule, found, reasons = call.policy.freshness, draft.fields.get("nonce"), list[Reason]()
    if isinstance(rule, FreshNonce) and found != call.nonce:
        reasons.append(
            Reason.FRESHNESS_NONCE_ABSENT if found is None else Reason.FRESHNESS_NONCE_MISMATCH
        )
    made = _EPOCH + timedelta(milliseconds=draft.fields["timestamp"])
    if made < call.now - rule.max_age:
        reasons.append(Reason.FRESHNESS_TOO_OLD)
    if made > call.now + rule.max_clock_skew:
        reasons.append(Reason.FRESHNESS_FROM_THE_FUTURE)
    return reasons


def _pinned(measured: EnclaveMeasurements | NitroTpmMeasurements) -> list[tuple[int, object]]:
    if isinstance(measured, EnclaveMeasurements):
        named: list[tuple[int, object]] = [
            (0, measured.pcr0_image),
            (1, measured.pcr1_kernel),
            (2, measured.pcr2_application),
            (3, measured.pcr3_iam_role),
            (4, measured.pcr4_instance_id),
            (8, measured.pcr8_signing_certificate),
        ]
    else:
        named = [
            (4, measured.pcr4_boot_manager),
            (7, measured.pcr7_secure_boot),
            (12, measured.pcr12_command_line),
        ]
    return [*named, *measured.other_pcrs]


def _against_set(pcrs: dict[int, bytes], measured: Measurements) -> list[Reason]:
    debug = any(pcrs.get(index) == _ZERO for index in (0, 1, 2))
    if isinstance(measured, AnyNitroTpm):
        return []
    if isinstance(measured, DebugEnclave):
        return [] if debug else [Reason.POLICY_PCR_MISMATCH]
    reasons: list[Reason] = []
    if not isinstance(measured, NitroTpmMeasurements):
        if debug:
            reasons.append(Reason.POLICY_DEBUG_ENCLAVE)
        elif not {0, 1, 2} <= pcrs.keys():
            reasons.append(Reason.POLICY_PCR_ABSENT)
    if not isinstance(measured, AnyEnclave):
        for index, rule in _pinned(measured):
            if isinstance(rule, Sha384) and pcrs.get(index) != rule.value:
                reasons.append(
                    Reason.POLICY_PCR_MISMATCH if index in pcrs else Reason.POLICY_PCR_ABSENT
                )
    return reasons


def _field(rule: object, value: bytes | None, reason: Reason) -> list[Reason]:
    good: dict[type, bool] = {
        NotChecked: True,
        Present: value is not None and len(value) > 0,
        Absent: value is None,
        Equals: isinstance(rule, Equals) and value == rule.value,
    }
    return [] if good[type(rule)] else [reason]


def _policy(draft: Draft, call: Call) -> list[Reason]:
    by_set = [_against_set(draft.pcrs, measured) for measured in call.policy.measurements]
    reasons = min(by_set, key=len)  # of the nearest set; debug mode counts against each alike
    if reasons and len(by_set) > 1:
        reasons = [*reasons, Reason.POLICY_PCR_MISMATCH]  # the other sets, counted
    reasons += _field(
        call.policy.public_key, draft.fields.get("public_key"), Reason.POLICY_PUBLIC_KEY
    )
    return reasons + _field(
        call.policy.user_data, draft.fields.get("user_data"), Reason.POLICY_USER_DATA
    )


def reasons_to_refuse(draft: Draft, call: Call) -> list[Reason]:
    """Return the reasons that must be given, the one that counts first; none if accepted."""
    for rule in RULES:
        if (reason := rule(draft, call)) is not None:
            return [reason]
    return _freshness(draft, call) or _policy(draft, call)
