"""The CBOR (RFC 8949) that the Nitro Secure Module (NSM) speaks: the few forms it needs, no others.

Requests and answers have the shapes that aws-nitro-enclaves-nsm-api gives `Request` and `Response`.
Any bytes at all give a value or `NsmError`, in work that is linear in their length: map keys are
text, nesting and the number of items are bounded, and tags, floats and negative integers are
rejected. Fields that a newer module adds are skipped, as AWS's own client skips them.
"""

from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Final, TypeAlias, final

from nitro_attest.nsm._errors import NsmError, NsmErrorCode

Value: TypeAlias = "int | bytes | str | bool | list[Value] | dict[str, Value] | None"

_INVALID: Final = NsmErrorCode.INVALID_RESPONSE
# The longest answer known has 46 items: DescribeNSM with 32 locked PCRs.
_MAX_ITEMS: Final = 512
# Answers nest to 3; one level is for fields of newer modules.
_MAX_DEPTH: Final = 4

# RFC 8949 3.1: the major type is the three high bits of the first byte.
_UNSIGNED, _BYTES, _TEXT, _ARRAY, _MAP, _SIMPLE = 0, 2, 3, 4, 5, 7
_SIMPLE_VALUES: Final = (False, True, None)
_FIRST_SIMPLE: Final = 20  # RFC 8949 3.3: false is 20, true 21, null 22
_INDEFINITE: Final = 31
_BREAK: Final = 0xFF


@final
class RequestName(StrEnum):
    """The seven requests, spelled as on the wire."""

    ATTESTATION = "Attestation"
    DESCRIBE_NSM = "DescribeNSM"
    DESCRIBE_PCR = "DescribePCR"
    EXTEND_PCR = "ExtendPCR"
    LOCK_PCR = "LockPCR"
    LOCK_PCRS = "LockPCRs"
    GET_RANDOM = "GetRandom"


# A Rust enum variant without fields is encoded as its bare name.
BARE_REQUESTS: Final = frozenset({RequestName.DESCRIBE_NSM, RequestName.GET_RANDOM})
BARE_ANSWERS: Final = frozenset({RequestName.LOCK_PCR, RequestName.LOCK_PCRS})


def encode_request(name: RequestName, fields: Mapping[str, Value]) -> bytes:
    """Encode a request in the shortest form; a request without fields is its bare name."""
    return encode(str(name) if name in BARE_REQUESTS else {str(name): dict(fields)})


def decode_answer(name: RequestName, encoded: bytes) -> dict[str, Value]:
    """Decode the answer to a request into its fields.

    Raises:
        NsmError: The device answered with an error code, or (`INVALID_RESPONSE`) with something
            that is no answer to this request.

    """
    answered, fields = named(decode(encoded))
    if answered == "Error" and isinstance(fields, str):
        raise _device_error(name, fields)
    if answered == name and name in BARE_ANSWERS and fields is None:
        return {}
    if answered == name and name not in BARE_ANSWERS and isinstance(fields, dict):
        return fields
    raise NsmError(_INVALID, f"expected an answer to {name}, found one of another shape or name")


def named(value: Value) -> tuple[str, Value]:
    """Take a Rust enum apart: its name alone, or a map from its name to its content.

    Raises:
        NsmError: `INVALID_RESPONSE`; it is neither.

    """
    match value:
        case str():
            return value, None
        case dict() if len(value) == 1:
            return next(iter(value.items()))
        case _:
            raise NsmError(_INVALID, "expected a name, or a map with one entry")


def encode(value: Value) -> bytes:
    """Encode a value with definite lengths and the shortest heads.

    Raises:
        NsmError: `INVALID_ARGUMENT`; the value is none of the types of `Value`, or is an integer
            outside 0 to 2^64 - 1.

    """
    match value:
        case None | bool():
            return _head(_SIMPLE, _SIMPLE_VALUES.index(value) + _FIRST_SIMPLE)
        case int() if 0 <= value < 1 << 64:
            return _head(_UNSIGNED, value)
        case bytes():
            return _head(_BYTES, len(value)) + value
        case str():
            text = value.encode()
            return _head(_TEXT, len(text)) + text
        case list():
            return _head(_ARRAY, len(value)) + b"".join(map(encode, value))
        case dict():
            return _head(_MAP, len(value)) + b"".join(
                encode(name) + encode(content) for name, content in value.items()
            )
        case _:
            raise NsmError(
                NsmErrorCode.INVALID_ARGUMENT,
                f"expected bytes or a non-negative integer, found {type(value).__name__}",
            )


def decode(encoded: bytes) -> Value:
    """Decode one value that fills `encoded` exactly.

    Raises:
        NsmError: `INVALID_RESPONSE`; not well-formed, more than one value, nested or long beyond
            the bounds, a duplicate or non-text map key, or a type that no answer has.

    """
    reader = _Reader(encoded)
    value = reader.value(depth=1)
    reader.expect_end()
    return value


@final
class _Reader:
    """A position in encoded bytes, and the number of items read so far."""

    def __init__(self, encoded: bytes) -> None:
        self._encoded: Final = encoded
        self._position = 0
        self._items = 0

    def value(self, *, depth: int) -> Value:
        major, argument = self._read_head()
        if depth > _MAX_DEPTH:
            raise NsmError(_INVALID, f"expected at most {_MAX_DEPTH} levels of nesting")
        match major:
            case 0:
                return argument
            case 2 | 3:
                return self._string(major, argument)
            case 4:
                return [self.value(depth=depth + 1) for _ in self._repeat(argument)]
            case 5:
                return self._map(argument, depth=depth)
            case 7 if argument is not None and 0 <= argument - _FIRST_SIMPLE < len(_SIMPLE_VALUES):
                return _SIMPLE_VALUES[argument - _FIRST_SIMPLE]
            case _:
                raise NsmError(
                    _INVALID, f"expected a type that answers have, found CBOR major type {major}"
                )

    def expect_end(self) -> None:
        if self._position != len(self._encoded):
            raise NsmError(
                _INVALID, f"found {len(self._encoded) - self._position} bytes of trailing data"
            )

    def _map(self, length: int | None, *, depth: int) -> dict[str, Value]:
        found: dict[str, Value] = {}
        for _ in self._repeat(length):
            name = self._string(*self._read_head())
            if not isinstance(name, str):
                raise NsmError(_INVALID, "expected text as a map key")
            if name in found:
                raise NsmError(_INVALID, "found a map key twice")
            found[name] = self.value(depth=depth + 1)
        return found

    def _string(self, major: int, length: int | None) -> bytes | str | None:
        """Read the rest of a byte string or text; None if it is neither."""
        match major:
            case 2:
                return b"".join(self._chunks(major, length))
            case 3:
                return "".join(map(_utf8, self._chunks(major, length)))
            case _:
                return None

    def _chunks(self, major: int, length: int | None) -> Iterator[bytes]:
        """Read a string, which is its own only chunk unless its length is indefinite."""
        if length is not None:
            yield self._take(length)
            return
        for _ in self._repeat(None):
            chunk_major, chunk_length = self._read_head()
            if chunk_major != major or chunk_length is None:
                raise NsmError(_INVALID, "expected a chunk of the same type and of definite length")
            yield self._take(chunk_length)

    def _repeat(self, length: int | None) -> Iterator[None]:
        """Count to `length`, or up to the break that ends an indefinite length."""
        if length is not None:
            for _ in range(length):
                yield
            return
        while self._peek() != _BREAK:
            yield
        self._position += 1

    def _read_head(self) -> tuple[int, int | None]:
        """Read a head: its major type and argument, None for an indefinite length."""
        self._items += 1
        if self._items > _MAX_ITEMS:
            raise NsmError(_INVALID, f"expected at most {_MAX_ITEMS} items")
        major, argument = divmod(self._take(1)[0], 32)
        if argument < 24:  # noqa: PLR2004 - RFC 8949 3: 0 to 23 stand for themselves
            return major, argument
        if argument == _INDEFINITE and major in (_BYTES, _TEXT, _ARRAY, _MAP):
            return major, None
        if argument > 27 or major == _SIMPLE:  # noqa: PLR2004 - RFC 8949 3: 28 to 30 are reserved
            raise NsmError(
                _INVALID,
                f"found a head that no answer has: major type {major}, argument {argument}",
            )
        return major, int.from_bytes(self._take(1 << (argument - 24)), "big")

    def _peek(self) -> int:
        if self._position >= len(self._encoded):
            raise NsmError(_INVALID, "found the end where a value was expected")
        return self._encoded[self._position]

    def _take(self, length: int) -> bytes:
        end = self._position + length
        if end > len(self._encoded):
            raise NsmError(_INVALID, "found the end where a value was expected")
        taken = self._encoded[self._position : end]
        self._position = end
        return taken


def _head(major: int, argument: int) -> bytes:
    if argument < 24:  # noqa: PLR2004 - RFC 8949 3: 0 to 23 stand for themselves
        return bytes([major * 32 + argument])
    size = next(size for size in (1, 2, 4, 8) if argument < 1 << 8 * size)
    return bytes([major * 32 + 23 + size.bit_length()]) + argument.to_bytes(size, "big")


def _utf8(encoded: bytes) -> str:
    try:
        return encoded.decode()
    except UnicodeDecodeError:
        raise NsmError(_INVALID, "expected UTF-8 in text") from None


def _device_error(name: RequestName, code: str) -> NsmError:
    try:
        return NsmError(NsmErrorCode(code), f"the device rejected the request {name}")
    except ValueError:
        return NsmError(
            _INVALID,
            "expected one of the nine error codes, found another; update nitro-attest",
        )
