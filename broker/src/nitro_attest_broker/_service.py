"""A request from its first byte to its answer, in this order: size, signature, JSON, key, document.

Nothing is answered before the audit log has it: a decision is committed in one transaction with
what it changes, and only then is the answer made. What can't be written is not answered.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final, final
from uuid import uuid4

from nitro_attest import NitroAttestError

from nitro_attest_broker._access_keys import AccessKey, find_access_key
from nitro_attest_broker._call import Broker, Call, Caller, Outcome
from nitro_attest_broker._errors import Code, KmsError, internal
from nitro_attest_broker._head_file import HeadFileError
from nitro_attest_broker._json import MAX_BODY_BYTES, read_object, write_object
from nitro_attest_broker._ledger import ConflictError, Once, ReplayError
from nitro_attest_broker._log import log_event
from nitro_attest_broker._members import Members
from nitro_attest_broker._operations import OPERATIONS, Operation
from nitro_attest_broker._records import Record, TamperedError
from nitro_attest_broker._sigv4 import (
    MAX_CLOCK_DIFFERENCE,
    Authorization,
    Received,
    expect_signature,
    read_authorization,
    unknown_access_key,
)
from nitro_attest_broker._store import StoreUnavailableError
from nitro_attest_broker._unsigned import UnsignedRequests

CONTENT_TYPE: Final = "application/x-amz-json-1.1"
_TARGET: Final = "TrentService."
_UNKNOWN: Final = "(unknown)"
_ATTEMPTS: Final = 8
_REPLAYED: Final = "signature.replayed"
_NEXT_SECOND: Final = 1001  # ms
_REPLAY_SECONDS: Final = 2 * int(MAX_CLOCK_DIFFERENCE.total_seconds()) + 1


@final
@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer; `operation` and `code` are for the log."""

    status: int
    body: bytes
    request_id: str
    operation: str = ""
    code: str = ""
    retry_after: int | None = None  # ms


@final
@dataclass(frozen=True, slots=True)
class _Authenticated:
    """Who called, by which access key, signed how."""

    caller: Caller
    access_key: Record
    claim: Authorization


@final
class Service:
    """Answers requests; safe for threads."""

    def __init__(self, broker: Broker) -> None:
        """Take what every call works with."""
        self.broker: Final = broker
        self.unsigned: Final = UnsignedRequests()

    def answer(self, received: Received) -> Answer:
        """Answer one request."""
        request_id = str(uuid4())
        now = self.broker.clock()
        try:
            authenticated = self._authenticate(received, now)
        except KmsError as error:
            self.unsigned.count(received.address, error.reason)
            return _refused(error, request_id, _UNKNOWN)
        return self._decide(received, authenticated, request_id, now)

    def write_unsigned(self) -> None:
        """Write a line for each address whose requests were not signed since the last time.

        Raises:
            StoreUnavailableError: The database did not answer; the counts are kept.
            TamperedError: The database is not as this process knows it; the counts are kept.
            HeadFileError: The head file could not be written; the counts are kept.

        """
        counts = self.unsigned.take()
        written: set[str] = set()
        try:
            for address, reasons in counts.items():
                self.broker.ledger.commit(
                    {
                        "event": "unsigned",
                        "time": _time(self.broker.clock()),
                        "address": address,
                        "reasons": dict(reasons),
                    }
                )
                written.add(address)
        finally:
            self.unsigned.put_back({a: r for a, r in counts.items() if a not in written})

    def _authenticate(self, received: Received, now: datetime) -> _Authenticated:
        if len(received.body) > MAX_BODY_BYTES:
            raise too_large()
        claim = read_authorization(received, region=self.broker.settings.region, now=now)
        access_key, record = self._find_access_key(claim.access_key_id)
        expect_signature(received, claim, access_key.secret)
        caller = Caller(
            access_key.principal, access_key.access_key_id, received.address, received.transport
        )
        return _Authenticated(caller, record, claim)

    def _find_access_key(self, access_key_id: str) -> tuple[AccessKey, Record]:
        try:
            found = find_access_key(self.broker.ledger, access_key_id)
        except TamperedError as exc:
            log_event("tampered", what=str(exc))
            raise internal("database.tampered") from None
        except StoreUnavailableError:
            raise internal("database") from None
        if found is None:
            raise unknown_access_key()
        return found

    def _decide(
        self, received: Received, authenticated: _Authenticated, request_id: str, now: datetime
    ) -> Answer:
        target = received.header("x-amz-target") or ""
        name = target.removeprefix(_TARGET)
        operation = OPERATIONS.get(name) if target.startswith(_TARGET) else None
        entry: dict[str, object] = {
            "event": "call",
            "time": _time(now),
            "request_id": request_id,
            "operation": name if operation is not None else _UNKNOWN,
            "principal": authenticated.caller.principal,
            "access_key_id": authenticated.caller.access_key_id,
            "address": authenticated.caller.address,
        }
        shown = str(entry["operation"])
        try:
            body = self._perform(received, authenticated, operation, name, entry, now)
        except KmsError as error:
            return self._deny(error, entry, request_id, shown)
        return Answer(200, body, request_id, shown)

    def _perform(  # noqa: PLR0913, PLR0917 - the parts of one decision
        self,
        received: Received,
        authenticated: _Authenticated,
        operation: Operation | None,
        name: str,
        entry: dict[str, object],
        now: datetime,
    ) -> bytes:
        """Answer an operation and commit the decision; again, if a record changed meanwhile."""
        if operation is None:
            raise KmsError(Code.UNKNOWN_OPERATION, "", reason="request.unknown_operation")
        values = read_object(received.body)
        redeemed: set[bytes] = set()
        for _ in range(_ATTEMPTS):
            call = Call(
                broker=self.broker,
                operation=name,
                members=Members(values),
                caller=authenticated.caller,
                now=now,
            )
            call.requires.append(authenticated.access_key)
            once = _once(authenticated.claim, now) if operation.changes_state else None
            try:
                outcome = _answered(operation, call, entry)
                self._redeem(call, redeemed)
                self.broker.ledger.commit(
                    {**entry, **call.noted, "result": "allowed"},
                    changes=outcome.changes,
                    requires=call.requires,
                    once=once,
                )
            except ConflictError:
                self._find_access_key(
                    authenticated.caller.access_key_id
                )  # it may be revoked by now
                continue
            except ReplayError:
                raise KmsError(Code.THROTTLING, "Rate exceeded", reason=_REPLAYED) from None
            except TamperedError as exc:
                entry["tampered"] = str(exc)
                raise internal("database.tampered") from None
            except (StoreUnavailableError, HeadFileError):
                raise internal("database") from None
            return write_object(outcome.answer).encode() if outcome.answer else b""
        raise internal("database.conflict")

    def _redeem(self, call: Call, redeemed: set[bytes]) -> None:
        """Use up the nonce of a document that was accepted, last of all and once."""
        nonce = call.nonce
        if nonce is None or nonce in redeemed:
            return
        try:
            self.broker.nonces.redeem(nonce)
        except NitroAttestError as exc:
            reason = getattr(exc, "reason", None)
            if reason is None:
                raise internal("nonces.unavailable") from None
            raise call.nonce_denied(f"document.{reason}") from None
        redeemed.add(nonce)

    def _deny(
        self, error: KmsError, entry: Mapping[str, object], request_id: str, operation: str
    ) -> Answer:
        """Write a denial, then answer it; what can't be written is an internal error."""
        try:
            self.broker.ledger.commit({**entry, "result": error.code.value, "reason": error.reason})
        except (StoreUnavailableError, TamperedError, HeadFileError):
            error = internal("database")
        return _refused(error, request_id, operation)


def too_large() -> KmsError:
    """Return the error for a body over the limit."""
    return KmsError(
        Code.TOO_LARGE,
        f"The request body is larger than {MAX_BODY_BYTES} bytes.",
        reason="request.too_large",
    )


def _answered(operation: Operation, call: Call, entry: dict[str, object]) -> Outcome:
    """Answer an operation; what was noted about it is in the audit line even if it is denied."""
    try:
        return operation.answer(call)
    finally:
        entry.update(call.noted)


def _once(claim: Authorization, now: datetime) -> Once:
    seconds = int(now.timestamp())
    return Once(claim.digest(), seconds, seconds + _REPLAY_SECONDS)


def _refused(error: KmsError, request_id: str, operation: str) -> Answer:
    body = write_object(error.body()).encode()
    # A client that made two equal calls in one second signs anew once the second is over.
    wait = _NEXT_SECOND if error.reason == _REPLAYED else None
    return Answer(error.code.status, body, request_id, operation, error.code.value, wait)


def _time(now: datetime) -> str:
    return now.isoformat(timespec="milliseconds")
