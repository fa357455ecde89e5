"""Make a policy from reference values and the decisions given on the command line.

Every decision that nobody took is an error that names the options for it. The one exception is
freshness, which by default is the strictest: a nonce and five minutes.
"""

import hashlib
import re
from collections.abc import Generator, Mapping
from collections.abc import Set as AbstractSet
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, final

from nitro_attest import (
    Absent,
    Equals,
    FieldRule,
    Freshness,
    FreshNonce,
    Measurements,
    NotChecked,
    Policy,
    PolicyError,
    Present,
    Sha384,
    TimestampOnly,
    TrustAnchor,
)
from nitro_attest._text import printable
from nitro_attest.cli._files import read_bytes, read_certificate, read_hex, read_text
from nitro_attest.policy_file import NAMED_ANCHORS, in_words_of_files, read_duration
from nitro_attest.reference_values import kms, nitro_cli, nitro_tpm, pcr

_ENCLAVE_FIELDS: Final = {
    0: "pcr0_image",
    1: "pcr1_kernel",
    2: "pcr2_application",
    3: "pcr3_iam_role",
    4: "pcr4_instance_id",
    8: "pcr8_signing_certificate",
}
_NITRO_TPM_FIELDS: Final = {4: "pcr4_boot_manager", 7: "pcr7_secure_boot", 12: "pcr12_command_line"}
_HINTS: Final = {
    "pcr3_iam_role": "--role ARN, --pin pcr3=zero (no role) or --waive pcr3=WHY",
    "pcr4_instance_id": "--instance ID or --waive pcr4=WHY",
    "pcr8_signing_certificate": (
        "--certificate FILE, --pin pcr8=zero (unsigned) or --waive pcr8=WHY"
    ),
}
_MAX_FIELD_BYTES: Final = 1024  # AWS: the longest field of a document
_PCR: Final = re.compile(r"pcr(0|[1-9]|[12][0-9]|3[01])")
_RULES: Final = ("public_key", "user_data", "unknown_fields")
# The option that a value came from, by the last part of the name that an error gives it.
_OPTION_OF: Final = {
    "label": "--label",
    "max_age": "--max-age",
    "max_clock_skew": "--max-clock-skew",
    "public_key": "--public-key",
    "user_data": "--user-data",
    **{field: f"--pin pcr{index}" for index, field in _ENCLAVE_FIELDS.items()},
    **{field: f"--pin pcr{index}" for index, field in _NITRO_TPM_FIELDS.items()},
}


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Decisions:
    """What the command line says, as texts."""

    label: str | None
    role: str | None
    instance: str | None
    certificate: str | None
    pins: tuple[str, ...]
    waivers: tuple[str, ...]
    public_key: str | None
    user_data: str | None
    timestamp_only: str | None
    max_age: str
    max_clock_skew: str
    trust_anchor: str


def from_nitro_cli(file: str, decisions: Decisions) -> Policy:
    """Return the policy for a build of an enclave.

    Raises:
        PolicyError: The file is not nitro-cli's, or a decision is missing or contradicts it.

    """
    build, source = read_text(file), printable(file)
    named, others = _split(_pcr_rules(decisions), _ENCLAVE_FIELDS)
    _check_decided(decisions, _ENCLAVE_FIELDS, {*named, *nitro_cli.read_pcrs(build, source=source)})
    rules: dict[str, Any] = {_ENCLAVE_FIELDS[index]: rule for index, rule in named.items()}
    label = _label(decisions)
    with _naming_options(source):
        found = nitro_cli.enclave_measurements(build, label=label, source=source, **rules)
        found = replace(found, other_pcrs=others)
    return _policy((found,), decisions)


def from_nitro_tpm(file: str, decisions: Decisions) -> Policy:
    """Return the policy for an attestable AMI.

    Raises:
        PolicyError: The file is not nitro-tpm-pcr-compute's, or a decision is missing or
            contradicts it.

    """
    build, source = read_text(file), printable(file)
    named, others = _split(_pcr_rules(decisions), _NITRO_TPM_FIELDS)
    _check_decided(
        decisions, _NITRO_TPM_FIELDS, {*named, *nitro_tpm.read_pcrs(build, source=source)}
    )
    rules: dict[str, Any] = {_NITRO_TPM_FIELDS[index]: rule for index, rule in named.items()}
    label = _label(decisions)
    with _naming_options(source):
        found = nitro_tpm.nitro_tpm_measurements(build, label=label, source=source, **rules)
        found = replace(found, other_pcrs=others)
    return _policy((found,), decisions)


def from_kms(file: str, decisions: Decisions) -> tuple[Policy, tuple[str, ...]]:
    """Return the policy for the documents that a key policy accepts, and remarks on the rest.

    Raises:
        PolicyError: The key policy can't be carried over exactly, or a decision is missing.

    """
    if _pcr_rules(decisions) or decisions.label is not None:
        raise PolicyError("--from-kms", "labels and PCRs come from the key policy; decide there")
    reading = kms.read_key_policy(read_text(file), source=printable(file))
    return _policy(reading.measurements, decisions), reading.remarks


@contextmanager
def _naming_options(source: str) -> Generator[None]:
    """Turn an error of the library into one that names the option or the file of the value."""
    try:
        yield
    except PolicyError as exc:
        option = _OPTION_OF.get(exc.field.rpartition(".")[2])
        field = option or (exc.field if exc.field.startswith(source) else source)
        raise PolicyError(field, in_words_of_files(exc.problem)) from None


def _label(decisions: Decisions) -> str:
    if decisions.label is None:
        raise PolicyError("--label", "name the build, for example --label 'payments 1.4.2'")
    return decisions.label


def _pcr_rules(decisions: Decisions) -> dict[int, Sha384 | NotChecked]:
    """Return the PCRs that the command line decides on, each once."""
    rules: dict[int, Sha384 | NotChecked] = {}

    def add(index: int, rule: Sha384 | NotChecked, option: str) -> None:
        if index in rules:
            raise PolicyError(option, f"PCR{index} is decided twice")
        rules[index] = rule

    with _naming_options("--role"):
        if decisions.role is not None:
            add(3, pcr.iam_role(decisions.role), "--role")
    with _naming_options("--instance"):
        if decisions.instance is not None:
            add(4, pcr.instance_id(decisions.instance), "--instance")
    if decisions.certificate is not None:
        certificate = read_bytes(decisions.certificate, pcr.MAX_CERTIFICATE_BYTES + 1)
        with _naming_options("--certificate"):
            add(8, pcr.signing_certificate(certificate), "--certificate")
    for text in decisions.pins:
        name, digits = _pair(text, "--pin")
        add(_index(name, "--pin"), Sha384.ZERO if digits == "zero" else _digest(digits), "--pin")
    for text in decisions.waivers:
        name, because = _pair(text, "--waive")
        if name not in _RULES:
            add(_index(name, "--waive"), _not_checked(because), "--waive")
    return rules


def _not_checked(because: str) -> NotChecked:
    with _naming_options("--waive"):
        return NotChecked(because)


def _pair(text: str, option: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not value:
        raise PolicyError(
            option,
            f"expected NAME=VALUE, such as {option} pcr4={'zero' if option == '--pin' else 'WHY'}",
        )
    return name, value


def _index(name: str, option: str) -> int:
    found = _PCR.fullmatch(name)
    if found is None:
        raise PolicyError(option, f"expected pcr0 to pcr31 or, to waive, {', '.join(_RULES)}")
    return int(found[1])


def _digest(digits: str) -> Sha384:
    try:
        return Sha384.fromhex(digits)
    except PolicyError:
        raise PolicyError("--pin", "expected 96 hex digits, or zero") from None


def _split(
    rules: Mapping[int, Sha384 | NotChecked], fields: Mapping[int, str]
) -> tuple[dict[int, Sha384 | NotChecked], tuple[tuple[int, Sha384], ...]]:
    """Return the rules of the PCRs that every set decides on, and the others that are pinned."""
    others: list[tuple[int, Sha384]] = []
    for index, rule in sorted(rules.items(), key=lambda pair: pair[0]):
        if index in fields:
            continue
        if isinstance(rule, NotChecked):
            raise PolicyError("--waive", f"PCR{index} is not checked unless it is pinned")
        others.append((index, rule))
    return {index: rule for index, rule in rules.items() if index in fields}, tuple(others)


def _check_decided(
    decisions: Decisions, fields: Mapping[int, str], decided: AbstractSet[int]
) -> None:
    """Name all that is undecided, of PCRs and other fields, in one error."""
    missing = [
        _HINTS.get(fields[index], f"--pin or --waive pcr{index}")
        for index in fields
        if index not in decided
    ]
    missing += _undecided_fields(decisions)
    if missing:
        raise PolicyError("undecided", "; ".join(missing))


def _undecided_fields(decisions: Decisions) -> list[str]:
    waived = {text.partition("=")[0] for text in decisions.waivers}
    given = {"public_key": decisions.public_key, "user_data": decisions.user_data}
    return [
        f"--{name.replace('_', '-')} present|absent|HEX or --waive {name}=WHY"
        for name, value in given.items()
        if value is None and name not in waived
    ]


def _policy(measurements: tuple[Measurements, ...], decisions: Decisions) -> Policy:
    _check_decided(decisions, {}, frozenset())
    waived: dict[str, NotChecked] = {}
    for name, because in (_pair(text, "--waive") for text in decisions.waivers):
        if name in waived:
            raise PolicyError("--waive", f"{name} is waived twice")
        waived[name] = _not_checked(because)
    return Policy(
        measurements=measurements,
        freshness=_freshness(decisions),
        public_key=_field("public_key", decisions.public_key, waived),
        user_data=_field("user_data", decisions.user_data, waived),
        unknown_fields=waived.get("unknown_fields", Absent()),
        trust_anchor=_read_anchor(decisions.trust_anchor),
    )


def _freshness(decisions: Decisions) -> Freshness:
    max_age = read_duration(decisions.max_age, "--max-age")
    max_clock_skew = read_duration(decisions.max_clock_skew, "--max-clock-skew")
    with _naming_options("--timestamp-only"):
        if decisions.timestamp_only is None:
            return FreshNonce(max_age=max_age, max_clock_skew=max_clock_skew)
        return TimestampOnly(
            because=decisions.timestamp_only, max_age=max_age, max_clock_skew=max_clock_skew
        )


def _field(name: str, text: str | None, waived: Mapping[str, NotChecked]) -> FieldRule:
    option = f"--{name.replace('_', '-')}"
    if text is None:
        return waived[name]
    if name in waived:
        raise PolicyError(option, "decided twice: given and waived")
    if text in {"present", "absent"}:
        return Present() if text == "present" else Absent()
    value = read_hex(text)
    if value is None or len(value) > _MAX_FIELD_BYTES:
        expected = f"expected present, absent, or hex digits of 1 to {_MAX_FIELD_BYTES} bytes"
        found = f"found {len(text)} characters"
        if not text:
            found = 'found nothing (for a field without a byte, a policy file has { equals = "" })'
        raise PolicyError(option, f"{expected}; {found}")
    return Equals(value)


def _read_anchor(text: str) -> TrustAnchor:
    """Return a root that the package carries, by its name, or the one in a file (PEM or DER).

    Raises:
        PolicyError: The file holds no single certificate that can be a root.

    """
    if text in NAMED_ANCHORS:
        return NAMED_ANCHORS[text]
    certificate = read_certificate(text, "--trust-anchor")
    with _naming_options("--trust-anchor"):
        return TrustAnchor(
            name=printable(Path(text).stem),
            certificate=certificate,
            sha256=hashlib.sha256(certificate).hexdigest(),
        )
