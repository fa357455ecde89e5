"""Pages of lists: a marker is the last name of the page before, in base64."""

import base64
import binascii
from collections.abc import Sequence
from typing import Final

from nitro_attest_broker._errors import Code, KmsError
from nitro_attest_broker._members import MARKER, Members

MOST: Final = 1000


def read_page(members: Members, *, default: int) -> tuple[str, int]:
    """Return the name after which a page begins, and how many entries it has at most.

    Raises:
        KmsError: ValidationException or InvalidMarkerException.

    """
    limit = members.number("Limit", 1, MOST) or default
    marker = members.text("Marker", MARKER)
    if marker is None:
        return "", limit
    try:
        after = base64.b64decode(marker.encode("ascii"), altchars=b"-_", validate=True)
        return after.decode(), limit
    except (binascii.Error, UnicodeError):
        raise KmsError(Code.INVALID_MARKER, "Invalid marker.", reason="request.invalid") from None


def paged(member: str, entries: Sequence[tuple[str, object]], limit: int) -> dict[str, object]:
    """Return a page; `entries` are names and values, one more than `limit` if there are."""
    page = entries[:limit]
    answer: dict[str, object] = {
        member: [value for _, value in page],
        "Truncated": len(entries) > limit,
    }
    if len(entries) > limit:
        answer["NextMarker"] = base64.urlsafe_b64encode(page[-1][0].encode()).decode()
    return answer
