"""ES384: 96 bytes, both halves in range, and a key that is exactly a P-384 key."""

import sys
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import (
    decode_dss_signature,
    encode_dss_signature,
)
from cryptography.hazmat.primitives.hashes import SHA384
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from nitro_attest import (
    MissingExtraError,
    PolicyError,
    SignatureBackend,
    signature_backend,
    use_signature_backend,
)
from nitro_attest._core import es384
from nitro_attest._core.es384 import (
    P384_ORDER,
    are_in_range,
    is_der_signature,
    is_good_der_signature,
    is_good_signature,
    is_public_key,
)
from support import certificates as forge

KEY = forge.key("NEVER_TRUST signature test")
SPKI = forge.public(KEY)
MESSAGE = b"message"
FIELD = 2**384 - 2**128 - 2**96 + 2**32 - 1


def _sign(message: bytes) -> tuple[int, int]:
    return decode_dss_signature(KEY.sign(message, ec.ECDSA(SHA384(), deterministic_signing=True)))


def _raw(r: int, s: int) -> bytes:
    return r.to_bytes(48, "big") + s.to_bytes(48, "big")


R, S = _sign(MESSAGE)


def test_the_order_is_that_of_the_curve() -> None:
    """The constant is the one the cryptographic library uses."""
    assert ec.SECP384R1().group_order == P384_ORDER


def test_a_good_signature_and_its_twin() -> None:
    """Both (r, s) and (r, n - s) are good: low s is not demanded."""
    assert is_good_signature(SPKI, _raw(R, S), MESSAGE)
    assert is_good_signature(SPKI, _raw(R, P384_ORDER - S), MESSAGE)


def test_another_message_or_key_is_bad() -> None:
    """A signature is for one message and one key."""
    assert not is_good_signature(SPKI, _raw(R, S), MESSAGE + b"\0")
    assert not is_good_signature(forge.public(forge.key("NEVER_TRUST other")), _raw(R, S), MESSAGE)


@pytest.mark.parametrize(
    ("r", "s"),
    [
        (0, S),
        (R, 0),
        (0, 0),
        (P384_ORDER, S),
        (R, P384_ORDER),
        (P384_ORDER + 1, S),
        (2**384 - 1, 2**384 - 1),
        (S, R),
    ],
)
def test_halves_out_of_range_are_bad(r: int, s: int) -> None:
    """Zero, n and above are refused before any arithmetic."""
    assert not is_good_signature(SPKI, _raw(r, s), MESSAGE)


@pytest.mark.parametrize(
    ("r", "s", "inside"),
    [
        (1, 1, True),
        (P384_ORDER - 1, P384_ORDER - 1, True),
        (0, 1, False),
        (1, 0, False),
        (P384_ORDER, 1, False),
        (1, P384_ORDER, False),
        (-1, 1, False),
        (1, -1, False),
    ],
)
def test_the_range_is_1_to_n_minus_1(r: int, s: int, inside: bool) -> None:  # noqa: FBT001 - the expected answer
    """Both ends of FIPS 186-5's range."""
    assert are_in_range(r, s) is inside


@pytest.fixture
def yes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let an implementation of P-384 accept everything it is asked about."""

    def accept(spki: bytes, signature: bytes, message: bytes) -> bool:
        return bool(spki and signature) or not message

    monkeypatch.setattr(es384, "_choice", (SignatureBackend.CRYPTOGRAPHY, accept))


@pytest.mark.parametrize(("r", "s"), [(0, 1), (1, 0), (P384_ORDER, 1), (1, P384_ORDER)])
@pytest.mark.usefixtures("yes")
def test_no_implementation_is_asked_about_halves_out_of_range(r: int, s: int) -> None:
    """Not in either encoding; a good signature shows that it would have said yes."""
    assert is_good_signature(SPKI, _raw(R, S), MESSAGE)
    assert not is_good_signature(SPKI, _raw(r, s), MESSAGE)
    assert is_good_der_signature(SPKI, encode_dss_signature(R, S), MESSAGE)
    assert not is_good_der_signature(SPKI, encode_dss_signature(r, s), MESSAGE)


def test_signatures_of_certificates_are_der() -> None:
    """Two integers in range, each in its shortest form, and nothing else."""
    good = encode_dss_signature(R, S)
    assert is_der_signature(good)
    assert is_good_der_signature(SPKI, good, MESSAGE)
    assert not is_good_der_signature(SPKI, good, MESSAGE + b"\0")
    assert is_der_signature(encode_dss_signature(R, P384_ORDER - S))
    for bad in (
        b"",
        good + b"\0",
        good[:-1],
        _raw(R, S),
        forge.der(0x30, forge.der(0x02, b"\0" + R.to_bytes(49, "big")), forge.integer(S)),
        forge.der(0x30, forge.integer(R)),
        forge.der(0x30, forge.integer(R), forge.integer(S), forge.integer(S)),
        forge.der(0x30, forge.integer(-1), forge.integer(S)),
        encode_dss_signature(P384_ORDER, S),
    ):
        assert not is_der_signature(bad)
        assert not is_good_der_signature(SPKI, bad, MESSAGE)


@pytest.mark.parametrize("length", [0, 48, 95, 97, 192])
def test_other_lengths_are_bad(length: int) -> None:
    """A signature is never split but at 48 of 96 bytes."""
    assert not is_good_signature(SPKI, (_raw(R, S) * 2)[:length], MESSAGE)


def test_leading_zeros_are_part_of_the_encoding() -> None:
    """A signature whose r or s is short keeps its 48 bytes and is good; in 47 bytes s is not."""
    found = {"r": False, "s": False}
    for number in range(2000):
        message = number.to_bytes(4, "big")
        r, s = _sign(message)
        for half, value in (("r", r), ("s", s)):
            if value < 2**376 and not found[half]:
                found[half] = True
                assert is_good_signature(SPKI, _raw(r, s), message)
                short = r.to_bytes(48, "big") + s.to_bytes(47 if half == "s" else 48, "big")
                assert is_good_signature(SPKI, short, message) is (half == "r")
        if all(found.values()):
            return
    pytest.fail("no short half found")


def test_only_a_named_uncompressed_p384_key_on_the_curve_is_a_key() -> None:
    """Prefix, length, form octet, coordinates and the curve itself are held to."""
    point = SPKI[23:]
    assert is_public_key(SPKI)
    compressed = KEY.public_key().public_bytes(Encoding.X962, PublicFormat.CompressedPoint)
    hybrid = bytes([6 + point[-1] % 2]) + point[1:]
    others = [
        b"",
        SPKI[:-1],
        SPKI + b"\0",
        bytes([SPKI[0] ^ 1]) + SPKI[1:],
        SPKI[:23] + hybrid,
        SPKI[:23] + b"\0" + point[1:],
        SPKI[:23] + b"\0" * 97,
        SPKI[:-1] + bytes([SPKI[-1] ^ 1]),
        SPKI[:24] + FIELD.to_bytes(48, "big") + point[49:],
        SPKI[:24] + (2**384 - 1).to_bytes(48, "big") + point[49:],
        SPKI[:24] + point[1:49] + FIELD.to_bytes(48, "big"),
        forge.der(0x30, SPKI[2:20], forge.der(0x03, b"\0" + compressed)),
        ec.derive_private_key(7, ec.SECP256R1())
        .public_key()
        .public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
    ]
    assert [is_public_key(other) for other in others] == [False] * len(others)


# Points with a coordinate so small that it can be written a second time, with p added to it.
X_IS_0 = (
    0,
    int(
        "c306610fb0ae5a159cf45c06069f22a6c5eb3641c602d42d"
        "ea2c4b4f75550793406d80d2b91ad54f9048bd487af1ade1",
        16,
    ),
)
Y_IS_1 = (
    int(
        "2261b2bf605c22f2f3aef6338719b2c486388ad5240719a5"
        "257315969ef01ba27f0a104c89704773a81fdabee6ab5c78",
        16,
    ),
    1,
)


def _key(x: int, y: int) -> bytes:
    return SPKI[:24] + _raw(x, y)


def test_a_point_is_written_in_one_way() -> None:
    """Coordinates are below p: what only equals a point modulo p is no point."""
    for x, y in (X_IS_0, Y_IS_1):
        assert is_public_key(_key(x, y))
    assert not is_public_key(_key(FIELD, X_IS_0[1]))
    assert not is_public_key(_key(Y_IS_1[0], FIELD + 1))


@given(
    st.binary(min_size=48, max_size=48), st.binary(min_size=48, max_size=48), st.integers(0, 767)
)
def test_the_library_sees_the_same_points_on_the_curve(x: bytes, y: bytes, bit: int) -> None:
    """Our equation and the loader of `cryptography` agree, also where one bit was changed."""
    flipped = int.from_bytes(SPKI[24:], "big") ^ 1 << bit
    for point in (SPKI[24:], x + y, SPKI[24:72] + y, x + SPKI[72:], flipped.to_bytes(96, "big")):
        try:
            ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP384R1(), b"\x04" + point)
            loaded = True
        except ValueError:
            loaded = False
        assert is_public_key(SPKI[:24] + point) is loaded


def _is_good(s: int, message: bytes = b"message", spki: bytes = SPKI) -> bool:
    return is_good_signature(spki, R.to_bytes(48, "big") + s.to_bytes(48, "big"), message)


@pytest.fixture
def no_choice(monkeypatch: pytest.MonkeyPatch) -> None:
    """Begin as a new process begins, and take back what is chosen."""
    monkeypatch.setattr(es384, "_choice", None)


@pytest.mark.parametrize("backend", SignatureBackend)
@pytest.mark.usefixtures("no_choice")
def test_each_implementation_tells_good_from_bad(backend: SignatureBackend) -> None:
    """Of the signature, of the message and of the key, also when the key is known already."""
    if backend is SignatureBackend.AWS_LC:
        pytest.importorskip("awscrt")
    use_signature_backend(backend)
    assert signature_backend() is backend
    for _ in range(2):
        assert _is_good(S)
        assert _is_good(P384_ORDER - S)
        assert not _is_good(S - 1)
        assert not _is_good(S, b"massage")
        assert not _is_good(S, spki=forge.public(forge.key("NEVER_TRUST other")))


@pytest.mark.usefixtures("no_choice")
def test_the_first_signature_chooses() -> None:
    """Without a word of the application AWS-LC is used where it is there."""
    pytest.importorskip("awscrt")
    assert _is_good(S)
    assert signature_backend() is SignatureBackend.AWS_LC


@pytest.mark.usefixtures("no_choice")
def test_what_cannot_be_chosen_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """No name of an implementation, or one that is not installed; the other one is used then."""
    monkeypatch.setitem(sys.modules, "awscrt.crypto", None)
    wrong: Any = "cryptography"
    with pytest.raises(PolicyError) as mistake:
        use_signature_backend(wrong)
    assert mistake.value.args == ("signature_backend", "expected a SignatureBackend")
    with pytest.raises(MissingExtraError) as missing:
        use_signature_backend(SignatureBackend.AWS_LC)
    assert missing.value.extra == "aws-lc"
    assert _is_good(S)
    assert signature_backend() is SignatureBackend.CRYPTOGRAPHY
