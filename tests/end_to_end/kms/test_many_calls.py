"""An attested client shared by 16 threads. It needs no server, but more than a minute of CPU."""

from datetime import UTC, datetime
from typing import Final

import pytest

from nitro_attest.testing import FakeNitro
from support.kms import mix_up

pytestmark = pytest.mark.servers

NOW: Final = datetime(2026, 1, 3, 20, 41, 7, tzinfo=UTC)


def test_sixteen_threads_do_not_mix_up_a_thousand_calls() -> None:
    """Throttled calls and unattested ones on the same client are among them."""
    nitro = FakeNitro(seed=b"NEVER_TRUST a seed of a test", now=NOW)
    right, documents = mix_up(nitro, calls=1000)
    assert right == [True] * 1000
    assert len(set(documents)) == len(documents) >= 900
