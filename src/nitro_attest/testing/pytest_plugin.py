"""The fake Nitro as pytest fixtures: `fake_nitro` and `nitro_fault`.

pytest loads this module by its entry point in every run where nitro-attest is installed, so it
imports nothing of nitro_attest until a test asks for a fixture. It is not part of the package:
importing nitro_attest never imports pytest.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Protocol

import pytest

if TYPE_CHECKING:
    from nitro_attest.testing import FakeNitro, FaultyDocument

__all__ = ["MakeFault", "fake_nitro", "nitro_fault"]


class MakeFault(Protocol):
    """The type of `nitro_fault`: a maker of one faulty document in place of the good one."""

    def __call__(
        self,
        *,
        nonce: bytes,
        public_key: bytes | None = None,
        user_data: bytes | None = None,
        pcrs: Mapping[int, bytes] | None = None,
    ) -> FaultyDocument:
        """Make the document."""
        ...


@pytest.fixture
def fake_nitro() -> FakeNitro:
    """Return a fake Nitro with a root of its own; its time is that at which the test begins."""
    from nitro_attest.testing import FakeNitro  # noqa: PLC0415 - only once a test asks

    return FakeNitro()


@pytest.fixture
def nitro_fault(fake_nitro: FakeNitro, nitro_fault_name: str) -> MakeFault:
    """Return a maker of one faulty document; a test with this fixture runs once for each fault."""
    from nitro_attest.testing import Faults  # noqa: PLC0415 - only once a test asks

    def make(
        *,
        nonce: bytes,
        public_key: bytes | None = None,
        user_data: bytes | None = None,
        pcrs: Mapping[int, bytes] | None = None,
    ) -> FaultyDocument:
        faults = Faults(
            fake=fake_nitro, nonce=nonce, public_key=public_key, user_data=user_data, pcrs=pcrs
        )
        return faults.named(nitro_fault_name)

    return make


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test with `nitro_fault` once for every fault."""
    if "nitro_fault_name" in metafunc.fixturenames:
        from nitro_attest import DocumentKind  # noqa: PLC0415 - only once a test asks
        from nitro_attest.testing import FAULTS  # noqa: PLC0415 - only once a test asks

        metafunc.parametrize("nitro_fault_name", FAULTS[DocumentKind.ENCLAVE])
