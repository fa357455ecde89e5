"""What is said of key policies is written down: errors, reasons, findings with their repairs.

Programs decide by field and code; people read these words, so a change of one should be seen in a
review. `make generate` writes key_policy_messages.json.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from nitro_attest import PolicyError
from nitro_attest.reference_values import kms
from unit.reference_values.broken_policies import ADMIN, BROKEN, PREFIX, ROLE, ROOT, policy
from unit.reference_values.wrong_key_policies import (
    KEY,
    REFUSED,
    REQUESTS,
    UNDECIDABLE,
    allow,
)

TEXTS = Path(__file__).parent / "key_policy_messages.json"
STRANGER = "arn:aws:iam::444455556666:role/payments"
NAMES: list[Any] = [
    {"AWS": ROOT},
    {"AWS": "AIDAEXAMPLE"},
    {"AWS": "arn:aws:sts::111122223333:assumed-role/payments/i-0123"},
    {"Federated": "accounts.google.com"},
]


def words(number: int, written: Any, operation: str = "Decrypt", **given: Any) -> tuple[str, str]:
    """Return what is said to one request, under a name."""
    arguments: dict[str, Any] = {"principal": ROLE, **given}
    try:
        return f"{operation} {number}", kms.simulate(written, operation, **arguments).why
    except PolicyError as exc:
        return f"{operation} {number}", str(exc)


def said() -> Iterator[tuple[str, Any]]:
    """Go through everything that is said."""
    for number, (written, _) in enumerate(REFUSED):
        yield f"policy {number}", words(number, written)[1]
    for number, (condition, _) in enumerate(UNDECIDABLE):
        deny = {**allow(condition)["Statement"][0], "Effect": "Deny", "Sid": "two"}
        both = policy(allow()["Statement"][0], deny)
        lenient = kms.Strictness.LENIENT
        yield (
            f"undecided {number}",
            [
                words(number, allow(condition))[1],
                words(number, allow(condition), strictness=lenient)[1],
                words(number, both, strictness=lenient)[1],
            ],
        )
    for number, (operation, given, _) in enumerate(REQUESTS):
        yield f"request {number}", words(number, allow(), operation, **given)[1]
    for number, names in enumerate(NAMES):
        yield f"principal {number}", words(number, allow(Principal=names))[1]
    service = allow({"StringEquals": {"aws:PrincipalArn": "x"}}, Principal="*")
    session = "arn:aws:sts::111122223333:assumed-role/payments/i-0123"
    user = "arn:aws:sts::111122223333:federated-user/alice"
    alice = "arn:aws:iam::111122223333:user/alice"
    grant = allow({"StringEquals": {"kms:EncryptionContext:a": "x"}})
    grants = allow({"ForAnyValue:StringEquals": {"kms:EncryptionContextKeys": "x"}})
    not_principal = allow(Principal=..., NotPrincipal={"AWS": ADMIN})
    two, empty = {"a": "x", "A": "x"}, {"a": ""}
    regional = "ec2.us-east-1.amazonaws.com"
    fragment = kms.KeyPolicy.read_fragments('{"Statement": {"Effect": "Allow"}}', source="f.json")
    yield (
        "others",
        [
            words(0, service, principal="ec2.amazonaws.com")[1],
            words(0, service, principal=session)[1],
            words(0, allow(Principal={"AWS": alice}), principal=user)[1],
            words(0, grant, "CreateGrant")[1],
            words(0, grants, "CreateGrant")[1],
            words(0, grant, encryption_context=two)[1],
            words(0, grant, encryption_context={"\u212a": "x"})[1],
            words(0, not_principal)[1],
            words(0, allow(Principal={"Service": "ec2.amazonaws.com"}), principal=regional)[1],
            words(
                0, allow({"Null": {"kms:EncryptionContext:a": "true"}}), encryption_context=empty
            )[1],
            words(0, allow({"Null": {"kms:EncryptionContext:${a}": "true"}}))[1],
            words(0, allow({"Null": {PREFIX + "PCR3": "true"}}), pcrs={0: bytes(48)})[1],
            words(0, allow(Resource=KEY))[1],
            words(0, allow(Resource=KEY + "${a}"), key_arn=KEY)[1],
            words(0, allow(Resource="arn:" + "x" * 99), key_arn=KEY)[1],
            words(0, allow(Principal={"AWS": STRANGER}), principal=STRANGER, key_arn=KEY)[1],
            words(0, allow(Action="kms:Sign"))[1],
            words(0, allow(Effect="Deny"))[1],
            words(0, fragment)[1],
        ],
    )
    for name, (document, _) in BROKEN.items():
        yield (
            name,
            [
                [found.code, str(found.statement), found.why, found.repaired]
                for found in kms.lint(document)
            ],
        )


def test_the_words_are_the_written_ones() -> None:
    """A change is wanted or a fault."""
    written: dict[str, Any] = json.loads(TEXTS.read_text(encoding="utf-8"))
    assert json.loads(json.dumps(dict(said()))) == written


if __name__ == "__main__":
    TEXTS.write_text(json.dumps(dict(said()), indent=1) + "\n", encoding="utf-8")
