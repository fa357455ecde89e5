"""The demonstration computes its verdicts, and says so when one is not as announced."""

import runpy
from dataclasses import replace

import pytest

from nitro_attest import NotChecked, Sha384, demo


def test_the_demonstration_shows_every_verdict(capsys: pytest.CaptureFixture[str]) -> None:
    """Two acceptances, and a rejection for each thing that must not pass; within 80 columns."""
    assert demo.main() == 0
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 80
    assert [line.split()[-1] for line in lines if "REJECTED" in line] == [
        "chain.expired",
        "policy.pcr_mismatch",
        "signature.invalid",
        "policy.debug_enclave",
        "freshness.nonce_mismatch",
        "chain.unknown_root",
    ]
    assert sum("ACCEPTED" in line for line in lines) == 2
    assert lines[-1] == "Every verdict is the one expected."


def test_an_unexpected_verdict_is_told(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the image waived, the changed digit is no longer what is refused."""
    loose = replace(
        demo.MEASUREMENTS, pcr1_kernel=Sha384(b"\x01" * 48), pcr2_application=NotChecked("a test")
    )
    monkeypatch.setattr(demo, "POLICY", replace(demo.POLICY, measurements=(loose,)))
    assert demo.main() == 1
    assert capsys.readouterr().out.splitlines()[-1] == "A VERDICT IS NOT THE ONE EXPECTED."


def test_it_runs_as_a_module(capsys: pytest.CaptureFixture[str]) -> None:
    """`python -m nitro_attest.demo` exits with 0."""
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(demo.__file__), run_name="__main__")
    assert ended.value.code == 0
    assert "ACCEPTED" in capsys.readouterr().out
