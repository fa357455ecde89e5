"""Wrong uses that mypy and pyright must refuse: each line's two comments are themselves checked to be needed.

Nothing here runs; `make types` reads it. An error that a type checker stops giving makes its comment unused, which is an error.
"""

from datetime import UTC, datetime, timedelta
from typing import assert_type

from nitro_attest import (
    AWS_NITRO_ROOT_G1,
    Absent,
    AnyEnclave,
    AttestationResult,
    Claims,
    EnclaveMeasurements,
    Equals,
    FreshNonce,
    NitroTpmMeasurements,
    NotChecked,
    Policy,
    Present,
    Sha384,
    TimestampOnly,
    UnverifiedDocument,
    read_unverified,
    verify,
)

PIN = Sha384.fromhex("01" * 48)
WHY = NotChecked("why")


def wrong_measurements() -> None:
    Sha384("01" * 48)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    Sha384(None)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    Sha384.fromhex(b"01" * 48)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    NotChecked()  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    NotChecked(None)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    AnyEnclave()  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    EnclaveMeasurements(label="one", pcr0_image=PIN, pcr1_kernel=PIN, pcr2_application=PIN)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    EnclaveMeasurements("one", PIN, PIN, PIN, PIN, PIN, PIN)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    NitroTpmMeasurements(label="one", pcr4_boot_manager=PIN, pcr7_secure_boot=PIN, pcr12_command_line=None)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    NitroTpmMeasurements(label="one", pcr4_boot_manager=bytes(48), pcr7_secure_boot=PIN, pcr12_command_line=PIN)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    NitroTpmMeasurements(label="a", pcr4_boot_manager=PIN, pcr7_secure_boot=WHY, pcr12_command_line=PIN, other_pcrs={8: PIN})  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    NitroTpmMeasurements(label="a", pcr4_boot_manager=PIN, pcr7_secure_boot=WHY, pcr12_command_line=PIN, other_pcrs=(("8", PIN),))  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def wrong_rules() -> None:
    Equals("text")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    Equals()  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    FreshNonce(max_age=300)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    FreshNonce(timedelta(minutes=5))  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    TimestampOnly(max_age=timedelta(minutes=5))  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    TimestampOnly(because="why")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]


def wrong_policies() -> None:
    sets = (AnyEnclave("why"),)
    fresh = FreshNonce()
    Policy(measurements=sets, freshness=fresh, public_key=WHY)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    Policy(measurements=sets, public_key=WHY, user_data=WHY)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    Policy(measurements=None, freshness=fresh, public_key=WHY, user_data=WHY)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    Policy(measurements=[*sets], freshness=fresh, public_key=WHY, user_data=WHY)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    Policy(measurements=sets[0], freshness=fresh, public_key=WHY, user_data=WHY)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    Policy(measurements=sets, freshness=None, public_key=WHY, user_data=WHY)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    Policy(measurements=sets, freshness=WHY, public_key=WHY, user_data=WHY)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    Policy(measurements=sets, freshness=fresh, public_key=b"key", user_data=WHY)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    Policy(measurements=sets, freshness=fresh, public_key=None, user_data=WHY)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    Policy(measurements=sets, freshness=fresh, public_key=Present(), user_data=False)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    Policy(measurements=sets, freshness=fresh, public_key=WHY, user_data=WHY, unknown_fields=Present())  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    Policy(measurements=sets, freshness=fresh, public_key=WHY, user_data=WHY, trust_anchor=None)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    Policy(measurements=sets, freshness=fresh, public_key=WHY, user_data=WHY, trust_anchor=AWS_NITRO_ROOT_G1.certificate)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def wrong_calls(doc: bytes, policy: Policy, result: AttestationResult) -> None:
    verify(doc)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    verify(doc, None)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    verify("text", policy)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    verify(doc, policy, b"nonce")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    verify(doc, policy, nonce="text")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    verify(doc, policy, now=1767472867)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    policy.user_data = Absent()  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue]
    result.replay_key = b""  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue]
    AttestationResult()  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]


def believing_what_was_only_read(doc: bytes) -> Claims:
    return read_unverified(doc)  # type: ignore[return-value]  # pyright: ignore[reportReturnType]


def passing_a_reading_for_a_verdict(doc: bytes) -> AttestationResult:
    return read_unverified(doc)  # type: ignore[return-value]  # pyright: ignore[reportReturnType]


def right_uses(doc: bytes, policy: Policy) -> None:
    assert_type(verify(doc, policy), AttestationResult)
    assert_type(verify(doc, policy, nonce=bytes(32), now=datetime.now(UTC)).claims, Claims)
    assert_type(read_unverified(doc), UnverifiedDocument)
    assert_type(verify(doc, policy).claims.pcrs[0], bytes)
    assert_type(verify(doc, policy).claims.public_key, bytes | None)
