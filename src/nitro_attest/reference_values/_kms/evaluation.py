"""A key policy and a request, decided: allowed, denied, or not decidable.

"By default, all requests are implicitly denied"; "an explicit allow overrides this default"; "an
explicit deny in any policy overrides any allows" (IAM user guide, "Policy evaluation logic"). The
key policy alone is evaluated: IAM policies, grants, service control policies and permission
boundaries are not.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import Enum
from typing import Final, final

from nitro_attest import Claims, DocumentKind, PolicyError, UnverifiedDocument
from nitro_attest.reference_values._kms.conditions import holds
from nitro_attest.reference_values._kms.operations import covers
from nitro_attest.reference_values._kms.patterns import Variables, arn_matches, has_variable
from nitro_attest.reference_values._kms.policy_document import (
    Effect,
    KeyPolicy,
    Names,
    Statement,
    StatementName,
)
from nitro_attest.reference_values._kms.principals import Grant, names_caller
from nitro_attest.reference_values._kms.request import (
    OtherPcrs,
    Request,
    Transport,
    make_request,
)
from nitro_attest.reference_values._kms.truth import Truth, Undecided, all_of, any_of, negated

_NO_CONTEXT: Final[Mapping[str, str]] = {}


@final
class Strictness(Enum):
    """What happens if the outcome depends on something that cannot be decided exactly.

    STRICT raises. LENIENT lets such a statement never match in an Allow and always in a Deny.
    """

    STRICT = "strict"
    LENIENT = "lenient"


@final
@dataclass(frozen=True, slots=True)
class Decision:
    """What a key policy alone says to one request.

    `statements` are those that decided: the matching Allow statements, or the Deny statements.
    `delegated` are Allow statements that name the caller's account (`...:root`): IAM policies of
    that account can allow the request where no Deny of the key policy applies, and they are not
    known here. `undecided` are statements that cannot be decided exactly; in strict mode the
    outcome does not depend on them. `why` is one paragraph for people.
    """

    allowed: bool
    statements: tuple[StatementName, ...]
    delegated: tuple[StatementName, ...]
    undecided: tuple[StatementName, ...]
    why: str


def simulate(  # noqa: PLR0913 - the parts of a request, each named
    policy: KeyPolicy | str | bytes | Mapping[str, object],
    operation: str,
    *,
    principal: str,
    role_arn: str | None = None,
    pcrs: Mapping[int, bytes] | None = None,
    kind: DocumentKind = DocumentKind.ENCLAVE,
    document: UnverifiedDocument | Claims | None = None,
    encryption_context: Mapping[str, str] = _NO_CONTEXT,
    key_arn: str | None = None,
    account: str | None = None,
    via_service: str | None = None,
    transport: Transport = Transport.TLS,
    strictness: Strictness = Strictness.STRICT,
) -> Decision:
    """Decide what a key policy says to one request, as IAM does, or raise.

    `operation` is KMS's permission, such as Decrypt or ReEncryptFrom. `principal` is the ARN of a
    role, user, root user or session, or a service's name; `role_arn` is the role of a session, with
    its path, for `aws:PrincipalArn`. The attestation document is given as `document` (whose claims
    this function does not verify) or as `pcrs` of 48 bytes each and their `kind`; without either
    the request carries none. A PCR that is not among `pcrs` never allows anything: it is absent
    where that denies, and otherwise not decidable. `key_arn` is needed where a Resource is not `*`;
    `account` is the key's, 12 digits. `via_service` is None for a direct call.

    Raises:
        PolicyError: The policy cannot be read, the parts of the request contradict each other, or,
            in strict mode, the outcome depends on something that cannot be decided exactly; the
            field names the statement.

    """
    if type(strictness) is not Strictness:
        raise PolicyError("strictness", "expected a Strictness")
    if not isinstance(policy, KeyPolicy):
        policy = KeyPolicy.read(policy)
    request = make_request(
        operation,
        principal=principal,
        role_arn=role_arn,
        pcrs=pcrs,
        kind=kind,
        document=document,
        encryption_context=encryption_context,
        key_arn=key_arn,
        account=account,
        via_service=via_service,
        transport=transport,
    )
    decision = _decide(_sort(policy, request), request, policy.source, strictness)
    if not decision.allowed or pcrs is None:
        return decision
    # `pcrs` may be a part of the document's: no Allow rests on a PCR that is not among them.
    request = replace(request, other_pcrs=OtherPcrs.UNKNOWN)
    return _decide(_sort(policy, request), request, policy.source, strictness)


@final
@dataclass(frozen=True, slots=True)
class _Sorted:
    """The statements of a policy by what they say to one request."""

    allows: list[StatementName]
    denies: list[StatementName]
    delegated: list[StatementName]
    unsure_allows: list[tuple[StatementName, Undecided]]
    unsure_denies: list[tuple[StatementName, Undecided]]


def _sort(policy: KeyPolicy, request: Request) -> _Sorted:
    found = _Sorted([], [], [], [], [])
    for statement in policy.statements:
        named, answer = applies(statement, request, policy.variables)
        is_allow = statement.effect is Effect.ALLOW
        if answer is False:
            continue
        if named is Grant.DELEGATED:
            found.delegated.append(statement.name)
        elif isinstance(answer, Undecided):
            unsure = found.unsure_allows if is_allow else found.unsure_denies
            unsure.append((statement.name, answer))
        else:
            (found.allows if is_allow else found.denies).append(statement.name)
    return found


def applies(
    statement: Statement, request: Request, variables: Variables
) -> tuple[Truth | Grant, Truth]:
    """Return whether a statement names the caller, and whether it applies to the request.

    Where it delegates to the caller's account, the second answer is for the rest of the statement.
    """
    if statement.principals is None or statement.actions is None:
        raise PolicyError(str(statement.name), "expected Principal and Action, found neither")
    named = names_caller(statement.principals, statement.effect, request.caller, request.role_arn)
    answer = all_of(
        (
            covers(statement.actions, request.operation),
            True if named is Grant.DELEGATED else named,
            _is_about(statement.resources, request, variables),
            *(holds(condition, request, variables) for condition in statement.conditions),
        )
    )
    return named, answer


def _is_about(resources: Names | None, request: Request, variables: Variables) -> Truth:
    """Return whether a statement is about the key: `*` is "this KMS key".

    "If the required Resource element is missing from a key policy statement, the policy statement
    has no effect" (KMS developer guide, "Key policies").
    """
    if resources is None:
        return False
    listed = any_of(_is_key(text, request.key_arn, variables) for text in resources.texts)
    return listed if resources.element == "Resource" else negated(listed)


def _is_key(text: str, key_arn: str | None, variables: Variables) -> Truth:
    if text == "*":
        return True
    if key_arn is None:
        return Undecided('a Resource other than "*" needs key_arn')
    if variables is Variables.REPLACED and has_variable(text):
        return Undecided("a policy variable in a Resource is not supported")
    return arn_matches(text, key_arn, variables)


def _decide(found: _Sorted, request: Request, source: str, strictness: Strictness) -> Decision:
    if found.denies:
        why = f"Denied by {_listed(found.denies)}: an explicit Deny overrides every Allow."
        return _decision(found, found.denies, why)
    could_be_allowed = bool(found.allows or found.unsure_allows)
    unsure = found.unsure_denies or ([] if found.allows else found.unsure_allows)
    if could_be_allowed and unsure and strictness is Strictness.STRICT:
        name, reason = unsure[0]
        place = f"{source}: {name}"
        raise PolicyError(place, f"cannot be decided exactly: {reason.because}")
    if could_be_allowed and found.unsure_denies:
        names = [name for name, _ in found.unsure_denies]
        why = (
            f"Denied: {_listed(names)} cannot be decided exactly, and a Deny is then "
            f"taken to apply ({found.unsure_denies[0][1].because})."
        )
        return _decision(found, names, why)
    if found.allows:
        why = f"Allowed by {_listed(found.allows)}; no Deny applies."
        if request.key_account not in (None, request.caller.account):
            why += (
                " The caller is of another account than the key: an IAM policy there "
                "must allow it too."
            )
        return _decision(found, found.allows, why, allowed=True)
    return _decision(found, [], _why_nothing(found))


def _decision(
    found: _Sorted, deciding: list[StatementName], why: str, *, allowed: bool = False
) -> Decision:
    return Decision(
        allowed=allowed,
        statements=tuple(deciding),
        delegated=tuple(found.delegated),
        undecided=tuple(name for name, _ in (*found.unsure_denies, *found.unsure_allows)),
        why=why,
    )


def _why_nothing(found: _Sorted) -> str:
    """Say why no Allow applies: a request is denied unless one does."""
    why = "Denied: no Allow of the key policy applies, and what is not allowed is denied."
    if found.unsure_allows:
        names = [name for name, _ in found.unsure_allows]
        why += (
            f" {_listed(names)} cannot be decided exactly, and an Allow is then taken not "
            f"to apply ({found.unsure_allows[0][1].because})."
        )
    if found.delegated:
        why += (
            f" {_listed(found.delegated)} names the caller's whole account: IAM policies "
            "of that account can still allow the request, and they are not known here."
        )
    return why


def _listed(names: list[StatementName]) -> str:
    return " and ".join(str(name) for name in names)
