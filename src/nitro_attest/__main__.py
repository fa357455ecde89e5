"""Run the command line as `python -m nitro_attest`."""

import sys

from nitro_attest.cli import main

if __name__ == "__main__":
    sys.exit(main())
