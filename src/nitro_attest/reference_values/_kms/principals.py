"""Who asks, and whom a statement names (IAM user guide, "AWS JSON policy elements: Principal")."""

import re
from dataclasses import dataclass
from enum import Enum
from typing import Final, final

from nitro_attest import PolicyError
from nitro_attest.reference_values._kms.policy_document import Effect, Principals
from nitro_attest.reference_values._kms.truth import Truth, Undecided, any_of

MAX_TEXT: Final = 2048  # IAM's longest ARNs; bounds the work of patterns
_NAME: Final = r"[A-Za-z0-9+=,.@_-]{1,128}"
_PATH: Final = r"(?:[!-.0-~]+/)*"
_IAM: Final = re.compile(
    rf"arn:(aws[a-z-]*):iam::([0-9]{{12}}):(?:(root)|(user|role)/{_PATH}({_NAME}))"
)
_STS: Final = re.compile(
    rf"arn:(aws[a-z-]*):sts::([0-9]{{12}}):(?:assumed-role/({_NAME})/{_NAME}|federated-user/{_NAME})"
)
_ACCOUNT: Final = re.compile(r"[0-9]{12}")
_SERVICE: Final = re.compile(r"(?:[a-z0-9-]+\.)+amazonaws\.com(?:\.cn)?")


@final
class Kind(Enum):
    """What kind of principal an ARN names."""

    ROOT = "root user or account"
    USER = "user"
    ROLE = "role"
    SESSION = "session of a role"
    FEDERATED_USER = "federated user"
    SERVICE = "AWS service"


@final
@dataclass(frozen=True, slots=True)
class Caller:
    """A principal; `partition` and `account` are empty for a service, `role` is a role's name."""

    text: str
    kind: Kind
    partition: str
    account: str
    role: str


@final
class Grant(Enum):
    """The answer for an Allow that names an account: the IAM policies of the account decide."""

    DELEGATED = "delegated"


def read_caller(text: str, field: str = "principal") -> Caller:
    """Return the principal of a request.

    Raises:
        PolicyError: It is no ARN of a user, role, session or root user, and no service's name.

    """
    caller = _parse(text) if type(text) is str and len(text) <= MAX_TEXT else None
    if caller is None:
        raise PolicyError(
            field,
            "expected the ARN of a role, a role's session, a user or a root user, such as "
            "arn:aws:iam::111122223333:role/payments, or a service such as ec2.amazonaws.com",
        )
    return caller


def _parse(text: str) -> Caller | None:
    if _SERVICE.fullmatch(text):
        return Caller(text, Kind.SERVICE, "", "", "")
    if found := _IAM.fullmatch(text):
        partition, account, root, kind, name = found.groups()
        if root:
            return Caller(text, Kind.ROOT, partition, account, "")
        if kind == "user":
            return Caller(text, Kind.USER, partition, account, "")
        return Caller(text, Kind.ROLE, partition, account, name)
    if found := _STS.fullmatch(text):
        partition, account, role = found.groups()
        kind = Kind.SESSION if role else Kind.FEDERATED_USER
        return Caller(text, kind, partition, account, role or "")
    return None


def names_caller(
    principals: Principals, effect: Effect, caller: Caller, role_arn: str | None
) -> Truth | Grant:
    """Return whether a Principal covers the caller; `role_arn` is the role of a session."""
    if principals.element == "NotPrincipal":
        return Undecided("NotPrincipal is not supported")
    if principals.everyone:
        return True
    # "Both delegate permissions to the account": an Allow needs an IAM policy too, a Deny does not.
    account = _names_account(principals, caller)
    if account and (effect is Effect.DENY or caller.kind is Kind.ROOT):
        return True
    answer = any_of(_names(kind, name, caller, role_arn) for kind, name in principals.names)
    return Grant.DELEGATED if account and answer is False else answer


def _names_account(principals: Principals, caller: Caller) -> bool:
    """Return whether the caller's account is named, by its number or its ARN."""
    if caller.kind is Kind.SERVICE:  # it has none
        return False
    root = f"arn:{caller.partition}:iam::{caller.account}:root"
    return any(kind == "AWS" and name in (caller.account, root) for kind, name in principals.names)


def _names(kind: str, name: str, caller: Caller, role_arn: str | None) -> Truth:
    """Return whether one name covers the caller; an account covers nobody here."""
    if kind not in ("AWS", "Service"):
        return Undecided(f"a principal of the type {kind} is not supported")
    if kind == "AWS" and _ACCOUNT.fullmatch(name):
        return False
    named = _parse(name)
    if named is None or (kind == "Service") is not (named.kind is Kind.SERVICE):
        return Undecided("a principal is neither an ARN nor an account nor a service")
    if named.text in (caller.text, role_arn):
        return named.kind is not Kind.ROOT
    same_account = (named.partition, named.account) == (caller.partition, caller.account)
    return same_account and _same_account(named, caller, role_arn)


def _same_account(named: Caller, caller: Caller, role_arn: str | None) -> Truth:
    """Compare two principals of one account that are not written alike."""
    match named.kind, caller.kind:
        case Kind.ROLE, Kind.SESSION:
            # Without its ARN, a role is known by its name, which is unique in an account.
            return role_arn is None and named.role == caller.role
        case Kind.SESSION, Kind.ROLE if named.role == caller.role:
            return Undecided("one session of the role is named; simulate that session's ARN")
        case Kind.SERVICE, Kind.SERVICE if _label(named) == _label(caller):
            return Undecided("whether two names of a service are one principal is not documented")
        case Kind.USER, Kind.FEDERATED_USER:
            return Undecided(
                "whether a user's name covers its federated sessions is not documented"
            )
        case _:
            return False


def _label(service: Caller) -> str:
    """Return the first part of a service's name: `logs` of `logs.us-east-1.amazonaws.com`."""
    return service.text.partition(".")[0]
