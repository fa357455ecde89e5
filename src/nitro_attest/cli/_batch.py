"""Verify many documents at one time and on all cores, and show a table of verdicts with a summary.

Names of files and a policy come in, outcomes go out in the order of the names. Never: a verdict
that depends on how many processes there are; every process has the same policy and the same time.
"""

import glob
import multiprocessing
import os
from collections.abc import Generator, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Final, final

from nitro_attest import Policy, PolicyError
from nitro_attest.cli._files import STANDARD_INPUT, read_document
from nitro_attest.cli._outcome import Exit, Outcome, decide

MIN_FOR_PROCESSES: Final = 400  # below that, starting processes costs more than it saves
_CHUNK: Final = 32


@final
@dataclass(frozen=True, slots=True)
class Call:
    """Hold what is the same for every document."""

    policy: Policy
    nonce: bytes | None
    now: datetime


def find_documents(names: Iterable[str]) -> list[str]:
    """Return the files that names, folders and patterns stand for, each once, those of a folder in the order of their names.

    Raises:
        PolicyError: A folder or a pattern stands for none.

    """
    found: dict[str, None] = {}
    for name in names:
        if Path(name).is_dir():
            files = [str(path) for path in sorted(Path(name).iterdir()) if path.is_file()]
        elif glob.has_magic(name) and not Path(name).exists():
            files = sorted(path for path in glob.glob(name, recursive=True) if Path(path).is_file())
        else:
            files = [name]
        if not files:
            raise PolicyError("documents", f"no file in {name!r}")
        found |= dict.fromkeys(files)
    return list(found)


def decide_file(name: str, call: Call) -> Outcome:
    """Read and verify one file; a file that can't be read is an outcome too, so that the others are still looked at.

    Raises:
        PolicyError: The nonce does not fit the policy.

    """
    try:
        doc = read_document(name)
    except PolicyError as exc:
        return Outcome(name, Exit.MISTAKE, None, (), None, exc.problem)
    return decide(name, doc, call.policy, call.nonce, call.now)


@contextmanager
def outcomes(names: list[str], call: Call) -> Generator[Iterator[Outcome]]:
    """Give the outcomes one after the other, in the order of `names`."""
    work = partial(decide_file, call=call)
    cores = available_cores()
    if (
        len(names) < MIN_FOR_PROCESSES or cores == 1 or STANDARD_INPUT in names
    ):  # only this process has the standard input
        yield map(work, names)
        return
    # "spawn": a fork of a process with threads, such as the progress bar's, can hang.
    with ProcessPoolExecutor(cores, mp_context=multiprocessing.get_context("spawn")) as pool:
        yield pool.map(work, names, chunksize=_CHUNK)


def available_cores() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def worst(codes: Iterable[Exit]) -> Exit:
    """Return the exit code of the whole run: the highest."""
    return max(codes, default=Exit.ACCEPTED)


def reason_of(outcome: Outcome) -> str:
    """Return the verdict's reasons on one line."""
    if outcome.problem is not None:
        return outcome.problem
    return ", ".join(dict.fromkeys(str(failure.reason) for failure in outcome.failures))
