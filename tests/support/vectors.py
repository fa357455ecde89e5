"""Read the vectors of tests/vectors, strictly: a key that is unknown or missing fails.

A file comes in, a `Vector` goes out with the document, the policy and the expected verdict. Nothing
here decides.
"""

import hashlib
import json
from base64 import b64decode
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Final, cast, final

from nitro_attest import (
    Absent,
    AnyEnclave,
    AnyNitroTpm,
    DebugEnclave,
    EnclaveMeasurements,
    Equals,
    FieldRule,
    Freshness,
    FreshNonce,
    Measurements,
    NitroTpmMeasurements,
    NotChecked,
    Policy,
    Present,
    Sha384,
    TimestampOnly,
    TrustAnchor,
    VerificationError,
    verify,
)

VECTORS: Final = Path(__file__).parents[1] / "vectors"
KIT: Final = VECTORS / "kit"
ACCEPT: Final = "accept"
WAIVED: Final = NotChecked("the vector does not pin it")

ANYTHING: Final[Mapping[str, Measurements]] = {
    "any_enclave": AnyEnclave("the vector says so"),
    "debug_enclave": DebugEnclave("the vector says so"),
    "any_nitrotpm": AnyNitroTpm("the vector says so"),
}
RULES: Final[Mapping[str, FieldRule]] = {
    "present": Present(),
    "absent": Absent(),
    "not_checked": WAIVED,
}

Json = Mapping[str, object]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Vector:
    """One test vector."""

    id: str
    description: str
    effect: str
    rule: str
    refs: tuple[str, ...]
    doc: bytes
    policy: Policy
    nonce: bytes | None
    now: datetime
    expect: str


@cache
def paths() -> tuple[Path, ...]:
    """Return the files of the test vectors, sorted by name."""
    return tuple(sorted(KIT.rglob("*.json")))


def vector_id(path: Path) -> str:
    """Return the identifier that belongs to a file: its place in the folder."""
    return path.relative_to(KIT).with_suffix("").as_posix()


def read_json(path: Path) -> Json:
    """Read one file that holds one object."""
    return cast("Json", json.loads(path.read_text(encoding="utf-8")))


@cache
def read_vector(path: Path) -> Vector:
    """Read one vector.

    Raises:
        ValueError: A key is unknown or missing, or a value has another form than the README of the
            vectors gives it.

    """
    parts = _exactly(
        read_json(path), "id description effect rule refs doc anchor policy nonce now expect"
    )
    nonce = parts["nonce"]
    return Vector(
        id=_text(parts["id"]),
        description=_text(parts["description"]),
        effect=_text(parts["effect"]),
        rule=_text(parts["rule"]),
        refs=tuple(map(_text, cast("list[object]", parts["refs"]))),
        doc=b64decode(_text(parts["doc"]), validate=True),
        policy=_policy(cast("Json", parts["policy"]), anchors()[_text(parts["anchor"])]),
        nonce=None if nonce is None else bytes.fromhex(_text(nonce)),
        now=datetime.fromisoformat(_text(parts["now"])),
        expect=_text(parts["expect"]),
    )


def outcome(vector: Vector) -> str:
    """Return what the verifier says: `accept`, or the reason."""
    try:
        verify(vector.doc, vector.policy, nonce=vector.nonce, now=vector.now)
    except VerificationError as refusal:
        return refusal.reason
    return ACCEPT


@cache
def anchors() -> Mapping[str, TrustAnchor]:
    """Read the roots that the vectors name."""
    found: dict[str, TrustAnchor] = {}
    for name, value in read_json(VECTORS / "anchors.json").items():
        parts = _exactly(cast("Json", value), "sha256 der")
        der = b64decode(_text(parts["der"]), validate=True)
        if hashlib.sha256(der).hexdigest() != parts["sha256"]:
            raise ValueError(name)
        found[name] = TrustAnchor(name=name, certificate=der, sha256=_text(parts["sha256"]))
    return found


def _exactly(parts: Json, names: str) -> Json:
    if set(parts) != set(names.split()):
        raise ValueError(sorted(set(parts) ^ set(names.split())))
    return parts


def _text(value: object) -> str:
    if type(value) is not str:
        raise ValueError(value)
    return value


def _policy(parts: Json, anchor: TrustAnchor) -> Policy:
    _exactly(parts, "measurements freshness public_key user_data unknown_fields")
    unknown_fields: Mapping[str, Absent | NotChecked] = {"refused": Absent(), "allowed": WAIVED}
    return Policy(
        measurements=tuple(
            _measurements(cast("Json", item))
            for item in cast("list[object]", parts["measurements"])
        ),
        freshness=_freshness(cast("Json", parts["freshness"])),
        public_key=_rule(cast("Json", parts["public_key"])),
        user_data=_rule(cast("Json", parts["user_data"])),
        unknown_fields=unknown_fields[_text(parts["unknown_fields"])],
        trust_anchor=anchor,
    )


def _measurements(parts: Json) -> Measurements:
    match parts["kind"]:
        case "enclave":
            pinned = _pcrs(parts)
            return EnclaveMeasurements(
                label=_text(parts["label"]),
                pcr0_image=pinned.pop(0, WAIVED),
                pcr1_kernel=pinned.pop(1, WAIVED),
                pcr2_application=pinned.pop(2, WAIVED),
                pcr3_iam_role=pinned.pop(3, WAIVED),
                pcr4_instance_id=pinned.pop(4, WAIVED),
                pcr8_signing_certificate=pinned.pop(8, WAIVED),
                other_pcrs=tuple(pinned.items()),
            )
        case "nitrotpm":
            pinned = _pcrs(parts)
            return NitroTpmMeasurements(
                label=_text(parts["label"]),
                pcr4_boot_manager=pinned.pop(4, WAIVED),
                pcr7_secure_boot=pinned.pop(7, WAIVED),
                pcr12_command_line=pinned.pop(12, WAIVED),
                other_pcrs=tuple(pinned.items()),
            )
        case kind:
            _exactly(parts, "kind")
            return ANYTHING[_text(kind)]


def _pcrs(parts: Json) -> dict[int, Sha384]:
    _exactly(parts, "kind label pcrs")
    return {
        int(index): Sha384.fromhex(_text(value))
        for index, value in cast("Json", parts["pcrs"]).items()
    }


def _freshness(parts: Json) -> Freshness:
    _exactly(parts, "kind max_age_ms max_clock_skew_ms")
    max_age, max_clock_skew = (
        timedelta(milliseconds=cast("int", parts[name]))
        for name in ("max_age_ms", "max_clock_skew_ms")
    )
    if parts["kind"] == "fresh_nonce":
        return FreshNonce(max_age=max_age, max_clock_skew=max_clock_skew)
    if parts["kind"] == "timestamp_only":
        return TimestampOnly(
            because="the vector says so", max_age=max_age, max_clock_skew=max_clock_skew
        )
    raise ValueError(parts["kind"])


def _rule(parts: Json) -> FieldRule:
    if parts["rule"] == "equals":
        return Equals(bytes.fromhex(_text(_exactly(parts, "rule hex")["hex"])))
    _exactly(parts, "rule")
    return RULES[_text(parts["rule"])]
