"""The HMAC chain of the audit log: each line's MAC covers the line and the MAC before it.

Whoever can write to the database but has no master key can't change, remove, reorder or add a line
without breaking the chain; cutting off its end is what the head file shows.
"""

import hmac
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, cast, final

from sqlalchemy import Connection, select

from nitro_attest_broker._head_file import Head
from nitro_attest_broker._schema import AUDIT
from nitro_attest_broker._sealing import join

GENESIS_SEQUENCE: Final = 0
_BATCH: Final = 1000


@final
class BrokenChainError(Exception):
    """The audit log is not what the broker wrote; `sequence` is the first line that shows it."""

    def __init__(self, sequence: int, problem: str) -> None:
        """Take the number of the line and what is wrong with it."""
        super().__init__(f"audit line {sequence}: {problem}")
        self.sequence: Final = sequence


@final
@dataclass(frozen=True, slots=True)
class Line:
    """A line of the audit log whose MAC fits."""

    head: Head
    entry: dict[str, object]


@final
@dataclass(frozen=True, slots=True, repr=False)
class ChainKey:
    """The secret of the chain and of everything that hangs on it."""

    secret: bytes

    def genesis(self) -> Head:
        """Return the head of an empty log."""
        return Head(GENESIS_SEQUENCE, self._mac(b"genesis"))

    def extend(self, head: Head, entry: str) -> Head:
        """Return the head after one more line."""
        sequence = head.sequence + 1
        return Head(sequence, self._mac(b"line", head.mac, str(sequence).encode(), entry.encode()))

    def authenticate(self, head: Head, records_digest: bytes) -> bytes:
        """Return the MAC that binds a head to the records as they were at that line."""
        return self._mac(b"head", str(head.sequence).encode(), head.mac, records_digest)

    def records_key(self) -> bytes:
        """Return the key for `Versions`."""
        return self._mac(b"records")

    def nonce_key(self) -> bytes:
        """Return the secret that signs nonces."""
        return self._mac(b"nonces")

    def lines(self, connection: Connection, after: Head) -> Iterator[Line]:
        """Go through the lines after a head that is known to be good.

        Raises:
            BrokenChainError: A line is missing or was changed.

        """
        head = after
        while True:
            rows = connection.execute(
                select(AUDIT.c.sequence, AUDIT.c.entry, AUDIT.c.mac)
                .where(AUDIT.c.sequence > head.sequence)
                .order_by(AUDIT.c.sequence)
                .limit(_BATCH)
            ).all()
            if not rows:
                return
            for sequence, entry, mac in rows:
                if sequence != head.sequence + 1:
                    raise BrokenChainError(head.sequence + 1, "it is missing")
                expected = self.extend(head, entry)
                if not hmac.compare_digest(expected.mac, bytes(mac)):
                    raise BrokenChainError(sequence, "it was changed, or the one before it was")
                head = expected
                yield Line(head, cast("dict[str, object]", json.loads(entry)))

    def _mac(self, *fields: bytes) -> bytes:
        return hmac.digest(self.secret, join(*fields), "sha256")
