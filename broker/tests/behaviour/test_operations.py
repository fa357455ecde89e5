"""Every operation through boto3, as KMS answers it; errors by their class where KMS models them."""

import base64
import hashlib
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, OAEP
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_der_private_key,
    load_der_public_key,
)
from nitro_attest import DocumentKind
from nitro_attest.recipient import RecipientKey
from nitro_attest.testing import FakeNitro

from nitro_attest_broker._operations import OPERATIONS
from nitro_attest_broker.testing import FakeKms
from support.answers import METADATA, REQUIRED, checked
from support.clients import kms_client, response

CONTEXT = {"purpose": "test", "ü": "ö"}
TAG = [{"TagKey": "nitro-attest:attested", "TagValue": "true"}]
Call = dict[str, Any]


class Client:
    """A boto3 client whose answers are checked."""

    def __init__(self, fake: FakeKms, nitro: FakeNitro) -> None:
        self.fake = fake
        self.nitro = nitro
        self.kms: Any = kms_client(**fake.client_options)
        self.made = 0

    def __call__(self, operation: str, **members: Any) -> Call:
        method = "".join(f"_{c.lower()}" if c.isupper() else c for c in operation).lstrip("_")
        answer = getattr(self.kms, method)(**members)
        return checked(self.kms, operation, answer)

    def error(self, operation: str, **members: Any) -> str:
        """Call, and return the code of the error; if it is modelled, it has its own class."""
        with pytest.raises(ClientError) as caught:
            self(operation, **members)
        code: str = response(caught.value)["Error"]["Code"]
        modelled = getattr(self.kms.exceptions, code, None)
        assert modelled is None or isinstance(caught.value, modelled)
        assert len(response(caught.value)["ResponseMetadata"]["RequestId"]) == 36
        return code

    def create_key(self, **members: Any) -> str:
        self.made += 1  # two equal calls of one second would be signed alike
        arn: str = self("CreateKey", **{"Description": f"{self.made}", **members})["KeyMetadata"][
            "Arn"
        ]
        return arn

    def recipient(self, **fields: Any) -> tuple[RecipientKey, Call]:
        """Return a key and the Recipient with a document that attests it."""
        key = RecipientKey.generate()
        doc = self.nitro.enclave_document(public_key=key.public_key, **fields)
        return key, {"KeyEncryptionAlgorithm": "RSAES_OAEP_SHA_256", "AttestationDocument": doc}


@pytest.fixture
def client(fake_kms: FakeKms, fake_nitro: FakeNitro) -> Client:
    return Client(fake_kms, fake_nitro)


@pytest.fixture
def key(client: Client) -> str:
    return client.create_key()


@pytest.fixture
def attested_key(client: Client) -> str:
    return client.create_key(Policy=client.fake.key_policy(), Tags=TAG)


# --- encryption ---


def test_encrypts_and_decrypts(client: Client, key: str) -> None:
    sealed = client("Encrypt", KeyId=key, Plaintext=b"x" * 4096, EncryptionContext=CONTEXT)
    answer = client(
        "Decrypt", CiphertextBlob=sealed["CiphertextBlob"], EncryptionContext=CONTEXT, KeyId=key
    )
    assert answer["Plaintext"] == b"x" * 4096
    assert (answer["KeyId"], len(answer["KeyMaterialId"])) == (key, 64)


def test_finds_the_key_of_a_ciphertext(client: Client, key: str) -> None:
    sealed = client("Encrypt", KeyId=key, Plaintext=b"x")["CiphertextBlob"]
    assert client("Decrypt", CiphertextBlob=sealed)["KeyId"] == key


def test_decrypts_for_the_attested_key_alone(client: Client, attested_key: str) -> None:
    sealed = client("Encrypt", KeyId=attested_key, Plaintext=b"s", EncryptionContext=CONTEXT)
    recipient, given = client.recipient()
    answer = client(
        "Decrypt",
        CiphertextBlob=sealed["CiphertextBlob"],
        EncryptionContext=CONTEXT,
        Recipient=given,
    )
    assert "KeyMaterialId" not in answer
    assert recipient.open(answer["CiphertextForRecipient"]) == b"s"


def test_decrypts_for_an_instance_with_nitro_tpm(client: Client, fake_nitro: FakeNitro) -> None:
    arn = client.create_key(Policy=client.fake.key_policy(kind=DocumentKind.NITRO_TPM), Tags=TAG)
    sealed = client("Encrypt", KeyId=arn, Plaintext=b"s")["CiphertextBlob"]
    recipient = RecipientKey.generate()
    doc = fake_nitro.nitro_tpm_document(public_key=recipient.public_key)
    given = {"KeyEncryptionAlgorithm": "RSAES_OAEP_SHA_256", "AttestationDocument": doc}
    answer = client("Decrypt", CiphertextBlob=sealed, Recipient=given)
    assert recipient.open(answer["CiphertextForRecipient"]) == b"s"
    _, given = client.recipient()
    assert client.error("Decrypt", CiphertextBlob=sealed, Recipient=given) == (
        "AccessDeniedException"
    )


def test_encrypts_anew_under_another_key(client: Client, key: str) -> None:
    other = client.create_key()
    sealed = client("Encrypt", KeyId=key, Plaintext=b"x", EncryptionContext=CONTEXT)
    answer = client(
        "ReEncrypt",
        CiphertextBlob=sealed["CiphertextBlob"],
        SourceEncryptionContext=CONTEXT,
        DestinationKeyId=other,
        DestinationEncryptionContext={"new": "context"},
    )
    assert (answer["SourceKeyId"], answer["KeyId"]) == (key, other)
    opened = client(
        "Decrypt", CiphertextBlob=answer["CiphertextBlob"], EncryptionContext={"new": "context"}
    )
    assert opened["Plaintext"] == b"x"


@pytest.mark.parametrize("algorithm", ["RSAES_OAEP_SHA_1", "RSAES_OAEP_SHA_256"])
def test_encrypts_with_rsa(client: Client, algorithm: str) -> None:
    arn = client.create_key(KeySpec="RSA_2048", KeyUsage="ENCRYPT_DECRYPT")
    sealed = client("Encrypt", KeyId=arn, Plaintext=b"x", EncryptionAlgorithm=algorithm)
    opened = client(
        "Decrypt",
        KeyId=arn,
        CiphertextBlob=sealed["CiphertextBlob"],
        EncryptionAlgorithm=algorithm,
    )
    assert opened["Plaintext"] == b"x"
    symmetric = client.create_key()
    moved = client(
        "ReEncrypt",
        CiphertextBlob=sealed["CiphertextBlob"],
        SourceKeyId=arn,
        SourceEncryptionAlgorithm=algorithm,
        DestinationKeyId=symmetric,
    )
    back = client(
        "ReEncrypt",
        CiphertextBlob=moved["CiphertextBlob"],
        DestinationKeyId=arn,
        DestinationEncryptionAlgorithm=algorithm,
    )
    again = client(
        "Decrypt", KeyId=arn, CiphertextBlob=back["CiphertextBlob"], EncryptionAlgorithm=algorithm
    )
    assert again["Plaintext"] == b"x"


def test_decrypts_with_rsa_what_others_encrypted_to_the_public_key(client: Client) -> None:
    arn = client.create_key(KeySpec="RSA_2048", KeyUsage="ENCRYPT_DECRYPT")
    answer = client("GetPublicKey", KeyId=arn)
    public = load_der_public_key(answer["PublicKey"])
    assert isinstance(public, rsa.RSAPublicKey)
    blob = public.encrypt(b"x", OAEP(mgf=MGF1(SHA256()), algorithm=SHA256(), label=None))
    members = {"KeyId": arn, "EncryptionAlgorithm": "RSAES_OAEP_SHA_256"}
    assert client("Decrypt", CiphertextBlob=blob, **members)["Plaintext"] == b"x"
    assert client.error("Decrypt", CiphertextBlob=blob[:-1], **members) == (
        "InvalidCiphertextException"
    )
    assert client.error(
        "Decrypt", CiphertextBlob=blob, EncryptionAlgorithm="RSAES_OAEP_SHA_256"
    ) == ("ValidationException")
    assert client.error("Encrypt", Plaintext=b"x" * 191, **members) == "ValidationException"
    assert (
        client.error("Encrypt", Plaintext=b"x", EncryptionContext=CONTEXT, **members)
        == "ValidationException"
    )


CHANGES: list[Callable[[bytes], bytes]] = [
    lambda blob: blob[:-1] + bytes([blob[-1] ^ 1]),
    lambda blob: blob[:40],
    lambda blob: b"nab2" + blob[4:],
    lambda blob: blob[:20] + b"\0\0\0\1" + blob[24:],
    lambda blob: blob[:30] + bytes([blob[30] ^ 1]) + blob[31:],
]


@pytest.mark.parametrize(
    "change",
    CHANGES,
)
def test_rejects_a_changed_ciphertext(client: Client, key: str, change: Any) -> None:
    sealed = client("Encrypt", KeyId=key, Plaintext=b"x")["CiphertextBlob"]
    assert client.error("Decrypt", CiphertextBlob=change(sealed)) == "InvalidCiphertextException"


@pytest.mark.parametrize("context", [{}, {"purpose": "test"}, {**CONTEXT, "more": ""}])
def test_rejects_another_encryption_context(
    client: Client, key: str, context: dict[str, str]
) -> None:
    sealed = client("Encrypt", KeyId=key, Plaintext=b"x", EncryptionContext=CONTEXT)
    blob = sealed["CiphertextBlob"]
    assert client.error("Decrypt", CiphertextBlob=blob, EncryptionContext=context) == (
        "InvalidCiphertextException"
    )


def test_rejects_a_ciphertext_of_another_key(client: Client, key: str) -> None:
    other = client.create_key()
    blob = client("Encrypt", KeyId=other, Plaintext=b"x")["CiphertextBlob"]
    assert client.error("Decrypt", CiphertextBlob=blob, KeyId=key) == "IncorrectKeyException"
    moved = blob[:4] + bytes.fromhex(key[-36:].replace("-", "")) + blob[20:]
    assert client.error("Decrypt", CiphertextBlob=moved) == "InvalidCiphertextException"
    nowhere = blob[:4] + bytes(16) + blob[20:]
    assert client.error("Decrypt", CiphertextBlob=nowhere) == "AccessDeniedException"


def test_a_key_decrypts_what_was_encrypted_before_it_was_rotated(client: Client, key: str) -> None:
    old = client("Encrypt", KeyId=key, Plaintext=b"x")["CiphertextBlob"]
    before = client("Decrypt", CiphertextBlob=old)["KeyMaterialId"]
    client("RotateKeyOnDemand", KeyId=key)
    new = client("Encrypt", KeyId=key, Plaintext=b"y")["CiphertextBlob"]
    assert client("Decrypt", CiphertextBlob=old)["KeyMaterialId"] == before
    assert client("Decrypt", CiphertextBlob=new)["KeyMaterialId"] != before


# --- data keys ---


@pytest.mark.parametrize(
    ("members", "size"),
    [({"KeySpec": "AES_256"}, 32), ({"KeySpec": "AES_128"}, 16), ({"NumberOfBytes": 1024}, 1024)],
)
def test_generates_a_data_key(client: Client, key: str, members: dict[str, Any], size: int) -> None:
    answer = client("GenerateDataKey", KeyId=key, EncryptionContext=CONTEXT, **members)
    assert len(answer["Plaintext"]) == size
    opened = client("Decrypt", CiphertextBlob=answer["CiphertextBlob"], EncryptionContext=CONTEXT)
    assert opened["Plaintext"] == answer["Plaintext"]
    blind = client("GenerateDataKeyWithoutPlaintext", KeyId=key, **members)
    assert len(client("Decrypt", CiphertextBlob=blind["CiphertextBlob"])["Plaintext"]) == size


def test_generates_a_data_key_for_the_attested_key_alone(client: Client, attested_key: str) -> None:
    recipient, given = client.recipient()
    answer = client("GenerateDataKey", KeyId=attested_key, KeySpec="AES_256", Recipient=given)
    data_key = recipient.open(answer["CiphertextForRecipient"])
    recipient, given = client.recipient()
    opened = client("Decrypt", CiphertextBlob=answer["CiphertextBlob"], Recipient=given)
    assert recipient.open(opened["CiphertextForRecipient"]) == data_key


@pytest.mark.parametrize(
    "spec",
    [
        "RSA_2048",
        "ECC_NIST_P256",
        "ECC_NIST_P384",
        "ECC_NIST_P521",
        "ECC_SECG_P256K1",
        "ECC_NIST_EDWARDS25519",
    ],
)
def test_generates_a_key_pair(client: Client, key: str, spec: str) -> None:
    answer = client("GenerateDataKeyPair", KeyId=key, KeyPairSpec=spec)
    private = load_der_private_key(answer["PrivateKeyPlaintext"], None)
    public = private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    assert public == answer["PublicKey"]
    opened = client("Decrypt", CiphertextBlob=answer["PrivateKeyCiphertextBlob"])
    assert opened["Plaintext"] == answer["PrivateKeyPlaintext"]
    blind = client("GenerateDataKeyPairWithoutPlaintext", KeyId=key, KeyPairSpec=spec)
    assert blind["PublicKey"] != answer["PublicKey"]


def test_generates_a_key_pair_for_the_attested_key_alone(client: Client, attested_key: str) -> None:
    recipient, given = client.recipient()
    answer = client(
        "GenerateDataKeyPair", KeyId=attested_key, KeyPairSpec="ECC_NIST_P256", Recipient=given
    )
    private = load_der_private_key(recipient.open(answer["CiphertextForRecipient"]), None)
    public = private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    assert public == answer["PublicKey"]


@pytest.mark.parametrize("spec", ["SM2", "ML_KEM_768"])
def test_says_which_key_pairs_it_does_not_make(client: Client, key: str, spec: str) -> None:
    assert client.error("GenerateDataKeyPair", KeyId=key, KeyPairSpec=spec) == (
        "UnsupportedOperationException"
    )


@pytest.mark.parametrize("members", [{}, {"KeySpec": "AES_256", "NumberOfBytes": 32}])
def test_a_data_key_has_one_size(client: Client, key: str, members: dict[str, Any]) -> None:
    assert client.error("GenerateDataKey", KeyId=key, **members) == "ValidationException"


def test_generates_random_bytes(client: Client) -> None:
    assert len(client("GenerateRandom", NumberOfBytes=1024)["Plaintext"]) == 1024
    recipient, given = client.recipient()
    answer = client("GenerateRandom", NumberOfBytes=7, Recipient=given)
    assert len(recipient.open(answer["CiphertextForRecipient"])) == 7
    assert client.error("GenerateRandom") == "ValidationException"
    assert client.error("GenerateRandom", NumberOfBytes=7, CustomKeyStoreId="a") == (
        "UnsupportedOperationException"
    )


# --- agreement ---


@pytest.mark.parametrize(
    ("spec", "curve", "size"),
    [
        ("ECC_NIST_P256", ec.SECP256R1(), 32),
        ("ECC_NIST_P384", ec.SECP384R1(), 48),
        ("ECC_NIST_P521", ec.SECP521R1(), 66),
    ],
)
def test_derives_a_shared_secret(
    client: Client, spec: str, curve: ec.EllipticCurve, size: int
) -> None:
    arn = client.create_key(KeySpec=spec, KeyUsage="KEY_AGREEMENT")
    answer = client("GetPublicKey", KeyId=arn)
    assert answer["KeyAgreementAlgorithms"] == ["ECDH"]
    theirs = load_der_public_key(answer["PublicKey"])
    mine = ec.generate_private_key(curve)
    assert isinstance(theirs, ec.EllipticCurvePublicKey)
    derived = client(
        "DeriveSharedSecret",
        KeyId=arn,
        KeyAgreementAlgorithm="ECDH",
        PublicKey=_spki(mine.public_key()),
    )
    assert derived["SharedSecret"] == mine.exchange(ec.ECDH(), theirs)
    assert len(derived["SharedSecret"]) == size


def test_derives_a_shared_secret_for_the_attested_key_alone(client: Client) -> None:
    arn = client.create_key(
        KeySpec="ECC_NIST_P256",
        KeyUsage="KEY_AGREEMENT",
        Policy=client.fake.key_policy(),
        Tags=TAG,
    )
    mine = ec.generate_private_key(ec.SECP256R1())
    members = {
        "KeyId": arn,
        "KeyAgreementAlgorithm": "ECDH",
        "PublicKey": _spki(mine.public_key()),
    }
    recipient, given = client.recipient()
    answer = client("DeriveSharedSecret", Recipient=given, **members)
    assert len(recipient.open(answer["CiphertextForRecipient"])) == 32
    assert client.error("DeriveSharedSecret", **members) == "AccessDeniedException"


def _spki(public: Any) -> bytes:
    encoded: bytes = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return encoded


def _compressed(public: ec.EllipticCurvePublicKey) -> bytes:
    point = public.public_bytes(Encoding.X962, PublicFormat.CompressedPoint)
    head = bytes.fromhex("3039301306072a8648ce3d020106082a8648ce3d030107032200")
    return head + point


@pytest.mark.parametrize(
    "public_key",
    [
        b"no key",
        _spki(ec.generate_private_key(ec.SECP384R1()).public_key()),
        _spki(rsa.generate_private_key(public_exponent=65537, key_size=2048).public_key()),
        _compressed(ec.generate_private_key(ec.SECP256R1()).public_key()),
    ],
)
def test_agrees_only_with_a_public_key_on_its_curve(client: Client, public_key: bytes) -> None:
    arn = client.create_key(KeySpec="ECC_NIST_P256", KeyUsage="KEY_AGREEMENT")
    assert (
        client.error(
            "DeriveSharedSecret", KeyId=arn, KeyAgreementAlgorithm="ECDH", PublicKey=public_key
        )
        == "ValidationException"
    )


def test_a_symmetric_key_has_no_public_key(client: Client, key: str) -> None:
    assert client.error("GetPublicKey", KeyId=key) == "UnsupportedOperationException"


# --- keys ---


def test_describes_a_key_by_each_of_its_names(client: Client) -> None:
    arn = client.create_key(Description="a key")
    client("CreateAlias", AliasName="alias/a/key", TargetKeyId=arn)
    alias_arn = arn.replace(f"key/{arn[-36:]}", "alias/a/key")
    for name in (arn, arn[-36:], "alias/a/key", alias_arn):
        described = client("DescribeKey", KeyId=name)["KeyMetadata"]
        assert (described["Arn"], described["Description"]) == (arn, "a key")
        assert described.keys() >= METADATA


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("00000000-0000-4000-8000-000000000000", "NotFoundException"),
        ("x", "NotFoundException"),
        ("alias/none", "NotFoundException"),
        ("arn:aws:kms:eu-west-1:111122223333:key/x", "NotFoundException"),
        ("arn:aws:kms:us-east-1:444455556666:key/x", "NotFoundException"),
        ("arn:aws:s3:::bucket", "InvalidArnException"),
    ],
)
def test_does_not_find(client: Client, name: str, code: str) -> None:
    assert client.error("DescribeKey", KeyId=name) == code


@pytest.mark.parametrize(
    ("members", "code"),
    [
        ({"KeySpec": "RSA_2048"}, "ValidationException"),
        ({"KeySpec": "RSA_2048", "KeyUsage": "KEY_AGREEMENT"}, "ValidationException"),
        ({"KeySpec": "ECC_NIST_P256", "KeyUsage": "ENCRYPT_DECRYPT"}, "ValidationException"),
        ({"KeyUsage": "SIGN_VERIFY", "KeySpec": "RSA_2048"}, "UnsupportedOperationException"),
        ({"KeySpec": "HMAC_256"}, "UnsupportedOperationException"),
        (
            {"KeySpec": "RSA_2048", "CustomerMasterKeySpec": "RSA_2048"},
            "ValidationException",
        ),
        ({"Origin": "EXTERNAL"}, "UnsupportedOperationException"),
        ({"MultiRegion": True}, "UnsupportedOperationException"),
        ({"CustomKeyStoreId": "a"}, "UnsupportedOperationException"),
        ({"Tags": [{"TagKey": "aws:x", "TagValue": ""}]}, "TagException"),
        ({"Tags": [{"TagKey": "nitro-attest:x", "TagValue": "true"}]}, "TagException"),
        ({"Tags": [{"TagKey": "nitro-attest:attested", "TagValue": "yes"}]}, "TagException"),
        ({"Tags": [{"TagKey": "a", "TagValue": ""}] * 2}, "ValidationException"),
        ({"Tags": TAG}, "MalformedPolicyDocumentException"),
        ({"Policy": "{}"}, "MalformedPolicyDocumentException"),
        ({"Policy": "{"}, "MalformedPolicyDocumentException"),
        ({"Policy": " " * 32_769}, "LimitExceededException"),
        (
            {"Tags": [{"TagKey": str(n), "TagValue": ""} for n in range(51)]},
            "LimitExceededException",
        ),
    ],
)
def test_creates_no_key(client: Client, members: dict[str, Any], code: str) -> None:
    assert client.error("CreateKey", **members) == code
    assert client("ListKeys")["Keys"] == []


def test_lists_keys_in_pages(client: Client) -> None:
    made = {client.create_key() for _ in range(5)}
    pages = list(client.kms.get_paginator("list_keys").paginate(PaginationConfig={"PageSize": 2}))
    assert [len(page["Keys"]) for page in pages] == [2, 2, 1]
    assert {entry["KeyArn"] for page in pages for entry in page["Keys"]} == made
    for page in pages:
        checked(client.kms, "ListKeys", page)


@pytest.mark.parametrize("operation", ["ListKeys", "ListAliases"])
def test_rejects_a_marker_that_it_did_not_give(client: Client, operation: str) -> None:
    assert client.error(operation, Marker="!") == "InvalidMarkerException"


def test_gives_a_key_another_description(client: Client, key: str) -> None:
    client("UpdateKeyDescription", KeyId=key, Description="new")
    assert client("DescribeKey", KeyId=key)["KeyMetadata"]["Description"] == "new"


def test_a_disabled_key_does_nothing_until_it_is_enabled(client: Client, key: str) -> None:
    blob = client("Encrypt", KeyId=key, Plaintext=b"x")["CiphertextBlob"]
    client("DisableKey", KeyId=key)
    assert not client("DescribeKey", KeyId=key)["KeyMetadata"]["Enabled"]
    for operation, members in (
        ("Encrypt", {"KeyId": key, "Plaintext": b"x"}),
        ("Decrypt", {"CiphertextBlob": blob}),
        ("GenerateDataKey", {"KeyId": key, "KeySpec": "AES_256"}),
        ("RotateKeyOnDemand", {"KeyId": key}),
    ):
        assert client.error(operation, **members) == "DisabledException"
    client("EnableKey", KeyId=key)
    assert client("Decrypt", CiphertextBlob=blob)["Plaintext"] == b"x"


def test_a_key_to_be_deleted_does_nothing_until_that_is_cancelled(client: Client, key: str) -> None:
    answer = client("ScheduleKeyDeletion", KeyId=key, PendingWindowInDays=7)
    assert (answer["KeyState"], answer["PendingWindowInDays"]) == ("PendingDeletion", 7)
    assert "DeletionDate" in client("DescribeKey", KeyId=key)["KeyMetadata"]
    for operation, members in (
        ("Encrypt", {"KeyId": key, "Plaintext": b"x"}),
        ("EnableKey", {"KeyId": key}),
        ("DisableKey", {"KeyId": key}),
        ("ScheduleKeyDeletion", {"KeyId": key}),
        ("TagResource", {"KeyId": key, "Tags": [{"TagKey": "a", "TagValue": ""}]}),
        ("GetKeyRotationStatus", {"KeyId": key}),
        ("CreateAlias", {"AliasName": "alias/x", "TargetKeyId": key}),
    ):
        assert client.error(operation, **members) == "KMSInvalidStateException"
    assert client("CancelKeyDeletion", KeyId=key)["KeyId"] == key
    assert client.error("CancelKeyDeletion", KeyId=key) == "KMSInvalidStateException"
    client("EnableKey", KeyId=key)
    client("Encrypt", KeyId=key, Plaintext=b"x")


# --- aliases ---


def test_an_alias_follows_its_target(client: Client, key: str) -> None:
    other = client.create_key()
    client("CreateAlias", AliasName="alias/a", TargetKeyId=key)
    assert client.error("CreateAlias", AliasName="alias/a", TargetKeyId=other) == (
        "AlreadyExistsException"
    )
    client("UpdateAlias", AliasName="alias/a", TargetKeyId=other)
    assert client("Encrypt", KeyId="alias/a", Plaintext=b"x")["KeyId"] == other
    listed = client("ListAliases", KeyId=other)["Aliases"]
    assert [entry["AliasName"] for entry in listed] == ["alias/a"]
    assert client("ListAliases", KeyId=key)["Aliases"] == []
    client("DeleteAlias", AliasName="alias/a")
    assert client("ListAliases")["Aliases"] == []
    assert client.error("DeleteAlias", AliasName="alias/a") == "NotFoundException"
    client("CreateAlias", AliasName="alias/a", TargetKeyId=key)
    assert client("DescribeKey", KeyId="alias/a")["KeyMetadata"]["Arn"] == key


def test_lists_aliases_in_pages(client: Client, key: str) -> None:
    for number in range(3):
        client("CreateAlias", AliasName=f"alias/{number}", TargetKeyId=key)
    for members in ({}, {"KeyId": key}):
        first = client("ListAliases", Limit=2, **members)
        assert (len(first["Aliases"]), first["Truncated"]) == (2, True)
        second = client("ListAliases", Limit=2, Marker=first["NextMarker"], **members)
        assert [entry["AliasName"] for entry in second["Aliases"]] == ["alias/2"]


@pytest.mark.parametrize("name", ["a", "alias/", "alias/aws/a"])
def test_rejects_an_alias_name(client: Client, key: str, name: str) -> None:
    assert client.error("CreateAlias", AliasName=name, TargetKeyId=key) == (
        "InvalidAliasNameException"
    )


def test_an_alias_stands_for_no_alias(client: Client, key: str) -> None:
    client("CreateAlias", AliasName="alias/a", TargetKeyId=key)
    assert client.error("CreateAlias", AliasName="alias/b", TargetKeyId="alias/a") == (
        "NotFoundException"
    )


# --- policies ---


def test_puts_and_gets_a_policy(client: Client, key: str) -> None:
    policy = client.fake.key_policy()
    client("PutKeyPolicy", KeyId=key, PolicyName="default", Policy=policy)
    assert client("GetKeyPolicy", KeyId=key)["Policy"] == policy
    assert client("ListKeyPolicies", KeyId=key)["PolicyNames"] == ["default"]
    assert client.error("ListKeyPolicies", KeyId=key, Marker="x") == "InvalidMarkerException"
    assert client.error("GetKeyPolicy", KeyId=key, PolicyName="x") == "ValidationException"
    assert (
        client.error(
            "Decrypt", CiphertextBlob=client("Encrypt", KeyId=key, Plaintext=b"x")["CiphertextBlob"]
        )
        == "AccessDeniedException"
    )


def test_a_key_without_a_policy_belongs_to_its_creator(client: Client, key: str) -> None:
    (statement,) = json.loads(client("GetKeyPolicy", KeyId=key)["Policy"])["Statement"]
    assert statement["Principal"] == {"AWS": client.fake.principal}
    assert statement["Action"] == "kms:*"


@pytest.mark.parametrize(
    "statement",
    [
        {"NotPrincipal": {"AWS": "arn:aws:iam::111122223333:role/x"}},
        {"Principal": {"AWS": "not an arn"}},
        {"Condition": {"NumericLessThan": {"aws:MultiFactorAuthAge": "3600"}}},
        {"Condition": {"IpAddress": {"aws:SourceIp": "192.0.2.0/24"}}},
        {"Condition": {"StringEquals": {"aws:PrincipalTag/team": "a"}}},
        {"Condition": {"StringEquals": {"kms:RecipientAttestation:PCR99": "00"}}},
    ],
)
@pytest.mark.parametrize("effect", ["Allow", "Deny"])
def test_stores_no_policy_that_cannot_be_decided(
    client: Client, key: str, statement: dict[str, Any], effect: str
) -> None:
    given = {
        "Effect": effect,
        "Principal": {"AWS": client.fake.principal},
        "Action": "kms:*",
        "Resource": "*",
        **statement,
    }
    if "NotPrincipal" in statement:
        del given["Principal"]
    policy = json.dumps({"Version": "2012-10-17", "Statement": [given]})
    assert (
        client.error("PutKeyPolicy", KeyId=key, Policy=policy, BypassPolicyLockoutSafetyCheck=True)
        == "MalformedPolicyDocumentException"
    )


def test_a_policy_may_not_lock_out_unless_that_is_wanted(client: Client, key: str) -> None:
    policy = client.fake.key_policy(principal="arn:aws:iam::111122223333:role/other")
    assert client.error("PutKeyPolicy", KeyId=key, Policy=policy) == (
        "MalformedPolicyDocumentException"
    )
    client("PutKeyPolicy", KeyId=key, Policy=policy, BypassPolicyLockoutSafetyCheck=True)
    assert client.error("GetKeyPolicy", KeyId=key) == "AccessDeniedException"


def test_an_attested_keys_policy_passes_the_lint(client: Client, attested_key: str) -> None:
    own = {
        "Effect": "Allow",
        "Principal": {"AWS": client.fake.principal},
        "Action": "kms:*",
        "Resource": "*",
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [own]})
    assert client.error("PutKeyPolicy", KeyId=attested_key, Policy=policy) == (
        "MalformedPolicyDocumentException"
    )
    assert client.error("CreateKey", Policy=policy, Tags=TAG) == (
        "MalformedPolicyDocumentException"
    )


def test_the_root_of_an_account_is_granted_nothing(client: Client) -> None:
    root = {
        "Effect": "Allow",
        "Principal": {"AWS": "arn:aws:iam::111122223333:root"},
        "Action": "kms:*",
        "Resource": "*",
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [root]})
    arn = client.create_key(Policy=policy, BypassPolicyLockoutSafetyCheck=True)
    assert client.error("DescribeKey", KeyId=arn) == "AccessDeniedException"
    assert client.error("Encrypt", KeyId=arn, Plaintext=b"x") == "AccessDeniedException"


# --- what never leaves an attested key ---


def test_no_plaintext_leaves_an_attested_key(client: Client, attested_key: str) -> None:
    blob = client("Encrypt", KeyId=attested_key, Plaintext=b"x")["CiphertextBlob"]
    other = client.create_key()
    for operation, members in (
        ("Decrypt", {"CiphertextBlob": blob}),
        ("GenerateDataKey", {"KeyId": attested_key, "KeySpec": "AES_256"}),
        ("GenerateDataKeyPair", {"KeyId": attested_key, "KeyPairSpec": "ECC_NIST_P256"}),
        ("ReEncrypt", {"CiphertextBlob": blob, "DestinationKeyId": other}),
        ("ReEncrypt", {"CiphertextBlob": blob, "DestinationKeyId": attested_key}),
    ):
        assert client.error(operation, **members) == "AccessDeniedException"
        assert client.fake.audit_log()[-1]["reason"] == "key.attested_only"
    client(
        "ReEncrypt",
        CiphertextBlob=client("Encrypt", KeyId=other, Plaintext=b"x")["CiphertextBlob"],
        DestinationKeyId=attested_key,
    )


def test_nothing_that_changes_a_key_takes_its_mark_away(client: Client, attested_key: str) -> None:
    blob = client("Encrypt", KeyId=attested_key, Plaintext=b"x")["CiphertextBlob"]
    changes: list[tuple[str, Call]] = [
        ("UpdateKeyDescription", {"Description": "another"}),
        ("TagResource", {"Tags": [{"TagKey": "a", "TagValue": "b"}]}),
        ("UntagResource", {"TagKeys": ["a"]}),
        ("RotateKeyOnDemand", {}),
        ("EnableKeyRotation", {}),
        ("PutKeyPolicy", {"Policy": client.fake.key_policy()}),
        ("DisableKey", {}),
        ("EnableKey", {}),
        ("ScheduleKeyDeletion", {}),
        ("CancelKeyDeletion", {}),
        ("EnableKey", {}),
    ]
    seen: list[str] = []
    for operation, members in changes:
        client(operation, KeyId=attested_key, **members)
        assert client.error("Decrypt", CiphertextBlob=blob) in {
            "AccessDeniedException",
            "DisabledException",
            "KMSInvalidStateException",
        }
        seen.append(client.fake.audit_log()[-1]["reason"])
    assert seen == ["key.attested_only"] * 6 + [
        "key.disabled",
        "key.attested_only",
        "key.pending_deletion",
        "key.disabled",
        "key.attested_only",
    ]


def test_no_other_name_and_no_dry_run_leads_around_the_mark(
    client: Client, key: str, attested_key: str
) -> None:
    blob = client("Encrypt", KeyId=attested_key, Plaintext=b"x")["CiphertextBlob"]
    client("CreateAlias", AliasName="alias/moved", TargetKeyId=key)
    client("UpdateAlias", AliasName="alias/moved", TargetKeyId=attested_key)
    names = [attested_key, attested_key.rpartition("/")[2], "alias/moved"]
    calls = [{"CiphertextBlob": blob, "KeyId": name} for name in names]
    for call in (*calls, {"CiphertextBlob": blob, "DryRun": True}):
        assert client.error("Decrypt", **call) == "AccessDeniedException"
        assert client.fake.audit_log()[-1]["reason"] == "key.attested_only"
    client("UpdateAlias", AliasName="alias/moved", TargetKeyId=key)
    assert client.error("Decrypt", CiphertextBlob=blob, KeyId="alias/moved") == (
        "IncorrectKeyException"
    )


def test_the_mark_holds_for_asymmetric_keys(client: Client) -> None:
    members = {"Policy": client.fake.key_policy(), "Tags": TAG}
    agreement = client.create_key(KeySpec="ECC_NIST_P256", KeyUsage="KEY_AGREEMENT", **members)
    public = client("GetPublicKey", KeyId=agreement)["PublicKey"]
    rsa_key = client.create_key(KeySpec="RSA_2048", KeyUsage="ENCRYPT_DECRYPT", **members)
    algorithm = "RSAES_OAEP_SHA_256"
    blob = client("Encrypt", KeyId=rsa_key, Plaintext=b"x", EncryptionAlgorithm=algorithm)[
        "CiphertextBlob"
    ]
    other = client.create_key()
    calls: list[tuple[str, Call]] = [
        (
            "DeriveSharedSecret",
            {"KeyId": agreement, "KeyAgreementAlgorithm": "ECDH", "PublicKey": public},
        ),
        (
            "Decrypt",
            {"KeyId": rsa_key, "CiphertextBlob": blob, "EncryptionAlgorithm": algorithm},
        ),
        (
            "ReEncrypt",
            {
                "SourceKeyId": rsa_key,
                "CiphertextBlob": blob,
                "SourceEncryptionAlgorithm": algorithm,
                "DestinationKeyId": other,
            },
        ),
    ]
    for operation, call in calls:
        assert client.error(operation, **call) == "AccessDeniedException"
        assert client.fake.audit_log()[-1]["reason"] == "key.attested_only"


def test_the_mark_of_an_attested_key_stays(client: Client, attested_key: str) -> None:
    assert client.error("UntagResource", KeyId=attested_key, TagKeys=[TAG[0]["TagKey"]]) == (
        "TagException"
    )
    assert (
        client.error(
            "TagResource",
            KeyId=attested_key,
            Tags=[{"TagKey": "nitro-attest:attested", "TagValue": "false"}],
        )
        == "TagException"
    )
    assert client("ListResourceTags", KeyId=attested_key)["Tags"] == TAG


@pytest.mark.parametrize(
    "name", ["Nitro-Attest:attested", "nitro-attest:Attested", " nitro-attest:attested"]
)
def test_no_tag_can_be_taken_for_the_mark_of_an_attested_key(
    client: Client, key: str, name: str
) -> None:
    tags = [{"TagKey": name, "TagValue": "true"}]
    policy = client.fake.key_policy()
    assert client.error("CreateKey", Policy=policy, Tags=tags) == "TagException"
    assert client.error("TagResource", KeyId=key, Tags=tags) == "TagException"


# --- tags and rotation ---


def test_tags_a_key(client: Client, key: str) -> None:
    client("TagResource", KeyId=key, Tags=[{"TagKey": t, "TagValue": "1"} for t in "cab"])
    client("TagResource", KeyId=key, Tags=[{"TagKey": "a", "TagValue": "2"}])
    client("UntagResource", KeyId=key, TagKeys=["b", "none"])
    assert client("ListResourceTags", KeyId=key)["Tags"] == [
        {"TagKey": "a", "TagValue": "2"},
        {"TagKey": "c", "TagValue": "1"},
    ]
    first = client("ListResourceTags", KeyId=key, Limit=1)
    rest = client("ListResourceTags", KeyId=key, Marker=first["NextMarker"])
    assert [tag["TagKey"] for tag in rest["Tags"]] == ["c"]


def test_rotates_a_key(client: Client, key: str) -> None:
    assert not client("GetKeyRotationStatus", KeyId=key)["KeyRotationEnabled"]
    client("EnableKeyRotation", KeyId=key, RotationPeriodInDays=90)
    status = client("GetKeyRotationStatus", KeyId=key)
    assert (status["RotationPeriodInDays"], "NextRotationDate" in status) == (90, True)
    client("EnableKeyRotation", KeyId=key)
    assert client("GetKeyRotationStatus", KeyId=key)["RotationPeriodInDays"] == 90
    client("DisableKeyRotation", KeyId=key)
    for name in (key, key[-36:]):
        client("RotateKeyOnDemand", KeyId=name)
    first = client("ListKeyRotations", KeyId=key, Limit=1)
    second = client("ListKeyRotations", KeyId=key, Marker=first["NextMarker"])
    assert (len(first["Rotations"]), len(second["Rotations"])) == (1, 1)
    assert {entry["RotationType"] for entry in first["Rotations"]} == {"ON_DEMAND"}
    everything = client("ListKeyRotations", KeyId=key, IncludeKeyMaterial="ALL_KEY_MATERIAL")
    assert [e["KeyMaterialState"] for e in everything["Rotations"]][-2:] == [
        "NON_CURRENT",
        "CURRENT",
    ]


def test_an_asymmetric_key_is_not_rotated(client: Client) -> None:
    arn = client.create_key(KeySpec="ECC_NIST_P256", KeyUsage="KEY_AGREEMENT")
    for operation in ("EnableKeyRotation", "RotateKeyOnDemand", "GetKeyRotationStatus"):
        assert client.error(operation, KeyId=arn) == "UnsupportedOperationException"


# --- what an operation does not take ---


def test_a_key_is_used_for_what_it_was_made(client: Client, key: str) -> None:
    agreement = client.create_key(KeySpec="ECC_NIST_P256", KeyUsage="KEY_AGREEMENT")
    encryption = client.create_key(KeySpec="RSA_2048", KeyUsage="ENCRYPT_DECRYPT")
    for operation, members in (
        ("Encrypt", {"KeyId": agreement, "Plaintext": b"x"}),
        ("Encrypt", {"KeyId": encryption, "Plaintext": b"x"}),
        ("GenerateDataKey", {"KeyId": encryption, "KeySpec": "AES_256"}),
        ("DeriveSharedSecret", {"KeyId": key, "KeyAgreementAlgorithm": "ECDH", "PublicKey": b"x"}),
    ):
        assert client.error(operation, **members) == "InvalidKeyUsageException"


def test_a_dry_run_does_everything_but_answer(client: Client, attested_key: str) -> None:
    blob = client("Encrypt", KeyId=attested_key, Plaintext=b"x")["CiphertextBlob"]
    _, given = client.recipient()
    for operation, members in (
        ("Decrypt", {"CiphertextBlob": blob, "Recipient": given}),
        ("Encrypt", {"KeyId": attested_key, "Plaintext": b"x"}),
        ("GenerateDataKey", {"KeyId": attested_key, "KeySpec": "AES_256", "Recipient": given}),
        ("GenerateDataKeyWithoutPlaintext", {"KeyId": attested_key, "KeySpec": "AES_256"}),
        (
            "GenerateDataKeyPairWithoutPlaintext",
            {"KeyId": attested_key, "KeyPairSpec": "ECC_NIST_P256"},
        ),
    ):
        assert client.error(operation, DryRun=True, **members) == "DryRunOperationException"
    assert client.error("Decrypt", CiphertextBlob=blob, DryRun=True) == "AccessDeniedException"


def test_grants_are_refused_clearly(client: Client, key: str) -> None:
    with pytest.raises(client.kms.exceptions.UnsupportedOperationException):
        client.kms.create_grant(KeyId=key, Operations=["Decrypt"], GranteePrincipal="a")
    with pytest.raises(client.kms.exceptions.UnsupportedOperationException):
        client.kms.list_grants(KeyId=key)
    assert client.error("Encrypt", KeyId=key, Plaintext=b"x", GrantTokens=["t"]) == (
        "UnsupportedOperationException"
    )


@pytest.mark.parametrize("operation", ["sign", "generate_mac", "describe_custom_key_stores"])
def test_an_unknown_operation_is_named_so(client: Client, operation: str) -> None:
    members: dict[str, Any] = {
        "sign": {"KeyId": "a", "Message": b"x", "SigningAlgorithm": "ECDSA_SHA_256"},
        "generate_mac": {"KeyId": "a", "Message": b"x", "MacAlgorithm": "HMAC_SHA_256"},
        "describe_custom_key_stores": {},
    }[operation]
    with pytest.raises(ClientError) as caught:
        getattr(client.kms, operation)(**members)
    assert response(caught.value)["Error"]["Code"] == "UnknownOperationException"


def test_a_principal_that_no_setting_and_no_policy_names_may_nothing(
    client: Client, key: str
) -> None:
    blob = client("Encrypt", KeyId=key, Plaintext=b"x")["CiphertextBlob"]
    stranger = client.fake.add_principal("arn:aws:iam::111122223333:user/stranger")
    options = client.fake.client_options
    options["aws_access_key_id"] = stranger.access_key_id
    options["aws_secret_access_key"] = stranger.secret
    client.kms = kms_client(**options)
    for operation, members in (
        ("CreateKey", {}),
        ("ListKeys", {}),
        ("ListAliases", {}),
        ("GenerateRandom", {"NumberOfBytes": 1}),
        ("DescribeKey", {"KeyId": key}),
        ("Decrypt", {"CiphertextBlob": blob}),
        ("PutKeyPolicy", {"KeyId": key, "Policy": client.fake.key_policy()}),
        ("ScheduleKeyDeletion", {"KeyId": key}),
        ("CreateAlias", {"AliasName": "alias/x", "TargetKeyId": key}),
    ):
        assert client.error(operation, **members) == "AccessDeniedException"


def test_every_operation_is_in_the_table_of_answers() -> None:
    grants = {"CreateGrant", "ListGrants", "ListRetirableGrants", "RetireGrant", "RevokeGrant"}
    assert OPERATIONS.keys() == REQUIRED.keys() | grants


def test_a_ciphertext_is_72_bytes_longer_and_never_the_same(client: Client, key: str) -> None:
    blobs = {client("Encrypt", KeyId=key, Plaintext=b"x")["CiphertextBlob"] for _ in range(3)}
    assert len(blobs) == 3
    assert {len(blob) for blob in blobs} == {73}
    assert len({hashlib.sha256(base64.b64encode(blob)).digest() for blob in blobs}) == 3


@pytest.fixture(autouse=True)
def _nothing_went_wrong_inside(client: Client) -> Iterator[None]:
    yield
    assert not [line for line in client.fake.audit_log() if "database" in line.get("reason", "")]


def test_two_equal_calls_of_one_second_are_both_answered_by_an_aws_client(client: Client) -> None:
    made = {client("CreateKey")["KeyMetadata"]["Arn"] for _ in range(3)}
    assert len(made) == 3
