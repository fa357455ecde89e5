"""Chains with one certificate changed and signed again by the right key.

A rule must reject them, never the signature.
"""

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fuzz import target_chain
from nitro_attest import PolicyError, Reason, VerificationError, verify
from support.mutators import chains, der

EXAMPLES = 1200
YEAR_0 = der.element(0x18, b"00000101000000Z")
IN_UTC = der.element(0x17, b"260103120000Z")


@settings(max_examples=EXAMPLES, deadline=None)
@given(st.integers(0, 4), st.integers(1, 3), st.randoms(use_true_random=False))
def test_a_good_signature_is_never_blamed(place: int, changes: int, chance: Random) -> None:
    """`chain.signature` is given only for a bad signature; what is accepted keeps the rules.

    See the fuzz target.
    """
    data = bytes([place]) + chains.signed_part(chains.fake_chain_at_now().certificates[place])
    for _ in range(changes):
        data = target_chain.mutate(data, chance)
    target_chain.one_input(data)


@pytest.mark.parametrize("place", range(1, 5))
@pytest.mark.parametrize("times", [YEAR_0 + IN_UTC, IN_UTC + YEAR_0])
def test_the_year_0_is_refused(place: int, times: bytes) -> None:
    """GeneralizedTime can write a year that `datetime` cannot hold."""
    assert (
        _verdict(place, lambda fields: [*fields[:4], der.element(0x30, times), *fields[5:]])
        is Reason.CHAIN_CERTIFICATE
    )


def test_the_year_0_is_refused_in_an_anchor() -> None:
    """A trust anchor is held to the same rule when it is made."""
    chain = _changed(
        0, lambda fields: [*fields[:4], der.element(0x30, YEAR_0 + IN_UTC), *fields[5:]]
    )

    with pytest.raises(PolicyError) as refusal:
        chains.anchor_of(chain)

    assert refusal.value.field == "TrustAnchor.certificate"


ALTERNATIVE_NAMES = bytes.fromhex("0603551d11")
INFORMATION_ACCESS = bytes.fromhex("06082b06010505070101")
OCSP, OTHER_METHOD = bytes.fromhex("06082b06010505073001"), bytes.fromhex("06032a0304")
PLACE_TO_ASK = der.element(0x86, b"http://never-trust.invalid/")
UNREADABLE = [
    (ALTERNATIVE_NAMES, der.element(0x82, b"never-trust\xff")),
    (ALTERNATIVE_NAMES, der.element(0x87, b"\x7f")),
    (ALTERNATIVE_NAMES, der.element(0xA4, b"")),
    (INFORMATION_ACCESS, der.element(0x30, OCSP, der.element(0x86, b"\xff"))),
    (INFORMATION_ACCESS, der.element(0x30, OTHER_METHOD, PLACE_TO_ASK)),
    (INFORMATION_ACCESS, der.element(0x30, OCSP[:-1] + b"\x81", PLACE_TO_ASK)),
    (INFORMATION_ACCESS, der.element(0x30, OCSP)),
    (INFORMATION_ACCESS, der.element(0x30, OCSP, PLACE_TO_ASK, PLACE_TO_ASK)),
    (INFORMATION_ACCESS, der.element(0x30)),
]


@pytest.mark.parametrize("place", range(1, 5))
@pytest.mark.parametrize(("oid", "value"), UNREADABLE)
def test_names_that_path_validation_cannot_read_are_refused_as_such(
    place: int, oid: bytes, value: bytes
) -> None:
    """They are no bad signature, which is what path validation would make of some of them."""
    extension = der.element(0x30, oid, der.element(0x04, der.element(0x30, value)))

    assert (
        _verdict(place, lambda fields: _with_extension(fields, extension)) is Reason.CHAIN_EXTENSION
    )


@pytest.mark.parametrize("place", range(1, 5))
@pytest.mark.parametrize(
    ("oid", "value"),
    [
        (ALTERNATIVE_NAMES, PLACE_TO_ASK),
        (INFORMATION_ACCESS, der.element(0x30, OCSP, PLACE_TO_ASK)),
    ],
)
def test_plain_names_change_nothing(place: int, oid: bytes, value: bytes) -> None:
    """Names in ASCII are neither evaluated nor refused."""
    extension = der.element(0x30, oid, der.element(0x04, der.element(0x30, value)))
    chain = _changed(place, lambda fields: _with_extension(fields, extension))

    assert _accepted(chain)


@pytest.mark.parametrize("place", range(1, 5))
def test_a_tls_feature_without_a_name_changes_nothing(place: int) -> None:
    """To such an extension cryptography answers with a KeyError; it must not be asked."""
    feature = bytes.fromhex("301106082b0601050507011804053003020100")

    assert _accepted(_changed(place, lambda fields: _with_extension(fields, feature)))


def test_a_common_name_of_more_than_64_characters_is_no_warning() -> None:
    """Of such a name cryptography warns, which is an exception where warnings are errors."""
    name = der.element(
        0x30,
        der.element(
            0x31, der.element(0x30, bytes.fromhex("0603550403"), der.element(0x0C, b"x" * 65))
        ),
    )

    assert _verdict(4, lambda fields: [*fields[:5], name, *fields[6:]]) is Reason.CHAIN_SUBJECT


def _accepted(chain: chains.Altered) -> bool:
    policy = target_chain.policy(chains.anchor_of(chain))
    return bool(
        verify(
            target_chain.document(chain), policy, nonce=target_chain.NONCE, now=chains.NOW
        ).replay_key
    )


def _with_extension(fields: list[bytes], extension: bytes) -> list[bytes]:
    node = der.read(fields[-1])
    parts = [part.encoded() for part in (node.parts or [])[0].parts or ()] if node else []
    return [*fields[:7], der.element(0xA3, der.element(0x30, *parts, extension))]


def _changed(place: int, change: "chains.ChangeFields") -> chains.Altered:
    return chains.change(
        chains.fake_chain_at_now(), place, lambda part: chains.with_fields(part, change)
    )


def _verdict(place: int, change: "chains.ChangeFields") -> Reason:
    chain = _changed(place, change)
    with pytest.raises(VerificationError) as refusal:
        verify(
            target_chain.document(chain),
            target_chain.policy(chains.anchor_of(chain)),
            nonce=target_chain.NONCE,
            now=chains.NOW,
        )
    return refusal.value.reason
