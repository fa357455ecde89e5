"""The vectors of the NSM's protocol: the bytes of each request and answer, for any language.

The bytes are made by cbor2 or written out, never by the library. Running this file as a program
writes tests/vectors/nsm and the table of docs/reference/nsm-protocol.md; a test holds both to it.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import cbor2

ROOT: Final = Path(__file__).parent.parent.parent
FOLDER: Final = ROOT / "tests" / "vectors" / "nsm"
PAGE: Final = ROOT / "docs" / "reference" / "nsm-protocol.md"
BEGIN: Final = "<!-- the table: python tests/support/nsm_vectors.py -->"
END: Final = "<!-- end of the table -->"

Fields = dict[str, Any]

MODULE_ID: Final = "i-0fa4e0fa4e0fa4e0f-enc0fa4e0fa4e0fa4e0"
PCR: Final = bytes(range(48))
DESCRIPTION: Final = {
    "version_major": 1,
    "version_minor": 0,
    "version_patch": 0,
    "module_id": MODULE_ID,
    "max_pcrs": 32,
    "locked_pcrs": list(range(17)),
    "digest": "SHA384",
}
ERRORS: Final = (
    "Success",
    "InvalidArgument",
    "InvalidIndex",
    "InvalidResponse",
    "ReadOnlyIndex",
    "InvalidOperation",
    "BufferTooSmall",
    "InputTooLarge",
    "InternalError",
)


@dataclass(frozen=True, kw_only=True)
class Vector:
    """One exchange: a request, the bytes of an answer, and what a client makes of them."""

    id: str
    description: str
    request: str
    fields: Fields
    answer: bytes
    expect: Fields | str  # the fields of the answer, or the error code that a client reports

    @property
    def request_bytes(self) -> bytes:
        """The request in the shortest form."""
        return cbor2.dumps({self.request: self.fields} if self.fields else self.request)

    def to_json(self) -> Fields:
        """Return what the file holds."""
        expect = (
            {"error": self.expect}
            if isinstance(self.expect, str)
            else {"fields": _plain(self.expect)}
        )
        return {
            "id": self.id,
            "description": self.description,
            "request": {
                "name": self.request,
                "fields": _plain(self.fields),
                "hex": self.request_bytes.hex(),
            },
            "answer": {"hex": self.answer.hex(), **expect},
        }


def vectors() -> list[Vector]:
    """Return all vectors: good exchanges, the nine error codes, other encodings, bad answers."""
    return [*_good(), *_errors(), *_encodings(), *_bad()]


def _good() -> list[Vector]:
    document = bytes.fromhex("8444a1013822a0")
    fields: Fields = {"user_data": b"user data", "nonce": bytes(range(16)), "public_key": b"key"}
    absent: Fields = {"user_data": None, "nonce": None, "public_key": None}
    rows: list[tuple[str, str, str, Fields, Fields]] = [
        (
            "attestation",
            "A document with all three fields.",
            "Attestation",
            fields,
            {"document": document},
        ),
        (
            "attestation-without-fields",
            "A document without any of them.",
            "Attestation",
            absent,
            {"document": document},
        ),
        (
            "describe-nsm",
            "The module's description, with PCR0 to PCR16 locked.",
            "DescribeNSM",
            {},
            DESCRIPTION,
        ),
        ("describe-pcr", "A locked PCR.", "DescribePCR", {"index": 0}, {"lock": True, "data": PCR}),
        (
            "describe-pcr-31",
            "The last PCR, not locked; its index takes two bytes.",
            "DescribePCR",
            {"index": 31},
            {"lock": False, "data": bytes(48)},
        ),
        (
            "extend-pcr",
            "The new value of a PCR.",
            "ExtendPCR",
            {"index": 16, "data": b"measured"},
            {"data": PCR},
        ),
        (
            "get-random",
            "Random bytes of the device; it sends 256, here are 32.",
            "GetRandom",
            {},
            {"random": bytes(range(32))},
        ),
    ]
    lock = ("lock-pcr", "A PCR was locked.", "LockPCR", {"index": 16})
    locks = ("lock-pcrs", "PCR0 to PCR31 were locked.", "LockPCRs", {"range": 32})
    return [
        *(
            Vector(
                id=name,
                description=description,
                request=request,
                fields=given,
                answer=cbor2.dumps({request: answer}),
                expect=answer,
            )
            for name, description, request, given, answer in rows
        ),
        *(
            Vector(
                id=name,
                description=description,
                request=request,
                fields=given,
                answer=cbor2.dumps(request),
                expect={},
            )
            for name, description, request, given in (lock, locks)
        ),
    ]


def _errors() -> list[Vector]:
    return [
        Vector(
            id=f"error-{_dashed(code)}",
            description=f"The device rejects the request with {code}.",
            request="ExtendPCR",
            fields={"index": 16, "data": b"measured"},
            answer=cbor2.dumps({"Error": code}),
            expect=code,
        )
        for code in ERRORS
    ]


def _encodings() -> list[Vector]:
    """Answers in forms that no device was seen to use, but that mean the same."""
    value: Fields = {"lock": False, "data": PCR}
    name, data, lock = (cbor2.dumps(text) for text in ("DescribePCR", "data", "lock"))
    pcr = cbor2.dumps(PCR)
    rows = [
        (
            "indefinite-maps",
            "Maps of indefinite length.",
            b"\xbf" + name + b"\xbf" + lock + b"\xf4" + data + pcr + b"\xff\xff",
        ),
        (
            "other-order",
            "The fields in another order.",
            b"\xa1" + name + b"\xa2" + data + pcr + lock + b"\xf4",
        ),
        (
            "long-heads",
            "Lengths in more bytes than they need.",
            b"\xb9\x00\x01"
            + name
            + b"\xb8\x02"
            + lock
            + b"\xf4"
            + data
            + b"\x5a\x00\x00\x00\x30"
            + PCR,
        ),
        (
            "string-in-chunks",
            "A byte string in two chunks.",
            b"\xa1"
            + name
            + b"\xa2"
            + lock
            + b"\xf4"
            + data
            + b"\x5f\x58\x20"
            + PCR[:32]
            + b"\x50"
            + PCR[32:]
            + b"\xff",
        ),
        (
            "unknown-field",
            "A field of a newer module.",
            b"\xa1"
            + name
            + b"\xa3"
            + lock
            + b"\xf4"
            + data
            + pcr
            + cbor2.dumps("new")
            + b"\x81\xf6",
        ),
    ]
    return [
        Vector(
            id=f"encoding-{name}",
            description=description,
            request="DescribePCR",
            fields={"index": 16},
            answer=answer,
            expect={**value, "new": [None]} if name == "unknown-field" else value,
        )
        for name, description, answer in rows
    ]


def _bad() -> list[Vector]:
    good = cbor2.dumps({"DescribePCR": {"lock": False, "data": PCR}})
    named = b"\xa1" + cbor2.dumps("DescribePCR")
    rows = [
        ("empty", "No bytes.", b""),
        ("truncated", "The last byte is missing.", good[:-1]),
        ("trailing", "One byte too many.", good + b"\x00"),
        (
            "other-request",
            "An answer to another request.",
            cbor2.dumps({"ExtendPCR": {"data": PCR}}),
        ),
        ("bare-name", "A name alone, where fields are needed.", cbor2.dumps("DescribePCR")),
        (
            "two-answers",
            "A map with two entries.",
            b"\xa2" + good[1:] + cbor2.dumps("Error") + cbor2.dumps("InternalError"),
        ),
        ("array", "An array in place of the fields.", named + b"\x82\xf4" + cbor2.dumps(PCR)),
        ("field-missing", "No `lock`.", named + b"\xa1" + cbor2.dumps("data") + cbor2.dumps(PCR)),
        (
            "field-twice",
            "`lock` twice.",
            named
            + b"\xa3"
            + 2 * (cbor2.dumps("lock") + b"\xf4")
            + cbor2.dumps("data")
            + cbor2.dumps(PCR),
        ),
        (
            "lock-is-a-number",
            "`lock` is 0 in place of false.",
            named + cbor2.dumps({"lock": 0, "data": PCR}),
        ),
        ("data-is-text", "`data` is text.", named + cbor2.dumps({"lock": False, "data": "p" * 48})),
        (
            "data-too-short",
            "`data` has 47 bytes.",
            named + cbor2.dumps({"lock": False, "data": PCR[:47]}),
        ),
        ("array-as-key", "A map key that is an array.", named + b"\xa1\x81\x00\x00"),
        ("number-as-key", "A map key that is a number.", named + b"\xa1\x00\x00"),
        ("tag", "A tag in front.", b"\xc0" + good),
        (
            "float",
            "A float in place of `lock`.",
            named
            + b"\xa2"
            + cbor2.dumps("lock")
            + b"\xf9\x00\x00"
            + cbor2.dumps("data")
            + cbor2.dumps(PCR),
        ),
        (
            "negative",
            "A negative number in place of `lock`.",
            named
            + b"\xa2"
            + cbor2.dumps("lock")
            + b"\x20"
            + cbor2.dumps("data")
            + cbor2.dumps(PCR),
        ),
        (
            "undefined",
            "The simple value undefined.",
            named
            + b"\xa2"
            + cbor2.dumps("lock")
            + b"\xf7"
            + cbor2.dumps("data")
            + cbor2.dumps(PCR),
        ),
        ("reserved-head", "A head that CBOR reserves.", b"\xbc"),
        ("no-break", "A map of indefinite length without its end.", b"\xbf" + good[1:]),
        ("break", "A break where a value belongs.", named + b"\xff"),
        (
            "chunk-of-text",
            "A chunk of text in a byte string.",
            named + b"\xa1" + cbor2.dumps("data") + b"\x5f\x61a\xff",
        ),
        ("not-utf8", "A name that is not UTF-8.", b"\xa1\x61\xff\xa0"),
        ("huge-string", "A byte string that claims 2^64 - 1 bytes.", b"\x5b" + b"\xff" * 8),
        ("huge-array", "An array that claims 2^32 - 1 items.", b"\x9a" + b"\xff" * 4 + b"\x00"),
        ("deep", "Arrays in arrays, a hundred deep.", b"\x81" * 100 + b"\x00"),
        ("many-items", "An array of 1,000 items.", b"\x99\x03\xe8" + bytes(1000)),
        (
            "unknown-error",
            "An error code that the API does not have.",
            cbor2.dumps({"Error": "NoSuchCode"}),
        ),
        ("error-is-a-number", "An error code that is a number.", cbor2.dumps({"Error": 3})),
    ]
    return [
        Vector(
            id=f"bad-{name}",
            description=description,
            request="DescribePCR",
            fields={"index": 16},
            answer=answer,
            expect="InvalidResponse",
        )
        for name, description, answer in rows
    ]


def files() -> dict[str, str]:
    """Return every file of the folder with its content."""
    return {
        f"{vector.id}.json": json.dumps(vector.to_json(), indent=1) + "\n" for vector in vectors()
    }


def table() -> str:
    """Return the table of the page: the good exchanges and the error codes."""
    lines = ["| exchange | bytes |", "|---|---|"]
    for vector in (*_good(), *_errors()):
        lines += [
            f"| `{vector.id}`: {vector.description} | request `{vector.request_bytes.hex()}` |",
            f"| | answer `{vector.answer.hex()}` |",
        ]
    return "\n".join(lines)


def page() -> str:
    """Return the page with the table as it must be."""
    before, _, rest = PAGE.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n\n{table()}\n\n{END}{after}"


def _plain(fields: Fields) -> Fields:
    """Write byte strings as {"hex": ...}, which JSON can carry."""
    return {
        name: {"hex": value.hex()} if isinstance(value, bytes) else value
        for name, value in fields.items()
    }


def _dashed(code: str) -> str:
    return "".join(f"-{letter.lower()}" if letter.isupper() else letter for letter in code).strip(
        "-"
    )


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for file in FOLDER.glob("*.json"):
        file.unlink()
    for file_name, content in files().items():
        (FOLDER / file_name).write_text(content)
    PAGE.write_text(page())
