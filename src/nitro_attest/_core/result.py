"""The result of `verify` (RFC 9334 section 8.4): what was proven, and what was not checked.

There is a result only for a document that was accepted, and only `verify` makes one.
"""

from dataclasses import InitVar, asdict, dataclass
from datetime import datetime
from typing import Final, final

from nitro_attest._core.anchors import TrustAnchor
from nitro_attest._core.document import Claims
from nitro_attest._core.errors import PolicyError
from nitro_attest._core.measurements import Measurements, Waiver

SEAL: Final = object()


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class AttestationResult:
    """An accepted document. Only `verify` makes one.

    `claims` is what AWS hardware signed and `matched` the set of the policy that it matched.
    `not_checked` lists every check that the policy skipped. `trust_anchor` is the root it was
    verified under: if `trust_anchor.is_root_of_aws` is false, AWS has not signed it.

    All times are in UTC. `appraised_at` is the time that was used; `valid_until` the last second in
    which every certificate of the chain is valid: keep no decision longer than that.

    `replay_key` is the SHA-256 (32 bytes) of the signed payload, the same for every envelope and
    every signature around it. Who rejects repeated documents remembers it until `remember_until`,
    which is the document's timestamp plus `max_age` plus twice `max_clock_skew`; as a duration,
    `remember_until - appraised_at`, if the memory has a clock of its own.
    """

    claims: Claims
    matched: Measurements
    not_checked: tuple[Waiver, ...]
    trust_anchor: TrustAnchor
    appraised_at: datetime
    valid_until: datetime
    remember_until: datetime
    replay_key: bytes
    seal: InitVar[object]

    def __post_init__(self, seal: object) -> None:
        """Prevent results that are made by hand."""
        if seal is not SEAL:  # V-92
            message = "only nitro_attest.verify makes a result; for tests see nitro_attest.testing"
            raise TypeError(message)

    def require_public_key(self) -> bytes:
        """Return the attested public key, 1 to 1024 bytes.

        Raises:
            PolicyError: The policy did not require one: its rule for `public_key` is `Absent` or
                `NotChecked`, or `Equals` with no bytes.

        """
        skipped = any(waiver.subject == "public_key" for waiver in self.not_checked)
        if skipped or not self.claims.public_key:
            raise PolicyError("Policy.public_key", "expected Present or Equals, to use the key")
        return self.claims.public_key

    def to_dict(self) -> dict[str, object]:
        """Return the result as JSON types: bytes as hex digits, times as ISO 8601 in UTC."""
        claims = self.claims
        return {
            "claims": {
                "kind": str(claims.kind),
                "module_id": claims.module_id,
                "instance_id": claims.instance_id,
                "timestamp": _iso(claims.timestamp),
                "pcrs": {str(index): value.hex() for index, value in claims.pcrs.items()},
                "public_key": _hex(claims.public_key),
                "user_data": _hex(claims.user_data),
                "nonce": _hex(claims.nonce),
                "unknown_fields": list(claims.unknown_fields),
            },
            "matched": {"set": type(self.matched).__name__, "label": self.matched.label},
            "not_checked": [asdict(waiver) for waiver in self.not_checked],
            "trust_anchor": {
                "name": self.trust_anchor.name,
                "sha256": self.trust_anchor.sha256,
                "is_root_of_aws": self.trust_anchor.is_root_of_aws,
            },
            "appraised_at": _iso(self.appraised_at),
            "valid_until": _iso(self.valid_until),
            "remember_until": _iso(self.remember_until),
            "replay_key": self.replay_key.hex(),
        }


def _hex(value: bytes | None) -> str | None:
    return None if value is None else value.hex()


def _iso(time: datetime) -> str:
    return time.isoformat(timespec="milliseconds")
