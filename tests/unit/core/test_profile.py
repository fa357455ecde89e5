"""Names in extensions are plain, path lengths are in their shortest form, and what is malformed is named."""

from collections.abc import Callable

import pytest

from nitro_attest import Failure, Reason, UntrustedDocumentError
from nitro_attest._core.profile import Extension, Extensions, read_authority, read_extensions
from support.certificates import BITS, CA, INTEGER, OCTETS, OID, SEQUENCE, der

PLACE = "a certificate"
ALTERNATIVE_NAMES, BASIC_CONSTRAINTS, KEY_USAGE = (
    bytes.fromhex(f"551d{arc}") for arc in ("11", "13", "0f")
)
INFORMATION_ACCESS = bytes.fromhex("2b06010505070101")
METHODS = bytes.fromhex("2b060105050730")
NAME = der(0x86, b"http://never-trust.invalid/")
USAGE = der(BITS, b"\x02\x04")


def _failure(call: Callable[[], object]) -> Failure:
    with pytest.raises(UntrustedDocumentError) as refusal:
        call()
    (failure,) = refusal.value.failures
    return failure


def _read(oid: bytes, value: bytes) -> Extensions:
    return read_extensions(der(SEQUENCE, der(SEQUENCE, der(OID, oid), der(OCTETS, value))), PLACE)


def _access(method: bytes, location: bytes = NAME) -> bytes:
    return der(SEQUENCE, der(SEQUENCE, der(OID, method), location))


@pytest.mark.parametrize("tag", [0x81, 0x82, 0x86])
def test_plain_names_are_let_through(tag: int) -> None:
    """A mail address, a host name and an address, as alternative names and as places to ask."""
    name = der(tag, b"never-trust.invalid")
    alternatives, access = der(SEQUENCE, name, name), _access(METHODS + b"\x01", name)
    assert _read(ALTERNATIVE_NAMES, alternatives) == {
        ALTERNATIVE_NAMES: Extension(critical=False, value=alternatives)
    }
    assert _read(INFORMATION_ACCESS, access) == {
        INFORMATION_ACCESS: Extension(critical=False, value=access)
    }


def test_the_last_arc_of_an_access_method_is_one_octet() -> None:
    """127 is the largest; above it the octet is only the beginning of a number."""
    assert _read(INFORMATION_ACCESS, _access(METHODS + b"\x7f"))


@pytest.mark.parametrize(
    ("oid", "value"),
    [
        (ALTERNATIVE_NAMES, der(SEQUENCE, der(0x82, b"never\xfftrust"))),
        (ALTERNATIVE_NAMES, der(SEQUENCE, der(0x87, b"1234"))),
        (ALTERNATIVE_NAMES, der(SEQUENCE, NAME, der(0x88, b"\x2a\x03"))),
        (INFORMATION_ACCESS, _access(METHODS + b"\x80")),
        (INFORMATION_ACCESS, _access(bytes.fromhex("2b06010505073101"))),
        (INFORMATION_ACCESS, _access(METHODS)),
        (INFORMATION_ACCESS, _access(METHODS + b"\x01", der(0x86, b"\xff"))),
        (INFORMATION_ACCESS, _access(METHODS + b"\x01", der(0x87, b"1234"))),
        (INFORMATION_ACCESS, der(SEQUENCE, der(SEQUENCE, der(OID, METHODS + b"\x01")))),
        (INFORMATION_ACCESS, der(SEQUENCE, der(SEQUENCE))),
    ],
)
def test_names_that_path_validation_cannot_read_are_refused(oid: bytes, value: bytes) -> None:
    """Another kind of name, octets that are no ASCII, another method, or no pair."""
    assert _failure(lambda: _read(oid, value)) == Failure(Reason.CHAIN_EXTENSION, PLACE)


def _authority(constraints: bytes, usage: bytes = USAGE) -> int | None:
    extensions = {
        BASIC_CONSTRAINTS: Extension(critical=True, value=constraints),
        KEY_USAGE: Extension(critical=True, value=usage),
    }
    return read_authority(extensions, PLACE)


@pytest.mark.parametrize("content", ["00", "7f", "0080", "7fff", "7fffffffffffffff"])
def test_path_lengths_in_their_shortest_form_are_read(content: str) -> None:
    """From 0 to the largest in eight octets."""
    assert _authority(der(SEQUENCE, CA, der(INTEGER, bytes.fromhex(content)))) == int(content, 16)


@pytest.mark.parametrize("content", ["", "80", "ff", "0000", "007f", "00ffffffffffffffff"])
def test_path_lengths_in_another_form_are_refused(content: str) -> None:
    """Nothing, below zero, an octet too many, or more than eight."""
    failure = _failure(lambda: _authority(der(SEQUENCE, CA, der(INTEGER, bytes.fromhex(content)))))
    assert failure == Failure(Reason.CHAIN_EXTENSION, f"{PLACE}: basicConstraints")


def test_the_extension_that_is_malformed_is_named() -> None:
    """With the certificate it is in, whatever is wrong with it."""
    for constraints in (b"\x05\x00", b"\x30", der(SEQUENCE, b"\x01")):
        failure = _failure(lambda: _authority(constraints))
        assert failure == Failure(Reason.CHAIN_EXTENSION, f"{PLACE}: basicConstraints")
    for usage in (
        b"\x05\x00",
        b"\x03",
        der(BITS),
        der(BITS, b"\0"),
        der(BITS, b"\0\x04"),
        der(BITS, b"\0\0"),
    ):
        failure = _failure(lambda: _authority(der(SEQUENCE, CA), usage))
        assert failure == Failure(Reason.CHAIN_EXTENSION, f"{PLACE}: keyUsage")
