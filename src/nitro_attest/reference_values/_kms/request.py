"""One request to KMS as a key policy sees it: caller, operation, values of condition keys.

Source: KMS developer guide, "AWS KMS condition keys" and "Condition keys for attested platforms";
IAM user guide, "AWS global condition context keys". A key whose value is not known here is
undecided, never absent.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, StrEnum
from typing import Final, Protocol, cast, final

from nitro_attest import Claims, DocumentKind, PolicyError, UnverifiedDocument
from nitro_attest.reference_values._kms.operations import (
    TAKE_A_CONTEXT,
    TAKE_A_DOCUMENT,
    check_operation,
)
from nitro_attest.reference_values._kms.patterns import ascii_lower
from nitro_attest.reference_values._kms.principals import MAX_TEXT, Caller, Kind, read_caller
from nitro_attest.reference_values._kms.truth import Undecided

PCR_KEY: Final = re.compile(
    r"kms:recipientattestation:(?:(imagesha384)|(nitrotpm)?pcr(0|[1-9][0-9]?))"
)
ATTESTATION: Final = "kms:recipientattestation:"
CONTEXT: Final = "kms:encryptioncontext:"
CONTEXT_NAMES: Final = "kms:encryptioncontextkeys"
PCRS: Final = {DocumentKind.ENCLAVE: 32, DocumentKind.NITRO_TPM: 24}  # how many have a key
_PCR_BYTES: Final = 48
_MAX_CONTEXT: Final = 8192  # characters; KMS developer guide, "Encryption context"
_KEY_ARN: Final = re.compile(r"arn:aws[a-z-]*:kms:[a-z0-9-]+:([0-9]{12}):key/[A-Za-z0-9-]+")
_ACCOUNT: Final = re.compile(r"[0-9]{12}")


@final
class Transport(StrEnum):
    """How the request reaches KMS (`aws:SecureTransport`)."""

    TLS = "true"
    PLAIN = "false"


@final
class KeyType(Enum):
    """The type of a condition key, which says what operators are meant for it."""

    STRING = "a string"
    ARN = "an ARN"
    BOOL = "true or false"
    STRINGS = "several strings"


@final
@dataclass(frozen=True, slots=True)
class Fact:
    """The values a request has for one condition key: none if it is absent."""

    type: KeyType
    values: tuple[str, ...]


@final
class OtherPcrs(Enum):
    """What the PCRs are that a request does not list: not in the document, or not known."""

    ABSENT = "absent"
    UNKNOWN = "unknown"


class Facts(Protocol):
    """What conditions are evaluated against."""

    def fact(self, key: str) -> Fact | Undecided:
        """Return the values for a condition key, by its name in any case."""
        ...  # pragma: no cover - a protocol


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A request to KMS; `pcrs` is None without a document, `facts` are keyed in lower case."""

    operation: str
    caller: Caller
    role_arn: str | None
    key_arn: str | None
    key_account: str | None
    kind: DocumentKind
    pcrs: Mapping[int, str] | None
    other_pcrs: OtherPcrs
    context: Mapping[str, str]
    facts: Mapping[str, Fact | Undecided]

    def fact(self, key: str) -> Fact | Undecided:
        """Return what the request says for a condition key; names of keys have no case."""
        name = ascii_lower(key)
        if name.startswith(ATTESTATION):
            return self._pcr(name)
        if name.startswith(CONTEXT):
            return self._context(name[len(CONTEXT) :])
        return self.facts.get(name, Undecided(f"the value of {key[:80]!a} is not known here"))

    def _pcr(self, name: str) -> Fact | Undecided:
        wanted = read_pcr_key(name)
        if (
            self.other_pcrs is OtherPcrs.UNKNOWN
            and self.pcrs is not None
            and wanted is not None
            and wanted[0] is self.kind
            and wanted[1] not in self.pcrs
        ):
            return Undecided(f"PCR{wanted[1]} of the document is not given")
        return pcr_fact(name, self.kind, self.pcrs)

    def _context(self, name: str) -> Fact | Undecided:
        """Find a pair of the encryption context; "not case sensitive" is certain only for ASCII."""
        if self.operation == "CreateGrant":
            return Undecided("the encryption context of CreateGrant is that of its constraints")
        if not name.isascii() or not all(key.isascii() for key in self.context):
            return Undecided("how KMS compares names outside ASCII is not documented")
        values = [value for key, value in self.context.items() if ascii_lower(key) == name]
        if len(values) > 1:
            return Undecided("names in the encryption context differ only by case")
        return Fact(KeyType.STRING, tuple(values))


def pcr_fact(name: str, kind: DocumentKind, pcrs: Mapping[int, str] | None) -> Fact | Undecided:
    """Return what a document of this kind says for an attestation key; `name` in lower case."""
    wanted = read_pcr_key(name)
    if wanted is None:
        return Undecided(f"{name[:80]!a} is not a condition key of KMS")
    if pcrs is None or wanted[0] is not kind or wanted[1] not in pcrs:
        return Fact(KeyType.STRING, ())
    return Fact(KeyType.STRING, (pcrs[wanted[1]],))


def read_pcr_key(name: str) -> tuple[DocumentKind, int] | None:
    """Return what PCR a condition key in lower case is about, None if KMS has no such key."""
    found = PCR_KEY.fullmatch(name)
    if found is None:
        return None
    if found[1]:  # ImageSha384 "corresponds to PCR0 in the attestation document"
        return DocumentKind.ENCLAVE, 0
    kind = DocumentKind.NITRO_TPM if found[2] else DocumentKind.ENCLAVE
    return (kind, int(found[3])) if int(found[3]) < PCRS[kind] else None


def make_request(  # noqa: PLR0913 - the parts of a request, each named
    operation: str,
    *,
    principal: str,
    role_arn: str | None,
    pcrs: Mapping[int, bytes] | None,
    kind: DocumentKind,
    document: UnverifiedDocument | Claims | None,
    encryption_context: Mapping[str, str],
    key_arn: str | None,
    account: str | None,
    via_service: str | None,
    transport: Transport,
) -> Request:
    """Check the parts of a request and put them together.

    Raises:
        PolicyError: A part is of the wrong type, contradicts another, or the operation does not
            take it.

    """
    check_operation(operation)
    if type(kind) is not DocumentKind:
        raise PolicyError("kind", "expected a DocumentKind")
    caller = read_caller(principal)
    _check_role(caller, role_arn)
    key_account = _check_key(key_arn, account)
    if document is not None and pcrs is not None:
        raise PolicyError("pcrs", "expected pcrs or a document, found both")
    if document is not None:
        if not isinstance(cast("object", document), (UnverifiedDocument, Claims)):
            raise PolicyError("document", "expected Claims or an UnverifiedDocument")
        kind, pcrs = document.kind, document.pcrs
    if pcrs is not None and operation not in TAKE_A_DOCUMENT:
        raise PolicyError(
            "document",
            f"{operation} takes no attestation document, only {', '.join(TAKE_A_DOCUMENT)} do",
        )
    return Request(
        operation=operation,
        caller=caller,
        role_arn=caller.text if caller.kind is Kind.ROLE else role_arn,
        key_arn=key_arn,
        key_account=key_account,
        kind=kind,
        pcrs=None if pcrs is None else _check_pcrs(pcrs),
        other_pcrs=OtherPcrs.ABSENT,
        context=_check_context(encryption_context, operation),
        facts=_facts(caller, role_arn, encryption_context, operation, via_service, transport),
    )


def _facts(  # noqa: PLR0913, PLR0917 - private; one argument a condition key
    caller: Caller,
    role_arn: str | None,
    context: Mapping[str, str],
    operation: str,
    via_service: str | None,
    transport: Transport,
) -> dict[str, Fact | Undecided]:
    arn: Fact | Undecided = Fact(KeyType.ARN, (role_arn or caller.text,))
    if caller.kind is Kind.SESSION and role_arn is None:
        arn = Undecided("aws:PrincipalArn is the ARN of the session's role, which is not given")
    account: Fact | Undecided = Fact(KeyType.STRING, (caller.account,))
    if caller.kind is Kind.SERVICE:
        arn = account = Undecided("AWS does not document this key for calls of a service")
    names: Fact | Undecided = Fact(KeyType.STRINGS, tuple(context))
    if operation == "CreateGrant":
        names = Undecided("the encryption context of CreateGrant is that of its constraints")
    if type(transport) is not Transport:
        raise PolicyError("transport", "expected a Transport")
    if via_service is not None and (
        type(via_service) is not str or not 0 < len(via_service) <= MAX_TEXT
    ):
        raise PolicyError("via_service", "expected such as ec2.us-east-1.amazonaws.com, or None")
    return {
        "aws:principalarn": arn,
        "aws:securetransport": Fact(KeyType.BOOL, (transport.value,)),
        "kms:calleraccount": account,
        "kms:viaservice": Fact(KeyType.STRING, () if via_service is None else (via_service,)),
        CONTEXT_NAMES: names,
    }


def _check_role(caller: Caller, role_arn: str | None) -> None:
    """Check that the ARN of a session's role is that of its role."""
    if role_arn is None:
        return
    role = read_caller(role_arn, "role_arn")
    if caller.kind is not Kind.SESSION or role.kind is not Kind.ROLE:
        raise PolicyError(
            "role_arn", "expected the ARN of a role, for a principal that is a session"
        )
    if (role.partition, role.account, role.role) != (caller.partition, caller.account, caller.role):
        raise PolicyError("role_arn", "expected the role of the session, found another")


def _check_key(key_arn: str | None, account: str | None) -> str | None:
    """Return the account of the key, None if it is not known."""
    found = None
    if key_arn is not None:
        found = _KEY_ARN.fullmatch(key_arn) if type(key_arn) is str else None
        if found is None or len(key_arn) > MAX_TEXT:
            raise PolicyError(
                "key_arn", "expected such as arn:aws:kms:us-east-1:111122223333:key/1234abcd-..."
            )
    if account is None:
        return None if found is None else found[1]
    if type(account) is not str or _ACCOUNT.fullmatch(account) is None:
        raise PolicyError("account", "expected the 12 digits of the key's account")
    if found is not None and found[1] != account:
        raise PolicyError("account", "expected the account of key_arn, found another")
    return account


def _check_pcrs(pcrs: Mapping[int, bytes]) -> dict[int, str]:
    """Return the PCRs as KMS compares them: 96 lower-case hex digits."""
    if not isinstance(cast("object", pcrs), Mapping):
        raise PolicyError("pcrs", "expected a mapping of indexes to values")
    for index, value in pcrs.items():
        if type(index) is not int or not 0 <= index < PCRS[DocumentKind.ENCLAVE]:
            raise PolicyError("pcrs", "expected indexes from 0 to 31")
        if type(value) is not bytes or len(value) != _PCR_BYTES:
            raise PolicyError("pcrs", f"expected {_PCR_BYTES} bytes for PCR{index}")
    return {index: value.hex() for index, value in pcrs.items()}


def _check_context(context: Mapping[str, str], operation: str) -> dict[str, str]:
    if not isinstance(cast("object", context), Mapping):
        raise PolicyError("encryption_context", "expected a mapping of names to values")
    for pair in cast("Mapping[object, object]", context).items():
        if not all(type(text) is str for text in pair):
            raise PolicyError("encryption_context", "expected pairs of text")
    if sum(len(key) + len(value) for key, value in context.items()) > _MAX_CONTEXT:
        raise PolicyError("encryption_context", f"expected at most {_MAX_CONTEXT} characters")
    if context and operation not in TAKE_A_CONTEXT:
        raise PolicyError("encryption_context", f"{operation} takes no encryption context")
    return dict(context)
