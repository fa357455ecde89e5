"""The command line `nitro-attest` (needs the extra `cli`).

Exit codes: 0 accepted, 1 a mistake of the caller, 2 malformed, 3 untrusted, 4 stale, 5 another code
or data than the policy allows.
"""

import sys
from typing import Final

from nitro_attest import MissingExtraError

__all__ = ["main"]

_EXTRA: Final = frozenset({"typer", "rich"})


def main() -> int:
    """Run the command line with the arguments of this process and return its exit code."""
    try:
        from nitro_attest.cli._app import run  # noqa: PLC0415 - it needs the extra
    except MissingExtraError:  # of policy_file; whoever wants the command line needs the larger one
        pass
    except ModuleNotFoundError as missing:
        if (missing.name or "").partition(".")[0] not in _EXTRA:
            raise
    else:
        return run(sys.argv[1:])
    sys.stderr.write(f"nitro-attest: {MissingExtraError('cli')}\n")
    return 1
