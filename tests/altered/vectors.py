"""Read the vectors: documents captured from AWS's hardware, and the kit of one fault each, as far as they are there."""

import hashlib
import json
from base64 import b64decode
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any, Final, final

from nitro_attest import (
    Absent,
    AnyEnclave,
    AnyNitroTpm,
    DebugEnclave,
    EnclaveMeasurements,
    Equals,
    FieldRule,
    FreshNonce,
    Measurements,
    NitroTpmMeasurements,
    NotChecked,
    Policy,
    Present,
    Sha384,
    TimestampOnly,
    TrustAnchor,
)

_KIT: Final = "the vector asks for it"
_ENCLAVE_PCRS: Final = {
    0: "pcr0_image",
    1: "pcr1_kernel",
    2: "pcr2_application",
    3: "pcr3_iam_role",
    4: "pcr4_instance_id",
    8: "pcr8_signing_certificate",
}
_NITRO_TPM_PCRS: Final = {4: "pcr4_boot_manager", 7: "pcr7_secure_boot", 12: "pcr12_command_line"}
_VECTORS: Final = Path(__file__).parent.parent / "vectors"


@final
@dataclass(frozen=True, slots=True)
class Genuine:
    """Hold one captured document and its own time."""

    name: str
    doc: bytes
    at: datetime
    kind: str


@final
@dataclass(frozen=True, slots=True)
class KitVector:
    """Hold one vector of the kit, its bytes decoded."""

    name: str
    doc: bytes
    policy: Policy
    nonce: bytes | None
    now: datetime
    expect: str


@cache
def genuine() -> tuple[Genuine, ...]:
    """Return the captured documents."""
    folder = _VECTORS / "real"
    index = json.loads((folder / "index.json").read_text())
    return tuple(
        Genuine(entry["file"], (folder / entry["file"]).read_bytes(), datetime.fromisoformat(entry["timestamp"]), entry["kind"])
        for entry in index
    )


def genuine_documents() -> list[bytes]:
    """Return the bytes of the captured documents."""
    return [entry.doc for entry in genuine()]


@cache
def kit() -> tuple[KitVector, ...]:
    """Return the vectors of the kit, one a file."""
    return tuple(_vector(json.loads(file.read_text())) for file in sorted((_VECTORS / "kit").glob("**/*.json")))


def _vector(entry: Mapping[str, Any]) -> KitVector:
    nonce = entry["nonce"]
    return KitVector(
        entry["id"],
        b64decode(entry["doc"]),
        _policy(entry["policy"], b64decode(entry["anchor"])),
        None if nonce is None else bytes.fromhex(nonce),
        datetime.fromisoformat(entry["now"]),
        entry["expect"],
    )


def _policy(entry: Mapping[str, Any], root: bytes) -> Policy:
    fresh, sets = entry["freshness"], entry["measurements"]
    ages = {name: timedelta(milliseconds=fresh[f"{name}_ms"]) for name in ("max_age", "max_clock_skew")}
    return Policy(
        measurements=tuple(_measurements(measured) for measured in sets),
        freshness=FreshNonce(**ages) if fresh["kind"] == "fresh_nonce" else TimestampOnly(because=_KIT, **ages),
        public_key=_rule(entry["public_key"]),
        user_data=_rule(entry["user_data"]),
        unknown_fields=Absent() if entry["unknown_fields"] == "refused" else NotChecked(_KIT),
        trust_anchor=TrustAnchor(name="kit", certificate=root, sha256=hashlib.sha256(root).hexdigest()),
    )


def _rule(entry: Mapping[str, str]) -> FieldRule:
    match entry["rule"]:
        case "equals":
            return Equals(bytes.fromhex(entry["hex"]))
        case "present":
            return Present()
        case "absent":
            return Absent()
        case _:
            return NotChecked(_KIT)


def _measurements(entry: Mapping[str, Any]) -> Measurements:
    any_of_kind = {"any_enclave": AnyEnclave, "debug_enclave": DebugEnclave, "any_nitrotpm": AnyNitroTpm}
    if entry["kind"] in any_of_kind:
        return any_of_kind[entry["kind"]](_KIT)
    kind, names = {
        "enclave": (EnclaveMeasurements, _ENCLAVE_PCRS),
        "nitrotpm": (NitroTpmMeasurements, _NITRO_TPM_PCRS),
    }[entry["kind"]]
    pinned: dict[int, Sha384] = {int(index): Sha384.fromhex(digits) for index, digits in entry["pcrs"].items()}
    named: dict[str, Any] = {name: pinned.pop(index, NotChecked(_KIT)) for index, name in names.items()}
    return kind(label=entry["label"], other_pcrs=tuple(pinned.items()), **named)
