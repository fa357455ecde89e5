"""Policy files: read strictly, written for a reviewer, back without loss, and described by the published schema."""

import json
from collections.abc import Callable
from dataclasses import fields, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import HealthCheck, given, settings

from nitro_attest import (
    AnyEnclave,
    EnclaveMeasurements,
    FreshNonce,
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
)
from support.strategies import FAKE, policies

SCHEMA = Path(__file__).parents[3] / "docs" / "policy.schema.json"
CHECKER: Any = jsonschema.Draft202012Validator(json_schema())
POLICY = Policy(
    measurements=(
        replace(
            FAKE.enclave_measurements(),
            label="payments 1.4.2",
            pcr4_instance_id=NotChecked('a "fleet" of \\ instances'),
            other_pcrs=((16, Sha384.ZERO), (5, Sha384(bytes(47) + b"\1"))),
        ),
        AnyEnclave("a second set"),
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
    """`make schema` writes it anew."""
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
    """A field that is added to a type and forgotten in the file would be a decision that no file can state."""
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
    (with_set(pcr3_iam_role={"not_checked": "\t"}), "p: measurements[0].pcr3_iam_role"),
    (with_set(other_pcrs={"8": "00" * 48}), "p: measurements[0]"),
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
def test_a_table_that_states_no_policy_is_refused_with_the_key(table: object, field: str) -> None:
    """Unknown keys, other types, missing decisions and refused values are one line each, with the key path."""
    with pytest.raises(PolicyError) as caught:
        policy_from_json(json.dumps(table), source="p")
    assert caught.value.field == field
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("table", [table for table, _ in BROKEN_FORM])
def test_the_schema_refuses_what_has_not_the_form(table: object) -> None:
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
        ('because = "a second', 'because = 1 # "', "because", ": measurements[1].because"),
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


@pytest.mark.parametrize(
    "before", ["# version\n" * 100, "#" * 100_000 + "\n"], ids=["many places", "long"]
)
def test_a_key_in_a_place_that_is_hard_to_find_has_no_line(before: str) -> None:
    """It is not searched for without end."""
    broken = before + TOML.replace("version = 1", "version = 3")
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
def test_any_other_text_is_refused_on_one_line(
    read: Callable[..., Policy], text: bytes | str
) -> None:
    """Whatever the file is, there is one typed error that names it."""
    with pytest.raises(PolicyError) as caught:
        read(text, source="p")
    assert caught.value.field.startswith("p")
    assert str(caught.value).isprintable()


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


@pytest.mark.parametrize(
    "name", ["missing.toml", "policy.yaml", "directory.toml", "nul\0.toml", "policy"]
)
def test_a_file_that_is_none_is_refused(tmp_path: Path, name: str) -> None:
    """A missing file, a folder, an unknown ending or an impossible name is one error with the name."""
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
    freshness = TimestampOnly(because="x", max_age=timedelta(days=1), max_clock_skew=span)
    policy = replace(POLICY, freshness=freshness)
    assert f'max_clock_skew = "{text}"' in policy_to_toml(policy)
    assert policy_from_toml(policy_to_toml(policy)) == policy


@pytest.mark.parametrize(
    "text",
    ["", "5", "m", "5 m", "5m ", "5m\n", "1.5m", "0.0000001s", "-1s", "\u0665s", "1000000000d"],
)
def test_a_duration_has_one_form(text: str) -> None:
    """No sign, no spaces, no fraction but of seconds."""
    with pytest.raises(PolicyError) as caught:
        read_duration(text, "--max-age")
    assert caught.value.field == "--max-age"
