"""Check a document's chain: the pinned root, CA certificates, leaf (AWS attestation process 3.2.3).

AWS's order leaves exactly one path, so none is searched for. Everything cheap is checked of every
certificate first, then signatures from the root down: no key is used before it is proven, and the
first bad signature ends the work. Accepted chains are remembered in a `ChainCache`. What depends on
the time, the document or the rest of the chain is checked on every call.
"""

from collections.abc import Hashable, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Final, Generic, NamedTuple, TypeVar, final

from nitro_attest._core import es384
from nitro_attest._core.anchors import TrustAnchor
from nitro_attest._core.certificate import Certificate, read_certificate
from nitro_attest._core.document import UnverifiedDocument
from nitro_attest._core.errors import Reason, rejected
from nitro_attest._core.profile import Role, check_profile

MAX_ANCHORS: Final = 4  # a policy names one, and AWS has one for each partition
MAX_CERTIFICATES: Final = 1024
MAX_LEAVES: Final = 8  # of each instance: it runs 4 enclaves at most, each with a leaf for 3 hours

_LEAF: Final = "certificate"
_KeyT = TypeVar("_KeyT", bound=Hashable)
_ValueT = TypeVar("_ValueT")


@final
class TrustedLeaf(NamedTuple):
    """The key that may sign the document, and the last second in which the whole chain is valid."""

    public_key: bytes
    valid_until: datetime


@final
class Fifo(Generic[_KeyT, _ValueT]):
    """A mapping that holds the last `size` entries; the oldest goes first, used or not.

    Every step is one operation on a dict, which Python makes atomic, so threads need no lock, and
    no fork or signal can leave one held.
    """

    def __init__(self, size: int) -> None:
        """Start empty."""
        self._size: Final = size
        self._entries: Final[dict[_KeyT, _ValueT]] = {}

    def __len__(self) -> int:
        """Return how many entries there are."""
        return len(self._entries)

    def get(self, key: _KeyT) -> _ValueT | None:
        """Return the value of `key`, or None."""
        return self._entries.get(key)

    def add(self, key: _KeyT, value: _ValueT) -> None:
        """Add an entry, and drop the oldest if there are too many."""
        self._entries[key] = value
        excess = len(self._entries) - self._size
        if excess > 0:
            for oldest in list(self._entries)[:excess]:
                self._entries.pop(oldest, None)  # another thread may have been first


_Key = tuple[bytes, bytes]  # the issuer's SubjectPublicKeyInfo, and the certificate's DER


@final
class ProvenInstance(NamedTuple):
    """The last CA certificate of an accepted chain, and the leaves proven under it by their DER."""

    certificate: Certificate
    leaves: Fifo[bytes, Certificate]


@final
class ProvenUnder(NamedTuple):
    """What is proven under one root: CA certificates but the last of a chain, and the last ones.

    Only AWS can add to the first. The owner of an instance adds two entries at most to the second,
    a certificate and its twin with (r, n - s), and can't push the regions and zones out.
    """

    root: Certificate
    cas: Fifo[_Key, Certificate]
    instances: Fifo[_Key, ProvenInstance]


@final
class ChainCache:
    """Certificates whose signature and profile are proven.

    An entry says that this key signed these exact bytes in this role, which holds for ever. A
    rejected chain adds nothing. The bounds are 4 anchors, and for each 1,024 CA certificates, 1,024
    instances and 8 leaves of each: at most 31 MB for an anchor, measured with 1,024 bytes each.
    """

    def __init__(self, *, certificates: int = MAX_CERTIFICATES, leaves: int = MAX_LEAVES) -> None:
        """Start empty; sizes of zero remember nothing."""
        self._certificates: Final = certificates
        self._leaves: Final = leaves
        self._anchors: Final[Fifo[bytes, ProvenUnder]] = Fifo(MAX_ANCHORS)

    def under(self, root: bytes) -> ProvenUnder:
        """Return what is proven under a policy's root."""
        known = self._anchors.get(root)
        if known is None:
            certificate = _read(root, Role.CA, _place(0))
            _parse_again(root, _place(0))  # V-57
            known = ProvenUnder(certificate, Fifo(self._certificates), Fifo(self._certificates))
            self._anchors.add(root, known)
        return known

    def remember(self, links: Sequence["_Link"], proven: ProvenUnder) -> None:
        """Add the certificates of an accepted chain, root first."""
        *above, instance, leaf = links
        for link in above[1:]:
            if not link.is_proven:
                proven.cas.add(link.key, link.certificate)
        known = proven.instances.get(instance.key)
        if known is None:
            known = ProvenInstance(instance.certificate, Fifo(self._leaves))
            proven.instances.add(instance.key, known)
        if not leaf.is_proven:
            _, encoded = leaf.key
            known.leaves.add(encoded, leaf.certificate)


DEFAULT_CACHE: Final = ChainCache()


@final
class _Link(NamedTuple):
    """One certificate of the chain at hand: how a rejection names it, and whether it is proven."""

    place: str
    key: _Key
    certificate: Certificate
    is_proven: bool


def check_chain(
    document: UnverifiedDocument,
    anchor: TrustAnchor,
    *,
    now: datetime,
    max_clock_skew: timedelta,
    cache: ChainCache,
) -> TrustedLeaf:
    """Check `cabundle` (`[root, CA certificate, ...]`) and the leaf under it, in the order given.

    `now` is in UTC. `max_clock_skew` widens every notBefore and no notAfter.

    Raises:
        UntrustedDocumentError: `chain.*`.

    """
    if document.cabundle[0] != anchor.certificate:  # V-51
        raise rejected(Reason.CHAIN_UNKNOWN_ROOT, _place(0), f"the root {anchor.name!r}")
    proven = cache.under(anchor.certificate)
    links = _read_links(document, proven)
    _check_links(links)
    _check_path_lengths(links[:-1])
    _check_names(links, document)
    _check_dates(links, now.replace(microsecond=0), max_clock_skew)
    for link in links:
        if not link.is_proven:
            _, encoded = link.key
            _parse_again(encoded, link.place)  # V-57
    for above, link in pairwise(links):
        if not link.is_proven:
            _check_signature(above.certificate, link)  # V-75
    cache.remember(links, proven)
    return TrustedLeaf(
        public_key=links[-1].certificate.public_key,
        valid_until=min(link.certificate.not_after for link in links),
    )


def _place(index: int) -> str:
    return f"cabundle[{index}]"


def _read_links(document: UnverifiedDocument, proven: ProvenUnder) -> list[_Link]:
    """Return the chain, each certificate from the cache or read and checked by its profile."""
    root, *cas = document.cabundle
    links = [_Link(place=_place(0), key=(b"", root), certificate=proven.root, is_proven=True)]
    instance: ProvenInstance | None = None
    for index, encoded in enumerate(cas, start=1):
        key = (links[-1].certificate.public_key, encoded)
        if index < len(cas):
            known = proven.cas.get(key)
        else:
            instance = proven.instances.get(key)
            known = None if instance is None else instance.certificate
        links.append(_link(_place(index), key, Role.CA, known))
    known = None if instance is None else instance.leaves.get(document.certificate)
    key = (links[-1].certificate.public_key, document.certificate)
    return [*links, _link(_LEAF, key, Role.LEAF, known)]


def _link(place: str, key: _Key, role: Role, known: Certificate | None) -> _Link:
    _, encoded = key
    return _Link(
        place=place,
        key=key,
        certificate=known or _read(encoded, role, place),
        is_proven=known is not None,
    )


def _read(encoded: bytes, role: Role, place: str) -> Certificate:
    certificate = read_certificate(encoded, place)
    check_profile(certificate, role, place)
    return certificate


def _check_links(links: Sequence[_Link]) -> None:
    """Compare every certificate with the one above; distinct subjects leave no other path."""
    for above, link in pairwise(links):
        issuer, issued = above.certificate, link.certificate
        if issued.issuer != issuer.subject:  # V-68: byte for byte, true of every captured link
            raise rejected(Reason.CHAIN_ISSUER, link.place, "the subject before it as issuer")
        named, own = issued.issuer_key_identifier, issuer.key_identifier
        if named is not None and own is not None and named != own:  # V-69
            expected = "the key before it as issuer"
            raise rejected(Reason.CHAIN_ISSUER, link.place, expected, named.hex())
    if len({link.certificate.subject for link in links}) != len(links):  # V-70
        raise rejected(Reason.CHAIN_ISSUER, "cabundle", "a subject no other certificate has")


def _check_path_lengths(cas: Sequence[_Link]) -> None:
    """Count the CA certificates under each (RFC 5280 4.2.1.9), whatever their names."""
    for below, link in enumerate(reversed(cas)):
        allowed = link.certificate.path_length
        if allowed is not None and allowed < below:  # V-71
            expected = f"at most {allowed} CA certificates under it"
            raise rejected(Reason.CHAIN_PATH_LENGTH, link.place, expected, str(below))


def _check_names(links: Sequence[_Link], document: UnverifiedDocument) -> None:
    *_, instance, leaf = links
    name = leaf.certificate.common_name
    if name is None or not name.startswith(f"{document.module_id}."):  # V-72
        expected = "one common name, which begins with the module_id and a dot"
        raise rejected(Reason.CHAIN_SUBJECT, leaf.place, expected)
    name = instance.certificate.common_name or ""
    # True of every captured document: the key of one instance can't speak for another.
    if name.startswith("i-") and not name.startswith(f"{document.instance_id}."):  # V-95
        expected = "a common name that begins with the instance id of the module_id and a dot"
        raise rejected(Reason.CHAIN_SUBJECT, instance.place, expected)


def _check_dates(links: Sequence[_Link], second: datetime, max_clock_skew: timedelta) -> None:
    """Compare whole seconds, both ends included (RFC 5280 4.1.2.5)."""
    for place, _, certificate, _ in links:
        if certificate.not_before - second > max_clock_skew:  # V-73
            expected = f"not before {certificate.not_before.isoformat()}"
            raise rejected(Reason.CHAIN_NOT_YET_VALID, place, expected, second.isoformat())
        if second > certificate.not_after:  # V-74
            expected = f"not after {certificate.not_after.isoformat()}"
            raise rejected(Reason.CHAIN_EXPIRED, place, expected, second.isoformat())


def _parse_again(encoded: bytes, place: str) -> None:
    """Let a second strict parser read the certificate; only whether it can counts."""
    from cryptography import x509  # noqa: PLC0415 - takes longer than the rest of this package

    try:
        x509.load_der_x509_certificate(encoded)  # V-57
    except (ValueError, x509.InvalidVersion):  # whose text may be the sender's
        raise rejected(Reason.CHAIN_CERTIFICATE, place) from None


def _check_signature(issuer: Certificate, link: _Link) -> None:
    signed, signature = link.certificate.signed, link.certificate.signature
    if not es384.is_good_der_signature(issuer.public_key, signature, signed):  # V-75
        raise rejected(Reason.CHAIN_SIGNATURE, link.place, "a signature by the key before it")
