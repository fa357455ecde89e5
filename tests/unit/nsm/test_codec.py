"""The codec of the Nitro Secure Module's protocol, held to the vectors and to mutated answers."""

import json
import time
from collections.abc import Callable
from functools import partial
from random import Random
from typing import Any, Final

import cbor2
import pytest

from fuzz import target_nsm
from nitro_attest.nsm import NsmDescription, NsmError, NsmErrorCode, PcrDescription, PcrDigest
from nitro_attest.nsm import _requests as requests
from nitro_attest.nsm._codec import RequestName, decode, decode_answer, encode, encode_request
from support.nsm_vectors import FOLDER, PAGE, Vector, files, page, vectors

VECTORS: Final = vectors()
MUTATIONS: Final = 100_000

every_vector = pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector.id)


def must_not_be_asked(_: bytes) -> bytes:
    """Stand for a device that must not be asked."""
    pytest.fail("the device was asked")


def code_of(call: Callable[[], object]) -> NsmErrorCode:
    """Return the code of the error that a call raises."""
    with pytest.raises(NsmError) as caught:
        call()
    assert caught.value.__cause__ is None
    return caught.value.code


# --- vectors ---


def test_the_files_are_the_generators() -> None:
    """Nobody has edited a vector by hand, and none is missing."""
    assert {file.name: file.read_text() for file in FOLDER.glob("*.json")} == files()


def test_the_page_shows_the_bytes() -> None:
    """docs/reference/nsm-protocol.md and the vectors say the same."""
    assert PAGE.read_text() == page()


def test_the_vectors_cover_every_request_and_error_code() -> None:
    """Seven requests, nine codes."""
    assert {vector.request for vector in VECTORS} == set(RequestName)
    assert {vector.expect for vector in VECTORS if isinstance(vector.expect, str)} == set(
        NsmErrorCode
    )


@every_vector
def test_a_request_has_the_bytes_of_its_vector(vector: Vector) -> None:
    """The bytes come from cbor2, which also reads them as we do."""
    request = encode_request(RequestName(vector.request), vector.fields)
    assert request == vector.request_bytes
    assert decode(request) == cbor2.loads(request)


@every_vector
def test_an_answer_is_read_as_its_vector_says(vector: Vector) -> None:
    """Fields, the code of the device, or an invalid response."""
    name = RequestName(vector.request)
    try:
        found: Any = decode_answer(name, vector.answer)
        if isinstance(vector.expect, str):
            requests.describe_pcr(lambda _: vector.answer, 16)
    except NsmError as error:
        found = str(error.code)
    assert found == vector.expect


def test_every_vector_can_be_read_from_its_file() -> None:
    """As a program in another language would, with nothing but the JSON."""
    for file in FOLDER.glob("*.json"):
        vector: Any = json.loads(file.read_text())
        request = vector["request"]
        fields = {
            name: value if value is None or isinstance(value, int) else bytes.fromhex(value["hex"])
            for name, value in request["fields"].items()
        }
        assert encode_request(RequestName(request["name"]), fields).hex() == request["hex"]
        assert ("error" in vector["answer"]) is not ("fields" in vector["answer"])


# --- typed results ---


def test_a_description_is_typed() -> None:
    """Every field of DescribeNSM has its place."""
    answer = next(vector.answer for vector in VECTORS if vector.id == "describe-nsm")
    assert requests.describe(lambda _: answer) == NsmDescription(
        version_major=1,
        version_minor=0,
        version_patch=0,
        module_id="i-0fa4e0fa4e0fa4e0f-enc0fa4e0fa4e0fa4e0",
        max_pcrs=32,
        locked_pcrs=frozenset(range(17)),
        digest=PcrDigest.SHA384,
    )


def test_a_pcr_is_typed() -> None:
    """Both fields of DescribePCR have their place."""
    answer = next(vector.answer for vector in VECTORS if vector.id == "describe-pcr")
    found = requests.describe_pcr(lambda _: answer, 0)
    assert found == PcrDescription(value=bytes(range(48)), locked=True)


GOOD: Final[dict[str, dict[str, Any]]] = {
    vector.request: vector.expect
    for vector in VECTORS
    if isinstance(vector.expect, dict) and not vector.id.startswith("encoding-")
}
CALLS: Final[dict[str, Callable[[requests.Exchange], object]]] = {
    "Attestation": lambda exchange: requests.attestation_document(
        exchange, public_key=None, user_data=None, nonce=None
    ),
    "DescribeNSM": requests.describe,
    "DescribePCR": lambda exchange: requests.describe_pcr(exchange, 16),
    "ExtendPCR": lambda exchange: requests.extend_pcr(exchange, 16, b"measured"),
    "GetRandom": requests.get_random,
}
WRONG: Final[dict[str, list[object]]] = {
    "document": [b"", "text", None],
    "random": [b"", 1, None],
    "data": [b"", bytes(47), "text", None],
    "lock": [0, None, "true"],
    "module_id": ["", b"id", None],
    "digest": ["SHA1", b"SHA384", 384, None, ["SHA384"]],
    "max_pcrs": [0x10000, True, "32", None],
    "version_major": [0x10000, None],
    "version_minor": [0x10000, None],
    "version_patch": [0x10000, None],
    "locked_pcrs": [0, None, [True], [0x10000], ["1"]],
}


@pytest.mark.parametrize(
    ("name", "field", "value"),
    [
        (name, field, value)
        for name in CALLS
        for field in GOOD[name]
        for value in (*WRONG[field], ...)
    ],
)
def test_a_field_that_is_wrong_or_missing_is_an_invalid_response(
    name: str, field: str, value: object
) -> None:
    """Empty entropy and empty documents are among what is wrong."""
    fields = {**GOOD[name], field: value}
    if value is ...:
        del fields[field]
    answer = cbor2.dumps({name: fields})
    assert code_of(lambda: CALLS[name](lambda _: answer)) is NsmErrorCode.INVALID_RESPONSE


# --- arguments ---


@pytest.mark.parametrize("value", [-1, 0x10000, True, 1.0, "1", None, 1 << 70])
def test_an_index_that_is_no_u16_is_an_invalid_argument(value: Any) -> None:
    """The device would blame something else, or wrap around."""
    calls: list[Callable[[], object]] = [
        lambda: requests.describe_pcr(must_not_be_asked, value),
        lambda: requests.extend_pcr(must_not_be_asked, value, b""),
        lambda: requests.lock_pcr(must_not_be_asked, value),
        lambda: requests.lock_pcrs(must_not_be_asked, value),
    ]
    for call in calls:
        assert code_of(call) is NsmErrorCode.INVALID_ARGUMENT


@pytest.mark.parametrize("value", ["text", bytearray(b"1"), 1, memoryview(b"1")])
def test_a_field_that_is_no_bytes_is_an_invalid_argument(value: Any) -> None:
    """Text would be sent as text, which QEMU takes and AWS may not."""
    calls: list[Callable[[], object]] = [
        lambda: requests.extend_pcr(must_not_be_asked, 16, value),
        *(
            partial(
                requests.attestation_document,
                must_not_be_asked,
                **{"public_key": None, "user_data": None, "nonce": None, name: value},
            )
            for name in ("public_key", "user_data", "nonce")
        ),
    ]
    for call in calls:
        assert code_of(call) is NsmErrorCode.INVALID_ARGUMENT


def test_absent_data_is_an_invalid_argument() -> None:
    """Null is for the optional fields of a document only."""
    untyped: Any = None
    found = code_of(lambda: requests.extend_pcr(must_not_be_asked, 16, untyped))
    assert found is NsmErrorCode.INVALID_ARGUMENT


@pytest.mark.parametrize("value", [-1, 1 << 64, 1.0, object()])
def test_what_has_no_encoding_is_an_invalid_argument(value: Any) -> None:
    """No exception but ours leaves the encoder."""
    assert code_of(lambda: encode(value)) is NsmErrorCode.INVALID_ARGUMENT


@pytest.mark.parametrize("value", [0, 23, 24, 255, 256, 65535, 65536, (1 << 32) - 1, 1 << 32])
def test_heads_are_the_shortest(value: int) -> None:
    """At every size where the head grows, as cbor2 writes it."""
    assert encode(value) == cbor2.dumps(value)
    assert decode(encode([value, {"a": value}])) == [value, {"a": value}]


# --- any bytes at all ---


def test_some_mutated_answers_give_a_result_or_an_error() -> None:
    """The same few thousand in every run."""
    run_mutations(2_000)


@pytest.mark.full
def test_mutated_answers_give_a_result_or_an_error() -> None:
    """The number that the library states."""
    run_mutations(MUTATIONS)


def run_mutations(number: int) -> None:
    """Change the seeds once or twice and hold the invariant of the fuzz target."""
    seeds, chance = target_nsm.seeds(), Random("answers")  # noqa: S311 - chance that can be repeated
    for _ in range(number):
        data = chance.choice(seeds)
        for _ in range(chance.randint(1, 2)):
            data = target_nsm.mutate(data, chance)
        target_nsm.one_input(data)


@pytest.mark.parametrize(
    "answer",
    [
        b"\x81" * 0x3000,
        b"\xa1\x60" * 0x1800,
        b"\x9f" * 0x3000,
        b"\x7f" + b"\x60" * 0x2FFE + b"\xff",
        b"\xbf" + b"".join(b"\x42%c%c\x00" % divmod(n, 256) for n in range(3000)) + b"\xff",
    ],
)
def test_hostile_structure_costs_little(answer: bytes) -> None:
    """Each is cut off after a bounded number of items; 2 s of CPU is a thousand times too much."""
    began = time.process_time()
    for _ in range(20):
        assert code_of(lambda: decode(answer)) is NsmErrorCode.INVALID_RESPONSE
    assert time.process_time() - began < 2
