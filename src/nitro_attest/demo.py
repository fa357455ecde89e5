"""Verify two captured documents that ship with the package, and show what is rejected and why.

Run it as `python -m nitro_attest.demo`. Every verdict is computed, and nothing comes from the
network.
"""

import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from typing import Final

from nitro_attest import (
    EnclaveMeasurements,
    Equals,
    FreshNonce,
    NotChecked,
    Policy,
    Sha384,
    TimestampOnly,
    TrustAnchor,
    VerificationError,
    read_unverified,
    verify,
)
from nitro_attest.testing import FakeNitro

PRODUCTION: Final = "enclave-2026-01-03-production.cbor"
PRODUCTION_TIME: Final = datetime(2026, 1, 3, 20, 41, 8, tzinfo=UTC)
ACCEPTED: Final = "accepted"
DEBUG: Final = "enclave-2024-11-14-debug.cbor"
DEBUG_TIME: Final = datetime(2024, 11, 14, 23, 46, 30, tzinfo=UTC)
IMAGE: Final = (
    "4b8d4cf2a99e05ce1b5bddaf9d21cb446eb0e606c5bebd1e"
    "bf02b473a22165f7b68b0bb0d1ac5a90f0311e493522cfab"
)

MEASUREMENTS: Final = EnclaveMeasurements(
    label="production enclave of 2026-01-03",
    pcr0_image=Sha384.fromhex(IMAGE),
    pcr1_kernel=Sha384.fromhex(
        "0343b056cd8485ca7890ddd833476d78460aed2aa161548e4e26bedf321726696257d623e8805f3f605946b3d8b0c6aa"
    ),
    pcr2_application=Sha384.fromhex(
        "16efcc1d6952c5b9737eb2ab1751a08412835c5125818bfb55f6367cb3cdca49b13d2a5b6d771de9db1578242e328c6d"
    ),
    pcr3_iam_role=Sha384.ZERO,
    pcr4_instance_id=NotChecked("the service runs on more than one instance"),
    pcr8_signing_certificate=Sha384.ZERO,
)
POLICY: Final = Policy(
    measurements=(MEASUREMENTS,),
    freshness=TimestampOnly(
        because="a captured document answers no nonce of ours", max_age=timedelta(minutes=5)
    ),
    public_key=NotChecked("this enclave sends none"),
    user_data=NotChecked("its meaning is the enclave's own"),
)


def main() -> int:
    """Print the demonstration; return 0 if every verdict is the one announced, 1 otherwise."""
    captured, debug = (
        files("nitro_attest").joinpath("samples", name).read_bytes() for name in (PRODUCTION, DEBUG)
    )
    module = read_unverified(captured).module_id
    print(f"A document of a production enclave, captured from AWS hardware: {len(captured)} bytes.")
    print(f"Module:  {module}")
    print("Policy:  PCR0, 1, 2, 3 and 8 pinned, four skipped, each with a reason.")
    print(f"Root:    {_root(POLICY.trust_anchor)}\n")
    flipped = captured[:-1] + bytes([captured[-1] ^ 1])
    one_digit = replace(MEASUREMENTS, pcr0_image=Sha384.fromhex("5" + IMAGE[1:]))
    today = datetime.now(UTC)
    as_announced = [
        _show("at its own time", ACCEPTED, captured, POLICY, PRODUCTION_TIME),
        _show(f"today, {today:%Y-%m-%d}", "chain.expired", captured, POLICY, today),
        _show(
            "one digit of PCR0 changed in the policy",
            "policy.pcr_mismatch",
            captured,
            replace(POLICY, measurements=(one_digit,)),
            PRODUCTION_TIME,
        ),
        _show(
            "one byte of the signature changed",
            "signature.invalid",
            flipped,
            POLICY,
            PRODUCTION_TIME,
        ),
        _show(
            "a captured document of a debug enclave",
            "policy.debug_enclave",
            debug,
            POLICY,
            DEBUG_TIME,
        ),
    ]
    as_announced += _nonce_round_trip()
    print(
        "\nEvery verdict is the one expected."
        if all(as_announced)
        else "\nA VERDICT IS NOT THE ONE EXPECTED."
    )
    return 0 if all(as_announced) else 1


def _nonce_round_trip() -> list[bool]:
    """Show a service's own exchange, with a fake Nitro instead of the hardware."""
    fake = FakeNitro()
    nonce = b"issued by the relying party"[:27] + b"\x00" * 5
    key = b"public key made inside the enclave"
    policy = Policy(
        measurements=(fake.enclave_measurements(),),
        freshness=FreshNonce(),
        public_key=Equals(key),
        user_data=NotChecked("not part of this exchange"),
        trust_anchor=fake.trust_anchor,
    )
    doc = fake.enclave_document(nonce=nonce, public_key=key)
    print("\nA request with a nonce, answered by a fake Nitro:")
    print(f"Root:    {_root(fake.trust_anchor)}\n")
    return [
        _show("the nonce that was issued", ACCEPTED, doc, policy, fake.now, nonce),
        _show(
            "the same document for the next nonce",
            "freshness.nonce_mismatch",
            doc,
            policy,
            fake.now,
            bytes(32),
        ),
        _show(
            "the same document under the root of AWS",
            "chain.unknown_root",
            doc,
            replace(policy, trust_anchor=POLICY.trust_anchor),
            fake.now,
            nonce,
        ),
    ]


def _root(anchor: TrustAnchor) -> str:
    return f"{anchor.name}, {'a root of AWS' if anchor.is_root_of_aws else 'NOT A ROOT OF AWS'}"


def _show(  # noqa: PLR0913, PLR0917 - one call is one line of the demonstration
    what: str, expected: str, doc: bytes, policy: Policy, now: datetime, nonce: bytes | None = None
) -> bool:
    """Print one line, and return whether the verdict is the expected one."""
    try:
        result = verify(doc, policy, nonce=nonce, now=now)
    except VerificationError as rejection:
        outcome = str(rejection.reason)
        print(f"  {what:<42}REJECTED  {outcome}")
    else:
        outcome = ACCEPTED
        print(f"  {what:<42}ACCEPTED  skipped checks: {len(result.not_checked)}")
    return outcome == expected


if __name__ == "__main__":
    sys.exit(main())
