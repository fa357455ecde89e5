"""Policy files are read strictly, come back without loss, and match their schema."""

import importlib
import json
import re
import sys
from collections.abc import Callable
from dataclasses import fields, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import HealthCheck, given, settings

from nitro_attest import (
    EnclaveMeasurements,
    FreshNonce,
    MissingExtraError,
    NitroTpmMeasurements,
    NotChecked,
    Policy,
    PolicyError,
    Present,
    Sha384,
    TimestampOnly,
)
from nitro_attest.policy_file import (
    json_schema,
    policy_from_json,
    policy_from_toml,
    policy_to_json,
    policy_to_toml,
    read_duration,
    read_policy,
    write_duration,
)
from support.strategies import FAKE, policies

SCHEMA = Path(__file__).parents[3] / "docs" / "policy.schema.json"
PYTHON_NAME = re.compile(
    r"[A-Z][a-z]+[A-Z][a-z]|Sha384|timedelta|tuple"
)  # no word of a policy file
CHECKER: Any = jsonschema.Draft202012Validator(json_schema())
POLICY = Policy(
    measurements=(
        replace(
            FAKE.enclave_measurements(),
            label="payments 1.4.2",
            pcr4_instance_id=NotChecked('a "fleet" of \\ instances'),
            other_pcrs=((16, Sha384.ZERO), (5, Sha384(bytes(47) + b"\1"))),
        ),
        replace(FAKE.enclave_measurements(), label="a second set"),
    ),
    freshness=FreshNonce(),
    public_key=Present(),
    user_data=NotChecked("its meaning is the enclave's own"),
)
TOML = policy_to_toml(POLICY)
TABLE: dict[str, Any] = json.loads(policy_to_json(POLICY))


@settings(
    max_examples=1000,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(policies)
def test_every_policy_comes_back_from_toml_and_json_equal(policy: Policy) -> None:
    """A thousand policies of every kind; the schema agrees with each."""
    assert policy_from_toml(policy_to_toml(policy)) == policy
    written = policy_to_json(policy)
    assert policy_from_json(written) == policy
    CHECKER.validate(json.loads(written))


def test_the_published_schema_is_the_one_in_force() -> None:
    """`make schema` writes it."""
    assert json.loads(SCHEMA.read_text(encoding="utf-8")) == json_schema()


@pytest.mark.parametrize(
    ("table", "kind", "extra"),
    [
        ("PolicyTable", Policy, {"version"}),
        ("EnclaveTable", EnclaveMeasurements, {"kind"}),
        ("NitroTpmTable", NitroTpmMeasurements, {"kind"}),
        ("FreshNonceTable", FreshNonce, {"kind"}),
        ("TimestampOnlyTable", TimestampOnly, {"kind"}),
    ],
)
def test_the_schema_has_the_fields_of_the_types(table: str, kind: Any, extra: set[str]) -> None:
    """A field of a type that files do not have would be a decision that no file can state."""
    schema = json_schema()
    definition = schema if table == "PolicyTable" else schema["$defs"][table]
    assert set(definition["properties"]) == {field.name for field in fields(kind)} | extra
    assert set(definition["required"]) == set(definition["properties"]) - {"other_pcrs"}
    assert definition["additionalProperties"] is False


def test_the_toml_is_made_for_a_reviewer() -> None:
    """Comments say what a group of lines decides; a waiver carries its reason."""
    assert TOML.count("\n# ") >= 5
    assert 'user_data = { not_checked = "its meaning is the enclave\'s own" }' in TOML


def test_remarks_become_comments_on_one_line_each() -> None:
    """A remark with a line break can't become a line of the policy."""
    written = policy_to_toml(POLICY, remarks=["first", 'second\npublic_key = "absent"'])
    assert '# first\n# second?public_key = "absent"\n' in written
    assert policy_from_toml(written) == POLICY


def edited(**changes: Any) -> dict[str, Any]:
    """Return the table with other values; None removes a key."""
    return {name: value for name, value in {**TABLE, **changes}.items() if value is not None}


def with_set(**changes: Any) -> dict[str, Any]:
    """Return the table with a changed first set."""
    first = {
        name: value
        for name, value in {**TABLE["measurements"][0], **changes}.items()
        if value is not None
    }
    return edited(measurements=[first])


ANCHOR = json.loads(policy_to_json(replace(POLICY, trust_anchor=FAKE.trust_anchor)))["trust_anchor"]
NO_APPLICATION = (
    "21b9efbc184807662e966d34f390821309eeac6802309798"
    "826296bf3e8bec7c10edb30948c90ba67310f7b964fc500a"
)
SECURE_BOOT_OFF = (
    "98441c7f7625d10058c47683aec486ce311c633235eb5555"
    "93a7ee791121e3578ae72d04ecef661f272d59058b77af35"
)
WINDOW = {"max_age": "5m", "max_clock_skew": "30s"}

# What the schema can say itself.
BROKEN_FORM: list[tuple[Any, str]] = [
    ({}, "p: version"),
    ([], "p"),
    (None, "p"),
    (edited(version=2), "p: version"),
    (edited(version=True), "p: version"),
    (edited(version="1"), "p: version"),
    (edited(trust_anchor=None), "p: trust_anchor"),
    (edited(trust_anchor="AWS_ROOT"), "p: trust_anchor"),
    (edited(trust_anchor={**ANCHOR, "sha256": ANCHOR["sha256"].upper()}), "p: trust_anchor.sha256"),
    (edited(trust_anchor={**ANCHOR, "certificate": "-----BEGIN"}), "p: trust_anchor.certificate"),
    (edited(trust_anchor={"name": "x"}), "p: trust_anchor.sha256"),
    (edited(public_key=None), "p: public_key"),
    (edited(public_key="whatever"), "p: public_key"),
    (edited(public_key=True), "p: public_key"),
    (edited(public_key={}), "p: public_key.not_checked"),
    (edited(public_key={"not_checked": ""}), "p: public_key.not_checked"),
    (edited(public_key={"equals": "00", "not_checked": "why"}), "p: public_key.not_checked"),
    (edited(public_key={"equals": "0"}), "p: public_key.equals"),
    (edited(public_key={"equals": "00" * 1025}), "p: public_key.equals"),
    (edited(user_data=None), "p: user_data"),
    (edited(unknown_fields=None), "p: unknown_fields"),
    (edited(unknown_fields="present"), "p: unknown_fields"),
    (edited(freshness=None), "p: freshness"),
    (edited(freshness="fresh_nonce"), "p: freshness"),
    (edited(freshness={"kind": "never", **WINDOW}), "p: freshness"),
    (edited(freshness=WINDOW), "p: freshness"),
    (edited(freshness={"kind": "fresh_nonce", "max_age": "5m"}), "p: freshness.max_clock_skew"),
    (edited(freshness={"kind": "fresh_nonce", **WINDOW, "max_age": 300}), "p: freshness.max_age"),
    (edited(freshness={"kind": "fresh_nonce", **WINDOW, "max_age": ""}), "p: freshness.max_age"),
    (edited(freshness={"kind": "fresh_nonce", **WINDOW, "max_age": "-5m"}), "p: freshness.max_age"),
    (
        edited(freshness={"kind": "fresh_nonce", **WINDOW, "max_age": "1m1h"}),
        "p: freshness.max_age",
    ),
    (edited(freshness={"kind": "fresh_nonce", **WINDOW, "because": "x"}), "p: freshness.because"),
    (edited(freshness={"kind": "timestamp_only", **WINDOW}), "p: freshness.because"),
    (edited(measurements=None), "p: measurements"),
    (edited(measurements=[]), "p: measurements"),
    (edited(measurements={}), "p: measurements"),
    (edited(measurements=[1]), "p: measurements[0]"),
    (edited(measurements=[{"kind": "any"}]), "p: measurements[0]"),
    (edited(measurements=[{"kind": "any_enclave"}]), "p: measurements[0].because"),
    (edited(extra=1), "p: extra"),
    (edited(**{"\u001b[2J": 1}), 'p: "\\u001b[2J"'),
    (with_set(label=None), "p: measurements[0].label"),
    (with_set(label=7), "p: measurements[0].label"),
    (with_set(pcr1_kernel=None), "p: measurements[0].pcr1_kernel"),
    (with_set(pcr1_kernel="00"), "p: measurements[0].pcr1_kernel"),
    (with_set(pcr1_kernel=0), "p: measurements[0].pcr1_kernel"),
    (with_set(pcr1_kernel={"not_checkd": "x"}), "p: measurements[0].pcr1_kernel.not_checked"),
    (with_set(pcr5="00" * 48), "p: measurements[0].pcr5"),
    (with_set(other_pcrs={"32": "00" * 48}), "p: measurements[0].other_pcrs.32"),
    (with_set(other_pcrs={"05": "00" * 48}), "p: measurements[0].other_pcrs.05"),
    (with_set(other_pcrs=[]), "p: measurements[0].other_pcrs"),
]

# What only the types of the library can say.
BROKEN_MEANING: list[tuple[Any, str]] = [
    (edited(trust_anchor={**ANCHOR, "sha256": "0" * 64}), "p: trust_anchor.sha256"),
    (edited(trust_anchor={**ANCHOR, "certificate": "AA"}), "p: trust_anchor.certificate"),
    (edited(public_key={"not_checked": " "}), "p: public_key"),
    (edited(user_data={"not_checked": "a\nb"}), "p: user_data"),
    (edited(unknown_fields={"not_checked": "\u0007"}), "p: unknown_fields"),
    (edited(freshness={"kind": "fresh_nonce", **WINDOW, "max_age": "0s"}), "p: freshness.max_age"),
    (
        edited(freshness={"kind": "fresh_nonce", **WINDOW, "max_age": "999999999d24h"}),
        "p: freshness.max_age",
    ),
    (
        edited(freshness={"kind": "timestamp_only", **WINDOW, "because": " "}),
        "p: freshness.because",
    ),
    (edited(measurements=[{"kind": "any_enclave", "because": " "}]), "p: measurements[0].because"),
    (
        edited(
            measurements=[
                {"kind": "any_enclave", "because": "x"},
                {"kind": "any_nitrotpm", "because": "x"},
            ]
        ),
        "p: measurements",
    ),
    (with_set(label="\u202e"), "p: measurements[0].label"),
    (with_set(pcr0_image="00" * 48), "p: measurements[0].pcr0_image"),
    (
        edited(freshness={"kind": "fresh_nonce", **WINDOW, "max_clock_skew": "301s"}),
        "p: freshness.max_clock_skew",
    ),
    (
        edited(measurements=[TABLE["measurements"][0], {"kind": "any_enclave", "because": "x"}]),
        "p: measurements",
    ),
    (
        with_set(
            pcr0_image={"not_checked": "x"},
            pcr1_kernel={"not_checked": "x"},
            pcr2_application=NO_APPLICATION,
        ),
        "p: measurements[0]",
    ),
    (
        edited(
            measurements=[
                {
                    "kind": "nitrotpm",
                    "label": "x",
                    "pcr4_boot_manager": {"not_checked": "x"},
                    "pcr7_secure_boot": SECURE_BOOT_OFF,
                    "pcr12_command_line": "00" * 48,
                }
            ]
        ),
        "p: measurements[0]",
    ),
    (with_set(pcr3_iam_role={"not_checked": "\t"}), "p: measurements[0].pcr3_iam_role"),
    (with_set(other_pcrs={"8": "00" * 48}), "p: measurements[0].other_pcrs.8"),
    (
        edited(
            measurements=[
                {
                    "kind": "nitrotpm",
                    "label": "x",
                    "pcr4_boot_manager": "11" * 48,
                    "pcr7_secure_boot": {"not_checked": "x"},
                    "pcr12_command_line": {"not_checked": "x"},
                }
            ]
        ),
        "p: measurements[0]",
    ),
]


@pytest.mark.parametrize(("table", "field"), BROKEN_FORM + BROKEN_MEANING)
def test_a_table_that_states_no_policy_is_rejected_with_the_key(table: object, field: str) -> None:
    """Unknown keys, wrong types, missing decisions, bad values: one line with the key path."""
    with pytest.raises(PolicyError) as caught:
        policy_from_json(json.dumps(table), source="p")
    assert caught.value.field == field
    assert str(caught.value).isprintable()
    assert not PYTHON_NAME.search(caught.value.problem)


@pytest.mark.parametrize("table", [table for table, _ in BROKEN_FORM])
def test_the_schema_rejects_what_has_not_the_form(table: object) -> None:
    """An editor that knows the schema shows the mistake too."""
    assert not CHECKER.is_valid(table)


@pytest.mark.parametrize("table", [TABLE, edited(trust_anchor=ANCHOR)])
def test_the_schema_accepts_what_is_read(table: dict[str, Any]) -> None:
    """The counterpart of the test above, on the tables the broken ones are made from."""
    assert CHECKER.is_valid(table)
    policy_from_json(json.dumps(table))


def line_of(text: str, wanted: str) -> int:
    """Return the number of the first line that begins with `wanted`."""
    return next(
        number for number, line in enumerate(text.split("\n"), start=1) if line.startswith(wanted)
    )


@pytest.mark.parametrize(
    ("old", "new", "at", "path"),
    [
        ('max_age = "5m', 'max_age = "5x', "max_age", ": freshness.max_age"),
        ('pcr1_kernel = "', 'pcr1_kernel = "00', "pcr1_kernel", ": measurements[0].pcr1_kernel"),
        ("pcr1_kernel = ", "pcr1_kern = ", "[[measurements]]", ": measurements[0].pcr1_kernel"),
        ('label = "a second', 'label = 1 # "', "label = 1", ": measurements[1].label"),
        ("[freshness]", "[freshness", "[freshness", ""),
        ("version = 1", "version = 1\nversion = 1\n#", "#", ""),
        ('label = "', 'label = "\u0007', "label", ""),
    ],
)
def test_an_error_in_toml_names_the_line(old: str, new: str, at: str, path: str) -> None:
    """The line is found by the parser itself, or not named."""
    broken = TOML.replace(old, new, 1)
    line = line_of(broken, at) if at != "#" else line_of(broken, "version") + 1
    with pytest.raises(PolicyError) as caught:
        policy_from_toml(broken, source="policy.toml")
    assert caught.value.field == f"policy.toml, line {line}{path}"
    assert str(caught.value).isprintable()


def test_a_missing_decision_at_the_top_has_no_line() -> None:
    """There is no line to point at."""
    with pytest.raises(PolicyError) as caught:
        policy_from_toml(TOML.replace("version = 1\n", ""), source="policy.toml")
    assert caught.value.field == "policy.toml: version"


def test_a_key_in_a_place_that_is_hard_to_find_has_no_line() -> None:
    """It is not searched for without end."""
    broken = "# version\n" * 100 + TOML.replace("version = 1", "version = 3")
    with pytest.raises(PolicyError) as caught:
        policy_from_toml(broken, source="policy.toml")
    assert caught.value.field == "policy.toml: version"


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"\x7fELF\x02\x01\x01\x00\xff",
        b"\x00" * 10,
        b" " * 2_000_000,
        "ä" * 600_000,
        b"a = " + b"[" * 100_000,
        b"a = " + b"9" * 10_000,
        b"a = '''",
        b"a.b.c = 1\na.b = 2",
        b"version = 1979-05-27T07:32:00Z",
    ],
    ids=["empty", "ELF", "NUL", "2 MB", "text", "deep", "digits", "open", "overwrites", "date"],
)
@pytest.mark.parametrize("read", [policy_from_toml, policy_from_json])
def test_any_other_text_is_rejected_on_one_line(
    read: Callable[..., Policy], text: bytes | str
) -> None:
    """Whatever the file is, there is one typed error that names it."""
    with pytest.raises(PolicyError) as caught:
        read(text, source="p")
    assert caught.value.field.startswith("p")
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(("before", "after"), [("[", "]"), ("{ a = ", " }")])
def test_values_are_nested_32_levels_at_most(before: str, after: str) -> None:
    """However much stack is left, so that naming the line never takes more than reading took."""
    key = "trust_anchor"
    for levels, problem in ((32, "not a key"), (33, "expected at most 32 levels of nesting")):
        value = before * levels + "1" + after * levels
        broken = TOML.replace(f"{key} =", f"x = {value} # [[\n'y' = '[['\n{key} =", 1)
        with pytest.raises(PolicyError) as caught:
            policy_from_toml(broken, source="p")
        assert caught.value.problem.startswith(problem)


@pytest.mark.parametrize(
    ("name", "write"),
    [("policy.toml", policy_to_toml), ("policy.json", policy_to_json)],
    ids=["TOML", "JSON"],
)
def test_a_file_is_read_by_its_ending(
    tmp_path: Path, name: str, write: Callable[[Policy], str]
) -> None:
    """The ending says which of the two it is."""
    path = tmp_path / name
    path.write_text(write(POLICY), encoding="utf-8")
    assert read_policy(path) == POLICY
    assert read_policy(str(path)) == POLICY


@pytest.mark.parametrize(
    "name", ["missing.toml", "policy.yaml", "directory.toml", "nul\0.toml", "policy"]
)
def test_a_file_that_is_none_is_rejected(tmp_path: Path, name: str) -> None:
    """A missing file, a folder, an unknown ending or an impossible name is one error."""
    (tmp_path / "directory.toml").mkdir()
    (tmp_path / "policy.yaml").write_text(TOML, encoding="utf-8")
    with pytest.raises(PolicyError) as caught:
        read_policy(tmp_path / name)
    assert str(caught.value).isprintable()


def test_a_hundred_megabytes_are_not_read(tmp_path: Path) -> None:
    """Only as much as a policy can have is read at all."""
    path = tmp_path / "policy.toml"
    with path.open("wb") as file:
        file.truncate(100_000_000)
    with pytest.raises(PolicyError):
        read_policy(path)


@pytest.mark.parametrize(
    ("span", "text"),
    [
        (timedelta(), "0s"),
        (timedelta(minutes=5), "5m"),
        (timedelta(hours=1, seconds=1), "1h1s"),
        (timedelta(microseconds=500_000), "0.5s"),
        (timedelta.max, "999999999d23h59m59.999999s"),
    ],
)
def test_time_spans_are_written_for_people(span: timedelta, text: str) -> None:
    """Days, hours, minutes and seconds; microseconds survive."""
    assert write_duration(span) == text
    assert read_duration(text, "x") == span


@pytest.mark.parametrize(
    "text",
    ["", "5", "m", "5 m", "5m ", "5m\n", "1.5m", "0.0000001s", "-1s", "\u0665s", "1000000000d"],
)
def test_a_duration_has_one_form(text: str) -> None:
    """No sign, no spaces, no fraction but of seconds."""
    with pytest.raises(PolicyError) as caught:
        read_duration(text, "--max-age")
    assert caught.value.field == "--max-age"


def dotted(dots: int) -> str:
    """Return a TOML text with a key of so many dots."""
    return "a." * dots + "a = 1\n"


@pytest.mark.parametrize(
    "text",
    [
        dotted(65),
        "[" + "a." * 65 + "a]\n",
        "x = { " + dotted(65).strip() + " }\n",
        '"a" . ' * 65 + "a = 1\n",
        'x = """a\\""""""\n' + dotted(65),
        "x = '''a'''''\n" + dotted(65),
        "x = 'a' # \"\n" + dotted(65),
    ],
    ids=["key", "header", "inline", "quoted", "after text", "after literal", "after comment"],
)
def test_a_key_of_more_than_64_dots_is_rejected_unparsed(text: str) -> None:
    """The standard library's parser needs time that grows with the square of the dots."""
    with pytest.raises(PolicyError, match="64 dots"):
        policy_from_toml(text)


@pytest.mark.parametrize(
    "text",
    [
        dotted(64),
        f'a = "{"." * 70}"\n',
        f"a = '{'.' * 70}'\n",
        f'a = """{"." * 70}"""\n',
        f"a = '''{'.' * 70}'''\n",
        f"# {'.' * 70}\na = 1\n",
        f'"{"." * 70}" = 1\n',
    ],
    ids=["key", "text", "literal", "long text", "long literal", "comment", "quoted key"],
)
def test_dots_elsewhere_are_no_dots_of_a_key(text: str) -> None:
    """The text is parsed, and found to state no policy for another reason."""
    with pytest.raises(PolicyError) as caught:
        policy_from_toml(text)
    assert "dots" not in caught.value.problem


@pytest.mark.parametrize("text", ['a = "', "a = '", 'a = """\\', "a = '''", 'a = "\\', '"""' * 9])
def test_a_string_without_an_end_is_rejected(text: str) -> None:
    """What looks for dots does not stumble over it."""
    with pytest.raises(PolicyError):
        policy_from_toml(text)


def test_toml_is_at_most_64_kib() -> None:
    """A comment makes a policy too long, and a policy that would be too long is not written."""
    policy_from_toml(TOML + "#" * (65_536 - len(TOML.encode())))
    with pytest.raises(PolicyError, match="65536"):
        policy_from_toml(TOML + "#" * (65_537 - len(TOML.encode())))
    sets = tuple(
        replace(FAKE.enclave_measurements(), label=f"build {number}") for number in range(256)
    )
    large = replace(POLICY, measurements=sets)
    with pytest.raises(PolicyError, match="JSON"):
        policy_to_toml(large)
    assert policy_from_json(policy_to_json(large)) == large


@pytest.mark.parametrize("missing", ["pydantic", "pydantic_core"])
def test_without_the_extra_the_error_names_it(
    missing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One typed error with the pip line."""
    for name in [name for name in sys.modules if name.startswith("nitro_attest.policy_file")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(MissingExtraError) as caught:
        importlib.import_module("nitro_attest.policy_file")
    assert caught.value.extra == "policy"


def test_another_missing_module_is_not_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """A broken installation is not explained away."""
    for name in [name for name in sys.modules if name.startswith("nitro_attest.policy_file")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "nitro_attest.policy_file._schema", None)
    with pytest.raises(ModuleNotFoundError, match="_schema"):
        importlib.import_module("nitro_attest.policy_file")
