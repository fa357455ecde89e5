"""One authenticated call: finding keys, asking their policies, noting it for the audit log."""

import base64
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, final

from nitro_attest.nonces import NonceStore
from nitro_attest.reference_values.kms import Transport

from nitro_attest_broker._errors import ACCESS_DENIED, Code, KmsError, validation
from nitro_attest_broker._keys import Key, KeyState, key_of
from nitro_attest_broker._ledger import Ledger
from nitro_attest_broker._members import Members
from nitro_attest_broker._policies import decide
from nitro_attest_broker._records import Kind, Record
from nitro_attest_broker._release import (
    Attested,
    DocumentMalformedError,
    DocumentRejectedError,
    Documents,
)
from nitro_attest_broker._settings import Settings

_ARN: Final = re.compile(r"arn:aws[a-z-]*:kms:([a-z0-9-]*):([0-9]*):(key/|alias/)(.+)", re.DOTALL)
_KEY_ID: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_NO_CONTEXT: Final[Mapping[str, str]] = {}


@final
@dataclass(frozen=True, slots=True)
class Caller:
    """Who signed the request, and how it came."""

    principal: str
    access_key_id: str
    address: str
    transport: Transport


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Broker:
    """What every call works with; the two clocks are one, except where a test sets one apart."""

    settings: Settings
    ledger: Ledger
    documents: Documents
    nonces: NonceStore
    clock: Callable[[], datetime]


@final
@dataclass(frozen=True, slots=True)
class Outcome:
    """The answer of an operation, and the records it changes."""

    answer: Mapping[str, object] = field(default_factory=dict[str, object])
    changes: Sequence[Record] = ()


@final
class Call:
    """One call of an operation, with what is noted about it on the way."""

    def __init__(
        self, *, broker: Broker, operation: str, members: Members, caller: Caller, now: datetime
    ) -> None:
        """Begin with nothing noted."""
        self.broker: Final = broker
        self.operation: Final = operation
        self.members: Final = members
        self.caller: Final = caller
        self.now: Final = int(now.timestamp())
        self.requires: Final[list[Record]] = []
        self.noted: Final[dict[str, object]] = {}
        self.nonce: bytes | None = None
        self._nonce_key: Key | None = None
        self._keys: Final[list[dict[str, object]]] = []

    # --- finding keys ---

    def find_key(self, key_id: str) -> Key:
        """Return the key that an id, a key ARN, an alias or an alias ARN names.

        Raises:
            KmsError: NotFoundException or InvalidArnException.

        """
        name = self._within(key_id)
        if name.startswith("alias/"):
            alias = self.broker.ledger.read(Kind.ALIAS, name)
            if alias is None:
                arn = self.broker.settings.alias_arn(name)
                raise KmsError(
                    Code.NOT_FOUND, f"Alias {arn} is not found.", reason="alias.not_found"
                )
            self.requires.append(alias)
            name = alias.parent
        key = self.key_by_id(name)
        if key is None:
            raise self._not_found(name)
        return key

    def key_by_id(self, name: str) -> Key | None:
        """Return a key by its id alone, or None."""
        record = self.broker.ledger.read(Kind.KEY, name) if _KEY_ID.fullmatch(name) else None
        if record is None:
            return None
        self.requires.append(record)
        key = key_of(record)
        self.note_key(key)
        return key

    def note_key(self, key: Key) -> None:
        """Note which key the decision is about, for the audit log."""
        self._keys.append(
            {"arn": self.arn(key), "version": key.version, "policy_digest": key.policy_digest}
        )
        self.noted["keys"] = self._keys

    def arn(self, key: Key) -> str:
        """Return the ARN of a key."""
        return self.broker.settings.key_arn(key.key_id)

    def _within(self, text: str) -> str:
        """Return the key id or alias in `text`, if it is one of this account and region."""
        if not text.startswith("arn:"):
            return text
        found = _ARN.fullmatch(text)
        if found is None:
            raise KmsError(Code.INVALID_ARN, "Invalid arn", reason="key.arn")
        region, account, resource, name = found.groups()
        settings = self.broker.settings
        if (region, account) != (settings.region, settings.account):
            raise KmsError(Code.NOT_FOUND, "Invalid arn: other region or account", reason="key.arn")
        return name if resource == "key/" else f"alias/{name}"

    def _not_found(self, name: str) -> KmsError:
        if not _KEY_ID.fullmatch(name):
            return KmsError(Code.NOT_FOUND, "Invalid keyId", reason="key.not_found")
        arn = self.broker.settings.key_arn(name)
        return KmsError(Code.NOT_FOUND, f"Key '{arn}' does not exist", reason="key.not_found")

    # --- the state of a key ---

    def expect_enabled(self, key: Key) -> None:
        """Accept only a key that is enabled.

        Raises:
            KmsError: DisabledException or KMSInvalidStateException.

        """
        if key.state is KeyState.DISABLED:
            raise KmsError(Code.DISABLED, f"{self.arn(key)} is disabled.", reason="key.disabled")
        self.expect_not_pending_deletion(key)

    def expect_not_pending_deletion(self, key: Key) -> None:
        """Accept only a key that is not waiting to be deleted.

        Raises:
            KmsError: KMSInvalidStateException.

        """
        if key.state is KeyState.PENDING_DELETION:
            raise KmsError(
                Code.INVALID_STATE,
                f"{self.arn(key)} is pending deletion.",
                reason="key.pending_deletion",
            )

    def expect_usage(self, key: Key, usage: str) -> None:
        """Accept only a key that was made for this use.

        Raises:
            KmsError: InvalidKeyUsageException.

        """
        if key.usage != usage:
            raise KmsError(
                Code.INVALID_KEY_USAGE,
                f"{self.arn(key)} key usage is {key.usage} which is not valid for "
                f"{self.operation}.",
                reason="key.usage",
            )

    # --- who may ---

    def authorize(
        self,
        key: Key,
        action: str | None = None,
        *,
        context: Mapping[str, str] = _NO_CONTEXT,
        doc: bytes | None = None,
    ) -> Attested | None:
        """Accept only what the key's policy allows; return what the document, if any, proves.

        Raises:
            KmsError: AccessDeniedException, or ValidationException for a malformed document.

        """
        action = action or self.operation
        attested = None if doc is None else self._accept(doc, key, action)
        decision = decide(
            key.policy,
            action,
            principal=self.caller.principal,
            key_arn=self.arn(key),
            account=self.broker.settings.account,
            context=context,
            claims=None if attested is None else attested.result.claims,
            transport=self.caller.transport,
        )
        if not decision.allowed:
            denying = [str(name) for name in decision.statements]
            self.noted["statements"] = denying
            raise self.denied(key, action, "policy.denied" if denying else "policy.not_allowed")
        self.noted["statements"] = [str(name) for name in decision.statements]
        return attested

    def authorize_plaintext(
        self, key: Key, *, context: Mapping[str, str] = _NO_CONTEXT, doc: bytes | None
    ) -> Attested | None:
        """As `authorize`, for an operation that releases plaintext of the key.

        Raises:
            KmsError: As `authorize`; also if the key is for attested public keys alone and there is
                no document.

        """
        if key.attested and doc is None:
            raise self.denied(key, self.operation, "key.attested_only")
        return self.authorize(key, context=context, doc=doc)

    def authorize_account(self, principals: Sequence[str]) -> None:
        """Accept only the principals that the settings name, where no key policy decides.

        Raises:
            KmsError: AccessDeniedException.

        """
        if self.caller.principal not in principals:
            raise KmsError(
                Code.ACCESS_DENIED,
                f"User: {self.caller.principal} is not authorized to perform: kms:{self.operation}",
                reason="settings.not_allowed",
            )

    def accept_for_account(self, doc: bytes) -> Attested:
        """Return what a document proves where no key is involved.

        Raises:
            KmsError: AccessDeniedException, or ValidationException for a malformed document.

        """
        return self._accept(doc, None, self.operation)

    def denied(self, key: Key | None, action: str, reason: str) -> KmsError:
        """Return KMS's error for a denied call: the same for every reason."""
        message = ACCESS_DENIED.format(
            principal=self.caller.principal,
            operation=action,
            resource="*" if key is None else self.arn(key),
        )
        return KmsError(Code.ACCESS_DENIED, message, reason=reason)

    def nonce_denied(self, reason: str) -> KmsError:
        """Return the error for a nonce that could not be redeemed: that of every other denial."""
        return self.denied(self._nonce_key, self.operation, reason)

    def _accept(self, doc: bytes, key: Key | None, action: str) -> Attested:
        try:
            attested = self.broker.documents.accept(
                doc, fresh_nonce=key is not None and key.fresh_nonce
            )
        except DocumentMalformedError as exc:
            error = validation("The attestation document is malformed.")
            raise KmsError(error.code, error.message, reason=exc.reason) from None
        except DocumentRejectedError as exc:
            raise self.denied(key, action, exc.reason) from None
        self.noted["document"] = attested.audited()
        self.nonce, self._nonce_key = attested.nonce, key
        return attested

    # --- answering ---

    def finish(self) -> bool:
        """Refuse members that were not read, and return whether this is a dry run."""
        dry_run = self.members.flag("DryRun")
        self.members.finish()
        return dry_run

    def expect_no_dry_run(self, dry_run: bool) -> None:  # noqa: FBT001 - the member itself
        """Stop a dry run once everything that could deny it has been asked.

        Raises:
            KmsError: DryRunOperationException.

        """
        if dry_run:
            raise KmsError(
                Code.DRY_RUN,
                "The request would have succeeded, but the DryRun option is set.",
                reason="dry_run",
            )


def released(
    attested: Attested | None, plaintext: bytes, *, member: str = "Plaintext"
) -> dict[str, str]:
    """Return the member that holds plaintext: for the attested key, if there is one."""
    if attested is not None:
        return {"CiphertextForRecipient": attested.encrypt(plaintext)}
    return {member: encoded(plaintext)}


def encoded(data: bytes) -> str:
    """Return bytes in base64, as JSON carries them."""
    return base64.b64encode(data).decode()
