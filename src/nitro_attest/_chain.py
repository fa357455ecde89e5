"""Decide whether the leaf of a document may sign for the pinned root (RFC 5280 section 6, AWS attestation process 3.2.3).

The leaf, the bundle, the anchor, a time and the module's name come in; the leaf's key and the end of the chain's validity go
out. First AWS's own rules, which leave exactly one possible path; then RFC 5280 path validation by `cryptography` on that path.
Never: path building, a certificate that is not part of the path, a signature check on a chain that one of the rules refuses.
"""

from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Final, final

from cryptography import x509
from cryptography.x509.verification import Criticality, ExtensionPolicy, PolicyBuilder, Store
from cryptography.x509.verification import VerificationError as PathError

from nitro_attest._certificate import Certificate, Role, common_name, read_certificate
from nitro_attest.errors import Reason, refused
from nitro_attest.roots import TrustAnchor

_LEAF: Final = "certificate"
_AUTHORITY_RULES: Final = ExtensionPolicy.webpki_defaults_ca()
_LEAF_RULES: Final = (
    ExtensionPolicy.permit_all()
    .require_present(x509.BasicConstraints, Criticality.CRITICAL, None)
    .require_present(x509.KeyUsage, Criticality.AGNOSTIC, None)
)


@final
@dataclass(frozen=True, slots=True)
class TrustedLeaf:
    """Hold the key that may sign the document, and the last second in which every certificate is valid."""

    public_key: bytes
    valid_until: datetime


def check_chain(
    leaf_der: bytes, cabundle: tuple[bytes, ...], anchor: TrustAnchor, now: datetime, module_id: str
) -> TrustedLeaf:
    """Check `[root, authority, ..., authority]` and the leaf under it, in exactly the order given.

    Raises:
        UntrustedDocumentError: `chain.*`.

    """
    if cabundle[0] != anchor.certificate:
        raise refused(Reason.CHAIN_UNKNOWN_ROOT, "cabundle[0]", f"the root {anchor.name!r}")
    authorities = [read_certificate(der, Role.AUTHORITY, _place(index)) for index, der in enumerate(cabundle)]
    leaf = read_certificate(leaf_der, Role.LEAF, _LEAF)
    chain = [*authorities, leaf]
    _check_links(chain)
    _check_path_lengths(authorities)
    if not common_name(leaf, _LEAF).startswith(f"{module_id}."):
        raise refused(Reason.CHAIN_SUBJECT, _LEAF, "a common name that begins with the module_id")
    _check_validity(chain, now)
    _check_path(chain, now)
    return TrustedLeaf(leaf.public_key, min(certificate.not_after for certificate in chain))


def _place(index: int) -> str:
    return f"cabundle[{index}]"


def _check_links(chain: list[Certificate]) -> None:
    """Hold every certificate to the one before it; with distinct subjects there is one path and nothing to search."""
    for index, (issuer, issued) in enumerate(pairwise(chain), start=1):
        place = _place(index) if issued is not chain[-1] else _LEAF
        if issued.issuer != issuer.subject:  # byte for byte: true of every genuine link
            raise refused(Reason.CHAIN_ISSUER, place, "the subject before it as issuer")
        named, own = issued.issuer_key_identifier, issuer.key_identifier
        if named is not None and own is not None and named != own:
            raise refused(Reason.CHAIN_ISSUER, place, "the key before it as issuer", named.hex())
    if len({certificate.subject for certificate in chain}) != len(chain):
        raise refused(Reason.CHAIN_ISSUER, "cabundle", "a subject no other certificate has")


def _check_path_lengths(authorities: list[Certificate]) -> None:
    """Refuse an authority with more authorities under it than it allows (RFC 5280 4.2.1.9)."""
    for index, authority in enumerate(authorities):
        below = len(authorities) - 1 - index
        if authority.path_length is not None and authority.path_length < below:
            allowed = f"at most {authority.path_length} authorities under it"
            raise refused(Reason.CHAIN_PATH_LENGTH, _place(index), allowed, str(below))


def _check_validity(chain: list[Certificate], now: datetime) -> None:
    """Hold every certificate to `now`, both ends included, in whole seconds (RFC 5280 4.1.2.5)."""
    second = now.replace(microsecond=0)
    for index, certificate in enumerate(chain):
        place = _place(index) if certificate is not chain[-1] else _LEAF
        if second < certificate.not_before:
            expected = f"not before {certificate.not_before.isoformat()}"
            raise refused(Reason.CHAIN_NOT_YET_VALID, place, expected, second.isoformat())
        if second > certificate.not_after:
            expected = f"not after {certificate.not_after.isoformat()}"
            raise refused(Reason.CHAIN_EXPIRED, place, expected, second.isoformat())


def _check_path(chain: list[Certificate], now: datetime) -> None:
    """Validate the path as RFC 5280 section 6 says.

    Every rule but the signatures has been checked above, certificate by certificate, so a refusal here is a signature that the
    certificate before did not make. It is not looked for again: that would cost further signature checks.
    """
    root, *others, leaf = (certificate.parsed for certificate in chain)
    verifier = (
        PolicyBuilder()
        .store(Store([root]))
        .time(now.replace(tzinfo=None, microsecond=0))
        .max_chain_depth(len(others))
        .extension_policies(ca_policy=_AUTHORITY_RULES, ee_policy=_LEAF_RULES)
        .build_client_verifier()
    )
    try:
        path = verifier.verify(leaf, others).chain
    except (PathError, ValueError) as exc:
        raise refused(Reason.CHAIN_SIGNATURE, "chain", "each certificate signed by the one before it") from exc
    if path != [leaf, *reversed(others), root]:
        raise refused(Reason.CHAIN_ISSUER, "chain", "the path in the order given")
