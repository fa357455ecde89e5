"""Key policies: which ones the broker stores, and what they decide.

The decision is `nitro_attest.reference_values.kms.simulate`, in strict mode. A policy is stored
only if every principal and every condition in it can be decided exactly on its own, so that no
request can meet a statement whose meaning would be a guess.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final, cast

from nitro_attest import Claims, DocumentKind, PolicyError
from nitro_attest.reference_values.kms import Decision, KeyPolicy, Transport, simulate

from nitro_attest_broker._errors import Code, KmsError

MAX_POLICY_BYTES: Final = 32_768  # KMS quota on a key policy
_PROBE_ARN: Final = "arn:aws:kms:us-east-1:000000000000:key/00000000-0000-0000-0000-000000000000"
_PROBE_CALLERS: Final = (
    "arn:aws:iam::000000000000:role/probe",
    "arn:aws:iam::000000000000:user/probe",
)
_PCRS: Final = {DocumentKind.ENCLAVE: 32, DocumentKind.NITRO_TPM: 24}
_CONTEXT_KEY: Final = "kms:encryptioncontext:"


@lru_cache(maxsize=256)
def parsed(policy: str) -> KeyPolicy:
    """Return a stored policy, read."""
    return KeyPolicy.read(policy)


def decide(  # noqa: PLR0913 - the parts of a request, each named
    policy: str,
    operation: str,
    *,
    principal: str,
    key_arn: str,
    account: str,
    context: Mapping[str, str],
    claims: Claims | None,
    transport: Transport,
) -> Decision:
    """Return what a stored policy decides; what it can't decide exactly is denied.

    `:root` grants nobody anything: it delegates to IAM policies, and there are none here.
    """
    try:
        return simulate(
            parsed(policy),
            operation,
            principal=principal,
            document=claims,
            encryption_context=context,
            key_arn=key_arn,
            account=account,
            transport=transport,
        )
    except PolicyError:
        return Decision(
            allowed=False,
            statements=(),
            delegated=(),
            undecided=(),
            why="cannot be decided exactly",
        )


def expect_decidable(policy: str) -> None:
    """Accept a policy only if it is one, and everything in it can be decided exactly.

    Raises:
        KmsError: MalformedPolicyDocumentException; LimitExceededException over 32,768 bytes.

    """
    if len(policy.encode()) > MAX_POLICY_BYTES:
        raise KmsError(
            Code.LIMIT_EXCEEDED,
            f"The key policy is longer than {MAX_POLICY_BYTES} bytes.",
            reason="policy.too_long",
        )
    try:
        KeyPolicy.read(policy)
        for atom in _atoms(json.loads(policy)):
            _probe(atom)
    except PolicyError as exc:
        raise malformed(f"{exc.field}: {exc.problem}", "policy.not_decidable") from None


def malformed(problem: str, reason: str) -> KmsError:
    """Return the error for a policy that is not stored; it is the caller's own text."""
    return KmsError(Code.MALFORMED_POLICY, problem[:1024], reason=reason)


def own_policy(principal: str) -> str:
    """Return the policy of a key that was created without one: its creator may do everything."""
    return json.dumps(
        {
            "Version": "2012-10-17",
            "Id": "key-default-1",
            "Statement": [
                {
                    "Sid": "The creator",
                    "Effect": "Allow",
                    "Principal": {"AWS": principal},
                    "Action": "kms:*",
                    "Resource": "*",
                }
            ],
        }
    )


def _atoms(policy: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Take a policy apart: policies with one principal, one resource or one condition each."""
    version = {"Version": policy["Version"]} if "Version" in policy else {}
    for statement in _each(policy["Statement"]):
        bare = {
            "Effect": "Allow",  # `simulate` looks closely only at what could be allowed
            "Principal": "*",
            "Action": "kms:*",
            "Resource": "*",
        }
        for element in ("Action", "NotAction", "Resource", "NotResource"):
            for text in _each(statement.get(element, [])):
                rest = {
                    k: v for k, v in bare.items() if k not in (element, element.removeprefix("Not"))
                }
                yield {**version, "Statement": {**rest, element: text}}
        for element in ("Principal", "NotPrincipal"):
            for principal in _principals(statement.get(element, {})):
                rest = {k: v for k, v in bare.items() if k != "Principal"}
                yield {**version, "Statement": {**rest, element: principal}}
        for operator, keys in statement.get("Condition", {}).items():
            for key, values in keys.items():
                yield {**version, "Statement": {**bare, "Condition": {operator: {key: values}}}}


def _principals(written: object) -> Iterator[object]:
    if isinstance(written, str):
        yield written
        return
    for kind, names in cast("dict[str, object]", written).items():
        yield from ({kind: name} for name in _each(names))


def _probe(policy: dict[str, Any]) -> None:
    """Ask one small policy about every kind of request; PolicyError if one can't be decided."""
    parsed_policy = KeyPolicy.read(json.dumps(policy))
    contexts: list[dict[str, str]] = [{}, *_context_of(policy)]
    for principal in _PROBE_CALLERS:
        for kind in (None, *_PCRS):
            for context in contexts:
                simulate(
                    parsed_policy,
                    "Decrypt",
                    principal=principal,
                    pcrs=None if kind is None else dict.fromkeys(range(_PCRS[kind]), bytes(48)),
                    kind=DocumentKind.ENCLAVE if kind is None else kind,
                    encryption_context=context,
                    key_arn=_PROBE_ARN,
                    account="000000000000",
                )


def _context_of(policy: dict[str, Any]) -> Iterator[dict[str, str]]:
    """Return contexts with the names that the conditions ask for."""
    for keys in policy["Statement"].get("Condition", {}).values():
        for key in keys:
            if key.lower().startswith(_CONTEXT_KEY):
                yield {key[len(_CONTEXT_KEY) :] or "probe": "probe"}
            else:
                yield {"probe": "probe", "other": "probe"}


def _each(written: object) -> list[Any]:
    return [*cast("Sequence[Any]", written)] if isinstance(written, list) else [written]
