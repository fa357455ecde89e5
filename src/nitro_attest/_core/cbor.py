"""Decode one CBOR item, strictly (RFC 8949).

Bytes come in, plain Python values go out. Refused: any tag (before its content is decoded), a key
twice in one map, trailing bytes, deep nesting. Never: an exception of cbor2, an object built by a
tag, or memory out of proportion to the input. The caller has capped the size. Integers and lengths
need not be shortest and containers may be of indefinite length: what is signed is encoded as AWS
chooses.
"""

import io
from collections import defaultdict
from collections.abc import Mapping
from typing import Any, Final, NoReturn

import cbor2

from nitro_attest._core.errors import Reason, rejected

# levels that hold something; a payload needs 2 (map > PCR map), an envelope 1; the rest is slack
MAX_DEPTH: Final = 4


class _TagFoundError(Exception):
    """Carry the fact that a tag was met through cbor2."""


def _refuse_tag() -> NoReturn:
    raise _TagFoundError


_NO_TAGS: Final[Mapping[int, Any]] = defaultdict(
    _refuse_tag
)  # the look-up itself raises, so nothing behind a tag is decoded


def decode(data: bytes, subject: str) -> object:
    """Decode `data`, which must be exactly one well-formed CBOR item without tags.

    Raises:
        MalformedDocumentError: `cbor.malformed`, `cbor.tag`, `cbor.duplicate_key`, `cbor.too_deep`;
            `subject` names the item.

    """
    decoder = cbor2.CBORDecoder(
        io.BytesIO(data),
        semantic_decoders=_NO_TAGS,
        max_depth=MAX_DEPTH,
        allow_duplicate_keys=False,
    )
    try:
        item: object = decoder.decode()
    except cbor2.CBORDecodeError as exc:
        raise rejected(_why_not_decoded(data, exc), subject) from exc
    try:
        decoder.read(1)
    except cbor2.CBORDecodeEOF:
        return item
    raise rejected(Reason.CBOR_MALFORMED, f"{subject}: trailing bytes")


def _why_not_decoded(data: bytes, exc: cbor2.CBORDecodeError) -> Reason:
    """Find the reason from what cbor2 does, not from what it says: the rule that, once lifted, makes another end of it.

    Up to the fault every run does the same, so it ends in the same way as the first one unless the
    fault was against the rule that is lifted. Bytes that no rule lifted can help are malformed, and
    cost one more run; the other reasons cost two.
    """
    if isinstance(exc.__cause__, _TagFoundError):
        return Reason.CBOR_TAG
    if isinstance(exc, cbor2.CBORDecodeEOF):
        return Reason.CBOR_MALFORMED
    end = str(exc)
    if _end(data, max_depth=MAX_DEPTH + 1, allow_duplicate_keys=True) == end:
        return Reason.CBOR_MALFORMED
    if _end(data, max_depth=MAX_DEPTH, allow_duplicate_keys=True) == end:
        return Reason.CBOR_TOO_DEEP
    return Reason.CBOR_DUPLICATE_KEY


def _end(data: bytes, *, max_depth: int, allow_duplicate_keys: bool) -> str | None:
    """Return what cbor2 says at the end of a run, to be compared and never to be read; None if it decodes."""
    try:
        cbor2.loads(
            data,
            semantic_decoders=_NO_TAGS,
            max_depth=max_depth,
            allow_duplicate_keys=allow_duplicate_keys,
        )
    except cbor2.CBORDecodeError as exc:
        return str(exc)
    return None
