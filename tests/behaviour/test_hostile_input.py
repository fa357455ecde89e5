"""Whatever the bytes are, only a `VerificationError` comes out, and soon."""

import sys
import time
from contextlib import suppress

import cbor2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nitro_attest import AnyEnclave, NotChecked, Policy, VerificationError, read_unverified, verify
from support import certificates as forge
from support.captured import GENUINE, PRODUCTION, Genuine, policy_for

EXAMPLES = 200 if sys.flags.optimize else 2_000  # under -O the suite runs a second time
# the bound that is promised, in the thread's own CPU time, so that a busy machine does not count
SLOWEST_SECONDS = 0.05
WAIVED = NotChecked("a test")
CHAIN = forge.chain()
POLICY = Policy(
    measurements=(AnyEnclave("a test"),),
    freshness=policy_for(AnyEnclave("a test")).freshness,
    public_key=WAIVED,
    user_data=WAIVED,
    trust_anchor=forge.anchor(CHAIN[0]),
)
hostile = settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    derandomize=True,
)


def _seconds(doc: bytes, policy: Policy) -> float:
    started = time.thread_time()
    try:
        verify(doc, policy, now=forge.NOW)
    except VerificationError as refusal:
        text = str(refusal)
        assert text.isprintable()
        assert len(text) < 10_000
    return time.thread_time() - started


def _assert_bounded(doc: bytes, policy: Policy = POLICY) -> None:
    """Only a typed refusal or a result, in bounded time and with a bounded, printable text."""
    if _seconds(doc, policy) > SLOWEST_SECONDS:  # once may be the garbage collector
        assert min(_seconds(doc, policy), _seconds(doc, policy)) <= SLOWEST_SECONDS
    with suppress(VerificationError):
        read_unverified(doc)


@hostile
@given(st.binary(max_size=2_000))
def test_random_bytes(doc: bytes) -> None:
    """Bytes of no form at all."""
    _assert_bounded(doc)


@hostile
@given(st.binary(max_size=2_000))
def test_random_payloads(payload: bytes) -> None:
    """Bytes of no form at all in a well-signed envelope."""
    _assert_bounded(forge.envelope(payload or b"\0"))


ATOMS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**65), 2**65)
    | st.floats()
    | st.text(max_size=20)
    | st.binary(max_size=60)
    | st.sampled_from(
        [
            cbor2.undefined,
            cbor2.CBORTag(0, "x"),
            cbor2.CBORTag(28, 1),
            cbor2.CBORSimpleValue(99),
            bytes(48),
        ]
    )
)
VALUES = st.recursive(
    ATOMS,
    lambda inner: (
        st.lists(inner, max_size=5)
        | st.dictionaries(
            st.integers(-2, 40) | st.text(max_size=5) | st.binary(max_size=5), inner, max_size=5
        )
    ),
    max_leaves=12,
)
NAMES = st.sampled_from([*forge.payload(CHAIN), "nitrotpm_pcrs", "surprise"])


@hostile
@given(st.dictionaries(NAMES, VALUES, max_size=4), st.lists(NAMES, max_size=2))
def test_mutated_cbor(changes: dict[str, object], dropped: list[str]) -> None:
    """Fields replaced by values of any type, or dropped, in a well-signed document."""
    fields = {
        name: value
        for name, value in forge.payload(CHAIN, **changes).items()
        if name not in dropped
    }
    _assert_bounded(forge.document(fields))


@hostile
@given(st.sampled_from(GENUINE), st.data())
def test_mutated_genuine_documents(genuine: Genuine, data: st.DataObject) -> None:
    """Bytes of a genuine document replaced, inserted or cut."""
    doc = bytearray(genuine.doc)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(doc) - 1))
        doc[at : at + data.draw(st.integers(0, 4))] = data.draw(st.binary(max_size=4))
    _assert_bounded(bytes(doc), policy_for(AnyEnclave("a test")))


@hostile
@given(st.integers(1, 4), st.data())
def test_mutated_der(place: int, data: st.DataObject) -> None:
    """Bytes of one certificate replaced, inserted or cut, the document around it well signed."""
    certificates = list(CHAIN)
    mutant = bytearray(certificates[place])
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(mutant) - 1))
        mutant[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
    certificates[place] = bytes(mutant)
    _assert_bounded(forge.document(forge.payload(certificates)))


@hostile
@given(
    st.integers(1, 4),
    st.sampled_from(["serial", "issuer", "subject", "public_key", "not_before", "after_key"]),
    st.data(),
)
def test_mutated_der_that_is_signed(place: int, part: str, data: st.DataObject) -> None:
    """Change one part of a certificate before it is signed, so that more than syntax is met."""

    def edit(spec: forge.Spec) -> forge.Spec:
        mutant = bytearray(getattr(spec, part)) or bytearray(b"\0")
        at = data.draw(st.integers(0, len(mutant) - 1))
        mutant[at : at + data.draw(st.integers(0, 2))] = data.draw(st.binary(max_size=2))
        return forge.swap(**{part: bytes(mutant)})(spec)

    _assert_bounded(forge.document(forge.payload(forge.chain({place: edit}))))


@hostile
@given(
    st.integers(1, 4),
    st.lists(
        st.tuples(st.integers(1, 60), st.binary(max_size=40), st.none() | st.booleans()), max_size=4
    ),
)
def test_random_extensions_that_are_signed(
    place: int, made: list[tuple[int, bytes, bool | None]]
) -> None:
    """Extensions of known kinds with any content, in a certificate that is otherwise good."""
    extensions = tuple(
        forge.extension(arc, value, critical=critical) for arc, value, critical in made
    )

    def edit(spec: forge.Spec) -> forge.Spec:
        return forge.swap(extensions=(*spec.extensions, *extensions))(spec)

    _assert_bounded(forge.document(forge.payload(forge.chain({place: edit}))))


@pytest.mark.parametrize(
    "doc",
    [
        b"\x81" * 20_480,
        b"\x9f" * 20_480,
        b"\xbf" * 20_480,
        b"\xa1\x00" * 10_000,
        b"\xc2" * 20_000,
        b"\xd8\x1c" * 10_000,
        b"\x5f" + b"\x40" * 20_000,
        b"\x7f" + b"\x61\x61" * 10_000,
        b"\x9a\xff\xff\xff\xff" + b"\0" * 20_000,
        b"\x84" + b"\xff" * 20_000,
    ],
    ids=lambda doc: doc[:3].hex(),
)
def test_documents_made_to_be_slow(doc: bytes) -> None:
    """Deep nesting, endless chunks, huge claims: as a whole, and inside a well-signed envelope."""
    _assert_bounded(doc)
    _assert_bounded(forge.envelope(doc[:16_384]))


def test_a_bundle_of_look_alikes_costs_no_search() -> None:
    """Eight CA certificates with one name and key are rejected by rules, not by signatures."""
    specs = forge.specs()
    same = forge.swap(
        subject=specs[1].subject, issuer=specs[1].subject, public_key=specs[1].public_key
    )(specs[1]).encode()
    _assert_bounded(forge.document(forge.payload([CHAIN[0], *[same] * 7, CHAIN[-1]])))


def test_warnings_turned_into_errors_stay_inside() -> None:
    """A serial of zero makes cryptography warn, and must not get that far.

    The whole suite runs with warnings as errors.
    """
    for serial in (forge.integer(0), forge.integer(-5)):
        certificates = forge.chain({2: forge.swap(serial=serial)})
        with pytest.raises(VerificationError):
            verify(forge.document(forge.payload(certificates)), POLICY, now=forge.NOW)


def test_the_production_document_stays_good() -> None:
    """The mutations above start from documents that are accepted."""
    verify(PRODUCTION.doc, policy_for(PRODUCTION.measurements), now=PRODUCTION.time)
    verify(forge.document(forge.payload(CHAIN)), POLICY, now=forge.NOW)
