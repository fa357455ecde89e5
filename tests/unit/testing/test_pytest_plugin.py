"""Check the pytest plugin in runs of their own, as a user's project would have them."""

import subprocess
import sys

import pytest

from nitro_attest import DocumentKind
from nitro_attest.testing import FAULTS

pytest_plugins = ["pytester"]

USERS_TEST = """
def test_document(fake_nitro):
    assert fake_nitro.enclave_document(nonce=bytes(32))

def test_fault(nitro_fault):
    faulty = nitro_fault(nonce=bytes(32), public_key=b"key")
    assert faulty.reason

def test_without(): ...
"""


def test_the_fixtures_are_there_without_any_set_up(pytester: pytest.Pytester) -> None:
    """One run gives a fake, and one test for each fault."""
    pytester.makepyfile(USERS_TEST)

    outcome = pytester.runpytest_subprocess("-q", "-p", "no:cacheprovider")

    outcome.assert_outcomes(passed=2 + len(FAULTS[DocumentKind.ENCLAVE]))


def test_each_run_names_its_fault(pytester: pytest.Pytester) -> None:
    """The name of the fault is in the name of the test, so that one can be run alone."""
    pytester.makepyfile(USERS_TEST)

    outcome = pytester.runpytest_subprocess("-q", "-p", "no:cacheprovider", "-k", "expired_chain")

    outcome.assert_outcomes(passed=1, deselected=1 + len(FAULTS[DocumentKind.ENCLAVE]))


def test_importing_the_package_never_imports_pytest() -> None:
    """A service in production needs no pytest."""
    code = "import nitro_attest, nitro_attest.testing, sys; sys.exit('pytest' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0  # noqa: S603 - this program
