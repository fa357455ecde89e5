"""What an extra brings is imported only by the room that needs it."""

import subprocess
import sys

import pytest

EXTRA = ("typer", "click", "rich", "pydantic", "tomlkit")
ROOMS = (
    "nitro_attest",
    "nitro_attest.demo",
    "nitro_attest.reference_values.pcr",
    "nitro_attest.reference_values.kms",
    "nitro_attest.reference_values.nitro_cli",
    "nitro_attest.reference_values.nitro_tpm",
    "nitro_attest.testing",
)


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_imports_no_package_of_the_extra_cli(room: str) -> None:
    """`import nitro_attest` neither loads nor trusts what only the command line uses."""
    program = f"import sys, {room}; sys.exit(sum(name in sys.modules for name in {EXTRA!r}))"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0  # noqa: S603 - this program
