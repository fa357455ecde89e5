"""PutKeyPolicy, GetKeyPolicy, ListKeyPolicies, and which policies are stored at all."""

from typing import Final

from nitro_attest.reference_values.kms import Severity, lint

from nitro_attest_broker._call import Call, Outcome
from nitro_attest_broker._errors import Code, KmsError, validation
from nitro_attest_broker._keys import Key
from nitro_attest_broker._members import KEY_ID, MARKER, POLICY, POLICY_NAME
from nitro_attest_broker._policies import decide, expect_decidable, malformed

_NAME: Final = "default"  # the one that KMS has


def put_key_policy(call: Call) -> Outcome:
    """Give a key another policy, if everything in it can be decided exactly."""
    members = call.members
    key_id = members.required_text("KeyId", KEY_ID)
    _expect_name(members.text("PolicyName", POLICY_NAME))
    policy = members.required_text("Policy", POLICY)
    bypass = members.flag("BypassPolicyLockoutSafetyCheck")
    members.finish()
    key = call.find_key(key_id)
    call.authorize(key)
    call.expect_not_pending_deletion(key)
    expect_storable(call, key, policy, bypass=bypass)
    changed = key.changed(policy=policy)
    call.noted["new_policy_digest"] = changed.policy_digest
    return Outcome(changes=(changed.to_record(),))


def get_key_policy(call: Call) -> Outcome:
    """Return a key's policy, as it was put."""
    key_id = call.members.required_text("KeyId", KEY_ID)
    _expect_name(call.members.text("PolicyName", POLICY_NAME))
    call.members.finish()
    key = call.find_key(key_id)
    call.authorize(key)
    return Outcome({"Policy": key.policy, "PolicyName": _NAME})


def list_key_policies(call: Call) -> Outcome:
    """Return the names of a key's policies: there is one."""
    key_id = call.members.required_text("KeyId", KEY_ID)
    call.members.number("Limit", 1, 1000)
    marker = call.members.text("Marker", MARKER)
    call.members.finish()
    if marker is not None:
        raise KmsError(Code.INVALID_MARKER, "Invalid marker.", reason="request.invalid")
    call.authorize(call.find_key(key_id))
    return Outcome({"PolicyNames": [_NAME], "Truncated": False})


def expect_storable(call: Call, key: Key, policy: str, *, bypass: bool) -> None:
    """Accept a policy that can be decided exactly, locks nobody out, and suits an attested key.

    Raises:
        KmsError: MalformedPolicyDocumentException or LimitExceededException.

    """
    expect_decidable(policy)
    if key.attested:
        findings = [finding for finding in lint(policy) if finding.severity is Severity.ERROR]
        if findings:
            listed = "; ".join(f"{finding.code}: {finding.why}" for finding in findings)
            raise malformed(f"An attested key's policy must pass the lint: {listed}", "policy.lint")
    decision = decide(
        policy,
        "PutKeyPolicy",
        principal=call.caller.principal,
        key_arn=call.arn(key),
        account=call.broker.settings.account,
        context={},
        claims=None,
        transport=call.caller.transport,
    )
    if not decision.allowed and not bypass:
        raise malformed(
            "The new key policy will not allow you to update the key policy in the future.",
            "policy.lockout",
        )


def _expect_name(name: str | None) -> None:
    if name not in (None, _NAME):
        raise validation(f"PolicyName must be {_NAME}.")
