"""Lines of the audit log for people and for programs, and which of them are wanted."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final, cast, final

from nitro_attest_broker._chain import Line
from nitro_attest_broker._json import write_object

_SHOWN: Final = ("result", "reason", "principal", "address", "request_id")


class FilterError(ValueError):
    """What lines are wanted cannot be understood."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which lines are wanted: those that fit everything that is not None."""

    key: str | None = None
    request_id: str | None = None
    since: datetime | None = None

    def matches(self, entry: Mapping[str, object]) -> bool:
        """Return whether a line is wanted; one without a time counts as recent."""
        if self.request_id is not None and entry.get("request_id") != self.request_id:
            return False
        if self.key is not None and not any(_names(arn, self.key) for arn in _arns(entry)):
            return False
        time = entry.get("time")
        return (
            self.since is None
            or not isinstance(time, str)
            or datetime.fromisoformat(time) >= self.since
        )


def time_of(text: str) -> datetime:
    """Return a point in time.

    Raises:
        FilterError: `text` is none in ISO 8601, or says no time zone.

    """
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        time = None
    if time is None or time.tzinfo is None:
        raise FilterError("--since: expected a time with its zone, such as 2026-11-24T12:00:00Z")
    return time


def written(line: Line, *, for_person: bool) -> str:
    """Return a line as JSON, or shorter for a person: number, time, what, and its facts."""
    entry = line.entry
    if not for_person:
        return write_object({"sequence": line.head.sequence, **entry})
    what = entry.get("operation", entry.get("event", ""))
    facts = [f"{name}={entry[name]}" for name in _SHOWN if name in entry]
    facts += [f"key={arn}" for arn in _arns(entry)]
    text = "  ".join([f"{line.head.sequence:>8}", str(entry.get("time", "")), str(what), *facts])
    return text.encode("unicode_escape").decode("ascii")  # nothing steers the terminal


def _arns(entry: Mapping[str, object]) -> list[str]:
    keys = cast("list[dict[str, str]]", entry.get("keys", []))
    return [key["arn"] for key in keys]


def _names(arn: str, wanted: str) -> bool:
    return arn == wanted or arn.rpartition("/")[2] == wanted
