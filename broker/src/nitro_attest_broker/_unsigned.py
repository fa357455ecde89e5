"""Requests that nobody has signed: counted, and written to the audit log once a minute and address.

A line for each would let anybody fill the disk.
"""

from collections import Counter
from collections.abc import Mapping
from threading import Lock
from typing import Final, final

MAX_ADDRESSES: Final = 1024
OTHERS: Final = "(others)"


@final
class UnsignedRequests:
    """Counts by address and reason; bounded, whatever comes."""

    def __init__(self) -> None:
        """Begin with none."""
        self._lock: Final = Lock()
        self._counts: dict[str, Counter[str]] = {}

    def count(self, address: str, reason: str) -> None:
        """Count one request that was refused before anybody was authenticated."""
        with self._lock:
            if address not in self._counts and len(self._counts) >= MAX_ADDRESSES:
                address = OTHERS
            self._counts.setdefault(address, Counter())[reason] += 1

    def take(self) -> Mapping[str, Mapping[str, int]]:
        """Return the counts since the last time, and begin anew."""
        with self._lock:
            counts, self._counts = self._counts, {}
        return counts

    def put_back(self, counts: Mapping[str, Mapping[str, int]]) -> None:
        """Add counts again that could not be written."""
        with self._lock:
            for address, reasons in counts.items():
                known = address in self._counts or len(self._counts) < MAX_ADDRESSES
                self._counts.setdefault(address if known else OTHERS, Counter()).update(reasons)
