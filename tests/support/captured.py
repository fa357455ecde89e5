"""The captured documents of tests/vectors/real, and policies that pin what they measured.

They are read without the library.
"""

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import cbor2

from nitro_attest import (
    AWS_NITRO_ROOT_G1,
    DebugEnclave,
    EnclaveMeasurements,
    FieldRule,
    Measurements,
    NitroTpmMeasurements,
    NotChecked,
    Policy,
    Sha384,
    TimestampOnly,
    TrustAnchor,
)

FOLDER = Path(__file__).parents[1] / "vectors" / "real"
WAIVED = NotChecked("not what this test is about")
ARCHIVED = TimestampOnly(because="a captured document", max_age=timedelta(minutes=5))


@dataclass(frozen=True)
class Genuine:
    """One captured document with what its index entry and its own payload say."""

    name: str
    doc: bytes
    kind: str
    debug: bool
    time: datetime
    payload: dict[str, Any]
    measurements: Measurements


def policy_for(
    measurements: Measurements,
    *,
    public_key: FieldRule = WAIVED,
    user_data: FieldRule = WAIVED,
    trust_anchor: TrustAnchor = AWS_NITRO_ROOT_G1,
) -> Policy:
    """Make a policy for captured documents."""
    return Policy(
        measurements=(measurements,),
        freshness=ARCHIVED,
        public_key=public_key,
        user_data=user_data,
        trust_anchor=trust_anchor,
    )


def _measurements(kind: str, debug: bool, payload: dict[str, Any]) -> Measurements:  # noqa: FBT001 - an index entry's field
    if debug:
        return DebugEnclave("captured in debug mode")
    if kind == "nitrotpm":
        pcrs = payload["nitrotpm_pcrs"]
        return NitroTpmMeasurements(
            label="measured",
            pcr4_boot_manager=Sha384(pcrs[4]),
            pcr7_secure_boot=Sha384(pcrs[7]),
            pcr12_command_line=Sha384(pcrs[12]),
            other_pcrs=tuple((i, Sha384(v)) for i, v in pcrs.items() if i not in {4, 7, 12}),
        )
    pcrs = payload["pcrs"]
    return EnclaveMeasurements(
        label="measured",
        pcr0_image=Sha384(pcrs[0]),
        pcr1_kernel=Sha384(pcrs[1]),
        pcr2_application=Sha384(pcrs[2]),
        pcr3_iam_role=Sha384(pcrs[3]),
        pcr4_instance_id=Sha384(pcrs[4]),
        pcr8_signing_certificate=Sha384(pcrs[8]),
        other_pcrs=tuple((i, Sha384(v)) for i, v in pcrs.items() if i not in {0, 1, 2, 3, 4, 8}),
    )


def _load(entry: dict[str, Any]) -> Genuine:
    doc = (FOLDER / entry["file"]).read_bytes()
    payload = cbor2.loads(cbor2.loads(doc)[2])
    return Genuine(
        name=entry["file"].removesuffix(".cbor"),
        doc=doc,
        kind=entry["kind"],
        debug=entry["debug"],
        time=datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=entry["timestamp_ms"]),
        payload=payload,
        measurements=_measurements(entry["kind"], entry["debug"], payload),
    )


INDEX: list[dict[str, Any]] = json.loads((FOLDER / "index.json").read_text())
GENUINE = [_load(entry) for entry in INDEX]
PRODUCTION = next(g for g in GENUINE if g.name == "enclave-2026-01-03-production")
CAPTURED_PCRS: list[tuple[str, dict[int, bytes]]] = [
    (captured.kind, captured.payload["pcrs" if captured.kind == "enclave" else "nitrotpm_pcrs"])
    for captured in GENUINE
]
DEBUG = next(g for g in GENUINE if g.debug)
NITRO_TPM = next(g for g in GENUINE if g.kind == "nitrotpm")
