"""Draw documents and policies from good and faulty parts.

A draw is mostly good, so that every rule is reached. Times, keys and the fake are fixed; what is
drawn is which part is which.
"""

from collections.abc import Mapping
from datetime import timedelta
from functools import cache
from random import Random
from typing import Any, Final

import cbor2
from hypothesis import reject
from hypothesis import strategies as st

from nitro_attest import (
    Absent,
    AnyEnclave,
    AnyNitroTpm,
    DebugEnclave,
    EnclaveMeasurements,
    Equals,
    FieldRule,
    FreshNonce,
    Measurements,
    NitroTpmMeasurements,
    NotChecked,
    Policy,
    PolicyError,
    Present,
    Reason,
    Sha384,
    TimestampOnly,
)
from nitro_attest.testing import ENCLAVE_MODULE_ID, NITRO_TPM_MODULE_ID, FakeChain, FakeNitro
from properties.rules import Call, Draft
from support.mutators.chains import NOW, SEED

FAKE: Final = FakeNitro(seed=SEED, now=NOW)
_OTHER: Final = FakeNitro(seed=SEED + b" of another", now=NOW)
NONCE: Final = bytes(range(32))
_NOW_MS: Final = int(NOW.timestamp() * 1000)
MAX_AGE: Final = timedelta(minutes=5)
_SKEW: Final = timedelta(seconds=30)
_WHY: Final = NotChecked("drawn")
_VALUES: Final = (b"\x01" * 48, b"\x02" * 48, bytes(48))
_MODULE_ID: Final = {"pcrs": ENCLAVE_MODULE_ID, "nitrotpm_pcrs": NITRO_TPM_MODULE_ID}
_NAMED: Final = {"pcrs": (0, 1, 2, 3, 4, 8), "nitrotpm_pcrs": (4, 7, 12)}

# Faulty values of each field; the model says which of them is what.
_OF_ANY_TYPE: Final[tuple[object, ...]] = (None, 0, 1.5, "", b"", "text", [], {}, True)
_FAULTY: Final[Mapping[str, tuple[object, ...]]] = {
    "module_id": (
        "i-0-encXYZ",
        "-enc0123456789abcdef",
        "x" * 241 + "-enc0123456789abcdef",
        "i\n-enc0123456789abcdef",
        NITRO_TPM_MODULE_ID,
    ),
    "digest": ("sha384", "SHA512", "SHA384 ", b"SHA384"),
    "timestamp": (
        *(_NOW_MS + ms for ms in (-300_000, -300_001, 30_000, 30_001, -3_600_000, 3_600_000)),
        *(0, -1, 2**64 - 1, 253_402_300_799_999, 253_402_300_800_000, float(_NOW_MS), str(_NOW_MS)),
    ),
    "certificate": (b"\x30\x00" * 513, b"\x30", [b""]),
    "cabundle": (
        [b"\x30\x00"],
        [b"\x30\x00"] * 9,
        [b"\x30\x00", b""],
        [b"\x30\x00", b"\x01" * 1025],
        [b"\x30\x00", "text"],
        (b"\x30\x00",),
    ),
    "public_key": (bytes(1024), bytes(1025), b"another key"),
    "user_data": (bytes(1024), bytes(1025), b"other data"),
    "nonce": (bytes(1024), bytes(1025), NONCE[:-1], NONCE + b"\0", NONCE.hex()),
}  # fmt: skip - one fault a line would be eighty lines
_FAULTY_INDEX: Final[tuple[object, ...]] = (32, -1, "0", b"\0", 1.5, 2**64 - 1)
_FAULTY_PCR: Final[tuple[object, ...]] = (
    b"",
    bytes(32),
    bytes(47),
    bytes(49),
    bytes(64),
    "00" * 48,
    None,
    0,
    [],
)


@cache
def _chains(module_id: str) -> tuple[tuple[FakeChain, Reason | None], ...]:
    """Return chains and what the model says of each."""
    good = FAKE.chain(module_id, NOW)
    other = _OTHER.chain(module_id, NOW)
    yesterday, tomorrow = (
        FAKE.chain(module_id, NOW + shift) for shift in (-timedelta(days=1), timedelta(days=1))
    )
    root, regional, zonal, instance = good.cabundle

    def bundle(*certificates: bytes) -> FakeChain:
        return FakeChain(certificates, good.certificate, good.leaf_key, good.authority_keys)

    return (
        (good, None),
        (other, Reason.CHAIN_UNKNOWN_ROOT),
        (yesterday, Reason.CHAIN_EXPIRED),
        (tomorrow, Reason.CHAIN_NOT_YET_VALID),
        (bundle(*other.cabundle), Reason.CHAIN_UNKNOWN_ROOT),
        (bundle(regional, root, zonal, instance), Reason.CHAIN_UNKNOWN_ROOT),
        (bundle(root, zonal, regional, instance), Reason.CHAIN_ISSUER),
        (bundle(root, regional, zonal), Reason.CHAIN_ISSUER),
        (bundle(root, regional, instance), Reason.CHAIN_ISSUER),
        (bundle(root, root, regional, zonal, instance), Reason.CHAIN_ISSUER),
        (bundle(root, regional, zonal, instance, instance), Reason.CHAIN_ISSUER),
        (bundle(root, regional, zonal, instance[:-1]), Reason.CHAIN_CERTIFICATE),
        (bundle(root, regional, zonal, _with_bad_signature(instance)), Reason.CHAIN_SIGNATURE),
        (
            FakeChain(good.cabundle, other.certificate, other.leaf_key, other.authority_keys),
            Reason.CHAIN_SIGNATURE,
        ),
    )


def _with_bad_signature(certificate: bytes) -> bytes:
    """Change the last bit, which is one of the signature's s."""
    return certificate[:-1] + bytes([certificate[-1] ^ 1])


_FAULTS: Final = st.one_of(
    st.sampled_from(("chain", "signature")),
    st.sampled_from(("timestamp", "nonce", "pcrs", "public_key", "user_data")),
    st.sampled_from((*_FAULTY, "name", "kind", "unknown", "pcrs")),
)


@st.composite
def drafts(draw: st.DrawFn) -> tuple[Draft, FakeChain]:
    """Draw a document, good but for up to three faults, and the chain to sign it with."""
    name = draw(st.sampled_from(tuple(_MODULE_ID)))
    faults = set(
        draw(
            st.sampled_from((0, 1, 1, 2)).flatmap(
                lambda count: st.lists(_FAULTS, min_size=count, max_size=count)
            )
        )
    )
    chain, chain_fault = (
        draw(st.sampled_from(_chains(_MODULE_ID[name])))
        if "chain" in faults
        else _chains(_MODULE_ID[name])[0]
    )
    fields: dict[object, Any] = {
        "module_id": _MODULE_ID[name],
        "digest": "SHA384",
        "timestamp": _NOW_MS - draw(st.integers(0, 300_000)),
        name: draw(_pcrs(_NAMED[name], "pcrs" in faults)),
        "certificate": chain.certificate,
        "cabundle": list(chain.cabundle),
        "public_key": draw(st.sampled_from((None, b"", b"key"))),
        "user_data": draw(st.sampled_from((None, b"", b"data"))),
        "nonce": NONCE,
    }
    if "kind" in faults:
        faults.discard(
            "module_id"
        )  # together they could make a good document of the other kind, under the wrong leaf
    if "certificate" in faults and chain_fault is not Reason.CHAIN_UNKNOWN_ROOT:
        chain_fault = Reason.CHAIN_CERTIFICATE  # the root is looked at first
    for field in sorted(faults & _FAULTY.keys()):
        fields[field] = draw(st.sampled_from((*_FAULTY[field], *_OF_ANY_TYPE)))
        if draw(st.booleans()) and fields[field] is None:
            del fields[field]
    if isinstance(fields.get("cabundle"), tuple):
        fields["cabundle"] = list(fields["cabundle"])
    if "name" in faults:
        fields[draw(st.sampled_from((0, b"pcrs", None)))] = 1
    if "kind" in faults:
        fields[next(other for other in _MODULE_ID if other != name)] = draw(
            st.sampled_from(({0: bytes(48)}, None))
        )
        if draw(st.booleans()):
            del fields[name]
    if "unknown" in faults:
        fields["a field of tomorrow"] = draw(st.sampled_from((None, 1, [])))
    return Draft(
        fields, chain_fault, Reason.SIGNATURE_INVALID if "signature" in faults else None
    ), chain


def _pcrs(named: tuple[int, ...], faulty: bool) -> st.SearchStrategy[Any]:  # noqa: FBT001 - private, and a fact about the draw
    values = st.sampled_from((*_VALUES[:1] * 5, *_VALUES))
    good = st.dictionaries(st.integers(0, 31), values, max_size=8).flatmap(
        lambda others: st.tuples(*(values for _ in named)).map(
            lambda drawn: {**others, **dict(zip(named, drawn, strict=True))}
        )
    )
    if not faulty:
        return good
    return st.one_of(
        st.dictionaries(st.integers(0, 31), values),
        st.just({index: bytes(48) for index in range(33)}),
        st.sampled_from(_OF_ANY_TYPE),
        st.tuples(good, st.sampled_from(_FAULTY_INDEX), values).map(
            lambda it: {**it[0], it[1]: it[2]}
        ),
        st.tuples(good, st.integers(0, 31), st.sampled_from(_FAULTY_PCR)).map(
            lambda it: {**it[0], it[1]: it[2]}
        ),
    )


def encoded(draft: Draft, chain: FakeChain, chance: Random | None = None) -> bytes:
    """Encode and sign a draft; with a source of chance the keys of its maps stand in any order."""
    fields = draft.fields
    if chance is not None:
        fields = _shuffled(fields, chance)
        if type(fields.get(draft.pcr_map)) is dict:
            fields[draft.pcr_map] = _shuffled(fields[draft.pcr_map], chance)
    doc = FAKE.sign(cbor2.dumps(fields, indefinite_containers=chance is not None), chain)
    return doc[:-1] + bytes([doc[-1] ^ 1]) if draft.signature_fault else doc


def _shuffled(value: dict[object, Any], chance: Random) -> dict[object, Any]:
    items = list(value.items())
    chance.shuffle(items)
    return dict(items)


_ENCLAVE_PCRS: Final = (
    "pcr0_image",
    "pcr1_kernel",
    "pcr2_application",
    "pcr3_iam_role",
    "pcr4_instance_id",
    "pcr8_signing_certificate",
)
_NITRO_TPM_PCRS: Final = ("pcr4_boot_manager", "pcr7_secure_boot", "pcr12_command_line")
_RULES_OF_UNKNOWN_FIELDS: Final[tuple[Absent | NotChecked, ...]] = (Absent(), _WHY)
_RULES_OF_FIELDS: Final[tuple[FieldRule, ...]] = (
    _WHY,
    _WHY,
    Present(),
    Absent(),
    Equals(b""),
    Equals(b"key"),
    Equals(b"data"),
)


@st.composite
def cases(draw: st.DrawFn) -> tuple[Draft, FakeChain, Call]:
    """Draw a document and, mostly for the same kind, what the relying party brings."""
    draft, chain = draw(drafts())
    kinds = tuple(_MODULE_ID)
    return draft, chain, draw(calls(draw(st.sampled_from((*(draft.pcr_map,) * 8, *kinds)))))


@st.composite
def calls(draw: st.DrawFn, kind: str) -> Call:
    """Draw a policy and what goes with it, mostly one that good documents meet."""
    nonce = draw(st.sampled_from((NONCE, NONCE, None)))
    try:
        policy = Policy(
            measurements=draw(_sets(kind)),
            freshness=FreshNonce(max_age=MAX_AGE, max_clock_skew=_SKEW)
            if nonce
            else TimestampOnly(because="drawn", max_age=MAX_AGE, max_clock_skew=_SKEW),
            public_key=draw(st.sampled_from(_RULES_OF_FIELDS)),
            user_data=draw(st.sampled_from(_RULES_OF_FIELDS)),
            unknown_fields=draw(st.sampled_from(_RULES_OF_UNKNOWN_FIELDS)),
            trust_anchor=FAKE.trust_anchor,
        )
    except PolicyError:
        reject()
    return Call(policy, nonce, NOW)


def _sets(kind: str) -> st.SearchStrategy[tuple[Measurements, ...]]:
    rule = st.sampled_from([_WHY, *(Sha384(value) for value in (*_VALUES[:1] * 5, *_VALUES))])
    others = st.dictionaries(
        st.sampled_from((5, 16, 31)),
        st.sampled_from([Sha384(value) for value in _VALUES]),
        max_size=1,
    )
    others_of_set = others.map(lambda drawn: tuple(drawn.items()))
    if kind == "pcrs":
        sets = st.builds(
            _build_enclave, st.fixed_dictionaries(dict.fromkeys(_ENCLAVE_PCRS, rule)), others_of_set
        )
        several = st.lists(sets, min_size=1, max_size=3).map(tuple)
        return st.one_of(
            several,
            several,
            st.just((AnyEnclave("drawn"),)),
            st.just((DebugEnclave("drawn"),)),
        )
    pinned = st.fixed_dictionaries(dict.fromkeys(_NITRO_TPM_PCRS, rule))
    sets = st.builds(_build_nitro_tpm, pinned, others_of_set)
    return st.one_of(
        st.lists(sets, min_size=1, max_size=3).map(tuple), st.just((AnyNitroTpm("drawn"),))
    )


def _build_enclave(pinned: dict[str, Any], others: tuple[tuple[int, Sha384], ...]) -> Measurements:
    try:
        return EnclaveMeasurements(label="drawn", other_pcrs=others, **pinned)
    except PolicyError:
        reject()


def _build_nitro_tpm(
    pinned: dict[str, Any], others: tuple[tuple[int, Sha384], ...]
) -> Measurements:
    try:
        return NitroTpmMeasurements(label="drawn", other_pcrs=others, **pinned)
    except PolicyError:
        reject()
