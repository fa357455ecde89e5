"""Verify one document and keep the outcome as plain values, fit to be sent between processes.

Bytes, a policy and the call's values come in, an `Outcome` goes out. Never: anything of the
terminal; worker processes import this module and the core alone.
"""

import json
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum
from typing import Final, final

from nitro_attest import (
    AttestationResult,
    Failure,
    MalformedDocumentError,
    Policy,
    PolicyMismatchError,
    StaleDocumentError,
    UntrustedDocumentError,
    VerificationError,
    verify,
)

__all__ = ["EXIT_OF", "Exit", "Outcome", "decide", "to_json"]


@final
class Exit(IntEnum):
    """Say how the process ends."""

    ACCEPTED = 0
    MISTAKE = 1
    MALFORMED = 2
    UNTRUSTED = 3
    STALE = 4
    POLICY_MISMATCH = 5


EXIT_OF: Final[dict[type[VerificationError], Exit]] = {
    MalformedDocumentError: Exit.MALFORMED,
    UntrustedDocumentError: Exit.UNTRUSTED,
    StaleDocumentError: Exit.STALE,
    PolicyMismatchError: Exit.POLICY_MISMATCH,
}


@final
@dataclass(frozen=True, slots=True)
class Outcome:
    """Hold the verdict on one document: a result, or the failures."""

    name: str
    exit_code: Exit
    error: str | None
    failures: tuple[Failure, ...]
    result: AttestationResult | None
    problem: str | None = None  # why it couldn't even be read


def decide(name: str, doc: bytes, policy: Policy, nonce: bytes | None, now: datetime) -> Outcome:
    """Verify `doc`.

    Raises:
        PolicyError: The nonce does not fit the policy.

    """
    try:
        result = verify(doc, policy, nonce=nonce, now=now)
    except VerificationError as refusal:
        return Outcome(name, EXIT_OF[type(refusal)], type(refusal).__name__, refusal.failures, None)
    return Outcome(name, Exit.ACCEPTED, None, (), result)


def to_json(outcome: Outcome) -> str:
    """Return the outcome as one line of JSON in ASCII."""
    head = {"file": outcome.name, "exit_code": int(outcome.exit_code)}
    if outcome.result is not None:
        return json.dumps({**head, "verdict": "accepted", **outcome.result.to_dict()})
    if outcome.problem is not None:
        return json.dumps({**head, "verdict": "unread", "problem": outcome.problem})
    failures = [
        {
            "reason": str(it.reason),
            "subject": it.subject,
            "expected": it.expected,
            "actual": it.actual,
        }
        for it in outcome.failures
    ]
    return json.dumps({**head, "verdict": "refused", "error": outcome.error, "failures": failures})
