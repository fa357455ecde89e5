"""Let the tests import the service in this folder."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
