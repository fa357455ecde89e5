"""Start the command line `nitro-attest` (needs the extra `cli`).

Nothing comes in but the process's arguments, an exit code goes out: 0 accepted, 1 a mistake of the
caller, 2 malformed, 3 untrusted, 4 stale, 5 another code or data than the policy allows. Never: a
traceback because the extra is not installed.
"""

import sys
from typing import Final

__all__ = ["main"]

_EXTRA: Final = frozenset({"typer", "rich", "pydantic"})
_MISSING: Final = (
    "nitro-attest: the command line is an extra, install it with: pip install 'nitro-attest[cli]'\n"
)


def main() -> int:
    """Run the command line and return its exit code."""
    try:
        from nitro_attest.cli._app import run
    except ModuleNotFoundError as exc:
        if (exc.name or "").partition(".")[0] not in _EXTRA:
            raise
        sys.stderr.write(_MISSING)
        return 1
    return run(sys.argv[1:])
