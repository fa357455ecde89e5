"""The seven requests of the Nitro Secure Module, over any function that carries bytes to it.

`Nsm` and `nitro_attest.testing.FakeNsm` both call these, so what a test sees is what a device sees.
"""

from collections.abc import Callable, Mapping
from typing import Final, NoReturn, TypeAlias

from nitro_attest.nsm._codec import RequestName, Value, decode_answer, encode_request
from nitro_attest.nsm._errors import NsmError, NsmErrorCode
from nitro_attest.nsm._results import NsmDescription, PcrDescription, PcrDigest

Exchange: TypeAlias = Callable[[bytes], bytes]

_MAX_U16: Final = 0xFFFF  # the numbers of aws-nitro-enclaves-nsm-api are u16
_DIGESTS: Final = tuple(PcrDigest)
_PCR_BYTES: Final = (32, 48, 64)  # SHA256, SHA384, SHA512


def attestation_document(
    exchange: Exchange,
    *,
    public_key: bytes | None,
    user_data: bytes | None,
    nonce: bytes | None,
) -> bytes:
    """Ask for a document; the fields are encoded in the order of AWS's client."""
    fields: dict[str, Value] = {
        "user_data": _optional("user_data", user_data),
        "nonce": _optional("nonce", nonce),
        "public_key": _optional("public_key", public_key),
    }
    return _bytes(_ask(exchange, RequestName.ATTESTATION, fields), "document")


def describe(exchange: Exchange) -> NsmDescription:
    """Ask for the module's description."""
    fields = _ask(exchange, RequestName.DESCRIBE_NSM, {})
    return NsmDescription(
        version_major=_number(fields, "version_major"),
        version_minor=_number(fields, "version_minor"),
        version_patch=_number(fields, "version_patch"),
        module_id=_text(fields, "module_id"),
        max_pcrs=_number(fields, "max_pcrs"),
        locked_pcrs=_numbers(fields, "locked_pcrs"),
        digest=_digest(fields, "digest"),
    )


def describe_pcr(exchange: Exchange, index: int) -> PcrDescription:
    """Ask for one PCR."""
    fields = _ask(exchange, RequestName.DESCRIBE_PCR, {"index": _u16("index", index)})
    return PcrDescription(value=_pcr(fields, "data"), locked=_flag(fields, "lock"))


def extend_pcr(exchange: Exchange, index: int, data: bytes) -> bytes:
    """Extend one PCR."""
    fields: dict[str, Value] = {"index": _u16("index", index), "data": _octets("data", data)}
    return _pcr(_ask(exchange, RequestName.EXTEND_PCR, fields), "data")


def lock_pcr(exchange: Exchange, index: int) -> None:
    """Lock one PCR."""
    _ask(exchange, RequestName.LOCK_PCR, {"index": _u16("index", index)})


def lock_pcrs(exchange: Exchange, count: int) -> None:
    """Lock the first `count` PCRs."""
    _ask(exchange, RequestName.LOCK_PCRS, {"range": _u16("count", count)})


def get_random(exchange: Exchange) -> bytes:
    """Ask for random bytes."""
    return _bytes(_ask(exchange, RequestName.GET_RANDOM, {}), "random")


def _ask(exchange: Exchange, name: RequestName, fields: Mapping[str, Value]) -> dict[str, Value]:
    return decode_answer(name, exchange(encode_request(name, fields)))


# --- what a caller hands in: exact types, because a device would blame another field ---


def _optional(name: str, value: bytes | None) -> bytes | None:
    return None if value is None else _octets(name, value)


def _octets(name: str, value: bytes) -> bytes:
    if type(value) is not bytes:
        _reject_argument(name, value, "bytes")
    return value


def _u16(name: str, value: int) -> int:
    if type(value) is not int or not 0 <= value <= _MAX_U16:
        _reject_argument(name, value, f"an integer from 0 to {_MAX_U16}")
    return value


def _reject_argument(name: str, value: object, expected: str) -> NoReturn:
    raise NsmError(
        NsmErrorCode.INVALID_ARGUMENT,
        f"{name}: expected {expected}, found {type(value).__name__}"
        + (f" {value}" if type(value) is int and abs(value) < 1 << 64 else ""),
    )


# --- what the device answers ---


def _bytes(fields: Mapping[str, Value], name: str) -> bytes:
    found = fields.get(name)
    if not isinstance(found, bytes) or not found:
        _reject_answer(name, "a non-empty byte string")
    return found


def _pcr(fields: Mapping[str, Value], name: str) -> bytes:
    found = fields.get(name)
    if not isinstance(found, bytes) or len(found) not in _PCR_BYTES:
        _reject_answer(name, "a byte string of 32, 48 or 64 bytes")
    return found


def _text(fields: Mapping[str, Value], name: str) -> str:
    found = fields.get(name)
    if not isinstance(found, str) or not found:
        _reject_answer(name, "a non-empty text")
    return found


def _digest(fields: Mapping[str, Value], name: str) -> PcrDigest:
    found = fields.get(name)
    if found not in _DIGESTS:
        _reject_answer(name, "SHA256, SHA384 or SHA512")
    return PcrDigest(found)


def _flag(fields: Mapping[str, Value], name: str) -> bool:
    found = fields.get(name)
    if not isinstance(found, bool):
        _reject_answer(name, "true or false")
    return found


def _number(fields: Mapping[str, Value], name: str) -> int:
    found = fields.get(name)
    if type(found) is not int or found > _MAX_U16:
        _reject_answer(name, f"an integer up to {_MAX_U16}")
    return found


def _numbers(fields: Mapping[str, Value], name: str) -> frozenset[int]:
    found = fields.get(name)
    if not isinstance(found, list):
        _reject_answer(name, "an array")
    return frozenset(_number({name: number}, name) for number in found)


def _reject_answer(name: str, expected: str) -> NoReturn:
    raise NsmError(
        NsmErrorCode.INVALID_RESPONSE, f"expected {expected} in the answer's field {name}"
    )
