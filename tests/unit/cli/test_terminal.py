"""Nothing is cut at any width, and what goes to a pipe is one unwrapped record a line."""

import re
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from nitro_attest import Equals, FreshNonce, NotChecked, Policy, Reason, Sha384, read_unverified
from nitro_attest.policy_file import policy_to_toml
from nitro_attest.testing import FakeNitro
from unit.cli.console import CAPTURED, Finished, run

NOW = datetime(2026, 1, 3, 12, tzinfo=UTC)
AT = ("--at", "2026-01-03T12:00:00Z")
FAKE = FakeNitro(seed=b"terminal widths, never trust", now=NOW)
NONCE = bytes(range(32))
LONG_NAME = "a-name-of-a-file-that-no-terminal-of-40-columns-has-room-for.cbor"
DOC = FAKE.enclave_document(nonce=NONCE, public_key=b"\xab" * 130, pcrs={0: b"\x5a" * 48})
GOOD = FAKE.enclave_document(nonce=NONCE, public_key=b"\xab" * 130)
DATA_DIGEST = bytes(range(100, 148))
POLICY = Policy(
    measurements=(FAKE.enclave_measurements(),),
    freshness=FreshNonce(),
    public_key=NotChecked("a reason that is longer than a line of forty columns can be"),
    user_data=Equals(DATA_DIGEST),
    trust_anchor=FAKE.trust_anchor,
)
PINNED = [
    rule.hex()
    for rule in FAKE.enclave_measurements().pcr_rules().values()
    if isinstance(rule, Sha384) and rule != Sha384.ZERO
]
FOUND = [value.hex() for value in read_unverified(DOC).pcrs.values() if any(value)]
VERIFY = ("--policy", "policy.toml", *AT, "--nonce", NONCE.hex())

# A command, and everything that it must show whole.
CASES: dict[str, tuple[tuple[str, ...], list[str]]] = {
    "inspect": (
        ("inspect", LONG_NAME, *AT),
        [LONG_NAME, *FOUND, FAKE.trust_anchor.sha256, NONCE.hex(), "NOT A ROOT OF AWS"],
    ),
    "inspect NitroTPM": (
        ("inspect", str(CAPTURED / "nitrotpm-2026-02-02.cbor"), *AT),
        [
            value.hex()
            for value in read_unverified(
                (CAPTURED / "nitrotpm-2026-02-02.cbor").read_bytes()
            ).pcrs.values()
            if any(value) and value != b"\xff" * 48
        ]
        + [
            "Secure Boot is off",
            "PCR8 is set: the boot loader's commands; a zero PCR12 says nothing",
        ],
    ),
    "accepted": (
        ("verify", "good.cbor", *VERIFY[2:], "--policy", "lax.toml"),
        ["ACCEPTED", FAKE.trust_anchor.sha256, "NOT A ROOT OF AWS", "public_key"],
    ),
    "rejected": (
        ("verify", LONG_NAME, *VERIFY),
        [
            "policy.pcr_mismatch",
            "policy.user_data",
            DATA_DIGEST.hex(),
            FAKE.trust_anchor.sha256,
            "NOT A ROOT OF AWS",
        ],
    ),
    "many": (
        ("verify", LONG_NAME, "good.cbor", "missing", *VERIFY),
        [LONG_NAME, "good.cbor", "missing", "policy.pcr_mismatch", "NOT A ROOT OF AWS"],
    ),
    "show": (
        ("policy", "show", "policy.toml"),
        [*PINNED, DATA_DIGEST.hex(), POLICY.digest(), FAKE.trust_anchor.sha256],
    ),
    "check": (("policy", "check", "policy.toml"), [POLICY.digest(), "policy.toml"]),
    "diff": (
        ("policy", "diff", "policy.toml", "lax.toml"),
        [DATA_DIGEST.hex(), "user_data", "looser", "measurements"],
    ),
    "explain": (("explain",), [str(reason) for reason in Reason]),
}
cases = pytest.mark.parametrize(("arguments", "wanted"), CASES.values(), ids=CASES)


@pytest.fixture(name="folder", autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in a folder with two policies and two documents."""
    monkeypatch.chdir(tmp_path)
    lax = replace(POLICY, user_data=NotChecked("none"))
    for name, policy in {"policy.toml": POLICY, "lax.toml": lax}.items():
        (tmp_path / name).write_text(policy_to_toml(policy), encoding="utf-8")
    (tmp_path / LONG_NAME).write_bytes(DOC)
    (tmp_path / "good.cbor").write_bytes(GOOD)
    return tmp_path


def joined(text: str) -> str:
    """Return a text without the line ends and blanks that wrapping brings."""
    return re.sub(r"\s+", "", text)


@cases
@pytest.mark.parametrize("columns", [40, 60, 80, 200])
def test_nothing_is_cut_on_a_terminal(
    arguments: tuple[str, ...], wanted: list[str], columns: int
) -> None:
    """Digests, reasons and names of files are whole, and no line is longer than the terminal."""
    done = run(*arguments, columns=columns)
    lines = done.out.splitlines()
    assert max(map(len, lines)) <= columns
    assert all(line == line.rstrip() for line in lines)
    assert "…" not in done.out
    assert all(joined(text) in joined(_without_columns(done, text)) for text in wanted)


def _without_columns(done: Finished, text: str) -> str:
    """Return the output; of two digests side by side, which `text` may be one of, the halves."""
    if re.fullmatch("[0-9a-f]{64,}", text) and joined(text) not in joined(done.out):
        pairs = re.findall(r"^  ([0-9a-f]+)  ([0-9a-f]+)$", done.out, re.MULTILINE)
        return "".join(left for left, _ in pairs) + "|" + "".join(right for _, right in pairs)
    return done.out


@pytest.mark.parametrize(("columns", "digits"), [(40, 16), (60, 24), (80, 32), (200, 32)])
def test_digests_are_wrapped_in_rows_of_one_length(columns: int, digits: int) -> None:
    """So that a reader can compare two side by side, row by row."""
    done = run("verify", LONG_NAME, *VERIFY, columns=columns)
    pairs = re.findall(r"^  ([0-9a-f]+)  ([0-9a-f]+)$", done.out, re.MULTILINE)
    assert pairs
    assert {len(left) for left, _ in pairs} == {digits}
    # the sets pin PCR0, which differs in this document
    assert "".join(left for left, _ in pairs[: 96 // digits]) == PINNED[0]
    assert "".join(right for _, right in pairs[: 96 // digits]) == "5a" * 48


def test_a_name_is_not_folded_where_the_terminal_has_room(folder: Path) -> None:
    """Lines end at 100 columns, but for a word that needs more."""
    name = "n" * 120
    (folder / name).write_bytes(GOOD)
    assert name in run("inspect", name, *AT, columns=200).out
    assert name in run("verify", name, "good.cbor", *VERIFY, columns=200).out


@cases
def test_a_pipe_gets_one_unwrapped_record_a_line(
    arguments: tuple[str, ...], wanted: list[str]
) -> None:
    """Each wanted text is on one line, and no line ends in blanks."""
    done = run(*arguments)
    lines = done.out.splitlines()
    assert all(line == line.rstrip() for line in lines)
    assert "\x1b" not in done.out
    assert all(any(text in line for line in lines) for text in wanted)


def test_colour_that_is_forced_does_not_wrap_a_pipe(monkeypatch: pytest.MonkeyPatch) -> None:
    """FORCE_COLOR, which many CI systems set, asks for colour and nothing else."""
    plain = run("policy", "show", "policy.toml")
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert run("policy", "show", "policy.toml") == plain


@pytest.mark.parametrize("columns", [1, 10, 31])
@cases
def test_a_terminal_of_any_width_gets_all_of_it(
    arguments: tuple[str, ...], wanted: list[str], columns: int
) -> None:
    """Below 32 columns the terminal wraps by itself."""
    done = run(*arguments, columns=columns)
    assert max(map(len, done.out.splitlines())) <= 32
    assert wanted
