"""Change a certificate the way an issuer might get it wrong.

The changes are other extensions, names, times, serials and versions. Each function takes the signed
part and a source of chance, and returns another signed part. `mutators.der` changes single elements
blindly; here each change is one that certificates in the wild show, so that rules are met and not
only parsers.
"""

from collections.abc import Callable, Iterator
from functools import partial
from random import Random
from typing import Final

from support.mutators.der import element, read, split

_TRUE: Final = b"\x01\x01\xff"
_KEY_IDENTIFIER: Final = bytes(20)


def _oid(text: str) -> bytes:
    first, second, *rest = map(int, text.split("."))
    octets = bytearray([first * 40 + second])
    for number in rest:
        groups = [number & 0x7F]
        while number := number >> 7:
            groups.append(0x80 | number & 0x7F)
        octets += bytes(reversed(groups))
    return element(0x06, bytes(octets))


def _name(*parts: bytes) -> bytes:
    return element(0x30, *parts)


def _attribute(oid: str, tag: int, value: bytes) -> bytes:
    return element(0x31, element(0x30, _oid(oid), element(tag, value)))


_DIRECTORY_NAME: Final = element(0xA4, _name(_attribute("2.5.4.3", 0x0C, b"x")))
_URI: Final = element(0x86, b"http://never-trust.invalid/")

# Object identifier and values of extensions, well-formed and not.
_EXTENSIONS: Final[tuple[tuple[str, tuple[bytes, ...]], ...]] = (
    (
        "2.5.29.19",  # basicConstraints
        (
            b"\x30\x00",
            b"\x30\x03" + _TRUE,
            *(
                b"\x30\x06" + _TRUE + b"\x02\x01" + bytes([length])
                for length in (0, 1, 2, 3, 0x7F, 0xFF)
            ),
            b"\x30\x03\x02\x01\x00",
            b"\x30\x03\x01\x01\x01",
            b"\x30\x03\x01\x01\x00",
            b"\x30\x0e" + _TRUE + b"\x02\x09" + b"\x01" * 9,
            b"\x30\x07" + _TRUE + b"\x02\x02\x00\x02",
        ),
    ),
    (
        "2.5.29.15",  # keyUsage
        tuple(
            bytes.fromhex(digits)
            for digits in (
                "03020106",
                "03020204",
                "03020780",
                "030206c0",
                "0303078680",
                "03020000",
                "030100",
                "0302078700",
                "030202fc",
                "0302010608",
            )
        ),
    ),
    (
        "2.5.29.37",
        (element(0x30, _oid("1.3.6.1.5.5.7.3.1")), element(0x30, _oid("2.5.29.37.0")), b"\x30\x00"),
    ),
    (
        "2.5.29.14",
        (element(0x04, _KEY_IDENTIFIER), element(0x04), element(0x04, bytes(200)), b"\x05\x00"),
    ),
    (
        "2.5.29.35",  # authorityKeyIdentifier
        (
            element(0x30, element(0x80, _KEY_IDENTIFIER)),
            b"\x30\x00",
            element(0x30, element(0xA1, _DIRECTORY_NAME), element(0x82, b"\x01")),
            element(
                0x30,
                element(0x80, _KEY_IDENTIFIER),
                element(0xA1, _DIRECTORY_NAME),
                element(0x82, b"\x01"),
            ),
        ),
    ),
    (
        "2.5.29.17",  # subjectAltName
        (
            element(0x30, element(0x82, b"never-trust.invalid")),
            element(0x30, element(0x82, b"*.invalid")),
            element(0x30, element(0x82, b"not a name\xff")),
            element(0x30, _URI),
            element(0x30, element(0x87, b"\x7f\x00\x00\x01")),
            element(0x30, element(0x87, b"\x7f")),
            element(0x30, _DIRECTORY_NAME),
            element(0x30, element(0x88, b"\x2a\x03")),
            element(0x30, element(0x81, b"a@b")),
            element(0x30, element(0xA0, _oid("1.2.3"), element(0xA0, element(0x0C, b"x")))),
            b"\x30\x00",
        ),
    ),
    (
        "2.5.29.18",
        (element(0x30, _URI), b"\x30\x00", element(0x30, element(0xA3, b""))),
    ),  # issuerAltName
    (
        "2.5.29.30",  # nameConstraints
        (
            element(0x30, element(0xA0, element(0x30, element(0x82, b"invalid")))),
            element(0x30, element(0xA1, element(0x30, element(0x87, bytes(8))))),
            b"\x30\x00",
        ),
    ),
    (
        "2.5.29.32",
        (
            element(0x30, element(0x30, _oid("2.5.29.32.0"))),
            element(0x30, element(0x30, _oid("1.2.3"))),
            b"\x30\x00",
        ),
    ),
    ("2.5.29.33", (element(0x30, element(0x30, _oid("1.2.3"), _oid("1.2.4"))), b"\x30\x00")),
    ("2.5.29.36", (element(0x30, element(0x80, b"\x00")), b"\x30\x00")),
    ("2.5.29.54", (b"\x02\x01\x00",)),
    (
        "2.5.29.31",
        (
            element(0x30, element(0x30, element(0xA0, element(0xA0, _URI)))),
            b"\x30\x00",
            element(0x30, b"\x30\x00"),
        ),
    ),
    ("2.5.29.46", (element(0x30, element(0x30, element(0xA0, element(0xA0, _URI)))),)),
    (
        "1.3.6.1.5.5.7.1.1",
        (element(0x30, element(0x30, _oid("1.3.6.1.5.5.7.48.1"), _URI)), b"\x30\x00"),
    ),
    (
        "1.3.6.1.5.5.7.1.11",
        (element(0x30, element(0x30, _oid("1.3.6.1.5.5.7.48.5"), _URI)), b"\x30\x00"),
    ),
    ("1.3.6.1.5.5.7.1.24", (b"\x30\x03\x02\x01\x05", b"\x30\x00")),  # TLS feature
    ("1.3.6.1.5.5.7.48.1.5", (b"\x05\x00", b"\x04\x00")),  # OCSP no check
    ("1.3.6.1.4.1.11129.2.4.3", (b"\x05\x00", b"\x04\x00")),  # precertificate poison
    (
        "1.3.6.1.4.1.11129.2.4.2",
        (element(0x04, b"\x00\x00"), b"\x04\x00"),
    ),  # list of certificate timestamps
    (
        "1.3.6.1.4.1.311.21.7",
        (element(0x30, _oid("1.2.3")), b"\x05\x00"),
    ),  # a template of Microsoft
    (
        "2.5.29.16",
        (element(0x30, element(0x80, b"20200101000000Z")), b"\x30\x00"),
    ),  # privateKeyUsagePeriod
    ("2.5.29.9", (b"\x30\x00",)),  # subjectDirectoryAttributes
    ("2.16.840.1.113730.1.1", (b"\x03\x02\x00\xff",)),  # a type of Netscape
    ("1.2.840.113533.7.65.0", (b"\x05\x00", b"")),
)
_TIMES: Final = (
    element(0x17, b"250101000000Z"),
    element(0x17, b"260103120000Z"),
    element(0x17, b"491231235959Z"),
    element(0x17, b"500101000000Z"),
    element(0x17, b"2501010000Z"),
    element(0x17, b"250101000000+0000"),
    element(0x18, b"20250101000000Z"),
    element(0x18, b"20500101000000Z"),
    element(0x18, b"99991231235959Z"),
    element(0x18, b"20500101000000.5Z"),
    element(0x18, b"20500230000000Z"),
    element(0x18, b"00000101000000Z"),
)
_SERIALS: Final = (
    b"",
    b"\x00",
    b"\x01",
    b"\xff",
    b"\x00\x01",
    b"\x00" + b"\xff" * 20,
    b"\x7f" * 20,
    b"\x7f" * 21,
    b"\x00\xff" * 11,
)
_VERSIONS: Final = (b"\x00", b"\x01", b"\x02", b"\x03", b"\x00\x02")
_VALUE_OF_NAME: Final = (0x0C, 0x13, 0x14, 0x16, 0x1E, 0x1C, 0x04, 0x03, 0x12, 0x30)
_EXTENSIONS_TAG: Final = 0xA3


def every_change() -> Iterator[tuple[str, Callable[[bytes], bytes]]]:
    """Return each change of the catalogue once, with a name that never changes."""
    for oid, values in _EXTENSIONS:
        for number, value in enumerate(values):
            for name, critical in (("critical", _TRUE), ("not critical", b"")):
                yield (
                    f"{oid}/{number}/{name}",
                    partial(_with_extension, oid=oid, critical=critical, value=value),
                )
        yield f"{oid}/absent", partial(_with_extension, oid=oid, critical=b"", value=None)
    for number, time in enumerate(_TIMES):
        for at in (0, 1):
            yield f"time/{at}/{number}", partial(_with_time, at=at, time=time)
    for serial in _SERIALS:
        yield f"serial/{serial.hex()}", partial(_with_field, at=1, field=element(0x02, serial))
    for version in _VERSIONS:
        yield (
            f"version/{version.hex()}",
            partial(_with_field, at=0, field=element(0xA0, element(0x02, version))),
        )


def _fields_of(part: bytes) -> list[bytes]:
    return [element(*field) for field in (split((split(part) or [(0, b"")])[0][1]) or [])]


def _with_field(part: bytes, *, at: int, field: bytes) -> bytes:
    fields = _fields_of(part)
    fields[at] = field
    return element(0x30, *fields)


def _with_time(part: bytes, *, at: int, time: bytes) -> bytes:
    times = [
        element(*found) for found in (split((split(_fields_of(part)[4]) or [(0, b"")])[0][1]) or [])
    ]
    times[at] = time
    return _with_field(part, at=4, field=element(0x30, *times))


def _with_extension(part: bytes, *, oid: str, critical: bytes, value: bytes | None) -> bytes:
    fields, known = _fields_of(part), _oid(oid)
    kept = [extension for extension in _extensions_of(fields) if known not in extension]
    made = [] if value is None else [element(0x30, known, critical, element(0x04, value))]
    return element(0x30, *fields[:7], element(_EXTENSIONS_TAG, element(0x30, *kept, *made)))


def mutate(part: bytes, chance: Random) -> bytes:
    """Change one field of a signed part in a way that the rules of certificates speak of."""
    fields = _fields_of(part)
    if len(fields) < 7:
        return part
    chance.choice(_CHANGES)(fields, chance)
    return element(0x30, *fields)


def _change_extensions(fields: list[bytes], chance: Random) -> None:
    extensions = _extensions_of(fields)
    oid, values = chance.choice(_EXTENSIONS)
    known = _oid(oid)
    others = [extension for extension in extensions if known not in extension]
    if chance.random() < 0.15:
        extensions = others
    else:
        critical = chance.choice((b"", b"", _TRUE, b"\x01\x01\x00"))
        made = element(0x30, known, critical, element(0x04, chance.choice(values)))
        extensions = [*(extensions if chance.random() < 0.1 else others), made]
    chance.shuffle(extensions)
    fields[7:] = (
        [element(_EXTENSIONS_TAG, element(0x30, *extensions))]
        if extensions or chance.random() < 0.5
        else []
    )


def _extensions_of(fields: list[bytes]) -> list[bytes]:
    node = read(fields[-1])
    if node is None or node.tag != _EXTENSIONS_TAG or not node.parts:
        return []
    return [extension.encoded() for extension in node.parts[0].parts or ()]


def _make_critical(fields: list[bytes], chance: Random) -> None:
    """Turn the criticality of one extension round."""
    extensions = _extensions_of(fields)
    if not extensions:
        return
    at = chance.randrange(len(extensions))
    node = read(extensions[at])
    if node is None or not node.parts or len(node.parts) < 2:
        return
    first, *_, last = node.parts
    critical = b"" if len(node.parts) == 3 else _TRUE
    extensions[at] = element(0x30, first.encoded(), critical, last.encoded())
    fields[7:] = [element(_EXTENSIONS_TAG, element(0x30, *extensions))]


def _change_times(fields: list[bytes], chance: Random) -> None:
    old = [element(*time) for time in (split((split(fields[4]) or [(0, b"")])[0][1]) or [])]
    times = (old + [_TIMES[0]] * 2)[:2]
    times[chance.randrange(2)] = chance.choice(_TIMES)
    fields[4] = element(0x30, *times)


def _change_serial(fields: list[bytes], chance: Random) -> None:
    fields[1] = element(0x02, chance.choice(_SERIALS))


def _change_version(fields: list[bytes], chance: Random) -> None:
    fields[0] = element(0xA0, element(0x02, chance.choice(_VERSIONS)))


def _change_name(fields: list[bytes], chance: Random) -> None:
    """Write a name anew; a neighbour no longer fits, unless it is the leaf's subject."""
    common_name = chance.choice(
        (
            b"i-0fa4e0fa4e0fa4e0f-enc0fa4e0fa4e0fa4e0.us-east-1.aws",
            b"x",
            b"\xff\xfe",
            b"x" * 65,
            b"",
        )
    )
    attributes = [_attribute("2.5.4.3", chance.choice(_VALUE_OF_NAME), common_name)]
    if chance.random() < 0.5:
        attributes.append(
            _attribute(
                chance.choice(("2.5.4.6", "2.5.4.10", "2.5.4.3", "1.2.3", "2.5.4.45")), 0x13, b"USA"
            )
        )
    fields[chance.choice((3, 5, 5, 5))] = _name(*attributes)


def _add_identifiers(fields: list[bytes], chance: Random) -> None:
    fields.insert(7, element(chance.choice((0x81, 0x82, 0xA1)), b"\x00\x01"))


_CHANGES: Final[tuple[Callable[[list[bytes], Random], None], ...]] = (
    *(_change_extensions,) * 8,
    *(_make_critical,) * 2,
    *(_change_times,) * 2,
    _change_serial,
    _change_version,
    *(_change_name,) * 2,
    _add_identifiers,
)
