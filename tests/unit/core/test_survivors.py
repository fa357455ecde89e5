"""What a run of mutation found untested: the limits, names and values that no other test was holding."""

import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA384
from cryptography.x509.verification import Store
from cryptography.x509.verification import VerificationError as PathError

from nitro_attest import (
    AWS_NITRO_ROOT_G1,
    AWS_US_GOV_NITRO_ROOT_G1,
    Failure,
    PolicyError,
    Reason,
    SignatureBackend,
    VerificationError,
    signature_backend,
    use_signature_backend,
)
from nitro_attest._core import chain as _chain
from nitro_attest._core import es384
from nitro_attest._core.appraisal import judge_trust_anchor
from nitro_attest._core.certificate import Certificate, Role, common_name, read_certificate
from nitro_attest._core.chain import MAX_KNOWN_HOSTS, KnownHost, check_chain
from nitro_attest._core.es384 import P384_ORDER, is_good_signature
from nitro_attest._core.memo import Memo
from support import certificates as forge
from support.certificates import LEAF, MODULE_ID, NOW, der, swap

GOOD = forge.chain()
SECOND = NOW.replace(microsecond=0)
REGIONAL = 1


def _failure(call: Callable[[], object]) -> Failure:
    with pytest.raises(VerificationError) as refusal:
        call()
    (failure,) = refusal.value.failures
    return failure


# --- the appraisal
# ---------------------------------------------------------------------------------------------------------


def test_another_anchor_is_named_beside_the_demanded_one() -> None:
    """An appraisal of a chain that was proven under another anchor names both."""
    finding = judge_trust_anchor(AWS_NITRO_ROOT_G1, AWS_US_GOV_NITRO_ROOT_G1)
    named = (AWS_NITRO_ROOT_G1.name, AWS_US_GOV_NITRO_ROOT_G1.name)
    assert finding.failures == (Failure(Reason.CHAIN_UNKNOWN_ROOT, "cabundle[0]", *named),)


# --- the chain -------------------------------------------------------------------------------------------------------------


def _check(certificates: list[bytes], now: datetime = NOW) -> object:
    return check_chain(
        certificates[-1], tuple(certificates[:-1]), forge.anchor(certificates[0]), now, MODULE_ID
    )


def test_a_leaf_has_no_path_length() -> None:
    """Only authorities have one, or none."""
    assert read_certificate(GOOD[LEAF], Role.LEAF, "certificate").path_length is None
    assert [
        read_certificate(made, Role.AUTHORITY, "cabundle").path_length for made in GOOD[:LEAF]
    ] == [None, 2, 1, 0]


def test_the_year_zero_is_no_validity() -> None:
    """GeneralizedTime can write it, and nothing here can hold it."""
    certificates = forge.chain({REGIONAL: swap(not_before=der(0x18, b"00000101000000Z"))})
    assert _failure(lambda: _check(certificates)) == Failure(
        Reason.CHAIN_CERTIFICATE, "cabundle[1]: validity"
    )


def test_a_bad_signature_keeps_its_cause() -> None:
    """What path validation said is there for whoever debugs it."""
    certificates = forge.chain({LEAF: swap(signer=forge.key("NEVER_TRUST attacker"))})
    with pytest.raises(VerificationError) as refusal:
        _check(certificates)
    assert isinstance(refusal.value.__cause__, PathError)


def test_the_one_certificate_that_is_not_valid_is_named() -> None:
    """One that begins or ends in this very second is valid, and not the one to name."""
    hour = timedelta(hours=1)
    begins, ends = swap(not_before=forge.time(SECOND)), swap(not_after=forge.time(SECOND))
    expired = forge.chain(
        {
            REGIONAL: begins,
            LEAF: swap(not_before=forge.time(NOW - hour), not_after=forge.time(NOW - hour)),
        }
    )
    early = forge.chain({REGIONAL: ends, LEAF: swap(not_before=forge.time(NOW + hour))})
    for certificates, reason in (
        (expired, Reason.CHAIN_EXPIRED),
        (early, Reason.CHAIN_NOT_YET_VALID),
    ):
        failure = _failure(lambda: _check(certificates))
        assert (failure.reason, failure.subject) == (reason, "certificate")


def test_what_ended_before_it_began_has_expired() -> None:
    """In the second in which it would begin it is over."""
    certificates = forge.chain(
        {
            LEAF: swap(
                not_before=forge.time(SECOND), not_after=forge.time(SECOND - timedelta(seconds=1))
            )
        }
    )
    assert _failure(lambda: _check(certificates)).reason is Reason.CHAIN_EXPIRED


def test_a_proven_chain_is_remembered_by_its_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every leaf of one bundle stands under that bundle, each by its own bytes."""
    hosts: Memo[tuple[bytes, ...], KnownHost] = Memo(MAX_KNOWN_HOSTS)
    monkeypatch.setattr(_chain, "_KNOWN_HOSTS", hosts)
    second = [*GOOD[:LEAF], replace(forge.specs()[LEAF], serial=forge.integer(2)).encode()]
    for certificates in (GOOD, second):
        _check(certificates)
    host = hosts.recall(tuple(GOOD[:LEAF]))
    assert host is not None
    for leaf in (GOOD[LEAF], second[LEAF]):
        known = host.leaves.recall(leaf)
        assert known is not None
        assert known.certificate.der == leaf
    assert (len(hosts), len(host.leaves)) == (1, 2)


def test_what_is_proven_is_not_proven_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """An unknown chain begins at the root, a known one is asked no signature, a new leaf one: that of its host."""
    anchors: list[str] = []

    def check_path(anchor: Store, chain: Sequence[Certificate], second: datetime) -> None:
        anchors.append(common_name(chain[0], "anchor"))
        real(anchor, chain, second)

    real = _chain.check_path
    hosts: Memo[tuple[bytes, ...], KnownHost] = Memo(MAX_KNOWN_HOSTS)
    monkeypatch.setattr(_chain, "_KNOWN_HOSTS", hosts)
    monkeypatch.setattr(_chain, "check_path", check_path)
    for certificates in (
        GOOD,
        GOOD,
        [*GOOD[:LEAF], replace(forge.specs()[LEAF], serial=forge.integer(2)).encode()],
    ):
        _check(certificates)
    assert anchors == ["NEVER.TRUST root", "instance"]


# --- the signature ---------------------------------------------------------------------------------------------------------

KEY = forge.key("NEVER_TRUST survivors")
SPKI = forge.public(KEY)
R, S = decode_dss_signature(KEY.sign(b"message", ec.ECDSA(SHA384(), deterministic_signing=True)))


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
    with pytest.raises(PolicyError) as mistake:
        use_signature_backend("cryptography")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]  # what is tested
    assert mistake.value.args == ("signature_backend", "expected a SignatureBackend")
    with pytest.raises(PolicyError) as mistake:
        use_signature_backend(SignatureBackend.AWS_LC)
    assert mistake.value.args == (
        "signature_backend",
        "not installed: pip install nitro-attest[aws-lc]",
    )
    assert _is_good(S)
    assert signature_backend() is SignatureBackend.CRYPTOGRAPHY
