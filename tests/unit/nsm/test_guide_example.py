"""The guide's enclave runs with `Nsm` itself, the kernel's part played by the fake module."""

import importlib
import os
import sys
from collections.abc import Generator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import boto3
import pytest
from mypy_boto3_kms import KMSClient

from nitro_attest.testing import FakeNitro, FakeNsm
from support.kms import Kms, kms_client, running_kms

EXAMPLE: Final = Path(__file__).parents[3] / "docs" / "guides" / "example_service"
NOW: Final = datetime(2026, 1, 3, 20, 41, 7, tzinfo=UTC)
FAKE: Final = FakeNitro(seed=b"NEVER_TRUST a seed of a test", now=NOW)


@pytest.fixture
def kms() -> Generator[Kms]:
    """Run a KMS for one test."""
    with running_kms(FAKE) as running:
        yield running


@pytest.fixture
def enclave(tmp_path: Path, kms: Kms, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Import the example with a device and a KMS in place."""
    nsm, opened = FakeNsm(FAKE), os.open
    (tmp_path / "nsm").touch()

    def open_device(path: str, flags: int, *rest: int) -> int:
        return opened(tmp_path / "nsm" if path == "/dev/nsm" else path, flags, *rest)

    def ioctl(_: int, number: int, message: bytearray, mutate: object) -> int:
        assert (number, mutate) == (0xC0200A00, True)
        nsm._ioctl(message)  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] - the driver's part
        return 0

    def client(service: str) -> KMSClient:
        assert service == "kms"
        return kms_client(kms.fake)

    monkeypatch.setattr("os.open", open_device)
    monkeypatch.setattr("fcntl.ioctl", ioctl)
    monkeypatch.setattr(boto3, "client", client)
    monkeypatch.setattr(sys, "path", [str(EXAMPLE), *sys.path])
    monkeypatch.delitem(sys.modules, "enclave", raising=False)
    example = importlib.import_module("enclave")
    monkeypatch.setattr(example, "KEY", kms.key_arn)
    return example


def test_the_enclave_gets_the_password_through_dev_nsm(enclave: Any, kms: Kms) -> None:
    """Every line of the example runs, `with Nsm()` included."""
    ciphertext = kms.ciphertext(b"correct horse", {"purpose": "database password"})
    assert enclave.main(ciphertext) == b"correct horse"
    assert [seen.fields["KeyId"] for seen in kms.seen] == [kms.key_arn]
    assert kms.seen[0].document is not None
