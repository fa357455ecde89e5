"""The fixture `fake_kms`, for whoever installs the broker for its tests.

pytest loads this module by its entry point, so it imports nothing heavy until a test asks.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from nitro_attest.testing import FakeNitro

    from nitro_attest_broker.testing import FakeKms

__all__ = ["fake_kms"]


@pytest.fixture
def fake_kms(fake_nitro: FakeNitro) -> Iterator[FakeKms]:
    """Return a KMS on a loopback port that trusts `fake_nitro`, until the test ends."""
    from nitro_attest_broker.testing import FakeKms  # noqa: PLC0415 - loaded when a test asks for it

    with FakeKms(fake_nitro) as kms:
        yield kms
