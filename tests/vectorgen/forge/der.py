"""Write DER by hand (ITU-T X.690), right or wrong.

Tags and contents come in, bytes go out. Nothing is checked, so that faults can be written.
"""

from datetime import datetime
from typing import Final

SEQUENCE: Final = 0x30
BIT_STRING: Final = 0x03
OCTET_STRING: Final = 0x04
UTC_TIME: Final = 0x17
GENERALIZED_TIME: Final = 0x18
NULL: Final = bytes.fromhex("0500")
TRUE: Final = bytes.fromhex("0101ff")
FALSE: Final = bytes.fromhex("010100")

_SHORT_LENGTHS: Final = 0x80
_FIRST_GENERALIZED_YEAR: Final = 2050


def element(tag: int, *contents: bytes) -> bytes:
    """Write one element with the shortest length."""
    content = b"".join(contents)
    if len(content) < _SHORT_LENGTHS:
        return bytes([tag, len(content)]) + content
    octets = len(content).to_bytes((len(content).bit_length() + 7) // 8, "big")
    return bytes([tag, _SHORT_LENGTHS | len(octets)]) + octets + content


def sequence(*contents: bytes) -> bytes:
    """Write a SEQUENCE."""
    return element(SEQUENCE, *contents)


def integer(value: int) -> bytes:
    """Write an INTEGER in its shortest form."""
    return element(0x02, value.to_bytes(value.bit_length() // 8 + 1, "big", signed=True))


def oid(dotted: str) -> bytes:
    """Write an OBJECT IDENTIFIER."""
    first, second, *others = map(int, dotted.split("."))
    content = bytearray([40 * first + second])
    for number in others:
        septets = [number & 0x7F]
        while number := number >> 7:
            septets.append(number & 0x7F | 0x80)
        content += bytes(reversed(septets))
    return element(0x06, bytes(content))


def utf8(text: str) -> bytes:
    """Write a UTF8String."""
    return element(0x0C, text.encode())


def printable(text: str) -> bytes:
    """Write a PrintableString."""
    return element(0x13, text.encode())


def time(at: datetime) -> bytes:
    """Write a time as RFC 5280 section 4.1.2.5 says: UTCTime up to 2049, then GeneralizedTime."""
    if at.year < _FIRST_GENERALIZED_YEAR:
        return element(UTC_TIME, f"{at:%y%m%d%H%M%SZ}".encode())
    return element(GENERALIZED_TIME, f"{at:%Y%m%d%H%M%SZ}".encode())


def name(common_name: str) -> bytes:
    """Write a name with country, organisation and common name, as AWS orders them."""
    parts = (
        ("2.5.4.6", printable("US")),
        ("2.5.4.10", utf8("NEVER_TRUST")),
        ("2.5.4.3", utf8(common_name)),
    )
    return sequence(*(element(0x31, sequence(oid(kind), value)) for kind, value in parts))


def signature(r: int, s: int) -> bytes:
    """Write an ECDSA signature as certificates carry it (RFC 5480 appendix A)."""
    return sequence(integer(r), integer(s))
