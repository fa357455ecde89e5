"""Members of requests, against KMS's limits; and that the limits are those of the service model."""

import base64
from collections.abc import Callable
from typing import Any

import botocore.session
import pytest

from nitro_attest_broker._errors import KmsError
from nitro_attest_broker._members import (
    ALIAS_NAME,
    DESCRIPTION,
    KEY_ID,
    MARKER,
    MAX_DOCUMENT_BYTES,
    POLICY,
    POLICY_NAME,
    TAG_KEY,
    TAG_VALUE,
    Members,
)

LONG = "x" * 2049


REFUSED: list[tuple[object, Callable[[Members], object]]] = [
    (1, lambda m: m.text("A", KEY_ID)),
    ("", lambda m: m.text("A", KEY_ID)),
    (LONG, lambda m: m.text("A", KEY_ID)),
    ("\ud800", lambda m: m.text("A", KEY_ID)),
    ("a b", lambda m: m.text("A", ALIAS_NAME)),
    ("a\n", lambda m: m.text("A", ALIAS_NAME)),
    ("x", lambda m: m.choice("A", "y", "z")),
    (1, lambda m: m.choice("A", "y", "z")),
    (0, lambda m: m.number("A", 1, 5)),
    (6, lambda m: m.number("A", 1, 5)),
    ("1", lambda m: m.number("A", 1, 5)),
    (True, lambda m: m.number("A", 1, 5)),
    ("true", lambda m: m.flag("A")),
    (1, lambda m: m.flag("A")),
    (1, lambda m: m.blob("A", 4)),
    ("!", lambda m: m.blob("A", 4)),
    ("AAA", lambda m: m.blob("A", 4)),
    ("ü", lambda m: m.blob("A", 4)),
    ("", lambda m: m.blob("A", 4)),
    ("AAAAAAAA", lambda m: m.blob("A", 4)),
    ([], lambda m: m.context("A")),
    ({"a": 1}, lambda m: m.context("A")),
    ({"a": "\udc00"}, lambda m: m.context("A")),
    ({"a": "x" * 8192}, lambda m: m.context("A")),
    ({str(n): "" for n in range(1025)}, lambda m: m.context("A")),
    ({}, lambda m: m.tags("A")),
    (["a"], lambda m: m.tags("A")),
    ([{"TagKey": "a"}], lambda m: m.tags("A")),
    ([{"TagKey": "a", "TagValue": "b", "C": ""}], lambda m: m.tags("A")),
    ([{"TagKey": "", "TagValue": "b"}], lambda m: m.tags("A")),
    (["", 1], lambda m: m.texts("A", TAG_KEY)),
]


@pytest.mark.parametrize(
    ("value", "read"),
    REFUSED,
)
def test_refuses(value: object, read: Callable[[Members], object]) -> None:
    with pytest.raises(KmsError) as caught:
        read(Members({"A": value}))
    assert caught.value.code == "ValidationException"


REQUIRED: list[Callable[[Members], object]] = [
    lambda m: m.required_text("A", KEY_ID),
    lambda m: m.required_choice("A", "y"),
    lambda m: m.required_blob("A", 4),
]


@pytest.mark.parametrize(
    "read",
    REQUIRED,
)
def test_demands_what_is_required(read: Callable[[Members], object]) -> None:
    for values in ({}, {"A": None}):
        with pytest.raises(KmsError):
            read(Members(values))


def test_an_absent_member_is_empty() -> None:
    members = Members({"A": None})
    assert (members.context("A"), members.tags("A"), members.texts("A", TAG_KEY)) == ({}, {}, ())
    assert (members.number("A", 1, 2), members.flag("A"), members.recipient()) == (
        None,
        False,
        None,
    )


@pytest.mark.parametrize(
    "value",
    [
        "x",
        {},
        {"KeyEncryptionAlgorithm": "RSAES_OAEP_SHA_1", "AttestationDocument": "AAAA"},
        {"KeyEncryptionAlgorithm": "RSAES_OAEP_SHA_256"},
        {"KeyEncryptionAlgorithm": "RSAES_OAEP_SHA_256", "AttestationDocument": ""},
        {
            "KeyEncryptionAlgorithm": "RSAES_OAEP_SHA_256",
            "AttestationDocument": base64.b64encode(bytes(MAX_DOCUMENT_BYTES + 1)).decode(),
        },
        {
            "KeyEncryptionAlgorithm": "RSAES_OAEP_SHA_256",
            "AttestationDocument": "AAAA",
            "More": 1,
        },
    ],
)
def test_refuses_a_recipient(value: object) -> None:
    with pytest.raises(KmsError):
        Members({"Recipient": value}).recipient()


def test_refuses_what_nobody_read() -> None:
    members = Members({"A": "a", "B": "b"})
    members.text("A", KEY_ID)
    with pytest.raises(KmsError):
        members.finish()


def test_refuses_what_is_not_offered_unless_it_is_off() -> None:
    Members({"A": False}).not_offered("A", "B")
    with pytest.raises(KmsError) as caught:
        Members({"A": "x"}).not_offered("A")
    assert caught.value.code == "UnsupportedOperationException"
    Members({"GrantTokens": []}).no_grants()


def test_the_limits_are_those_of_kms() -> None:
    model: Any = botocore.session.Session().get_service_model("kms")
    for shape, limits in (
        ("KeyIdType", KEY_ID),
        ("AliasNameType", ALIAS_NAME),
        ("DescriptionType", DESCRIPTION),
        ("PolicyType", POLICY),
        ("PolicyNameType", POLICY_NAME),
        ("MarkerType", MARKER),
        ("TagKeyType", TAG_KEY),
        ("TagValueType", TAG_VALUE),
    ):
        metadata = model.shape_for(shape).metadata
        assert (metadata["min"], metadata["max"]) == (limits.least, limits.most), shape
    recipient = model.shape_for("AttestationDocumentType").metadata
    assert recipient["max"] == MAX_DOCUMENT_BYTES
