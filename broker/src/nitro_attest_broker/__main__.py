"""Run the command line by `python -m nitro_attest_broker`."""

import sys

from nitro_attest_broker._cli import main

if __name__ == "__main__":
    sys.exit(main())
