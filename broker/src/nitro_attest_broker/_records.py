"""Records as the ledger keeps them, and how each is bound to its row.

A row is sealed as a whole: the secret part is wrapped with every other column as associated data,
so that no column can be changed and no wrapped secret moved to another row (row 132).
"""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, final

from sqlalchemy import RowMapping

from nitro_attest_broker._master_key import MasterKey
from nitro_attest_broker._sealing import NotAuthenticError, join

_MODULUS: Final = 1 << 256


class TamperedError(Exception):
    """What the database holds is not what the broker wrote last."""


@final
class Kind(StrEnum):
    """What a record is about."""

    KEY = "key"
    ALIAS = "alias"
    ACCESS_KEY = "access-key"
    SECRET = "secret"  # noqa: S105 - the name of a kind


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One version of one thing; a deleted thing keeps its record, without its secret."""

    kind: Kind
    name: str
    version: int
    parent: str
    content: str
    secret: bytes
    deleted: bool = False

    def __repr__(self) -> str:
        """Return kind, name and version: a secret has no place in a log."""
        return f"Record({self.kind.value}, {self.name!r}, version {self.version})"

    @property
    def key(self) -> tuple[str, str]:
        """What no two records share."""
        return self.kind.value, self.name

    def destroyed(self) -> "Record":
        """Return what is left of a deleted thing: nothing but its name and version."""
        return Record(
            kind=self.kind,
            name=self.name,
            version=self.version + 1,
            parent="",
            content="{}",
            secret=b"",
            deleted=True,
        )

    def to_row(self, master: MasterKey) -> dict[str, object]:
        """Return the columns."""
        wrapped = master.wrap(self.secret, associated_data=self.associated_data())
        return {
            "kind": self.kind.value,
            "name": self.name,
            "version": self.version,
            "parent": self.parent,
            "deleted": self.deleted,
            "content": self.content,
            "wrapped": wrapped,
        }

    def associated_data(self) -> bytes:
        """Return what the secret is bound to: every other column."""
        return join(
            self.kind.value.encode(),
            self.name.encode(),
            str(self.version).encode(),
            self.parent.encode(),
            b"deleted" if self.deleted else b"",
            hashlib.sha256(self.content.encode()).digest(),
        )


def from_row(row: RowMapping, master: MasterKey) -> Record:
    """Return the record of a row.

    Raises:
        TamperedError: A column was changed, or the row is of another broker.

    """
    try:
        bare = Record(
            kind=Kind(row["kind"]),
            name=row["name"],
            version=row["version"],
            parent=row["parent"],
            deleted=row["deleted"],
            content=row["content"],
            secret=b"",
        )
    except ValueError:
        raise TamperedError("a record of an unknown kind") from None
    try:
        secret = master.unwrap(bytes(row["wrapped"]), associated_data=bare.associated_data())
    except NotAuthenticError:
        raise TamperedError(f"{bare!r} was changed, or is wrapped by another master key") from None
    return Record(
        kind=bare.kind,
        name=bare.name,
        version=bare.version,
        parent=bare.parent,
        deleted=bare.deleted,
        content=bare.content,
        secret=secret,
    )


@final
class Versions:
    """Which version each record has, and one number over all of them that is cheap to keep.

    The number is a sum of MACs (a keyed multiset hash): a record that is missing, added or of an
    older version changes it, and without the key nobody can find other records with this sum.
    """

    def __init__(self, key: bytes) -> None:
        """Begin without records; `key` is 32 secret bytes."""
        self._key: Final = key
        self._of: Final[dict[tuple[str, str], int]] = {}
        self._sum = 0

    def get(self, key: tuple[str, str]) -> int:
        """Return the version of a record, 0 if there is none."""
        return self._of.get(key, 0)

    def set(self, key: tuple[str, str], version: int) -> None:
        """Note that a record has another version now."""
        self._sum = self._moved(self._sum, key, version)
        self._of[key] = version

    def digest(self) -> bytes:
        """Return the number over all records, 32 bytes."""
        return self._sum.to_bytes(32, "big")

    def digest_after(self, changes: Mapping[tuple[str, str], int]) -> bytes:
        """Return what `digest` would be after these changes."""
        total = self._sum
        for key, version in changes.items():
            total = self._moved(total, key, version)
        return total.to_bytes(32, "big")

    def _moved(self, total: int, key: tuple[str, str], version: int) -> int:
        before = self._of.get(key)
        removed = 0 if before is None else self._mac(key, before)
        return (total - removed + self._mac(key, version)) % _MODULUS

    def _mac(self, key: tuple[str, str], version: int) -> int:
        text = join(key[0].encode(), key[1].encode(), str(version).encode())
        return int.from_bytes(hmac.digest(self._key, b"record" + text, "sha256"), "big")
