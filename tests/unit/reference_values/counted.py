"""Work counted in bytecodes, which are the same on a busy machine."""

import sys
from collections.abc import Callable
from types import FrameType
from typing import Any


def bytecodes(work: Callable[[], object]) -> int:
    """Return how many bytecodes of Python a call executes; what is written in C counts as one."""
    count = 0

    def trace(frame: FrameType, event: str, _: Any) -> Any:
        nonlocal count
        frame.f_trace_opcodes, frame.f_trace_lines = True, False
        count += event == "opcode"
        return trace

    before = sys.gettrace()  # that of the coverage
    sys.settrace(trace)
    try:
        work()
    finally:
        sys.settrace(before)
    return count
