"""`nitro-attest kms lint` and `kms simulate`: what they print, and their exit codes."""

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from nitro_attest.cli._sarif import to_sarif
from nitro_attest.reference_values import kms
from nitro_attest.testing import FakeNitro
from unit.cli.console import Finished, run
from unit.cli.sarif_schema import SCHEMA
from unit.reference_values.broken_policies import ADMIN, BROKEN, CLEAN, PCR, PREFIX, ROLE, USE

FAKE = FakeNitro(seed=b"kms commands, never trust", now=datetime(2026, 1, 3, tzinfo=UTC))
RIGHT = {index: bytes.fromhex(PCR[index]) for index in (0, 1, 2)}
CONTEXT = ("--context", "app=payments")
PCRS = tuple(part for index in RIGHT for part in ("--pcr", f"{index}={PCR[index]}"))
DEFAULT = BROKEN["AWS's default statement"][0]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder that the commands run in."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def lint(folder: Path, policy: object, *options: str, columns: int | None = None) -> Finished:
    """Review a policy in a file."""
    text = policy if isinstance(policy, str) else json.dumps(policy, indent=2)
    (folder / "key policy.json").write_text(text)
    return run("kms", "lint", "key policy.json", *options, columns=columns)


def simulate(folder: Path, policy: object, *options: str, columns: int | None = None) -> Finished:
    """Decide a request under a policy in a file."""
    (folder / "policy.json").write_text(json.dumps(policy))
    return run("kms", "simulate", "policy.json", *options, columns=columns)


def test_a_clean_policy_exits_with_0(folder: Path) -> None:
    """One line that says so."""
    done = lint(folder, CLEAN)
    assert (done.code, done.out, done.err) == (0, "0 errors, 0 warnings, 0 notes, 0 ignored\n", "")


@pytest.mark.parametrize(
    ("code", "fail_on", "expected"),
    [
        ("no attestation condition", "error", 1),
        ("no attestation condition", "note", 1),
        ("only PCR0", "error", 0),
        ("only PCR0", "warning", 1),
    ],
)
def test_findings_at_or_above_the_limit_exit_with_1(
    folder: Path, code: str, fail_on: str, expected: int
) -> None:
    """`--fail-on`; a warning is the default limit."""
    assert lint(folder, BROKEN[code][0], "--fail-on", fail_on).code == expected
    assert lint(folder, BROKEN[code][0]).code == 1


def test_a_note_fails_only_where_it_is_asked_to(folder: Path) -> None:
    """An unbound context."""
    unbound = {
        "Statement": {
            **USE,
            "Condition": {
                "StringEqualsIgnoreCase": {PREFIX + "PCR0": PCR[0], PREFIX + "PCR1": PCR[1]}
            },
        }
    }
    assert lint(folder, unbound).code == 0
    assert lint(folder, unbound, "--fail-on", "note").code == 1
    assert "1 note," in lint(folder, unbound).out


@pytest.mark.parametrize("policy", ["{", "[]", "\x00", '{"Statement": []}'])
def test_what_cannot_be_read_exits_with_2(folder: Path, policy: str) -> None:
    """One line on standard error, nothing on standard output, in every format."""
    for form in ("text", "json", "sarif"):
        done = lint(folder, policy, "--format", form)
        assert (done.code, done.out, done.err.count("\n")) == (2, "", 1)
    assert run("kms", "lint", "no-such-file.json").code == 2


def test_an_ignored_finding_does_not_fail_and_keeps_its_reason(folder: Path) -> None:
    """In every format."""
    options = [f"--ignore={code}=known, ticket 7" for code in BROKEN["AWS's default statement"][1]]
    done = lint(folder, DEFAULT, *options)
    assert done.code == 0
    assert done.out.count("known, ticket 7") == 3
    assert "0 errors, 0 warnings, 0 notes, 3 ignored" in done.out
    found = json.loads(lint(folder, DEFAULT, *options, "--format", "json").out)["findings"]
    assert {it["ignored"] for it in found} == {"known, ticket 7"}
    results = sarif(lint(folder, DEFAULT, *options, "--format", "sarif").out)["results"]
    assert {it["suppressions"][0]["justification"] for it in results} == {"known, ticket 7"}


@pytest.mark.parametrize(
    "option", ["no-attestation", "no-attestation=", "no-attestation= ", "no-such-code=why", "=why"]
)
def test_ignoring_needs_a_code_and_a_reason(folder: Path, option: str) -> None:
    """A mistake is exit code 2, not a policy that passes."""
    assert lint(folder, CLEAN, "--ignore", option).code == 2
    twice = ("--ignore", "pcr0-only=a", "--ignore", "pcr0-only=b")
    assert lint(folder, CLEAN, *twice).code == 2


def test_the_text_names_code_statement_reason_and_one_repair_a_statement(folder: Path) -> None:
    """A finding's repair comes once for each statement."""
    done = lint(folder, BROKEN["only PCR0"][0])
    assert 'warning pcr0-only, Statement[1] ("payments")' in done.out
    assert done.out.count("Repaired:") == 1
    assert PCR[0] in done.out
    assert lint(folder, DEFAULT).out.count("Repaired:") == 1
    assert (
        "remove the statement"
        in lint(folder, {"Statement": {**USE, "Action": "kms:Sign", "Condition": {}}}).out
    )
    undecidable = {**USE, "Condition": {**USE["Condition"], "Bool": {"aws:ViaAWSService": "false"}}}
    assert "No repair" in lint(folder, {"Statement": undecidable}).out


@pytest.mark.parametrize("columns", [40, 80, 200])
def test_a_terminal_gets_lines_of_its_width_and_repairs_to_copy(folder: Path, columns: int) -> None:
    """Prose is wrapped; the JSON of a repair is what it was, a digest on one line."""
    done = lint(folder, BROKEN["only PCR0"][0], columns=columns)
    prose = [line for line in done.out.splitlines() if not line.startswith("    ")]
    assert max(map(len, prose)) <= min(columns, 100)
    copied = done.out.partition("Repaired:\n")[2].partition("\n\n")[0]
    assert json.loads(copied)["Sid"] == "payments"
    options = ("--operation", "Decrypt", "--principal", ROLE)
    denied = simulate(folder, CLEAN, *options, columns=columns)
    assert max(map(len, denied.out.splitlines())) <= min(columns, 100)


def test_a_pipe_gets_one_line_for_each_reason(folder: Path) -> None:
    """For grep and awk."""
    (found,) = kms.lint(BROKEN["only PCR0"][0])
    assert f"  {found.why}" in lint(folder, BROKEN["only PCR0"][0]).out.splitlines()


def test_names_in_a_policy_cannot_write_to_the_terminal(folder: Path) -> None:
    """Neither the reason of an ignored finding, nor the name of a file."""
    options = ("--ignore", "pcr0-only=a\x1b[2Jb\u202ec")
    for form in ("text", "json", "sarif"):
        done = lint(folder, BROKEN["only PCR0"][0], *options, "--format", form)
        assert done.code == 0
        assert done.out.replace("\n", "").isprintable()
    done = run("kms", "lint", "no\x1bsuch\nfile")
    assert (done.code, done.err.count("\n"), done.err[:-1].isprintable()) == (2, 1, True)


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("no-such-command",),
        ("lint",),
        ("lint", "--bad-option"),
        ("lint", "policy.json", "another.json"),
        ("lint", "policy.json", "--format", "xml"),
        ("lint", "policy.json", "--fail-on", "nothing"),
        ("simulate",),
        ("simulate", "policy.json"),
        ("simulate", "policy.json", "--operation"),
        ("simulate", "policy.json", "--operation", "Decrypt", "--strictness", "none"),
    ],
)
def test_a_mistake_in_the_call_exits_with_2(folder: Path, arguments: tuple[str, ...]) -> None:
    """1 would say that there are findings, or that the request is denied."""
    (folder / "policy.json").write_text(json.dumps(CLEAN))
    assert run("kms", *arguments).code == 2


@pytest.mark.parametrize("arguments", [("--help",), ("lint", "--help"), ("simulate", "-h")])
def test_help_that_is_asked_for_exits_with_0(arguments: tuple[str, ...]) -> None:
    """It is no mistake."""
    assert run("kms", *arguments).code == 0


@pytest.mark.parametrize("group", ["policy", "pcr"])
def test_a_mistake_in_another_group_exits_with_1(group: str) -> None:
    """There 2 says that a document is malformed."""
    assert run(group, "no-such-command").code == 1
    assert run(group).code == 1


def test_json_holds_every_finding_with_its_repair(folder: Path) -> None:
    """For programs."""
    done = lint(folder, DEFAULT, "--format", "json")
    printed = json.loads(done.out)
    assert done.code == 1
    assert printed["file"] == "key policy.json"
    assert {it["code"] for it in printed["findings"]} == BROKEN["AWS's default statement"][1]
    assert printed["findings"][0]["statement"] == {"index": 0, "sid": "Enable IAM"}
    assert printed["findings"][0]["repaired"][0]["Effect"] == "Allow"
    undecidable = {**USE, "Condition": {**USE["Condition"], "Bool": {"aws:ViaAWSService": "false"}}}
    printed = json.loads(lint(folder, {"Statement": undecidable}, "--format", "json").out)
    assert printed["findings"][0]["repaired"] is None


def sarif(text: str) -> dict[str, Any]:
    """Return the run of a SARIF log that is valid under the schema of what is written."""
    log = json.loads(text)
    jsonschema.validate(log, SCHEMA)
    found: list[dict[str, Any]] = log["runs"]
    assert len(found) == 1
    return found[0]


@pytest.mark.parametrize("name", BROKEN)
def test_sarif_is_valid(folder: Path, name: str) -> None:
    """For every broken policy; each result names a rule, a file and a statement."""
    done = lint(folder, BROKEN[name][0], "--format", "sarif")
    found = sarif(done.out)
    rules = found["tool"]["driver"]["rules"]
    for result in found["results"]:
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
        (location,) = result["locations"]
        assert location["physicalLocation"]["artifactLocation"]["uri"] == "key%20policy.json"
    assert {result["ruleId"] for result in found["results"]} == BROKEN[name][1]


def test_sarif_points_at_the_line_where_the_statement_begins(folder: Path) -> None:
    """One statement or several; line 1 where the policy is wrapped in text."""
    text = json.dumps(CLEAN | {"Statement": [USE, {**USE, "Action": "kms:*"}]}, indent=2)
    found = sarif(lint(folder, text, "--format", "sarif").out)
    (line,) = {
        it["locations"][0]["physicalLocation"]["region"]["startLine"] for it in found["results"]
    }
    assert text.splitlines()[line - 1] == "    {"
    assert "kms:*" in "\n".join(text.splitlines()[line - 1 :])
    assert "kms:Decrypt" not in "\n".join(text.splitlines()[line - 1 :])
    wrapped = json.dumps({"Policy": json.dumps(DEFAULT), "PolicyName": "default"})
    found = sarif(lint(folder, "\n\n" + wrapped, "--format", "sarif").out)
    assert {
        it["locations"][0]["physicalLocation"]["region"]["startLine"] for it in found["results"]
    } == {1}


def test_sarif_says_of_every_result_whether_it_is_suppressed(folder: Path) -> None:
    """All results of a run have suppressions, or none has (3.27.23)."""
    results = sarif(
        lint(folder, DEFAULT, "--ignore", "policy-change=known", "--format", "sarif").out
    )["results"]
    expected = [{"kind": "external", "justification": "known"}]
    found = {it["ruleId"]: it["suppressions"] for it in results}
    assert found.pop("policy-change") == expected
    assert list(found.values()) == [[], []]


@pytest.mark.parametrize("sid", ["{0}", "a}b{c", "[here](https://example.com)", "[[x]](1)"])
def test_a_sid_is_neither_a_placeholder_nor_a_link_in_sarif(folder: Path, sid: str) -> None:
    """A viewer replaces {0} (3.11.5) and makes a link of ]( (3.11.6)."""
    policy = {"Statement": {**DEFAULT["Statement"][0], "Sid": sid}}
    for result in sarif(lint(folder, policy, "--format", "sarif").out)["results"]:
        text = result["message"]["text"]
        assert "](" not in text
        shown = text.replace("{{", "{").replace("}}", "}").replace("] (", "](")
        assert f'Statement[0]("{sid}")' in shown.replace("Statement[0] (", "Statement[0](")


def test_the_schema_notices_what_sarif_does_not_allow() -> None:
    """The test's own schema: a line 0, a level that does not exist, no message, another version."""
    text = to_sarif(kms.lint(DEFAULT), file="a.json", text="", ignored={})
    spoiled: list[tuple[str, str]] = [
        ('"startLine": 1', '"startLine": 0'),
        ('"level": "error"', '"level": "fatal"'),
        ('"message"', '"massage"'),
        ('"text": "Statement[0]', '"text": "{0} Statement[0]'),
        ('"text": "Statement[0]', '"text": "[x](1) Statement[0]'),
        ('"version": "2.1.0"', '"version": "2.0.0"'),
        ('"uri": "a.json"', '"uri": "a b.json"'),
    ]
    for right, wrong in spoiled:
        assert right in text
        with pytest.raises(jsonschema.ValidationError):
            sarif(text.replace(right, wrong))


def test_a_file_name_of_any_letters_becomes_a_uri() -> None:
    """Windows' separators and letters outside ASCII as well."""
    found = kms.lint(DEFAULT)
    log = to_sarif(found, file="keys\\prüfung %1.json", text="", ignored={})
    uri = sarif(log)["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
    assert uri == "keys/pr%C3%BCfung%20%251.json"


def test_an_allowed_request_exits_with_0(folder: Path) -> None:
    """With the statement that allows it."""
    done = simulate(folder, CLEAN, "--operation", "Decrypt", "--principal", ROLE, *PCRS, *CONTEXT)
    assert done.code == 0
    assert done.out.startswith("ALLOWED  Decrypt\n")
    assert 'Statement[1] ("payments")' in done.out
    assert "not verified" in done.out


def test_a_denied_request_exits_with_1(folder: Path) -> None:
    """Without a document, and for an administrator."""
    done = simulate(folder, CLEAN, "--operation", "Decrypt", "--principal", ROLE, *CONTEXT)
    assert (done.code, done.out.splitlines()[0]) == (1, "DENIED  Decrypt")
    assert "document   none" in done.out
    some = simulate(folder, CLEAN, "--operation", "Decrypt", "--principal", ROLE, *PCRS[:4])
    assert "document   one with PCR0, PCR1 as given, not verified here" in some.out
    denied = simulate(folder, CLEAN, "--operation", "Decrypt", "--principal", ADMIN, *PCRS)
    assert denied.code == 1


def test_a_document_is_read_from_a_file(folder: Path) -> None:
    """Raw, or as base64 or hex digits; its kind decides the keys."""
    (folder / "document.cbor").write_bytes(FAKE.enclave_document(pcrs=RIGHT))
    options = (
        "--operation",
        "Decrypt",
        "--principal",
        ROLE,
        "--document",
        "document.cbor",
        *CONTEXT,
    )
    assert simulate(folder, CLEAN, *options).code == 0
    (folder / "document.cbor").write_bytes(FAKE.nitro_tpm_document(pcrs={4: RIGHT[0]}))
    assert simulate(folder, CLEAN, *options).code == 1


def test_nitro_tpm_pcrs_have_an_option_of_their_own(folder: Path) -> None:
    """The keys differ."""
    condition = {"StringEquals": {PREFIX + "NitroTPMPCR4": PCR[4]}}
    policy = {"Statement": {**USE, "Condition": condition}}
    options = ("--operation", "Decrypt", "--nitrotpm-pcr", f"4={PCR[4].upper()}")
    assert simulate(folder, policy, *options).code == 0
    assert simulate(folder, policy, "--operation", "Decrypt", "--pcr", f"4={PCR[4]}").code == 1


def test_the_only_principal_of_a_policy_is_the_default(folder: Path) -> None:
    """Several, or none, have to be told apart."""
    only = {"Statement": USE}
    done = simulate(folder, only, "--operation", "Decrypt", *PCRS, *CONTEXT)
    assert (done.code, ROLE in done.out) == (0, True)
    several = simulate(folder, CLEAN, "--operation", "Decrypt")
    assert (several.code, ADMIN in several.err) == (2, True)
    nobody = simulate(folder, {"Statement": {**USE, "Principal": "*"}}, "--operation", "Decrypt")
    assert (nobody.code, "nobody" in nobody.err) == (2, True)
    everyone_else = {k: v for k, v in USE.items() if k != "Principal"}
    everyone_else["NotPrincipal"] = {"AWS": ROLE}
    excluded = simulate(folder, {"Statement": everyone_else}, "--operation", "Decrypt")
    assert (excluded.code, "nobody" in excluded.err) == (2, True)


@pytest.mark.parametrize(
    "options",
    [
        ("--operation", "ReEncrypt"),
        ("--operation", "Decrypt", "--principal", "payments"),
        ("--operation", "Decrypt", "--pcr", "0"),
        ("--operation", "Decrypt", "--pcr", "0=ab"),
        ("--operation", "Decrypt", "--pcr", "x=" + PCR[0]),
        ("--operation", "Decrypt", "--pcr", "²=" + PCR[0]),
        ("--operation", "Decrypt", "--pcr", "0=" + "zz" * 48),
        ("--operation", "Decrypt", "--pcr", "99=" + PCR[0]),
        ("--operation", "Decrypt", *PCRS, *PCRS),
        ("--operation", "Decrypt", "--pcr", f"0={PCR[0]}", "--pcr", f"00={PCR[1]}"),
        ("--operation", "Decrypt", "--document", os.devnull),
        ("--operation", "Decrypt", *PCRS, "--nitrotpm-pcr", "4=" + PCR[4]),
        ("--operation", "Decrypt", "--context", "app"),
        ("--operation", "Decrypt", "--context", "app=a", "--context", "app=b"),
        ("--operation", "Decrypt", "--document", "no-such-file"),
        ("--operation", "Decrypt", "--account", "1"),
    ],
)
def test_a_request_that_cannot_be_exits_with_2(folder: Path, options: tuple[str, ...]) -> None:
    """One line on standard error."""
    done = simulate(folder, {"Statement": USE}, *options)
    assert (done.code, done.out, done.err.count("\n")) == (2, "", 1)


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (("--operation", "decrypt"), "--operation"),
        (("--operation", "Decrypt", "--principal", "payments"), "--principal"),
        (("--operation", "Sign", "--pcr", f"0={PCR[0]}"), "--document"),
        (("--operation", "Decrypt", "--account", "1"), "--account"),
    ],
)
def test_a_mistake_in_a_request_names_its_option(
    folder: Path, options: tuple[str, ...], named: str
) -> None:
    """The words of the command line, not those of Python."""
    done = simulate(folder, {"Statement": USE}, *options)
    assert (done.code, done.err.startswith(f"nitro-attest: {named}: ")) == (2, True)


def test_a_document_that_is_none_exits_with_2(folder: Path) -> None:
    """It cannot be read, so nothing is decided."""
    (folder / "document.cbor").write_bytes(b"\x00")
    options = ("--operation", "Decrypt", "--document", "document.cbor")
    assert simulate(folder, {"Statement": USE}, *options).code == 2


def test_what_cannot_be_decided_exits_with_2_and_is_denied_leniently(folder: Path) -> None:
    """`--strictness lenient` decides against the caller."""
    statement = {**USE, "Condition": {"StringEquals": {"aws:PrincipalOrgID": "o-1"}}}
    options = ("--operation", "Decrypt", "--principal", ROLE)
    undecided = simulate(folder, {"Statement": statement}, *options)
    assert (undecided.code, 'Statement[0] ("payments")' in undecided.err) == (2, True)
    lenient = simulate(folder, {"Statement": statement}, *options, "--strictness", "lenient")
    assert (lenient.code, lenient.out.splitlines()[0]) == (1, "DENIED  Decrypt")


def test_a_decision_is_printed_as_one_line_of_json(folder: Path) -> None:
    """For programs."""
    done = simulate(folder, {"Statement": USE}, "--operation", "Decrypt", *PCRS, *CONTEXT, "--json")
    assert done.out.count("\n") == 1
    printed = json.loads(done.out)
    assert printed["allowed"] is True
    assert printed["statements"] == [{"index": 0, "sid": "payments"}]
    assert (printed["principal"], printed["operation"]) == (ROLE, "Decrypt")
