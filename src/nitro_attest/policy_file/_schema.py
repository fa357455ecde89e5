"""The form of a policy file: which keys it has, and of which types.

Files are checked against these tables, and the JSON Schema is made from them. There is no
conversion of types and no default for a decision. What the values mean is decided by the types of
`nitro_attest`.
"""

from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag

PCR_INDEX: Final = r"^(0|[1-9]|[12][0-9]|3[01])$"
DURATION: Final = r"^([0-9]{1,9}d)?([0-9]{1,9}h)?([0-9]{1,9}m)?([0-9]{1,9}(\.[0-9]{1,6})?s)?$"
DIGEST: Final = r"^[0-9a-fA-F]{96}$"
SHA256: Final = r"^[0-9a-f]{64}$"
FIELD_BYTES: Final = r"^([0-9a-fA-F]{2}){0,1024}$"
BASE64: Final = r"^[A-Za-z0-9+/]+={0,2}$"

EXPECTED: Final = {
    PCR_INDEX: "expected the index of a PCR, 0 to 31",
    DURATION: 'expected a duration such as "5m", "1h30m" or "0.5s"',
    DIGEST: "expected 96 hex digits",
    SHA256: "expected 64 lower-case hex digits",
    FIELD_BYTES: "expected hex digits of at most 1024 bytes",
    BASE64: "expected base64 on one line",
}
"""What a text of each pattern is called in an error."""

Because = Annotated[
    str, Field(min_length=1, description="Why: printable text; it is repeated in every result.")
]
Digest = Annotated[str, Field(pattern=DIGEST, description="A SHA-384 digest: 96 hex digits.")]
Duration = Annotated[
    str, Field(pattern=DURATION, min_length=2, description='Such as "5m", "1h30m" or "0.5s".')
]


class _Table(BaseModel):
    """A table that rejects unknown keys and other types."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class NotCheckedTable(_Table):
    """A check that is skipped, with the reason."""

    not_checked: Because


class EqualsTable(_Table):
    """Exactly these bytes, in hex digits."""

    equals: Annotated[str, Field(pattern=FIELD_BYTES)]


def _form(value: object) -> str:
    """Return which form of a rule is meant: a text is a word or value, a table has a key."""
    if not isinstance(value, dict):
        return "<text>"
    return "<equals>" if "equals" in value else "<table>"


_Word = Annotated[Literal["present", "absent"], Tag("<text>")]
_NotChecked = Annotated[NotCheckedTable, Tag("<table>")]
PcrRule = Annotated[
    Annotated[Digest, Tag("<text>")] | _NotChecked,
    Discriminator(lambda value: "<table>" if isinstance(value, dict) else "<text>"),
]
FieldRule = Annotated[
    _Word | Annotated[EqualsTable, Tag("<equals>")] | _NotChecked, Discriminator(_form)
]
UnknownFieldsRule = Annotated[
    Annotated[Literal["absent"], Tag("<text>")] | _NotChecked,
    Discriminator(lambda value: "<table>" if isinstance(value, dict) else "<text>"),
]
OtherPcrs = Annotated[
    dict[Annotated[str, Field(pattern=PCR_INDEX)], Digest],
    Field(
        json_schema_extra={"additionalProperties": False}, description="More PCRs by their index."
    ),
]


class EnclaveTable(_Table):
    """One build of one enclave."""

    kind: Literal["enclave"]
    label: Because
    pcr0_image: PcrRule
    pcr1_kernel: PcrRule
    pcr2_application: PcrRule
    pcr3_iam_role: PcrRule
    pcr4_instance_id: PcrRule
    pcr8_signing_certificate: PcrRule
    other_pcrs: OtherPcrs = Field(default_factory=dict)


class NitroTpmTable(_Table):
    """One image of an EC2 instance with NitroTPM."""

    kind: Literal["nitrotpm"]
    label: Because
    pcr4_boot_manager: PcrRule
    pcr7_secure_boot: PcrRule
    pcr12_command_line: PcrRule
    other_pcrs: OtherPcrs = Field(default_factory=dict)


class AnySetTable(_Table):
    """Any code of one kind, with the reason why that is enough."""

    kind: Literal["any_enclave", "debug_enclave", "any_nitrotpm"]
    because: Because


class FreshNonceTable(_Table):
    """The document carries the nonce that was issued, and is not older than max_age."""

    kind: Literal["fresh_nonce"]
    max_age: Duration
    max_clock_skew: Duration


class TimestampOnlyTable(_Table):
    """The document is not older than max_age; no nonce is demanded, with the reason."""

    kind: Literal["timestamp_only"]
    because: Because
    max_age: Duration
    max_clock_skew: Duration


class TrustAnchorTable(_Table):
    """A root that this package does not carry: its DER in base64, and the SHA-256 of the DER."""

    name: Because
    sha256: Annotated[str, Field(pattern=SHA256)]
    certificate: Annotated[str, Field(pattern=BASE64, max_length=87_384)]


SetTable = Annotated[EnclaveTable | NitroTpmTable | AnySetTable, Field(discriminator="kind")]
FreshnessTable = Annotated[FreshNonceTable | TimestampOnlyTable, Field(discriminator="kind")]
TrustAnchorRule = Annotated[
    Annotated[Literal["AWS_NITRO_ROOT_G1", "AWS_US_GOV_NITRO_ROOT_G1"], Tag("<text>")]
    | Annotated[TrustAnchorTable, Tag("<table>")],
    Discriminator(lambda value: "<table>" if isinstance(value, dict) else "<text>"),
]


class PolicyTable(_Table):
    """A policy of nitro-attest: which AWS Nitro attestation documents to accept."""

    model_config = ConfigDict(title="nitro-attest policy")

    version: Annotated[int, Field(ge=1, le=1)]
    trust_anchor: TrustAnchorRule
    public_key: FieldRule
    user_data: FieldRule
    unknown_fields: UnknownFieldsRule
    freshness: FreshnessTable
    measurements: Annotated[list[SetTable], Field(min_length=1)]
