"""Hold the verdict of `verify` (RFC 9334 section 8.4): what was proven, by which set, and what was not checked.

An appraised document comes in, a frozen record goes out. Never: a result made by anything but
`verify`, or one for a document that was refused; refusals are exceptions.
"""

from dataclasses import InitVar, dataclass
from datetime import datetime
from typing import Final, final

from nitro_attest._core.document import Claims
from nitro_attest._core.measurements import AnyEnclave, AnyNitroTpm, DebugEnclave, Measurements

__all__ = ["AttestationResult", "Waiver"]

SEAL: Final = object()


@final
@dataclass(frozen=True, slots=True)
class Waiver:
    """Name a check that the policy left out, and the reason the policy gives."""

    subject: str
    because: str


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class AttestationResult:
    """Say that a document was believed. Only `verify` makes one.

    `claims` is what the hardware signed and `matched` the set of the policy that it matched.
    `not_checked` lists every check the policy left out. `appraised_at` is the time that was used,
    in UTC; `valid_until` the last second in which every certificate of the chain is valid: keep no
    decision longer than that. `remember_until` is the document's timestamp, plus `max_age`, plus
    twice `max_clock_skew`: whoever remembers documents against replay keeps them for
    `remember_until - appraised_at`. `replay_key` is the SHA-256 (32 bytes) of the signed
    payload: the same for every envelope and every signature around it, so fit to be remembered
        against replay.
    """

    claims: Claims
    matched: Measurements
    not_checked: tuple[Waiver, ...]
    appraised_at: datetime
    valid_until: datetime
    remember_until: datetime
    replay_key: bytes
    seal: InitVar[object]

    def __post_init__(self, seal: object) -> None:
        """Refuse to be made by hand."""
        if seal is not SEAL:
            message = "only nitro_attest.verify makes an AttestationResult; for tests see nitro_attest.testing"
            raise TypeError(message)

    def to_dict(self) -> dict[str, object]:
        """Return the result as JSON types: bytes as lower-case hex digits, times as ISO 8601 in UTC, absent fields as None."""
        claims = self.claims
        return {
            "claims": {
                "kind": str(claims.kind),
                "module_id": claims.module_id,
                "instance_id": claims.instance_id,
                "timestamp": claims.timestamp.isoformat(timespec="milliseconds"),
                "pcrs": {str(index): value.hex() for index, value in claims.pcrs.items()},
                "public_key": _hex(claims.public_key),
                "user_data": _hex(claims.user_data),
                "nonce": _hex(claims.nonce),
                "unknown_fields": list(claims.unknown_fields),
            },
            "matched": {"set": type(self.matched).__name__, "label": _label(self.matched)},
            "not_checked": [
                {"subject": waiver.subject, "because": waiver.because}
                for waiver in self.not_checked
            ],
            "appraised_at": self.appraised_at.isoformat(timespec="milliseconds"),
            "valid_until": self.valid_until.isoformat(timespec="milliseconds"),
            "remember_until": self.remember_until.isoformat(timespec="milliseconds"),
            "replay_key": self.replay_key.hex(),
        }


def _hex(value: bytes | None) -> str | None:
    return None if value is None else value.hex()


def _label(measurements: Measurements) -> str | None:
    match measurements:
        case AnyEnclave() | DebugEnclave() | AnyNitroTpm():
            return None
        case described:
            return described.label
