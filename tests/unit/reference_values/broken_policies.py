"""Key policies with one mistake each, as people write them, and the codes to be named."""

from copy import deepcopy
from typing import Any

PREFIX = "kms:RecipientAttestation:"
ROLE = "arn:aws:iam::111122223333:role/payments"
ADMIN = "arn:aws:iam::111122223333:role/key-admin"
ROOT = "arn:aws:iam::111122223333:root"
PCR = {index: f"{index + 10:02x}" * 48 for index in range(24)}
OTHER = "ee" * 48
ZERO = "00" * 48
SECURE_BOOT_OFF = (
    "98441c7f7625d10058c47683aec486ce311c633235eb5555"
    "93a7ee791121e3578ae72d04ecef661f272d59058b77af35"
)
NO_APPLICATION = (
    "21b9efbc184807662e966d34f390821309eeac6802309798"
    "826296bf3e8bec7c10edb30948c90ba67310f7b964fc500a"
)
BARE_SEPARATOR = (
    "518923b0f955d08da077c96aaba522b9decede61c599cea6"
    "c41889cfbea4ae4d50529d96fe4d1afdafb65e7f95bf23c4"
)

Statement = dict[str, Any]


def pins(*indexes: int, stem: str = "PCR") -> dict[str, Any]:
    """Return conditions on PCRs with the right values."""
    return {f"{PREFIX}{stem}{index}": PCR[index] for index in indexes}


BOUND = {"StringEquals": {"kms:EncryptionContext:app": "payments"}}
USE: Statement = {
    "Sid": "payments",
    "Effect": "Allow",
    "Principal": {"AWS": ROLE},
    "Action": ["kms:Decrypt", "kms:GenerateDataKey"],
    "Resource": "*",
    "Condition": {"StringEqualsIgnoreCase": pins(0, 1, 2), **BOUND},
}
MANAGE: Statement = {
    "Sid": "administration",
    "Effect": "Allow",
    "Principal": {"AWS": ADMIN},
    "Action": ["kms:DescribeKey", "kms:GetKeyPolicy", "kms:ScheduleKeyDeletion", "kms:List*"],
    "Resource": "*",
}


def use(condition: dict[str, Any] | None = None, **elements: Any) -> Statement:
    """Return the statement for the enclave with something else in it."""
    changed = {**deepcopy(USE), **elements}
    if condition is not None:
        equals = {**condition.get("StringEquals", {}), **BOUND["StringEquals"]}
        changed["Condition"] = {**condition, "StringEquals": equals}
    return changed


def manage(*more: str, **elements: Any) -> Statement:
    """Return the administrators' statement with more operations."""
    return {**deepcopy(MANAGE), "Action": [*MANAGE["Action"], *more], **elements}


def without(statement: Statement, element: str) -> Statement:
    """Return a statement without one element."""
    return {name: value for name, value in statement.items() if name != element}


def deny(index: int, *values: str) -> Statement:
    """Return one Deny of AWS's allow-plus-deny shape."""
    return {
        "Sid": f"deny other PCR{index}",
        "Effect": "Deny",
        "Principal": "*",
        "Action": "kms:Decrypt",
        "Resource": "*",
        "Condition": {"StringNotEquals": {f"{PREFIX}PCR{index}": list(values) or [PCR[index]]}},
    }


def policy(*statements: Statement) -> dict[str, Any]:
    """Return a policy."""
    return {"Version": "2012-10-17", "Statement": list(statements)}


CLEAN = policy(MANAGE, USE)
ALLOW_PLUS_DENY = policy(MANAGE, use(Action="kms:Decrypt"), deny(0), deny(1), deny(2))
BROKEN: dict[str, tuple[dict[str, Any], set[str]]] = {
    "no attestation condition": (
        policy(MANAGE, use({}, Action=["kms:Decrypt", "kms:DescribeKey"])),
        {"no-attestation"},
    ),
    "met without a document: IfExists": (
        policy(MANAGE, use({"StringEqualsIfExists": pins(0, 1, 2)})),
        {"attestation-optional"},
    ),
    "met without a document: ForAllValues": (
        policy(MANAGE, use({"ForAllValues:StringEquals": pins(0, 1, 2)})),
        {"attestation-optional"},
    ),
    "met without a document: negated": (
        policy(MANAGE, use({"StringNotEquals": pins(0)})),
        {"attestation-optional"},
    ),
    "AWS's default statement": (
        policy(
            {
                "Sid": "Enable IAM",
                "Effect": "Allow",
                "Principal": {"AWS": ROOT},
                "Action": "kms:*",
                "Resource": "*",
            },
            USE,
        ),
        {"account-delegation", "wildcard-action", "policy-change"},
    ),
    "administrators may decrypt": (
        policy(manage("kms:ReEncrypt*", "kms:Decrypt"), USE),
        {"administrator-path", "wildcard-action"},
    ),
    "AWS's administrators' wildcards": (
        policy(manage("kms:Create*", "kms:Put*"), USE),
        {"administrator-path", "wildcard-action", "policy-change"},
    ),
    "administrators may replace the policy": (
        policy(manage("kms:PutKeyPolicy"), USE),
        {"policy-change"},
    ),
    "grants and another key": (
        policy(MANAGE, USE, use({}, Sid="more", Action=["kms:CreateGrant", "kms:ReEncryptFrom"])),
        {"unguarded-path"},
    ),
    "only PCR0": (
        policy(MANAGE, use({"StringEqualsIgnoreCase": {PREFIX + "ImageSha384": PCR[0]}})),
        {"pcr0-only"},
    ),
    "debug values": (
        policy(MANAGE, use({"StringEquals": {**pins(1, 2), PREFIX + "PCR0": [PCR[0], ZERO]}})),
        {"debug-value"},
    ),
    "PCR2 alone": (policy(MANAGE, use({"StringEquals": pins(2)})), {"pcr2-alone"}),
    "PCR3 alone": (policy(MANAGE, use({"StringEquals": pins(3)})), {"no-identity"}),
    "no application ramdisk": (
        policy(MANAGE, use({"StringEquals": {PREFIX + "PCR2": NO_APPLICATION}})),
        {"pins-nothing"},
    ),
    "signer alone": (policy(MANAGE, use({"StringEquals": pins(8)})), {"debug-allowed"}),
    "PCR7 with Secure Boot off": (
        policy(MANAGE, use({"StringEquals": {PREFIX + "NitroTPMPCR7": SECURE_BOOT_OFF}})),
        {"secure-boot-off"},
    ),
    "boot manager without command line": (
        policy(MANAGE, use({"StringEquals": pins(4, stem="NitroTPMPCR")})),
        {"no-identity"},
    ),
    "a bare separator": (
        policy(
            MANAGE,
            use(
                {
                    "StringEquals": {
                        PREFIX + "NitroTPMPCR4": BARE_SEPARATOR,
                        PREFIX + "NitroTPMPCR12": ZERO,
                    }
                }
            ),
        ),
        {"pins-nothing"},
    ),
    "plain PCR4 and PCR7 for NitroTPM": (
        policy(MANAGE, use({"StringEquals": pins(4, 7)})),
        {"wrong-platform"},
    ),
    "upper-case digits": (
        policy(
            MANAGE,
            use({"StringEquals": {**pins(1, 2), PREFIX + "PCR0": PCR[0].upper()}}),
        ),
        {"upper-case"},
    ),
    "a value that is no digest": (
        policy(MANAGE, use({"StringEquals": {**pins(1, 2), PREFIX + "PCR0": PCR[0][:-2]}})),
        {"not-a-digest"},
    ),
    "values of two builds mixed": (
        policy(
            MANAGE,
            use(
                {
                    "StringEquals": {
                        PREFIX + "PCR0": [PCR[0], OTHER],
                        PREFIX + "PCR1": [PCR[1], OTHER],
                        PREFIX + "PCR2": PCR[2],
                    }
                }
            ),
        ),
        {"mixed-builds"},
    ),
    "signatures": (
        policy(MANAGE, USE, use({}, Sid="sign", Action=["kms:Sign", "kms:GenerateMac"])),
        {"unattested-operation"},
    ),
    "everyone": (policy(MANAGE, use(Principal="*")), {"wildcard-principal"}),
    "everyone but": (
        policy(MANAGE, {**without(USE, "Principal"), "NotPrincipal": {"AWS": ADMIN}}),
        {"not-principal", "undecidable"},
    ),
    "every operation": (
        policy(MANAGE, use(Action="kms:*")),
        {"wildcard-action"},
    ),
    "every operation but": (
        policy(MANAGE, {**without(USE, "Action"), "NotAction": ["kms:PutKeyPolicy"]}),
        {"not-action"},
    ),
    "no Resource": (policy(MANAGE, without(USE, "Resource")), {"no-resource"}),
    "another Resource": (
        policy(MANAGE, use(Resource="arn:aws:kms:us-east-1:111122223333:key/1")),
        {"other-resource"},
    ),
    "a key that does not exist": (
        policy(
            MANAGE,
            use({"StringEquals": {**pins(1, 2), PREFIX + "ImageSha256": PCR[0]}}),
        ),
        {"unknown-key"},
    ),
    "look-alike letters in a key": (
        policy(MANAGE, use({"StringEquals": {**pins(0, 1), PREFIX + "PÇR2": PCR[2]}})),
        {"unknown-key"},
    ),
    "an operator that does not exist": (
        policy(MANAGE, use({"StringEqualIgnoreCase": pins(0, 1, 2)})),
        {"unknown-operator", "attestation-optional"},
    ),
    "a Deny that forgot the new build": (
        policy(MANAGE, use(Action="kms:Decrypt"), deny(0, OTHER)),
        {"never-allows"},
    ),
}
