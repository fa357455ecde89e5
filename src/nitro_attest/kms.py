"""A boto3 KMS client that attests, so that AWS KMS answers only the machine it measured.

`attested` wraps a client. The five operations that take a `Recipient` get a new key and a new
attestation document for each attempt, retries included, and the answer's `CiphertextForRecipient`
is opened into the field that it replaces (AWS KMS Developer Guide, "Cryptographic attestation
support"). An answer that brings the plaintext itself, or nothing for the recipient, is an error.

The envelope does not prove who made it: anybody who saw the public key can make one. What protects
the answer is the client's TLS connection to KMS, so keep `verify` on and the endpoint `https`.
"""

import json
import os
from base64 import b64encode
from collections import deque
from collections.abc import Callable, Generator, MutableMapping
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from enum import StrEnum
from functools import partial
from threading import Condition, Thread
from types import TracebackType
from typing import Final, Protocol, Self, TypeVar, cast, final

from nitro_attest import NitroAttestError, PolicyError
from nitro_attest.nsm import AttestationSource
from nitro_attest.recipient import RecipientError, RecipientKey

ClientT = TypeVar("ClientT")

# Method, operation, and the field of the answer that CiphertextForRecipient replaces.
_OPERATIONS: Final = {
    "decrypt": ("Decrypt", "Plaintext"),
    "generate_data_key": ("GenerateDataKey", "Plaintext"),
    "generate_data_key_pair": ("GenerateDataKeyPair", "PrivateKeyPlaintext"),
    "generate_random": ("GenerateRandom", "Plaintext"),
    "derive_shared_secret": ("DeriveSharedSecret", "SharedSecret"),
}
_ENVELOPE: Final = "CiphertextForRecipient"
_NAME: Final = "nitro_attest.kms"
_MAX_AHEAD: Final = 1024


@final
class AttestedKmsReason(StrEnum):
    """Why an attested call was given up.

    The set is closed and part of the API: adding a reason is a minor release, renaming one a major
    release.
    """

    NOT_A_KMS_CLIENT = "client.not_kms"
    ALREADY_ATTESTED = "client.attested"
    KEY_ID_MISSING = "request.key_id_missing"
    RECIPIENT_GIVEN = "request.recipient_given"
    NOT_JSON = "request.not_json"
    NOT_ATTESTED = "request.not_attested"
    PLAINTEXT_IN_ANSWER = "answer.plaintext"
    ENVELOPE_MISSING = "answer.envelope_missing"
    ENVELOPE_INVALID = "answer.envelope_invalid"


@final
class AttestedKmsError(NitroAttestError):
    """A call that was not sent, or an answer that must not be used.

    `problem` says what was expected and what was found; it never holds a part of an answer.
    """

    def __init__(self, reason: AttestedKmsReason, problem: str) -> None:
        """Keep both parts as `args`, so that the exception survives pickle and copy."""
        super().__init__(reason, problem)
        self.reason = reason
        self.problem = problem

    def __str__(self) -> str:
        """Write the error on one line."""
        return f"{self.reason}: {self.problem}"


@final
class RecipientKeyPool:
    """Recipient keys made ahead of need by one background thread.

    An RSA key takes about 40 ms to make, often more than the call to KMS. A pool makes `ahead` keys
    while the process waits for other things; an empty pool makes the key on the spot. Each key is
    given out once. Keep one pool for each process and close it at the end: a forked child makes its
    keys itself, one by one, and should have a pool of its own.

    Raises:
        PolicyError: `ahead` is not 1 to 1,024.

    """

    def __init__(self, *, ahead: int = 8) -> None:
        """Start the thread."""
        if not 1 <= ahead <= _MAX_AHEAD:
            raise PolicyError("ahead", f"expected 1 to {_MAX_AHEAD} keys")
        self._ahead: Final = ahead
        self._process: Final = os.getpid()
        self._keys: Final = deque[RecipientKey]()
        self._changed: Final = Condition()
        self._closed = False
        self._thread: Final = Thread(target=self._fill, name="recipient-keys", daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self,
        exception_type: type[BaseException] | None,
        exception: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close the pool."""
        self.close()

    def take(self) -> RecipientKey:
        """Return a key that nobody else gets: from the pool, or a new one if it is empty."""
        if os.getpid() == self._process:  # a fork may have copied the lock while it was held
            with self._changed:
                if self._keys:
                    key = self._keys.popleft()
                    self._changed.notify()
                    return key
        return RecipientKey.generate()

    def close(self) -> None:
        """Forget the keys and end the thread. `take` still works, without keys made ahead."""
        if os.getpid() == self._process:
            with self._changed:
                self._closed = True
                self._keys.clear()
                self._changed.notify()
            self._thread.join()

    def _fill(self) -> None:
        while self._wait_for_need():
            key = RecipientKey.generate()
            with self._changed:
                if not self._closed:
                    self._keys.append(key)

    def _wait_for_need(self) -> bool:
        with self._changed:
            self._changed.wait_for(lambda: self._closed or len(self._keys) < self._ahead)
            return not self._closed


def attested(
    client: ClientT,
    source: AttestationSource,
    *,
    nonce: Callable[[], bytes] | None = None,
    keys: RecipientKeyPool | None = None,
) -> ClientT:
    """Return a client like `client` whose secrets come only to the machine that `source` attests.

    Decrypt, GenerateDataKey, GenerateDataKeyPair, GenerateRandom and DeriveSharedSecret are
    attested and answer as without attestation: the plaintext is in its usual field. Everything
    else (other operations, `meta`, `exceptions`, paginators, waiters) is the client's own. The
    result may be shared by threads, and so may `client`, which still serves unattested calls.

    `nonce` is called for each attempt and goes into the document; AWS KMS ignores it, a key broker
    may demand it. `keys` saves the 40 ms that each attempt's key takes to make.

    Decrypt must name its `KeyId`, or the caller of the enclave could have it decrypt under a key of
    the caller's own. botocore's `ClientError` and the source's `AttestationSourceError` pass
    unchanged.

    Raises:
        AttestedKmsError: Here if `client` is no boto3 KMS client, or attested already. From a call:
            no `KeyId`, a `Recipient` of the caller's, or an answer that was not for the recipient.

    """
    if isinstance(client, _AttestedClient):
        raise AttestedKmsError(
            AttestedKmsReason.ALREADY_ATTESTED, "expected a plain client, found an attested one"
        )
    _listen(client)
    make_key = RecipientKey.generate if keys is None else keys.take
    return cast("ClientT", _AttestedClient(client, _Attester(source, nonce, make_key)))


@final
class _Attester:
    """What makes the `Recipient` of one attempt."""

    def __init__(
        self,
        source: AttestationSource,
        nonce: Callable[[], bytes] | None,
        make_key: Callable[[], RecipientKey],
    ) -> None:
        self._source: Final = source
        self._nonce: Final = nonce
        self._make_key: Final = make_key

    def attest(self) -> tuple[RecipientKey, bytes]:
        key = self._make_key()
        nonce = None if self._nonce is None else self._nonce()
        return key, self._source.attestation_document(public_key=key.public_key, nonce=nonce)


@final
class _AttestedClient:
    """The wrapped client. It holds no state of a call, so threads need no lock."""

    __slots__ = ("_attester", "_client")

    def __init__(self, client: object, attester: _Attester) -> None:
        self._client: Final = client
        self._attester: Final = attester

    def __getattr__(self, name: str) -> object:
        """Return the attested form of an operation, or whatever the client has under this name."""
        if name.startswith("_"):  # `_make_api_call` would go around the attestation
            raise AttributeError(name)
        found: object = getattr(self._client, name)
        if name not in _OPERATIONS:
            return found
        operation, field = _OPERATIONS[name]
        return partial(self._call, cast("_Method", found), operation, field)

    def __dir__(self) -> list[str]:
        """List the names of the client."""
        return dir(self._client)

    def __repr__(self) -> str:
        """Show the client inside."""
        return f"attested({self._client!r})"

    def _call(
        self, method: "_Method", operation: str, field: str, /, **arguments: object
    ) -> dict[str, object]:
        if "Recipient" in arguments:
            raise AttestedKmsError(
                AttestedKmsReason.RECIPIENT_GIVEN,
                f"{operation}: expected no Recipient, which this client makes for each attempt; "
                "remove it",
            )
        if operation == "Decrypt" and not arguments.get("KeyId"):
            raise AttestedKmsError(
                AttestedKmsReason.KEY_ID_MISSING,
                "Decrypt: expected KeyId, or the ciphertext would choose the key; "
                "name the ARN of the key that you trust",
            )
        call = _Call(operation, self._attester)
        with _offered(call):
            answer = method(**arguments)
        return call.opened(answer, field)


@final
class _Call:
    """One call of one operation: it makes a Recipient for each attempt and opens the answer."""

    def __init__(self, operation: str, attester: _Attester) -> None:
        self.operation: Final = operation
        self._attester: Final = attester
        self._key: RecipientKey | None = None

    def attest(self, body: object) -> bytes:
        """Return the body of the next attempt; only its key opens the answer."""
        request: object = None
        if isinstance(body, bytes):
            with suppress(ValueError):
                request = json.loads(body)
        if not isinstance(request, dict):
            raise AttestedKmsError(
                AttestedKmsReason.NOT_JSON,
                f"{self.operation}: expected botocore to send JSON, found another form; "
                "nitro-attest needs an update for this release of botocore",
            )
        self._key, document = self._attester.attest()
        recipient = {
            "KeyEncryptionAlgorithm": "RSAES_OAEP_SHA_256",
            "AttestationDocument": b64encode(document).decode("ascii"),
        }
        return json.dumps({**request, "Recipient": recipient}).encode()

    def opened(self, answer: dict[str, object], field: str) -> dict[str, object]:
        """Put the plaintext of the envelope into the field that the envelope replaces."""
        key, self._key = self._key, None
        if key is None:
            raise self._error(AttestedKmsReason.NOT_ATTESTED, "that no document was sent (a stub?)")
        if field in answer:
            raise self._error(AttestedKmsReason.PLAINTEXT_IN_ANSWER, f"{field} in the clear")
        envelope = answer.pop(_ENVELOPE, None)
        if not isinstance(envelope, bytes):
            raise self._error(AttestedKmsReason.ENVELOPE_MISSING, "none")
        try:
            answer[field] = key.open(envelope)
        except RecipientError:
            raise self._error(
                AttestedKmsReason.ENVELOPE_INVALID, "one that the key of this attempt doesn't open"
            ) from None
        return answer

    def _error(self, reason: AttestedKmsReason, found: str) -> AttestedKmsError:
        return AttestedKmsError(
            reason, f"{self.operation}: expected {_ENVELOPE} for this machine, found {found}"
        )


# --- botocore's events ---
#
# botocore encodes a request once and signs it anew for each attempt, so the Recipient goes into the
# body right before it is signed. The two handlers belong to the client for as long as it lives and
# have no state: a call travels in botocore's own request context, one dict for each call.

# The call that this thread is about to make. `_claim` takes it out at once, and only for its own
# operation, so that no other request made on the way (for credentials, or by a handler that came
# before ours) can be taken for it.
_offer: Final = ContextVar["_Call | None"](_NAME, default=None)


@contextmanager
def _offered(call: _Call) -> Generator[None]:
    before = _offer.set(call)
    try:
        yield
    finally:
        _offer.reset(before)


def _claim(*, model: "_Operation", context: MutableMapping[str, object], **_: object) -> None:
    call = _offer.get()
    if call is not None and model.name == call.operation:
        _offer.set(None)
        context[_NAME] = call


def _attest(*, request: "_Request", **_: object) -> None:
    call = request.context.get(_NAME)
    if isinstance(call, _Call):
        request.data = call.attest(request.data)


def _listen(client: object) -> None:
    """Register the handlers; a client that has them already keeps the ones it has."""
    try:
        meta = cast("_Client", client).meta
        events, service = meta.events, meta.service_model.service_name
    except AttributeError:
        events, service = None, "something else"
    if events is None or service != "kms":
        raise AttestedKmsError(
            AttestedKmsReason.NOT_A_KMS_CLIENT,
            f"expected boto3.client('kms'), found {service}",
        )
    events.register("provide-client-params.kms", _claim, unique_id=f"{_NAME}.claim")
    events.register("before-sign.kms", _attest, unique_id=f"{_NAME}.attest")


class _Method(Protocol):
    def __call__(self, **arguments: object) -> dict[str, object]: ...


class _Operation(Protocol):
    name: str


class _Request(Protocol):
    context: dict[str, object]
    data: object


class _Events(Protocol):
    def register(self, event_name: str, handler: Callable[..., None], unique_id: str) -> None: ...


class _ServiceModel(Protocol):
    service_name: str


class _Meta(Protocol):
    events: _Events
    service_model: _ServiceModel


class _Client(Protocol):
    meta: _Meta
