"""Test the enclave's code where there is no enclave, no KMS and no network."""

import json
from base64 import b64decode, b64encode
from datetime import timedelta
from io import BytesIO
from typing import Any

import boto3
import pytest
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.compat import HTTPHeaders
from enclave import KEY, database_password
from urllib3 import HTTPResponse

from nitro_attest import Absent, Policy, Present, TimestampOnly, verify
from nitro_attest.kms import AttestedKmsError
from nitro_attest.recipient import encrypt
from nitro_attest.testing import FakeNitro, FakeNsm

AS_KMS = Policy(
    measurements=(FakeNitro.enclave_measurements(),),  # in yours: those of your build
    freshness=TimestampOnly(because="KMS issues no nonce", max_age=timedelta(minutes=5)),
    public_key=Present(),
    user_data=Absent(),
)


def kms_client(answer: dict[str, str]) -> Any:
    """Make boto3's client, with an answer in the place of the network."""

    def respond(request: AWSPreparedRequest, **_: object) -> AWSResponse:
        body = BytesIO(json.dumps(answer).encode())
        raw: Any = HTTPResponse(body=body, preload_content=False)
        return AWSResponse(request.url, 200, HTTPHeaders(), raw)

    session: Any = boto3.Session("no", "account", region_name="us-east-1")
    client = session.client("kms")
    client.meta.events.register("before-send.kms", respond)
    return client


def test_the_enclave_gets_the_password(fake_nitro: FakeNitro) -> None:
    """The document that goes to KMS names the measured code, and its key opens the answer."""
    answer = {"KeyId": KEY}
    client = kms_client(answer)

    def encrypt_to_the_attested_key(request: AWSPreparedRequest, **_: object) -> None:
        body: Any = request.body
        sent = json.loads(body)
        doc = b64decode(sent["Recipient"]["AttestationDocument"])
        claims = verify(doc, fake_nitro.trusting(AS_KMS), now=fake_nitro.now).claims
        envelope = encrypt(b"correct horse", claims.public_key or b"")
        answer["CiphertextForRecipient"] = b64encode(envelope).decode()

    client.meta.events.register_first("before-send.kms", encrypt_to_the_attested_key)
    assert database_password(client, FakeNsm(fake_nitro), b"ciphertext") == b"correct horse"


def test_the_enclave_uses_no_plaintext_from_the_network(fake_nitro: FakeNitro) -> None:
    """The parent instance could have put it there."""
    client = kms_client({"KeyId": KEY, "Plaintext": b64encode(b"of the parent").decode()})
    with pytest.raises(AttestedKmsError):
        database_password(client, FakeNsm(fake_nitro), b"ciphertext")
