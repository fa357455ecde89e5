"""Decide whether the leaf of a document may sign for the pinned root (RFC 5280 section 6, AWS attestation process 3.2.3).

The leaf, the bundle, the anchor, a time and the module's name come in; the leaf's key and the end
of the chain's validity go out. First AWS's own rules, which leave exactly one possible path; then
RFC 5280 path validation by `cryptography` on that path.
Never: path building, a certificate that is not part of the path, a signature check on a chain that
    one of the rules refuses.

What has been proven from the root down, and holds whatever the time, is remembered by its exact
bytes: which bundles are good and which leaves are good under each. So a known leaf costs no
signature check, and a new one under a known bundle costs one: the bundle's last authority is its
anchor. Whose name the leaf bears and whether every certificate is valid now is asked every time.
"""

from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from itertools import pairwise
from typing import Final, NamedTuple, final

from cryptography import x509
from cryptography.x509.verification import Criticality, ExtensionPolicy, PolicyBuilder, Store
from cryptography.x509.verification import VerificationError as PathError

from nitro_attest._core.anchors import TrustAnchor
from nitro_attest._core.certificate import Certificate, Role, common_name, read_certificate
from nitro_attest._core.errors import Reason, VerificationError, rejected
from nitro_attest._core.memo import Memo

_LEAF: Final = "certificate"
_AUTHORITY_RULES: Final = ExtensionPolicy.webpki_defaults_ca()
_LEAF_RULES: Final = (
    ExtensionPolicy.permit_all()
    .require_present(x509.BasicConstraints, Criticality.CRITICAL, None)
    .require_present(x509.KeyUsage, Criticality.AGNOSTIC, None)
)

# about 10 kB each with one leaf, so 10 MB; 33 MB if all are as large as a document can make them
MAX_KNOWN_HOSTS: Final = 1024
MAX_KNOWN_LEAVES: Final = (
    8  # for each host: it runs 4 enclaves at most, and each has one leaf for up to 3 hours
)


@final
class TrustedLeaf(NamedTuple):
    """Hold the key that may sign the document, and the last second in which every certificate is valid."""

    public_key: bytes
    valid_until: datetime


@final
class KnownLeaf(NamedTuple):
    """Hold a leaf, the common name of its subject, and the first and the last second in which its whole chain is valid."""

    certificate: Certificate
    common_name: str
    valid_from: datetime
    valid_until: datetime


@final
class KnownHost(NamedTuple):
    """Hold the authorities of a bundle that is proven, and the leaves proven under them: no host can push out another's.

    `anchor` is the last of the authorities; `cryptography` keeps its key loaded in there, which
    saves a tenth of each check.
    """

    authorities: tuple[Certificate, ...]
    anchor: Store
    leaves: Memo[bytes, KnownLeaf]


_KNOWN_HOSTS: Final[Memo[tuple[bytes, ...], KnownHost]] = Memo(
    MAX_KNOWN_HOSTS
)  # by the whole bundle, the root included


def check_chain(
    leaf_der: bytes, cabundle: tuple[bytes, ...], anchor: TrustAnchor, now: datetime, module_id: str
) -> TrustedLeaf:
    """Check `[root, authority, ..., authority]` and the leaf under it, in exactly the order given.

    Raises:
        UntrustedDocumentError: `chain.*`.

    """
    if cabundle[0] != anchor.certificate:
        raise rejected(Reason.CHAIN_UNKNOWN_ROOT, "cabundle[0]", f"the root {anchor.name!r}")
    host = _KNOWN_HOSTS.recall(cabundle)
    authorities = _read_authorities(cabundle) if host is None else host.authorities
    known_leaf = None if host is None else host.leaves.recall(leaf_der)
    leaf = known_leaf or _read_leaf(leaf_der, authorities)
    if not leaf.common_name.startswith(f"{module_id}."):
        raise rejected(Reason.CHAIN_SUBJECT, _LEAF, "a common name that begins with the module_id")
    chain = (*authorities, leaf.certificate)
    second = now.replace(microsecond=0)  # RFC 5280 4.1.2.5: both ends included, in whole seconds
    if not leaf.valid_from <= second <= leaf.valid_until:
        raise _outside_validity(chain, second)
    if host is None:
        check_path(root_store(cabundle[0]), chain, second)
        host = KnownHost(authorities, _store(authorities[-1]), Memo(MAX_KNOWN_LEAVES))
        _KNOWN_HOSTS.remember(
            (authorities[0].der, *cabundle[1:]), host
        )  # all hosts share the bytes of one root
        host.leaves.remember(leaf_der, leaf)
    elif known_leaf is None:
        check_path(host.anchor, chain[-2:], second)
        host.leaves.remember(leaf_der, leaf)
    return TrustedLeaf(leaf.certificate.public_key, leaf.valid_until)


def _read_authorities(cabundle: tuple[bytes, ...]) -> tuple[Certificate, ...]:
    root, *others = cabundle
    below = [
        read_certificate(der, Role.AUTHORITY, _place(index))
        for index, der in enumerate(others, start=1)
    ]
    return _read_root(root), *below


@lru_cache(
    maxsize=8
)  # a policy's own anchor and nothing else comes here, so no document decides what is kept
def _read_root(der: bytes) -> Certificate:
    return read_certificate(der, Role.AUTHORITY, _place(0))


@lru_cache(maxsize=8)  # likewise
def root_store(der: bytes) -> Store:
    """Return the root as the anchor of a path."""
    return _store(_read_root(der))


def _read_leaf(der: bytes, authorities: tuple[Certificate, ...]) -> KnownLeaf:
    """Read the leaf and hold the whole chain to the rules that need neither a time nor a signature check."""
    certificate = read_certificate(der, Role.LEAF, _LEAF)
    chain = (*authorities, certificate)
    _check_links(chain)
    _check_path_lengths(authorities)
    return KnownLeaf(
        certificate,
        common_name(certificate, _LEAF),
        max(member.not_before for member in chain),
        min(member.not_after for member in chain),
    )


def _store(anchor: Certificate) -> Store:
    return Store([x509.load_der_x509_certificate(anchor.der)])


def _place(index: int) -> str:
    return f"cabundle[{index}]"


def _check_links(chain: Sequence[Certificate]) -> None:
    """Hold every certificate to the one before it; with distinct subjects there is one path and nothing to search."""
    for index, (issuer, issued) in enumerate(pairwise(chain), start=1):
        place = _place(index) if issued is not chain[-1] else _LEAF
        if issued.issuer != issuer.subject:  # byte for byte: true of every genuine link
            raise rejected(Reason.CHAIN_ISSUER, place, "the subject before it as issuer")
        named, own = issued.issuer_key_identifier, issuer.key_identifier
        if named is not None and own is not None and named != own:
            raise rejected(Reason.CHAIN_ISSUER, place, "the key before it as issuer", named.hex())
    if len({certificate.subject for certificate in chain}) != len(chain):
        raise rejected(Reason.CHAIN_ISSUER, "cabundle", "a subject no other certificate has")


def _check_path_lengths(authorities: Sequence[Certificate]) -> None:
    """Refuse an authority with more authorities under it than it allows (RFC 5280 4.2.1.9)."""
    for index, authority in enumerate(authorities):
        below = len(authorities) - 1 - index
        if authority.path_length is not None and authority.path_length < below:
            allowed = f"at most {authority.path_length} authorities under it"
            raise rejected(Reason.CHAIN_PATH_LENGTH, _place(index), allowed, str(below))


def _outside_validity(chain: Sequence[Certificate], second: datetime) -> VerificationError:
    """Name the first certificate that is not valid in `second`."""
    index, outside = next(
        (index, member)
        for index, member in enumerate(chain)
        if not member.not_before <= second <= member.not_after
    )
    place = _place(index) if outside is not chain[-1] else _LEAF
    if second < outside.not_before:
        expected = f"not before {outside.not_before.isoformat()}"
        return rejected(Reason.CHAIN_NOT_YET_VALID, place, expected, second.isoformat())
    return rejected(
        Reason.CHAIN_EXPIRED,
        place,
        f"not after {outside.not_after.isoformat()}",
        second.isoformat(),
    )


def check_path(anchor: Store, chain: Sequence[Certificate], second: datetime) -> None:
    """Validate the path as RFC 5280 section 6 says; its first certificate is the only one in `anchor`.

    Every rule but the signatures has been checked above, certificate by certificate, so a refusal
    here is a signature that the certificate before did not make. It is not looked for again: that
    would cost further signature checks.
    """
    root, *others, leaf = (x509.load_der_x509_certificate(certificate.der) for certificate in chain)
    verifier = (
        PolicyBuilder()
        .store(anchor)
        .time(second.replace(tzinfo=None))
        .max_chain_depth(len(others))
        .extension_policies(ca_policy=_AUTHORITY_RULES, ee_policy=_LEAF_RULES)
        .build_client_verifier()
    )
    path: list[x509.Certificate] = []
    cause: Exception | None = None
    try:
        path = verifier.verify(leaf, others).chain
    except (PathError, ValueError) as exc:
        cause = exc
    if path != [
        leaf,
        *reversed(others),
        root,
    ]:  # no path at all, or one that is not exactly the given one
        raise rejected(
            Reason.CHAIN_SIGNATURE, "chain", "each certificate signed by the one before it"
        ) from cause
