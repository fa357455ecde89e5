"""The document's signature: ES384 over the Sig_structure, by the leaf's key (RFC 9052 section 4.4, RFC 9053 section 2.1)."""

from collections.abc import Callable
from typing import Final

from vectorgen.forge import cbor
from vectorgen.forge.documents import (
    CHAIN,
    ENCLAVE_PCRS,
    ES384,
    MADE,
    enclave,
    envelope,
    milliseconds,
    nitro_tpm,
    sig_structure,
)
from vectorgen.forge.keys import (
    NEVER_TRUST_INSTANCE,
    NEVER_TRUST_ROOT,
    NEVER_TRUST_STRANGER,
    ORDER,
    Key,
    raw,
)
from vectorgen.forge.policies import TPM_STANDARD
from vectorgen.kit import Case, Row, family, vector

PAYLOAD: Final = cbor.encode(cbor.Open(enclave()))


TPM_PAYLOAD: Final = cbor.encode(cbor.Open(nitro_tpm()))


MESSAGE: Final = sig_structure(PAYLOAD)


R, S = CHAIN.key.sign(MESSAGE)


LARGEST: Final = (1 << 384) - 1


ANYONE_SIGNS = "Anyone can write documents that are accepted."


ECDSA_RULES = ("https://www.rfc-editor.org/rfc/rfc9053.html#section-2.1",)


def signed(r: int, s: int) -> Case:
    """Give the standard document with any signature."""
    return Case(doc=envelope(PAYLOAD, signature=raw(r, s)).encode())


@family(
    Row("r-zero", "r is zero", (0, S)),
    Row("s-zero", "s is zero", (R, 0)),
    Row("both-zero", "r and s are zero", (0, 0)),
    Row("r-order", "r is the order of the group", (ORDER, S)),
    Row("s-order", "s is the order of the group", (R, ORDER)),
    Row("r-above-order", "r is one more than the order", (ORDER + 1, S)),
    Row("s-above-order", "s is one more than the order", (R, ORDER + 1)),
    Row("both-order", "r and s are the order of the group", (ORDER, ORDER)),
    Row("r-largest", "r is 48 bytes of ff", (LARGEST, S)),
    Row("s-largest", "s is 48 bytes of ff", (R, LARGEST)),
    Row("both-largest", "r and s are 48 bytes of ff", (LARGEST, LARGEST)),
    Row("r-zero-s-one", "r is zero and s is one", (0, 1)),
    Row("r-order-s-one", "r is the order and s is one", (ORDER, 1)),
    Row("both-one", "r and s are one", (1, 1)),
    expect="signature.invalid",
    rule="V-77; FIPS 186-5 section 6.4.2 step 1",
    attacks="13",
    effect="Some verifiers accept such a signature under every key: "
    + ANYONE_SIGNS[0].lower()
    + ANYONE_SIGNS[1:],
    refs=("CVE-2022-21449",),
)
def range_of(numbers: tuple[int, int]) -> Case:
    """In the signature {}."""
    return signed(*numbers)


@family(
    Row("swapped", "has r and s in each other's place", raw(S, R)),
    Row(
        "little-endian",
        "has r and s in little-endian order",
        raw(R, S)[:48][::-1] + raw(R, S)[48:][::-1],
    ),
    Row("r-negated", "has n - r instead of r", raw(ORDER - R, S)),
    Row("first-bit", "has its first bit flipped", bytes([raw(R, S)[0] ^ 0x80]) + raw(R, S)[1:]),
    Row("last-bit", "has its last bit flipped", raw(R, S)[:-1] + bytes([raw(R, S)[-1] ^ 1])),
    Row("last-bit-of-r", "has the last bit of r flipped", raw(R ^ 1, S)),
    expect="signature.invalid",
    rule="V-78; RFC 9053 section 2.1",
    attacks="13",
    effect=ANYONE_SIGNS,
)
def changed(signature: bytes) -> Case:
    """The signature {}."""
    return Case(doc=envelope(PAYLOAD, signature=signature).encode())


@vector(
    expect="signature.invalid",
    rule="V-78; RFC 9052 section 4.4",
    attacks="17",
    effect="Claims can be changed on the way.",
)
def payload_bit_flipped() -> Case:
    """One bit of user_data has been flipped after signing."""
    flipped = PAYLOAD.replace(b"NEVER_TRUST: user data", b"NEVER_TRUST: user datc")
    return Case(doc=envelope(flipped, message=MESSAGE).encode())


@vector(
    expect="signature.invalid",
    rule="V-78; RFC 9052 section 4.4",
    attacks="17",
    effect="Claims can be changed on the way.",
)
def payload_pcr_swapped() -> Case:
    """The value of PCR15 has been changed after signing, one that this policy does not pin."""
    other = {**ENCLAVE_PCRS, 15: b"\x01" * 48}
    return Case(doc=envelope(cbor.encode(cbor.Open(enclave(pcrs=other))), message=MESSAGE).encode())


@vector(
    expect="signature.invalid",
    rule="V-78; RFC 9052 section 4.4",
    attacks="17",
    effect="What was signed is not what is read.",
)
def signed_definite_sent_indefinite() -> Case:
    """The signature covers the same map with definite length; the document carries it with indefinite length."""
    return Case(doc=envelope(PAYLOAD, message=sig_structure(cbor.encode(enclave()))).encode())


@vector(
    expect="signature.invalid",
    rule="V-78; RFC 9052 section 4.4",
    attacks="17",
    effect="What was signed is not what is read.",
)
def signed_indefinite_sent_definite() -> Case:
    """The signature covers the same map with indefinite length; the document carries it with definite length."""
    return Case(doc=envelope(cbor.encode(enclave()), message=MESSAGE).encode())


@vector(
    expect="signature.invalid",
    rule="V-78; RFC 9052 section 4.4",
    attacks="17",
    effect="What was signed is not what is read.",
)
def signed_in_other_order() -> Case:
    """The signature covers the same fields sorted by name; the document carries them in AWS's order."""
    in_order = sig_structure(cbor.encode(cbor.Open(dict(sorted(enclave().items())))))
    return Case(doc=envelope(PAYLOAD, message=in_order).encode())


@vector(
    expect="signature.invalid",
    rule="V-78",
    attacks="17",
    effect="A signature moved from one document to another carries over trust.",
)
def of_an_earlier_document() -> Case:
    """The signature is that of a document the same leaf signed one second earlier."""
    earlier = cbor.encode(cbor.Open(enclave(timestamp=milliseconds(MADE) - 1000)))
    return Case(doc=envelope(PAYLOAD, message=sig_structure(earlier)).encode())


@family(
    Row("context-signature", 'a Sig_structure with the context "Signature", that of COSE_Sign', sig_structure(PAYLOAD, context="Signature")),
    Row("context-counter", 'a Sig_structure with the context "CounterSignature"', sig_structure(PAYLOAD, context="CounterSignature")),
    Row("context-counter0", 'a Sig_structure with the context "CounterSignature0"', sig_structure(PAYLOAD, context="CounterSignature0")),
    Row("context-mac0", 'a Sig_structure with the context "MAC0"', sig_structure(PAYLOAD, context="MAC0")),
    Row("context-lower-case", 'a Sig_structure with the context "signature1"', sig_structure(PAYLOAD, context="signature1")),
    Row("external-data", "a Sig_structure with external data", sig_structure(PAYLOAD, external=b"external")),
    Row("external-nonce", "a Sig_structure with the nonce as external data", sig_structure(PAYLOAD, external=bytes(range(0x40, 0x60)))),
    Row("empty-header", "a Sig_structure with an empty protected header", sig_structure(PAYLOAD, protected=b"")),
    Row("empty-map-header", "a Sig_structure with an empty map as protected header", sig_structure(PAYLOAD, protected=b"\xa0")),
    Row("es256-header", "a Sig_structure with a protected header that names ES256", sig_structure(PAYLOAD, protected=bytes.fromhex("a10126"))),
    Row("five-items", "a Sig_structure with an empty header of a signer", cbor.encode(["Signature1", ES384, b"", b"", PAYLOAD])),
    Row("payload-alone", "the payload alone", PAYLOAD),
    Row("wrapped-payload", "the payload's byte string alone", cbor.encode(PAYLOAD)),
    Row("payload-as-map", "a Sig_structure that holds the map itself", cbor.encode(["Signature1", ES384, b"", cbor.Raw(PAYLOAD)])),
    Row("indefinite-structure", "a Sig_structure of indefinite length",
        cbor.encode(cbor.Open(["Signature1", ES384, b"", PAYLOAD]))),
    Row("without-payload", "a Sig_structure with an empty payload", sig_structure(b"")),
    expect="signature.invalid",
    rule="V-78; RFC 9052 section 4.4", attacks="18",
    effect="A signature made for another purpose passes for an attestation.",
)  # fmt: skip
def over(message: bytes) -> Case:
    """What the leaf has signed is {}."""
    return Case(doc=envelope(PAYLOAD, message=message).encode())


@family(
    Row("sha256", "SHA-256", "SHA256"),
    Row("sha512", "SHA-512", "SHA512"),
    expect="signature.invalid",
    rule="V-78; RFC 9053 section 2.1",
    attacks="7",
    effect="The weakest hash that anybody accepts decides.",
)
def hash_is(algorithm: str) -> Case:
    """The leaf has signed with {} instead of SHA-384."""
    return signed(*CHAIN.key.sign(MESSAGE, algorithm))


@family(
    Row("a-stranger", "a key that no certificate names", NEVER_TRUST_STRANGER),
    Row("the-instance", "the key of the instance's certificate", NEVER_TRUST_INSTANCE),
    Row("the-root", "the key of the root", NEVER_TRUST_ROOT),
    expect="signature.invalid",
    rule="V-78; AWS attestation process 3.2.3",
    attacks="19",
    effect=ANYONE_SIGNS,
)
def by(key: Key) -> Case:
    """The document is signed by {} instead of the leaf's key."""
    return Case(doc=envelope(PAYLOAD, key=key).encode())


@vector(
    expect="signature.invalid",
    rule="V-78; AWS attestation process 3.2.3",
    attacks="19",
    effect=ANYONE_SIGNS,
)
def nitrotpm_by_a_stranger() -> Case:
    """A NitroTPM document is signed by a key that no certificate names."""
    return Case(doc=envelope(TPM_PAYLOAD, key=NEVER_TRUST_STRANGER).encode(), policy=TPM_STANDARD)


@vector(
    expect="signature.invalid",
    rule="V-78",
    attacks="19",
    effect="The enclave's own key would sign its own attestation.",
)
def by_the_attested_key() -> Case:
    """The document is signed by the key in its public_key field, which the enclave has chosen."""
    payload = cbor.encode(cbor.Open(enclave(public_key=NEVER_TRUST_STRANGER.spki)))
    return Case(doc=envelope(payload, key=NEVER_TRUST_STRANGER).encode())


def dated(step: int) -> bytes:
    """Return the payload of a document made some milliseconds earlier."""
    return cbor.encode(cbor.Open(enclave(timestamp=milliseconds(MADE) - step)))


def with_s(choose: Callable[[int, int], int]) -> Case:
    """Sign a document of a millisecond earlier, and choose one of the two values of s."""
    payload = dated(1)
    r, s = CHAIN.key.sign(sig_structure(payload))
    return Case(doc=envelope(payload, signature=raw(r, choose(s, ORDER - s))).encode())
