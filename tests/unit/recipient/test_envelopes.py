"""What encrypt and seal write, and what decrypt and open_sealed accept."""

import hashlib
import pickle
from random import Random
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import load_der_public_key

from nitro_attest import NitroAttestError, PolicyError
from nitro_attest.recipient import (
    RecipientError,
    RecipientKeyError,
    decrypt,
    encrypt,
    open_sealed,
    seal,
)
from support import cms
from support.cms import Form, Sample

KEY = cms.fixed_key()
PUBLIC_KEY = cms.public_key_of(KEY)
OTHER_KEY = cms.samples()[1].key
SECRET = b"correct horse battery staple"
MEBIBYTE = 1 << 20
MUTATIONS = 500
ALL_MUTATIONS = 100_000

every_sample = pytest.mark.parametrize(
    "answer", cms.samples(), ids=[answer.name for answer in cms.samples()]
)


def rejected(envelope: bytes, key: rsa.RSAPrivateKey = KEY) -> RecipientError:
    """Return the error of an envelope that doesn't open."""
    with pytest.raises(RecipientError) as caught:
        decrypt(envelope, key)
    return caught.value


# KMS

# What KMS writes around the encrypted key (256 bytes), the IV and the content (48 bytes); "SKI" is
# the SHA-256 of the DER SubjectPublicKeyInfo.
KMS_BEFORE_THE_KEY = (
    "308006092a864886f70d010703a080"
    "3080020102"
    "3182016b30820167020102"
    "8020SKI"
    "303c06092a864886f70d010107302fa00f300d06096086480165030402010500"
    "a11c301a06092a864886f70d010108300d06096086480165030402010500"
    "04820100"
)
KMS_BEFORE_THE_IV = "308006092a864886f70d010701301d060960864801650304012a0410"
KMS_BEFORE_THE_CONTENT = "a0800430"
KMS_END = "0000" * 5


@every_sample
def test_decrypt_opens_fixed_envelopes(answer: Sample) -> None:
    """In KMS's form, with primitive content, and in chunks."""
    assert decrypt(answer.envelope, answer.key) == answer.plaintext


def test_encrypt_writes_the_bytes_that_kms_writes() -> None:
    """Apart from the encrypted key, the IV and the content."""
    envelope = encrypt(bytes(32), PUBLIC_KEY)
    encrypted_key, iv, content = cms.read_as_aws_c_client(envelope)
    identifier = hashlib.sha256(PUBLIC_KEY).hexdigest()

    assert envelope.hex() == (
        KMS_BEFORE_THE_KEY.replace("SKI", identifier)
        + encrypted_key.hex()
        + KMS_BEFORE_THE_IV
        + iv.hex()
        + KMS_BEFORE_THE_CONTENT
        + content.hex()
        + KMS_END
    )
    assert (len(encrypted_key), len(iv), len(content)) == (256, 16, 48)


@pytest.mark.parametrize("bits", [2048, 3072, 4096])
@pytest.mark.parametrize("size", [0, 1, 15, 16, 17, 100, 4096, 70_000])
def test_a_reader_as_strict_as_the_one_of_aws_reads_encrypt(bits: int, size: int) -> None:
    """AWS's C client finds the encrypted key, the IV and the content."""
    key = cms.key_of(bits)
    encrypted_key, iv, content = cms.read_as_aws_c_client(
        encrypt(bytes(size), cms.public_key_of(key))
    )
    assert len(key.decrypt(encrypted_key, cms.OAEP)) == 32
    assert (len(encrypted_key), len(iv)) == (bits // 8, 16)
    assert len(content) == size // 16 * 16 + 16


def test_a_reader_as_strict_as_the_one_of_aws_rejects_definite_lengths() -> None:
    """So the reader in these tests tells the forms apart."""
    form = Form(outer=cms.definite, inner=cms.definite)
    with pytest.raises(cms.UnreadableError):
        cms.read_as_aws_c_client(form.envelope(SECRET, KEY))


# Round trips


@pytest.mark.parametrize("size", [0, 1, 15, 16, 17, 31, 32, 33, 4096, MEBIBYTE])
def test_decrypt_opens_encrypt(size: int) -> None:
    """Every size up to one mebibyte."""
    plaintext = b"s" * size
    assert decrypt(encrypt(plaintext, PUBLIC_KEY), KEY) == plaintext


@pytest.mark.parametrize("size", [0, 1, 15, 16, 17, 4096, MEBIBYTE])
def test_open_sealed_opens_seal(size: int) -> None:
    """Every size up to one mebibyte."""
    plaintext = b"s" * size
    assert open_sealed(seal(plaintext, PUBLIC_KEY), KEY) == plaintext


def test_no_two_envelopes_share_a_data_key_or_an_iv() -> None:
    """Every call makes its own."""
    made = [cms.read_as_aws_c_client(encrypt(SECRET, PUBLIC_KEY)) for _ in range(8)]
    assert len({KEY.decrypt(encrypted_key, cms.OAEP) for encrypted_key, _, _ in made}) == 8
    assert len({iv for _, iv, _ in made}) == 8
    assert len({seal(SECRET, PUBLIC_KEY) for _ in range(8)}) == 8


def test_a_lax_reader_agrees() -> None:
    """asn1crypto finds what the strict reader finds."""
    envelope = encrypt(SECRET, PUBLIC_KEY)
    assert cms.read_with_asn1crypto(envelope)[1:] == cms.read_as_aws_c_client(envelope)


# Forms that decrypt accepts

ACCEPTED = {
    "as KMS": Form(),
    "definite lengths": Form(outer=cms.definite, inner=cms.definite),
    "indefinite lengths everywhere": Form(recipients=cms.indefinite, algorithm=cms.indefinite),
    "indefinite inside definite": Form(outer=cms.definite),
    "definite inside indefinite": Form(inner=cms.definite),
    "primitive content": Form(primitive=True),
    "primitive content, definite lengths": Form(
        primitive=True, outer=cms.definite, inner=cms.definite
    ),
    "two chunks": Form(chunk_sizes=[16, 16]),
    "uneven chunks": Form(chunk_sizes=[1, 30, 0, 1]),
    "64 chunks": Form(chunk_sizes=[1] * 63 + [1000]),
    "chunks, definite lengths": Form(chunk_sizes=[5, 27], inner=cms.definite),
}


@pytest.mark.parametrize("form", ACCEPTED.values(), ids=ACCEPTED)
def test_decrypt_opens_every_form(form: Form) -> None:
    """BER leaves a sender these choices."""
    plaintext = SECRET if form.chunk_sizes is None or len(form.chunk_sizes) < 64 else SECRET * 30
    assert decrypt(form.envelope(plaintext, KEY), KEY) == plaintext


# Forms that it rejects

PKCS1_V1_5 = bytes.fromhex("300d06092a864886f70d0101010500")  # rsaEncryption
OAEP_SHA_1 = bytes.fromhex("300d06092a864886f70d0101073000")
REJECTED = {
    "65 chunks": Form(chunk_sizes=[0] * 64 + [1000]),
    "no chunk": Form(content=b"", chunk_sizes=[]),
    "an empty chunk": Form(content=b""),
    "empty primitive content": Form(content=b"", primitive=True),
    "content of 15 bytes": Form(content=bytes(15)),
    "content of 17 bytes": Form(content=bytes(17), primitive=True),
    "content over a mebibyte": Form(content=bytes(MEBIBYTE + 32)),
    "a data key of 31 bytes": Form(data_key=bytes(31)),
    "a data key of 33 bytes": Form(data_key=bytes(33)),
    "a data key of 16 bytes": Form(data_key=bytes(16)),
    "an empty data key": Form(data_key=b""),
    "an IV of 15 bytes": Form(iv=bytes(15)),
    "an IV of 17 bytes": Form(iv=bytes(17)),
    "an empty IV": Form(iv=b""),
    "a short encrypted key": Form(encrypted_key=bytes(255)),
    "a long encrypted key": Form(encrypted_key=bytes(257)),
    "an empty encrypted key": Form(encrypted_key=b""),
    "an encrypted key over the modulus": Form(encrypted_key=b"\xff" * 256),
    "an encrypted key of zero": Form(encrypted_key=bytes(256)),
    "version 0": Form(version=b"\x02\x01\x00"),
    "version 2 in two octets": Form(version=b"\x02\x02\x00\x02"),
    "recipient of version 0": Form(recipient_version=b"\x02\x01\x00"),
    "no recipient": Form(copies_of_the_recipient=0),
    "two recipients": Form(copies_of_the_recipient=2),
    "another key's identifier": Form(identifier=bytes(32)),
    "a SHA-1 identifier": Form(identifier=bytes(20)),
    "an identifier in SEQUENCE": Form(identifier_tag=0x30),
    "RSA with PKCS#1 v1.5": Form(key_algorithm=PKCS1_V1_5),
    "OAEP with SHA-1": Form(key_algorithm=OAEP_SHA_1),
    "another cipher": Form(cipher=bytes.fromhex("0609608648016503040102")),
    "SignedData": Form(content_type=bytes.fromhex("06092a864886f70d010702")),
    "another content type": Form(inner_type=cms.ENVELOPED_DATA),
    "an element after the content": Form(after_the_content=b"\x05\x00"),
}


@pytest.mark.parametrize("form", REJECTED.values(), ids=REJECTED)
def test_decrypt_rejects(form: Form) -> None:
    """All else ends in the same error."""
    plaintext = SECRET * 30 if form.chunk_sizes else SECRET
    rejected(form.envelope(plaintext, KEY))


@pytest.mark.parametrize("last", [0, 3, 5, 17, 255])
def test_decrypt_rejects_bad_padding(last: int) -> None:
    """PKCS#7 padding of four bytes ends in 4."""
    form = Form(content=cms.encrypt_cbc(SECRET, Form(), padding_byte=last))
    rejected(form.envelope(SECRET, KEY))


def test_decrypt_rejects_every_truncation() -> None:
    """A prefix never opens."""
    envelope = encrypt(SECRET, PUBLIC_KEY)
    for size in range(len(envelope)):
        rejected(envelope[:size])


@pytest.mark.parametrize("extra", [b"\0", b"\0\0", b"\x30\x80\0\0"])
def test_decrypt_rejects_trailing_data(extra: bytes) -> None:
    """An envelope ends where it ends."""
    rejected(encrypt(SECRET, PUBLIC_KEY) + extra)


@pytest.mark.parametrize("depth", [8, 9, 1000, 500_000])
@pytest.mark.parametrize("head", [b"\x30\x80", b"\xa0\x80", b"\x24\x80"])
def test_decrypt_rejects_deep_nesting_without_recursion(head: bytes, depth: int) -> None:
    """Nesting costs the sender, not the reader."""
    rejected(head * depth)


@pytest.mark.parametrize("depth", [1, 8, 1000, 20_000])
def test_decrypt_rejects_nested_chunks(depth: int) -> None:
    """BER lets a chunk hold chunks; KMS never sends that."""
    form = Form(content=b"c" * 16)
    chunk = cms.definite(0x04, b"c" * 16)
    nested = b"\x24\x80" * depth + chunk + bytes(2 * depth)
    envelope = form.envelope(SECRET, KEY)
    assert envelope.count(chunk) == 1
    rejected(envelope.replace(chunk, nested))


def test_decrypt_rejects_an_oversized_envelope_before_reading_it() -> None:
    """The limit is a mebibyte of content and four kibibytes of heads."""
    rejected(encrypt(bytes(MEBIBYTE), PUBLIC_KEY) + bytes(8192))


def test_decrypt_rejects_lengths_that_are_not_the_shortest() -> None:
    """One length has one encoding."""
    iv = cms.definite(0x04, bytes(16))
    envelope = Form().envelope(SECRET, KEY)
    assert envelope.count(iv) == 1
    for head in (b"\x04\x81\x10", b"\x04\x82\x00\x10", b"\x04\x84\x00\x00\x00\x10", b"\x04\x80"):
        rejected(envelope.replace(iv, head + bytes(16)))


# One error


def test_every_bad_envelope_ends_in_the_same_error() -> None:
    """Text, type and chain tell nothing, whichever step failed."""
    good = encrypt(SECRET, PUBLIC_KEY)
    errors = [
        rejected(b""),
        rejected(good[:-1]),
        rejected(good, OTHER_KEY),
        rejected(seal(SECRET, PUBLIC_KEY)),
        *(rejected(form.envelope(SECRET, KEY)) for form in REJECTED.values()),
        rejected(Form(content=cms.encrypt_cbc(b"", Form(), padding_byte=0)).envelope(b"", KEY)),
    ]
    assert {(type(error), error.args) for error in errors} == {(RecipientError, errors[0].args)}
    assert {(error.__cause__, error.__context__) for error in errors} == {(None, None)}


def test_another_key_never_opens_by_chance() -> None:
    """Random bytes end in valid padding once in 256 times; a wrong key is rejected all the same."""
    for number in range(600):
        form = Form(encrypted_key=number.to_bytes(256, "big"))
        rejected(form.envelope(SECRET, KEY))


def test_errors_survive_pickle() -> None:
    """Services pass them between processes."""
    error = rejected(b"")
    assert pickle.loads(pickle.dumps(error)).args == error.args  # noqa: S301 - made one line above
    assert isinstance(error, NitroAttestError)


# Sealed envelopes


def test_decrypt_and_open_sealed_open_only_their_own_form() -> None:
    """They are two content types."""
    rejected(seal(SECRET, PUBLIC_KEY))
    with pytest.raises(RecipientError):
        open_sealed(encrypt(SECRET, PUBLIC_KEY), KEY)


def test_open_sealed_rejects_every_changed_byte() -> None:
    """Content, tag, nonce and heads."""
    sealed = seal(SECRET, PUBLIC_KEY)
    for position in range(len(sealed)):
        changed = bytearray(sealed)
        changed[position] ^= 1
        with pytest.raises(RecipientError):
            open_sealed(bytes(changed), KEY)


def test_open_sealed_rejects_another_key() -> None:
    """With the same error, chained to nothing."""
    with pytest.raises(RecipientError) as caught:
        open_sealed(seal(SECRET, PUBLIC_KEY), OTHER_KEY)
    assert caught.value.args == rejected(b"").args
    assert (caught.value.__cause__, caught.value.__context__) == (None, None)


def test_open_sealed_rejects_an_empty_and_an_extended_envelope() -> None:
    """Nothing before, nothing after."""
    for envelope in (b"", seal(SECRET, PUBLIC_KEY) + b"\0"):
        with pytest.raises(RecipientError):
            open_sealed(envelope, KEY)


# The caller's own mistakes


@pytest.mark.parametrize("make", [encrypt, seal])
@pytest.mark.parametrize("plaintext", ["text", None, bytearray(4), bytes(MEBIBYTE + 1)])
def test_a_wrong_plaintext_is_the_callers_mistake(make: Any, plaintext: object) -> None:
    """Bytes, at most one mebibyte."""
    with pytest.raises(PolicyError) as caught:
        make(plaintext, PUBLIC_KEY)
    assert caught.value.field == "plaintext"


@pytest.mark.parametrize("make", [encrypt, seal])
def test_a_bad_attested_key_is_the_other_sides_mistake(make: Any) -> None:
    """Before any encryption."""
    with pytest.raises(RecipientKeyError):
        make(SECRET, b"K" * 32)


@pytest.mark.parametrize("read", [decrypt, open_sealed])
@pytest.mark.parametrize("envelope", ["MIAG", None, bytearray(4), memoryview(b"0")])
def test_an_envelope_that_is_no_bytes_is_the_callers_mistake(read: Any, envelope: object) -> None:
    """Base64 text, for example."""
    with pytest.raises(PolicyError) as caught:
        read(envelope, KEY)
    assert caught.value.field == "envelope"


@pytest.mark.parametrize("read", [decrypt, open_sealed])
@pytest.mark.parametrize(
    "key",
    [
        None,
        b"key",
        load_der_public_key(PUBLIC_KEY),
        ec.generate_private_key(ec.SECP256R1()),
        rsa.generate_private_key(65537, 1024),  # noqa: S505 - too short on purpose
    ],
)
def test_a_wrong_private_key_is_the_callers_mistake(read: Any, key: object) -> None:
    """An RSA key of 2048 to 8192 bits."""
    with pytest.raises(PolicyError) as caught:
        read(encrypt(SECRET, PUBLIC_KEY), key)
    assert caught.value.field == "private_key"


# Mutations


def mutate_and_open(count: int, seed: str) -> dict[str, int]:
    """Open changed envelopes; return how many opened."""
    chance = Random(seed)  # noqa: S311 - the same changes in every run
    envelopes = [
        encrypt(SECRET, PUBLIC_KEY),
        *(form.envelope(SECRET * 3, KEY) for form in ACCEPTED.values() if not form.chunk_sizes),
        Form(chunk_sizes=[7, 9, 16]).envelope(SECRET, KEY),
        cms.samples()[0].envelope,
    ]
    outcomes = {"opened": 0, "rejected": 0}
    for _ in range(count):
        changed = cms.mutate(chance.choice(envelopes), chance)
        try:
            plaintext = decrypt(changed, KEY)
        except RecipientError:
            outcomes["rejected"] += 1
            continue
        assert type(plaintext) is bytes
        assert cms.open_with_asn1crypto(changed, KEY) in {None, plaintext}
        outcomes["opened"] += 1
    return outcomes


def test_changed_envelopes_give_plaintext_or_the_one_error() -> None:
    """A fixed few hundred of the long run."""
    outcomes = mutate_and_open(MUTATIONS, "a fixed part")
    assert outcomes["rejected"] > MUTATIONS // 2
    assert outcomes["opened"] > 0  # a change of the IV, say: the form is not authenticated


@pytest.mark.full
def test_all_changed_envelopes_give_plaintext_or_the_one_error() -> None:
    """The long run."""
    outcomes = mutate_and_open(ALL_MUTATIONS, "the whole")
    assert sum(outcomes.values()) == ALL_MUTATIONS
