"""What the enclave is for: this part sees the plaintext, and decides what leaves."""

import csv
import io
from decimal import Decimal


def result_of(plaintext: bytes) -> str:
    """Return how many payments a file holds, and their sum."""
    rows = csv.DictReader(io.StringIO(plaintext.decode()))
    amounts = [Decimal(row["amount"]) for row in rows]
    return f"{len(amounts)} payments, {sum(amounts):,.2f} in all"
