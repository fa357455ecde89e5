"""Structured logs: one JSON object a line on standard error.

A line holds names, numbers and codes that the broker chose. An exception is logged by its type and
the lines it went through, never by its text, which may hold what the sender or a driver wrote.
"""

import json
import logging
import sys
import traceback
from datetime import UTC, datetime
from typing import Final, final

_LOGGER: Final = logging.getLogger("nitro_attest_broker")
_FACTS: Final = "facts"
_MAX_FRAMES: Final = 20


@final
class JsonFormatter(logging.Formatter):
    """Writes a record as one JSON object."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        facts: dict[str, object] = getattr(record, _FACTS, {})
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "event": record.getMessage() if facts or not record.args else str(record.msg),
            **facts,
        }
        if record.exc_info and record.exc_info[0] is not None:
            frames = traceback.extract_tb(record.exc_info[2])[-_MAX_FRAMES:]
            line["event"] = "unexpected_error"
            line["error"] = record.exc_info[0].__name__
            line["at"] = [f"{frame.name}:{frame.lineno}" for frame in frames]
        return json.dumps(line)


def log_event(event: str, **facts: object) -> None:
    """Log that something happened, with facts that hold no secret."""
    _LOGGER.info(event, extra={_FACTS: facts})


def log_to_standard_error() -> None:
    """Send the broker's lines, and its server's, to standard error."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter())
    for name in ("nitro_attest_broker", "uvicorn.error"):
        logger = logging.getLogger(name)
        logger.handlers = [handler]
        logger.propagate = False
        logger.setLevel(logging.INFO)
