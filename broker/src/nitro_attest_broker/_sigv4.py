"""AWS Signature Version 4 as a server checks it, strictly, with botocore's own canonical form.

What botocore does not decide is decided here: every header that steers a request must be signed,
no header may occur twice, and the body must be (row 136 of the attacks; "Signature Version 4
signing process", AWS General Reference).
"""

import hashlib
import hmac
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, final

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from nitro_attest.reference_values.kms import Transport

from nitro_attest_broker._errors import Code, KmsError

MAX_CLOCK_DIFFERENCE: Final = timedelta(minutes=5)
SERVICE: Final = "kms"
_ALGORITHM: Final = "AWS4-HMAC-SHA256"
_AUTHORIZATION: Final = re.compile(
    r"AWS4-HMAC-SHA256 Credential=(?P<id>[A-Z0-9]{16,128})/(?P<date>[0-9]{8})"
    r"/(?P<region>[a-z0-9-]{1,64})/(?P<service>[a-z0-9-]{1,64})/aws4_request"
    r", ?SignedHeaders=(?P<headers>[a-z0-9;-]{1,2048})"
    r", ?Signature=(?P<signature>[0-9a-f]{64})"
)
_TIME: Final = "%Y%m%dT%H%M%SZ"
_TIME_FORM: Final = re.compile(r"[0-9]{8}T[0-9]{6}Z")
_MUST_BE_SIGNED: Final = ("host", "content-type", "x-amz-date", "x-amz-target")
_NOT_TAKEN: Final = ("x-amz-security-token", "content-encoding", "date")
_PRINTABLE: Final = re.compile(r"[\t\x20-\x7e]*")
MAX_HEADERS: Final = 64


@final
@dataclass(frozen=True, slots=True, repr=False)
class Received:
    """An HTTP request as it came in; header names in lower case, in the order of the wire."""

    method: str
    path: str
    query: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    address: str
    transport: Transport

    def header(self, name: str) -> str | None:
        """Return the first header of this name."""
        return next((value for found, value in self.headers if found == name), None)


@final
@dataclass(frozen=True, slots=True, repr=False)
class Authorization:
    """What an Authorization header claims; nothing of it is proven."""

    access_key_id: str
    time: str
    signed_headers: tuple[str, ...]
    signature: str
    region: str

    def digest(self) -> bytes:
        """Return what tells one signed request from all others."""
        return hashlib.sha256(f"{self.access_key_id}\n{self.signature}".encode()).digest()


def read_authorization(received: Received, *, region: str, now: datetime) -> Authorization:
    """Return the claim of a request whose form is right: one host, one date, everything signed.

    Raises:
        KmsError: MissingAuthenticationTokenException, IncompleteSignatureException or
            InvalidSignatureException.

    """
    if received.method != "POST" or received.path != "/" or received.query:
        raise _incomplete("signature.request_line")
    headers = dict(received.headers)
    if len(headers) != len(received.headers):
        raise _incomplete("signature.header_twice")
    if len(headers) > MAX_HEADERS or not all(map(_PRINTABLE.fullmatch, headers.values())):
        raise _incomplete("signature.headers")
    if any(name in headers for name in _NOT_TAKEN):
        raise _incomplete("signature.header_not_taken")
    written = headers.get("authorization")
    if written is None:
        raise KmsError(
            Code.MISSING_TOKEN, "Missing Authentication Token", reason="signature.missing"
        )
    found = _AUTHORIZATION.fullmatch(written)
    if found is None:
        raise _incomplete("signature.authorization")
    signed = tuple(found["headers"].split(";"))
    _expect_signed(headers, signed)
    _expect_body(headers, received.body)
    time = headers["x-amz-date"]
    if not _TIME_FORM.fullmatch(time) or time[:8] != found["date"]:
        raise _incomplete("signature.date")
    if found["region"] != region or found["service"] != SERVICE:
        raise KmsError(
            Code.INVALID_SIGNATURE,
            f"Credential should be scoped to a valid region and to service {SERVICE}.",
            reason="signature.scope",
        )
    _expect_now(time, now)
    return Authorization(found["id"], time, signed, found["signature"], region)


def expect_signature(received: Received, claim: Authorization, secret: str) -> None:
    """Accept a request only if its signature was made with this secret.

    Raises:
        KmsError: InvalidSignatureException.

    """
    headers = dict(received.headers)
    request = AWSRequest(
        method="POST",
        url="http://host/",  # the path is all that is taken from it; the host is a signed header
        headers={name: headers[name] for name in claim.signed_headers},
        data=received.body,
    )
    request.context["timestamp"] = claim.time
    signer = SigV4Auth(Credentials(claim.access_key_id, secret), SERVICE, claim.region)
    text = signer.string_to_sign(request, signer.canonical_request(request))
    if not hmac.compare_digest(signer.signature(text, request), claim.signature):
        raise KmsError(
            Code.INVALID_SIGNATURE,
            "The request signature we calculated does not match the signature you provided. "
            "Check your AWS Secret Access Key and signing method.",
            reason="signature.wrong",
        )


def unknown_access_key() -> KmsError:
    """Return the error for an access key that does not exist or was revoked."""
    return KmsError(
        Code.UNRECOGNIZED_CLIENT,
        "The security token included in the request is invalid.",
        reason="signature.access_key",
    )


def _expect_signed(headers: dict[str, str], signed: tuple[str, ...]) -> None:
    if list(signed) != sorted(set(signed)) or any(name not in headers for name in signed):
        raise _incomplete("signature.signed_headers")
    steering = {name for name in headers if name.startswith("x-amz-")}
    if not steering.union(_MUST_BE_SIGNED).issubset(signed):
        raise _incomplete("signature.header_unsigned")


def _expect_body(headers: dict[str, str], body: bytes) -> None:
    """Refuse UNSIGNED-PAYLOAD, STREAMING-... and any hash that is not the body's."""
    written = headers.get("x-amz-content-sha256")
    if written is not None and written != hashlib.sha256(body).hexdigest():
        raise _incomplete("signature.body")


def _expect_now(written: str, now: datetime) -> None:
    try:
        signed_at = datetime.strptime(written, _TIME).replace(tzinfo=UTC)
    except ValueError:
        raise _incomplete("signature.date") from None
    if abs(now - signed_at) > MAX_CLOCK_DIFFERENCE:
        raise KmsError(
            Code.INVALID_SIGNATURE,
            f"Signature expired: {written} is not within 5 minutes of {now.strftime(_TIME)}",
            reason="signature.expired",
        )


def _incomplete(reason: str) -> KmsError:
    return KmsError(
        Code.INCOMPLETE_SIGNATURE,
        "The request signature does not conform to AWS standards.",
        reason=reason,
    )
