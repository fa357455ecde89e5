"""Time calls side by side.

Subjects take turns in rounds, so that other work of the machine affects all of them; a ratio is the
median of the rounds' own ratios. What is measured is the processor time of the calling thread,
which is the time on the clock when nothing else runs. What prepares a call is not timed, and no
mean is taken.
"""

import importlib.metadata
import os
import platform
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

CALLS: Final = 40  # in a row: a relying party under load verifies one document after the other


def _nothing() -> None:
    pass


@dataclass(frozen=True)
class Subject:
    """Hold what is timed, and what is done before each call without being timed."""

    call: Callable[[], object]
    prepare: Callable[[], object] = _nothing


@dataclass(frozen=True)
class Timed:
    """Hold the times of one subject in microseconds, round by round."""

    rounds: list[list[float]] = field(default_factory=list[list[float]])

    @property
    def median(self) -> float:
        """Return the median of all calls."""
        return statistics.median(sample for samples in self.rounds for sample in samples)

    def ratio(self, *floors: "Timed") -> float:
        """Return the rounds' median of this median divided by the sum of the floors' medians."""
        ratios: list[float] = [
            statistics.median(own) / sum(map(statistics.median, theirs))
            for own, *theirs in zip(self.rounds, *(floor.rounds for floor in floors), strict=True)
        ]
        return statistics.median(ratios)


def side_by_side(subjects: Mapping[str, Subject], rounds: int) -> dict[str, Timed]:
    """Time every subject `CALLS` times in every round, in an order that turns with the round."""
    timed = {name: Timed() for name in subjects}
    names = list(subjects)
    for turn in range(rounds + 1):
        for name in names[turn % len(names) :] + names[: turn % len(names)]:
            samples = [_time(subjects[name]) for _ in range(CALLS)]
            if turn:  # the first round warms up
                timed[name].rounds.append(samples)
    return timed


def _time(subject: Subject) -> float:
    subject.prepare()
    started = time.thread_time_ns()
    subject.call()
    return (time.thread_time_ns() - started) / 1000


def versions(*packages: str) -> dict[str, str]:
    """Return the versions of what is measured and of what it is measured on."""
    from cryptography.hazmat.backends.openssl.backend import backend  # noqa: PLC0415 - peers' environments have no such thing

    found = {"python": platform.python_version(), "openssl": backend.openssl_version_text()}
    found |= {package: importlib.metadata.version(package) for package in packages}
    return found | machine()


def machine() -> dict[str, str]:
    """Return the processor, its cores, and how busy it was."""
    model = next(
        (line for line in _read("/proc/cpuinfo").splitlines() if line.startswith("model name")),
        ": unknown",
    )
    load = " ".join(f"{value:.1f}" for value in os.getloadavg())
    return {
        "processor": f"{model.partition(': ')[2]}, {os.cpu_count()} cores",
        "load before": load,
        "system": platform.platform(),
    }


def _read(path: str) -> str:
    return Path(path).read_text() if Path(path).exists() else ""


def table(header: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    """Lay a table out in columns."""
    widths = [max(len(row[column]) for row in (header, *rows)) for column in range(len(header))]
    lines = (header, tuple("-" * width for width in widths), *rows)
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )
