"""Access keys: who signs a request, and as which principal."""

import json
import re
import secrets
from dataclasses import dataclass
from typing import Final, final

from nitro_attest_broker._json import write_object
from nitro_attest_broker._ledger import Ledger
from nitro_attest_broker._records import Kind, Record

_LETTERS: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
_PRINCIPAL: Final = re.compile(
    r"arn:aws(?:-us-gov|-cn)?:iam::([0-9]{12}):(?:user|role)/[\w+=,.@/-]{1,128}", re.ASCII
)


class PrincipalError(ValueError):
    """Not the ARN of a user or a role of the broker's account."""


@final
@dataclass(frozen=True, slots=True, repr=False)
class AccessKey:
    """An access key id, its secret, and the ARN of the principal that signs with it."""

    access_key_id: str
    secret: str
    principal: str
    version: int
    created: int

    def to_record(self) -> Record:
        """Return the record."""
        return Record(
            kind=Kind.ACCESS_KEY,
            name=self.access_key_id,
            version=self.version,
            parent=self.principal,
            content=write_object({"created": self.created}),
            secret=self.secret.encode(),
        )

    def revoked(self) -> Record:
        """Return the record that is left of it: without the secret."""
        return Record(
            kind=Kind.ACCESS_KEY,
            name=self.access_key_id,
            version=self.version + 1,
            parent=self.principal,
            content=write_object({"created": self.created}),
            secret=b"",
            deleted=True,
        )


def new_access_key(principal: str, *, account: str, now: int) -> AccessKey:
    """Make an access key: 80 random bits of id, 240 of secret, in the form AWS gives them.

    Raises:
        PrincipalError: `principal` is not the ARN of a user or a role of the account. Another
            account's principal would need its IAM policies, which nobody here knows.

    """
    found = _PRINCIPAL.fullmatch(principal)
    if found is None or found[1] != account:
        raise PrincipalError(f"expected an ARN such as arn:aws:iam::{account}:role/Enclave")
    access_key_id = "AKIA" + "".join(secrets.choice(_LETTERS) for _ in range(16))
    return AccessKey(access_key_id, secrets.token_urlsafe(30), principal, 1, now)


def find_access_key(ledger: Ledger, access_key_id: str) -> tuple[AccessKey, Record] | None:
    """Return an access key that was not revoked, with its record."""
    record = ledger.read(Kind.ACCESS_KEY, access_key_id)
    return None if record is None else (_of(record), record)


def list_access_keys(ledger: Ledger) -> list[AccessKey]:
    """Return every access key that was not revoked."""
    return [_of(record) for record in ledger.page(Kind.ACCESS_KEY, after="", limit=100_000)]


def _of(record: Record) -> AccessKey:
    created: int = json.loads(record.content)["created"]
    return AccessKey(record.name, record.secret.decode(), record.parent, record.version, created)
