"""Both implementations of P-384 give one answer, and the application decides which is used."""

import hashlib
import subprocess
import sys
from collections.abc import Iterator
from itertools import product
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA384

from nitro_attest import (
    MissingExtraError,
    PolicyError,
    Reason,
    SignatureBackend,
    VerificationError,
    signature_backend,
    use_signature_backend,
    verify,
)
from nitro_attest._core import es384
from nitro_attest._core.es384 import P384_ORDER, is_good_signature
from support import certificates as forge
from support.captured import GENUINE, Genuine, policy_for

MESSAGE = b"message"
DIGEST = int.from_bytes(hashlib.sha384(MESSAGE).digest(), "big")
KEY = forge.key("NEVER_TRUST backend test")
SPKI = forge.public(KEY)


@pytest.fixture(autouse=True)
def no_choice_made(monkeypatch: pytest.MonkeyPatch) -> None:
    """Begin every test as a new process begins, and take back what it chooses."""
    monkeypatch.setattr(es384, "_choice", None)


@pytest.fixture(params=SignatureBackend)
def backend(request: pytest.FixtureRequest, no_choice_made: None) -> SignatureBackend:  # noqa: ARG001 - it goes first
    """Run a test with each implementation that is installed."""
    chosen: SignatureBackend = request.param
    if chosen is SignatureBackend.AWS_LC:
        pytest.importorskip("awscrt")
    use_signature_backend(chosen)
    return chosen


def _raw(r: int, s: int) -> bytes:
    return r.to_bytes(48, "big") + s.to_bytes(48, "big")


def _sign(key: ec.EllipticCurvePrivateKey, message: bytes = MESSAGE) -> tuple[int, int]:
    return decode_dss_signature(key.sign(message, ec.ECDSA(SHA384(), deterministic_signing=True)))


R, S = _sign(KEY)
BORDERS = [
    0,
    1,
    2,
    P384_ORDER // 2,
    P384_ORDER - 2,
    P384_ORDER - 1,
    P384_ORDER,
    P384_ORDER + 1,
    (1 << 384) - 1,
]


def test_aws_lc_is_used_where_it_is_installed() -> None:
    """Without a choice of the application the fastest is taken."""
    pytest.importorskip("awscrt")
    assert signature_backend() is SignatureBackend.AWS_LC


def test_cryptography_is_used_where_aws_lc_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    """The extra is optional, and asking for it without having it is an error of the application."""
    monkeypatch.setitem(sys.modules, "awscrt.crypto", None)
    assert signature_backend() is SignatureBackend.CRYPTOGRAPHY
    with pytest.raises(MissingExtraError) as caught:
        use_signature_backend(SignatureBackend.AWS_LC)
    assert caught.value.extra == "aws-lc"
    assert signature_backend() is SignatureBackend.CRYPTOGRAPHY


def test_the_choice_of_the_application_holds(backend: SignatureBackend) -> None:
    """What was chosen is what is used and what is reported."""
    assert signature_backend() is backend
    assert is_good_signature(SPKI, _raw(R, S), MESSAGE)
    assert signature_backend() is backend


@pytest.mark.parametrize("wrong", ["cryptography", None, True])
def test_only_a_named_backend_can_be_chosen(wrong: Any) -> None:
    """Text is not enough: a misspelt name would be found too late."""
    with pytest.raises(PolicyError) as caught:
        use_signature_backend(wrong)
    assert caught.value.field == "signature_backend"


def test_importing_the_package_imports_no_backend() -> None:
    """Neither the extra nor what cryptography loads late is paid for before the first signature."""
    code = "import sys, nitro_attest; print(any(m.startswith('awscrt') for m in sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)  # noqa: S603 - this program
    assert done.stdout.strip() == "False"


@pytest.mark.parametrize("genuine", GENUINE, ids=lambda genuine: genuine.name)
@pytest.mark.usefixtures("backend")
def test_genuine_documents_are_accepted(genuine: Genuine) -> None:
    """Every captured document, with either implementation."""
    assert (
        verify(genuine.doc, policy_for(genuine.measurements), now=genuine.time).claims.pcrs
        == genuine.payload["nitrotpm_pcrs" if genuine.kind == "nitrotpm" else "pcrs"]
    )


@pytest.mark.parametrize("s", [S, P384_ORDER - S], ids=["s", "n - s"])
@pytest.mark.usefixtures("backend")
def test_both_twins_are_good(s: int) -> None:
    """Low s is not demanded."""
    assert is_good_signature(SPKI, _raw(R, s), MESSAGE)


@pytest.mark.parametrize(
    ("r", "s"), [*product(BORDERS, [*BORDERS, S]), *product([R], BORDERS), (S, R)]
)
@pytest.mark.usefixtures("backend")
def test_borders_are_bad(r: int, s: int) -> None:
    """Zero, n, the neighbours of both, and halves that are changed for one another."""
    assert not is_good_signature(SPKI, _raw(r, s), MESSAGE)


@pytest.mark.parametrize("length", [0, 1, 48, 95, 97, 104, 192])
@pytest.mark.usefixtures("backend")
def test_other_lengths_are_bad(length: int) -> None:
    """A signature has 96 bytes."""
    assert not is_good_signature(SPKI, (_raw(R, S) * 2)[:length], MESSAGE)


@pytest.mark.usefixtures("backend")
def test_every_changed_bit_is_bad() -> None:
    """A tenth of the single-bit changes of a good signature."""
    good = int.from_bytes(_raw(R, S), "big")
    assert not any(
        is_good_signature(SPKI, (good ^ 1 << bit).to_bytes(96, "big"), MESSAGE)
        for bit in range(0, 768, 10)
    )


@pytest.mark.usefixtures("backend")
def test_another_key_or_message_is_bad() -> None:
    """A signature is for one key and one message."""
    assert not is_good_signature(forge.public(forge.key("NEVER_TRUST other")), _raw(R, S), MESSAGE)
    assert not is_good_signature(SPKI, _raw(R, S), MESSAGE + b"\0")
    assert not is_good_signature(SPKI, _raw(R, S), b"")


def _short_halves() -> Iterator[tuple[bytes, int, int]]:
    """Find one message whose r begins with a zero byte, and one whose s does."""
    signed = [
        (message, *_sign(KEY, message))
        for message in (number.to_bytes(2, "big") for number in range(1200))
    ]
    yield next(found for found in signed if found[1] < 1 << 376)
    yield next(found for found in signed if found[2] < 1 << 376)


@pytest.mark.usefixtures("backend")
def test_leading_zeros_are_good() -> None:
    """A half that is a shorter number is padded to its 48 bytes."""
    for message, r, s in _short_halves():
        assert is_good_signature(SPKI, _raw(r, s), message)


def _abscissa(scalar: int) -> int:
    """Return the x coordinate of scalar times the generator."""
    return ec.derive_private_key(scalar, ec.SECP384R1()).public_key().public_numbers().x


def _inverse(value: int) -> int:
    return pow(value, -1, P384_ORDER)


def _spki(scalar: int) -> bytes:
    return forge.public(ec.derive_private_key(scalar % P384_ORDER, ec.SECP384R1()))


@pytest.mark.parametrize(
    "s", [1, 2, P384_ORDER // 2, P384_ORDER - 1], ids=["1", "2", "n / 2", "n - 1"]
)
@pytest.mark.parametrize("nonce", [1, 2, 3, P384_ORDER - 1], ids=["1", "2", "3", "n - 1"])
@pytest.mark.usefixtures("backend")
def test_extreme_values_that_are_good(nonce: int, s: int) -> None:
    """The key that makes s and the nonce as small or large as they can be: s * k = e + r * d."""
    r = _abscissa(nonce) % P384_ORDER
    key = _spki((s * nonce - DIGEST) * _inverse(r))
    assert is_good_signature(key, _raw(r, s), MESSAGE)
    assert not is_good_signature(key, _raw(r, 3 * s % P384_ORDER), MESSAGE)


@pytest.mark.parametrize("nonce", [1, 5, P384_ORDER - 1])
@pytest.mark.usefixtures("backend")
def test_the_sum_of_two_equal_points_is_good(nonce: int) -> None:
    """The key that makes both products of the check the same point, a special case: r * d = e."""
    r = _abscissa(nonce) % P384_ORDER
    s = 2 * DIGEST * _inverse(nonce) % P384_ORDER
    assert is_good_signature(_spki(DIGEST * _inverse(r)), _raw(r, s), MESSAGE)


@pytest.mark.parametrize("s", [1, 7, S])
@pytest.mark.usefixtures("backend")
def test_the_point_at_infinity_is_bad(s: int) -> None:
    """The r that makes the sum of both products no point at all: e + r * d = 0."""
    scalar = KEY.private_numbers().private_value
    assert not is_good_signature(SPKI, _raw(-DIGEST * _inverse(scalar) % P384_ORDER, s), MESSAGE)


@pytest.mark.parametrize("scalar", [1, 2, P384_ORDER - 1, P384_ORDER - 2])
@pytest.mark.usefixtures("backend")
def test_keys_next_to_the_generator(scalar: int) -> None:
    """Keys whose private half is as small or as large as it can be."""
    key = ec.derive_private_key(scalar, ec.SECP384R1())
    r, s = _sign(key)
    assert is_good_signature(forge.public(key), _raw(r, s), MESSAGE)
    assert not is_good_signature(forge.public(key), _raw(s, r), MESSAGE)


def test_both_agree_on_many_keys_and_messages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Good and changed signatures of fifty keys over messages of many lengths."""
    pytest.importorskip("awscrt")
    cases: list[tuple[bytes, bytes, bytes]] = []
    for number in range(50):
        key, message = forge.key(f"NEVER_TRUST agreement {number}"), bytes(number * 37)
        r, s = _sign(key, message)
        cases += [
            (forge.public(key), _raw(r, half), message)
            for half in (s, P384_ORDER - s, s ^ 1 << number)
        ]
    answers: list[list[bool]] = []
    for chosen in SignatureBackend:
        monkeypatch.setattr(es384, "_choice", None)
        use_signature_backend(chosen)
        answers.append([is_good_signature(*case) for case in cases])
    assert answers[0] == answers[1] == [True, True, False] * 50


@pytest.mark.usefixtures("backend")
def test_a_bad_signature_refuses_the_document() -> None:
    """The answer of the implementation is the verdict of the call."""
    genuine = GENUINE[0]
    with pytest.raises(VerificationError) as caught:
        verify(
            genuine.doc[:-1] + bytes([genuine.doc[-1] ^ 1]),
            policy_for(genuine.measurements),
            now=genuine.time,
        )
    assert caught.value.reason is Reason.SIGNATURE_INVALID
