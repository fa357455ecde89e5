"""Find documents and verify them, one after the other or on all cores.

Every document of a call is verified, whatever the others are, with the same policy and at the same
time. Worker processes import this module and nothing of the terminal.
"""

import glob
import json
import multiprocessing
import os
from collections.abc import Generator, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum
from functools import partial
from typing import Final, final

from nitro_attest import (
    AttestationResult,
    MalformedDocumentError,
    Policy,
    PolicyError,
    PolicyMismatchError,
    StaleDocumentError,
    UntrustedDocumentError,
    VerificationError,
    verify,
)
from nitro_attest.cli._files import STANDARD_INPUT, read_document

MIN_FOR_PROCESSES: Final = 400  # below that, starting processes costs more than it saves
_CHUNK: Final = 32


@final
class Exit(IntEnum):
    """The exit codes of the process."""

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
class Call:
    """What is the same for every document."""

    policy: Policy
    nonce: bytes | None
    now: datetime


@final
@dataclass(frozen=True, slots=True)
class Source:
    """Where a document comes from, or why there is none."""

    name: str
    problem: str | None = None


@final
@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one document: exactly one of result, rejection and problem is there."""

    name: str
    result: AttestationResult | None = None
    rejection: VerificationError | None = None
    problem: str | None = None  # why it could not be read

    @property
    def exit_code(self) -> Exit:
        """Return the exit code for this document alone."""
        if self.result is not None:
            return Exit.ACCEPTED
        return Exit.MISTAKE if self.rejection is None else EXIT_OF[type(self.rejection)]


def find_documents(names: Iterable[str]) -> list[Source]:
    """Return the files that names, folders and patterns mean, each once, a folder's sorted."""
    found: dict[str, Source] = {}
    for name in names:
        sources = _files_of(name) or [Source(name, "no file in this folder or pattern")]
        found |= {source.name: source for source in sources}
    return list(found.values())


def _files_of(name: str) -> list[Source]:
    if os.path.isdir(name):  # noqa: PTH112 - Path.is_dir raises for a name that is too long
        try:
            paths = [entry.path for entry in os.scandir(name)]
        except OSError as exc:
            return [Source(name, f"cannot be read: {exc.strerror}")]
    elif glob.has_magic(name) and "\0" not in name and not os.path.exists(name):  # noqa: PTH110 - Path.exists raises
        paths = glob.glob(name, recursive=True)  # noqa: PTH207 - Path.glob takes no absolute pattern
    else:
        return [Source(name)]
    return [_found(path) for path in sorted(paths) if not os.path.isdir(path)]  # noqa: PTH112 - Path.is_dir raises


def _found(path: str) -> Source:
    """Return what was found under a name, which the caller did not give: a pipe is not waited for.

    It is not omitted either: then all documents could seem to be accepted.
    """
    if not os.path.isfile(path):  # noqa: PTH113 - Path.is_file raises
        return Source(path, "not a file: a broken link, a pipe or a device")
    # "-" would be the standard input; os.scandir and glob leave such a name as it is
    return Source(f".{os.sep}{path}" if path == STANDARD_INPUT else path)


def decide(source: Source, call: Call) -> Outcome:
    """Read and verify one document; if it can't be read, that is its outcome.

    Raises:
        PolicyError: The nonce does not fit the policy.

    """
    if source.problem is not None:
        return Outcome(source.name, problem=source.problem)
    try:
        doc = read_document(source.name)
    except PolicyError as exc:
        return Outcome(source.name, problem=exc.problem)
    try:
        result = verify(doc, call.policy, nonce=call.nonce, now=call.now)
    except VerificationError as rejection:
        return Outcome(source.name, rejection=rejection)
    return Outcome(source.name, result=result)


@contextmanager
def outcomes(sources: list[Source], call: Call) -> Generator[Iterator[Outcome]]:
    """Give the outcomes one after the other, in the order of `sources`."""
    work = partial(decide, call=call)
    cores = available_cores()
    # only this process has the standard input
    here = any(source.name == STANDARD_INPUT for source in sources)
    if here or cores == 1 or len(sources) < MIN_FOR_PROCESSES:
        yield map(work, sources)
        return
    try:
        # "spawn": a fork of a process with threads, such as the progress bar's, can hang
        pool = ProcessPoolExecutor(cores, mp_context=multiprocessing.get_context("spawn"))
    except (ImportError, NotImplementedError, OSError):  # a system without shared semaphores
        yield map(work, sources)
        return
    with pool:
        yield pool.map(work, sources, chunksize=_CHUNK)


def available_cores() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def worst(codes: Iterable[Exit]) -> Exit:
    """Return the exit code of the whole call: the highest."""
    return max(codes, default=Exit.ACCEPTED)


def reasons_of(outcome: Outcome) -> str:
    """Return why a document was rejected or not read, on one line; nothing if it was accepted."""
    if outcome.rejection is None:
        return outcome.problem or ""
    return ", ".join(dict.fromkeys(str(it.reason) for it in outcome.rejection.failures))


def to_json(outcome: Outcome, policy: Policy) -> str:
    """Return the outcome as one line of JSON in ASCII, with the trust anchor it was made under."""
    head: dict[str, object] = {"file": outcome.name, "exit_code": int(outcome.exit_code)}
    if outcome.result is not None:
        return json.dumps({**head, "verdict": "accepted", **outcome.result.to_dict()})
    if outcome.rejection is not None:
        anchor = {
            "name": policy.trust_anchor.name,
            "sha256": policy.trust_anchor.sha256,
            "is_root_of_aws": policy.trust_anchor.is_root_of_aws,
        }
        rejection = outcome.rejection.to_dict()
        return json.dumps({**head, "verdict": "rejected", "trust_anchor": anchor, **rejection})
    return json.dumps({**head, "verdict": "unread", "problem": outcome.problem})
