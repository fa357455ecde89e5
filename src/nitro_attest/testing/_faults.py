"""Documents that a service must reject, each with one named fault and otherwise good.

The faults are what an attacker on the parent instance or on the wire can do. With each document
comes the reason that `verify` must give.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final, final

import cbor2

from nitro_attest import DocumentKind, Reason
from nitro_attest.testing._certificates import FakeChain
from nitro_attest.testing._fake import (
    ENCLAVE_MODULE_ID,
    NITRO_TPM_MODULE_ID,
    FakeNitro,
    PayloadMap,
    encode_payload,
)

_DAY: Final = timedelta(days=1)
_STALE: Final = timedelta(hours=1)  # longer than a sensible max_age, shorter than the leaf lives
_AHEAD: Final = timedelta(minutes=10)
_OTHER_KEY: Final = b"NEVER_TRUST: the key of somebody else"
_OTHER_DATA: Final = b"NEVER_TRUST: the data of somebody else"
_ZERO: Final = bytes(48)
_ONES: Final = b"\xff" * 48
_LARGEST: Final = 20_480  # what `verify` reads of a document at most
_MODULE_ID: Final = {
    DocumentKind.ENCLAVE: ENCLAVE_MODULE_ID,
    DocumentKind.NITRO_TPM: NITRO_TPM_MODULE_ID,
}
_PCR_MAP: Final = {DocumentKind.ENCLAVE: "pcrs", DocumentKind.NITRO_TPM: "nitrotpm_pcrs"}


@final
@dataclass(frozen=True, slots=True)
class FaultyDocument:
    """A document with one fault, and the reason that `verify` must give."""

    fault: str
    doc: bytes
    reason: Reason


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Faults:
    """A maker of faulty documents in place of the one that a good enclave or instance would send.

    `nonce`, `public_key`, `user_data` and `pcrs` are those of the good document. The reasons hold
    for a policy that trusts the fake, asks for a `FreshNonce` of less than an hour, has one set of
    measurements that the good document matches, and allows no unknown fields. `named("...")` makes
    one fault by its name; `FAULTS` lists those that every such policy must reject. Three more
    depend on a rule for a field: `other_public_key` and `other_user_data` are rejected by `Equals`,
    `no_public_key` by `Equals` and `Present`.
    """

    fake: FakeNitro
    nonce: bytes
    public_key: bytes | None = None
    user_data: bytes | None = None
    pcrs: Mapping[int, bytes] | None = None
    kind: DocumentKind = DocumentKind.ENCLAVE

    def named(self, fault: str) -> FaultyDocument:
        """Make the fault of this name, one of `FAULTS` for the kind.

        Raises:
            KeyError: There is no fault of this name.

        """
        return _BY_NAME[fault](self)

    # What is no attestation document at all.

    def not_a_document(self) -> FaultyDocument:
        """Send text in place of a document."""
        return FaultyDocument("not_a_document", b"no attestation document", Reason.COSE_STRUCTURE)

    def empty(self) -> FaultyDocument:
        """Send nothing."""
        return FaultyDocument("empty", b"", Reason.CBOR_MALFORMED)

    def truncated(self) -> FaultyDocument:
        """Send all but the last byte."""
        return FaultyDocument("truncated", self._good()[:-1], Reason.CBOR_MALFORMED)

    def trailing_bytes(self) -> FaultyDocument:
        """Send one byte more."""
        return FaultyDocument("trailing_bytes", self._good() + b"\0", Reason.CBOR_MALFORMED)

    def too_large(self) -> FaultyDocument:
        """Send more than a document can have."""
        return FaultyDocument("too_large", self._good() + bytes(_LARGEST), Reason.COSE_TOO_LARGE)

    def unknown_field(self) -> FaultyDocument:
        """Sign a field that AWS does not list."""
        return self._signed("unknown_field", Reason.DOCUMENT_FIELD_UNKNOWN, never_trust=True)

    def other_kind(self) -> FaultyDocument:
        """Send a NitroTPM document in place of an enclave's, or the reverse."""
        others = {
            DocumentKind.ENCLAVE: self.fake.nitro_tpm_document,
            DocumentKind.NITRO_TPM: self.fake.enclave_document,
        }
        doc = others[self.kind](
            nonce=self.nonce, public_key=self.public_key, user_data=self.user_data
        )
        return FaultyDocument("other_kind", doc, Reason.DOCUMENT_KIND)

    # What AWS's hardware did not sign.

    def other_root(self) -> FaultyDocument:
        """Issue the document under the attacker's own root of the same name, and send that root."""
        attacker = Faults(
            fake=FakeNitro(now=self.fake.now),
            nonce=self.nonce,
            public_key=self.public_key,
            user_data=self.user_data,
            pcrs=self.pcrs,
            kind=self.kind,
        )
        return FaultyDocument("other_root", attacker._good(), Reason.CHAIN_UNKNOWN_ROOT)

    def other_leaf(self) -> FaultyDocument:
        """Put a leaf of the attacker's own under the good bundle, and sign with its key."""
        forged = FakeNitro(now=self.fake.now).chain(_MODULE_ID[self.kind], self.fake.now)
        return self._signed(
            "other_leaf", Reason.CHAIN_SIGNATURE, forged, certificate=forged.certificate
        )

    def expired_chain(self) -> FaultyDocument:
        """Sign with the leaf of the day before, as who has got hold of an old key would."""
        return self._under("expired_chain", Reason.CHAIN_EXPIRED, -_DAY)

    def chain_of_tomorrow(self) -> FaultyDocument:
        """Sign with a leaf that is not valid yet."""
        return self._under("chain_of_tomorrow", Reason.CHAIN_NOT_YET_VALID, _DAY)

    def tampered_signature(self) -> FaultyDocument:
        """Change the last bit of the signature."""
        good = self._good()
        return FaultyDocument(
            "tampered_signature", good[:-1] + bytes([good[-1] ^ 1]), Reason.SIGNATURE_INVALID
        )

    def swapped_public_key(self) -> FaultyDocument:
        """Put another public key into a signed document: the parent instance in the middle."""
        return self._altered("swapped_public_key", public_key=_OTHER_KEY)

    def swapped_nonce(self) -> FaultyDocument:
        """Take a document made for another nonce and write the one asked for into it."""
        elsewhere = dict(self._fields(), nonce=_other_nonce(self.nonce))
        signed = cbor2.loads(self._sign(elsewhere))
        return FaultyDocument(
            "swapped_nonce", _with_payload(signed, self._fields()), Reason.SIGNATURE_INVALID
        )

    # What is authentic, but not fresh.

    def replayed_nonce(self) -> FaultyDocument:
        """Send a good document that was made for an earlier nonce."""
        return self._signed(
            "replayed_nonce", Reason.FRESHNESS_NONCE_MISMATCH, nonce=_other_nonce(self.nonce)
        )

    def no_nonce(self) -> FaultyDocument:
        """Send a good document that was made without a nonce."""
        return self._signed("no_nonce", Reason.FRESHNESS_NONCE_ABSENT, nonce=None)

    def stale(self) -> FaultyDocument:
        """Send a good document that is an hour old."""
        return self._made("stale", Reason.FRESHNESS_TOO_OLD, -_STALE)

    def from_the_future(self) -> FaultyDocument:
        """Send a document whose clock was ten minutes ahead."""
        return self._made("from_the_future", Reason.FRESHNESS_FROM_THE_FUTURE, _AHEAD)

    # What is authentic and fresh, but not what the policy allows.

    def wrong_image(self) -> FaultyDocument:
        """Run another image: other PCR0 to PCR2, on an instance other PCR4, PCR7 and PCR12."""
        others = {DocumentKind.ENCLAVE: (0, 1, 2), DocumentKind.NITRO_TPM: (4, 7, 12)}[self.kind]
        return self._measured(
            "wrong_image", Reason.POLICY_PCR_MISMATCH, dict.fromkeys(others, _ONES)
        )

    def debug_enclave(self) -> FaultyDocument:
        """Run the right image in debug mode.

        PCR0, PCR1 and PCR2 are zero, and the parent instance can read the console.
        """
        return self._measured(
            "debug_enclave", Reason.POLICY_DEBUG_ENCLAVE, dict.fromkeys((0, 1, 2), _ZERO)
        )

    def other_public_key(self) -> FaultyDocument:
        """Attest another public key in good form.

        Under `Present` it is accepted: use the key of the result, no other.
        """
        return self._signed("other_public_key", Reason.POLICY_PUBLIC_KEY, public_key=_OTHER_KEY)

    def no_public_key(self) -> FaultyDocument:
        """Attest no public key."""
        return self._signed("no_public_key", Reason.POLICY_PUBLIC_KEY, public_key=None)

    def other_user_data(self) -> FaultyDocument:
        """Attest other user data in good form."""
        return self._signed("other_user_data", Reason.POLICY_USER_DATA, user_data=_OTHER_DATA)

    def _good(self) -> bytes:
        issue = {
            DocumentKind.ENCLAVE: self.fake.enclave_document,
            DocumentKind.NITRO_TPM: self.fake.nitro_tpm_document,
        }
        return issue[self.kind](
            nonce=self.nonce, public_key=self.public_key, user_data=self.user_data, pcrs=self.pcrs
        )

    def _fields(self) -> dict[str, Any]:
        return dict(cbor2.loads(cbor2.loads(self._good())[2]))

    def _sign(self, fields: Mapping[str, object], chain: FakeChain | None = None) -> bytes:
        signer = self.fake.chain(_MODULE_ID[self.kind], self.fake.now) if chain is None else chain
        return self.fake.sign(encode_payload(fields, PayloadMap.INDEFINITE), signer)

    def _signed(
        self, fault: str, reason: Reason, chain: FakeChain | None = None, **changed: object
    ) -> FaultyDocument:
        """Change fields before the document is signed."""
        return FaultyDocument(fault, self._sign(self._fields() | changed, chain), reason)

    def _altered(self, fault: str, **changed: object) -> FaultyDocument:
        """Change fields after the document was signed."""
        return FaultyDocument(
            fault,
            _with_payload(cbor2.loads(self._good()), self._fields() | changed),
            Reason.SIGNATURE_INVALID,
        )

    def _under(self, fault: str, reason: Reason, shift: timedelta) -> FaultyDocument:
        """Sign under the chain of another time."""
        chain = self.fake.chain(_MODULE_ID[self.kind], self.fake.now + shift)
        return self._signed(
            fault, reason, chain, certificate=chain.certificate, cabundle=list(chain.cabundle)
        )

    def _made(self, fault: str, reason: Reason, shift: timedelta) -> FaultyDocument:
        """Sign a document made at another time."""
        return self._signed(
            fault,
            reason,
            timestamp=self._fields()["timestamp"] + shift // timedelta(milliseconds=1),
        )

    def _measured(self, fault: str, reason: Reason, pcrs: Mapping[int, bytes]) -> FaultyDocument:
        """Sign a document of other measurements."""
        name = _PCR_MAP[self.kind]
        fields = self._fields()
        return FaultyDocument(fault, self._sign({**fields, name: {**fields[name], **pcrs}}), reason)


def _with_payload(sign1: list[Any], fields: Mapping[str, object]) -> bytes:
    """Put other fields under a signature."""
    protected, unprotected, _, signature = sign1
    return cbor2.dumps(
        [protected, unprotected, encode_payload(fields, PayloadMap.INDEFINITE), signature]
    )


def _other_nonce(nonce: bytes) -> bytes:
    return bytes(octet ^ 0xFF for octet in nonce)


_FAULTS: Final = (
    Faults.not_a_document,
    Faults.empty,
    Faults.truncated,
    Faults.trailing_bytes,
    Faults.too_large,
    Faults.unknown_field,
    Faults.other_kind,
    Faults.other_root,
    Faults.other_leaf,
    Faults.expired_chain,
    Faults.chain_of_tomorrow,
    Faults.tampered_signature,
    Faults.swapped_public_key,
    Faults.swapped_nonce,
    Faults.replayed_nonce,
    Faults.no_nonce,
    Faults.stale,
    Faults.from_the_future,
    Faults.wrong_image,
)
_OF_FIELDS: Final = (Faults.other_public_key, Faults.no_public_key, Faults.other_user_data)
_OF_ENCLAVES: Final = (Faults.debug_enclave,)
_BY_NAME: Final[Mapping[str, Callable[[Faults], FaultyDocument]]] = {
    fault.__name__: fault for fault in (*_FAULTS, *_OF_FIELDS, *_OF_ENCLAVES)
}

FAULTS: Final[Mapping[DocumentKind, tuple[str, ...]]] = {
    DocumentKind.ENCLAVE: tuple(fault.__name__ for fault in (*_FAULTS, *_OF_ENCLAVES)),
    DocumentKind.NITRO_TPM: tuple(fault.__name__ for fault in _FAULTS),
}
"""For each kind, the names of the faults that every policy must reject."""
