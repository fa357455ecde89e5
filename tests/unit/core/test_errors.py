"""The exceptions carry their parts, survive copies, and never grow."""

import copy
import json
import pickle
from collections.abc import Callable
from typing import TypeVar

import pytest

from nitro_attest import (
    Failure,
    MalformedDocumentError,
    MissingExtraError,
    NitroAttestError,
    PolicyError,
    PolicyMismatchError,
    Reason,
    StaleDocumentError,
    UntrustedDocumentError,
    VerificationError,
)
from nitro_attest._core.errors import rejected, rejection, shown

T = TypeVar("T")


def pickled(value: T) -> T:
    """Send a value through pickle."""
    again: T = pickle.loads(pickle.dumps(value))  # noqa: S301 - our own bytes
    return again


TWINS = pytest.mark.parametrize("twin", [copy.copy, copy.deepcopy, pickled])
CLASS_OF_FAMILY = {
    "cose": MalformedDocumentError,
    "cbor": MalformedDocumentError,
    "document": MalformedDocumentError,
    "chain": UntrustedDocumentError,
    "signature": UntrustedDocumentError,
    "freshness": StaleDocumentError,
    "policy": PolicyMismatchError,
}


@pytest.mark.parametrize("reason", list(Reason))
def test_each_reason_has_the_exception_of_its_family(reason: Reason) -> None:
    """The part before the dot decides the class, so a caller may catch the class alone."""
    made = rejected(reason, "subject", "this", "that")
    assert type(made) is CLASS_OF_FAMILY[reason.partition(".")[0]]
    assert made.reason is reason
    assert made.failures == (Failure(reason, "subject", "this", "that"),)


@pytest.mark.parametrize("reason", list(Reason))
@TWINS
def test_rejections_survive_pickle_and_copy(
    reason: Reason, twin: Callable[[VerificationError], VerificationError]
) -> None:
    """A rejection can cross a process boundary and be kept."""
    made = rejection(Failure(reason, "one", "a", "b"), Failure(reason, "two"))
    again = twin(made)
    assert type(again) is type(made)
    assert again.failures == made.failures
    assert str(again) == str(made)


@TWINS
def test_policy_errors_survive_pickle_and_copy(twin: Callable[[PolicyError], PolicyError]) -> None:
    """Field and problem are kept."""
    again = twin(PolicyError("nonce", "expected bytes"))
    assert (again.field, again.problem, str(again)) == (
        "nonce",
        "expected bytes",
        "nonce: expected bytes",
    )


def test_the_family_tree() -> None:
    """PolicyError is a ValueError and no VerificationError; both are NitroAttestErrors."""
    assert issubclass(PolicyError, ValueError)
    assert issubclass(PolicyError, NitroAttestError)
    assert not issubclass(PolicyError, VerificationError)
    assert issubclass(VerificationError, NitroAttestError)
    assert not issubclass(VerificationError, ValueError)


def test_a_rejection_is_one_line() -> None:
    """Each failure names reason, subject, and the values where there are any."""
    made = rejection(
        Failure(Reason.POLICY_PCR_MISMATCH, "PCR0", "aa", "bb"),
        Failure(Reason.POLICY_PCR_ABSENT, "PCR1", "cc"),
    )
    assert (
        str(made)
        == "policy.pcr_mismatch: PCR0, expected aa, found bb; policy.pcr_absent: PCR1, expected cc"
    )
    assert str(Failure(Reason.CBOR_TAG, "payload", actual="x")) == "cbor.tag: payload, found x"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "absent"),
        (b"", "empty"),
        (b"\x1b[31m", "1b5b33316d"),
        (b"\xab" * 64, "ab" * 64),
        (b"\xab" * 65, "ab" * 64 + "... (65 bytes)"),
    ],
)
def test_values_are_shown_as_bounded_hex_digits(value: bytes | None, text: str) -> None:
    """No byte of a document is ever printed raw, and no value grows a log."""
    assert shown(value) == text


def test_reasons_are_their_own_text() -> None:
    """A reason is its code, so it can be logged, compared and put into JSON as it is."""
    assert str(Reason.CHAIN_EXPIRED) == "chain.expired"
    assert Reason("chain.expired") is Reason.CHAIN_EXPIRED
    assert f"{Reason.CHAIN_EXPIRED}" == "chain.expired"
    assert all(reason.name.lower() == reason.replace(".", "_") for reason in Reason)


def test_a_missing_extra_names_the_line_that_installs_it() -> None:
    """It is an ImportError too, and survives pickle."""
    error = MissingExtraError("redis")

    assert isinstance(error, ImportError)
    assert error.args == ("redis",)
    assert "pip install 'nitro-attest[redis]'" in str(error)
    assert str(pickle.loads(pickle.dumps(error))) == str(error)  # noqa: S301 - made a line above


def test_a_rejection_as_json() -> None:
    """The class, the first reason, and every failure with all its parts."""
    made = rejection(
        Failure(Reason.POLICY_PCR_MISMATCH, "PCR0", "aa", "bb"),
        Failure(Reason.POLICY_PCR_ABSENT, "PCR1"),
    )
    assert json.loads(json.dumps(made.to_dict())) == {
        "error": "PolicyMismatchError",
        "reason": "policy.pcr_mismatch",
        "failures": [
            {
                "reason": "policy.pcr_mismatch",
                "subject": "PCR0",
                "expected": "aa",
                "actual": "bb",
            },
            {"reason": "policy.pcr_absent", "subject": "PCR1", "expected": None, "actual": None},
        ],
    }
    assert type(made.to_dict()["reason"]) is str


@pytest.mark.parametrize("name", ["subject", "expected", "actual"])
def test_texts_of_a_failure_are_bounded(name: str) -> None:
    """A label of a policy may have any length, an error may not."""
    texts = {"subject": "PCR0", "expected": "aa", "actual": "bb", name: "x" * 201}
    assert getattr(Failure(Reason.CBOR_TAG, **texts), name) == "x" * 197 + "..."
    texts[name] = "x" * 200
    assert getattr(Failure(Reason.CBOR_TAG, **texts), name) == "x" * 200
