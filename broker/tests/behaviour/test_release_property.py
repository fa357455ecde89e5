"""The broker releases exactly when `verify` and an evaluator of the tests both say so."""

import base64
import json
import os
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from nitro_attest.recipient import RecipientKey
from nitro_attest.testing import FakeNitro

from support.broker_kit import ADMINISTRATOR, ENCLAVE, NOW, RECIPIENT, Kit, make_kit
from support.policies import allow, policy

KEY = RecipientKey.generate()
EXAMPLES = int(os.environ.get("BROKER_EXAMPLES", "150"))
VALUES = {digit: bytes([number]) * 48 for number, digit in enumerate("abc", 1)}
PRINCIPALS = (ADMINISTRATOR, ENCLAVE)
CONTEXTS: tuple[dict[str, str], ...] = (
    {},
    {"tenant": "a"},
    {"tenant": "A"},
    {"tenant": "b", "x": ""},
)
ACTIONS = ("kms:Decrypt", "kms:GenerateDataKey", "kms:Generate*", "kms:*", "KMS:DECRYPT")
OPERATORS = ("StringEquals", "StringEqualsIgnoreCase", "StringNotEquals", "StringLike")
IMAGE = "kms:RecipientAttestation:ImageSha384"
KEYS = (
    "kms:RecipientAttestation:PCR0",
    "kms:recipientattestation:pcr1",
    IMAGE,
    "kms:RecipientAttestation:NitroTPMPCR4",
    "kms:EncryptionContext:tenant",
)

conditions = st.dictionaries(
    st.sampled_from(OPERATORS),
    st.sampled_from(KEYS).flatmap(
        lambda key: st.lists(
            st.sampled_from(["a", "A", "b", "*"])
            if "Context" in key
            else st.sampled_from([value.hex() for value in VALUES.values()] + ["0" * 96]),
            min_size=1,
            max_size=2,
            unique=True,
        ).map(lambda values: {key: values})
    ),
    max_size=2,
)
statements = st.lists(
    st.fixed_dictionaries(
        {
            "Effect": st.sampled_from(["Allow", "Allow", "Allow", "Deny"]),
            "Principal": st.sampled_from(
                [{"AWS": ENCLAVE}, {"AWS": list(PRINCIPALS)}, "*", {"AWS": "111122223333"}]
            ),
            "Action": st.lists(st.sampled_from(ACTIONS), min_size=1, max_size=2),
            "Condition": conditions,
        }
    ),
    min_size=1,
    max_size=3,
)
documents = st.none() | st.fixed_dictionaries(
    {
        "pcrs": st.dictionaries(
            st.sampled_from([0, 1, 4]), st.sampled_from(list(VALUES.values())), max_size=3
        ),
        "tpm": st.booleans(),
        "age": st.sampled_from([0, 0, 0, 299, 301]),
        "root": st.sampled_from(["ours", "ours", "ours", "another"]),
    }
)


def expected(
    written: list[dict[str, Any]],
    principal: str,
    operation: str,
    context: Mapping[str, str],
    facts: Mapping[str, str] | None,
) -> bool:
    """Decide a policy of the grammar above, by IAM's text: any Allow, and no Deny."""
    effects = {
        statement["Effect"]
        for statement in written
        if _principal(statement["Principal"], principal, statement["Effect"])
        and any(_action(action, operation) for action in statement["Action"])
        and all(
            _condition(operator, key.lower(), values, context, facts)
            for operator, keys in statement["Condition"].items()
            for key, values in keys.items()
        )
    }
    return effects == {"Allow"}


def _principal(written: Any, principal: str, effect: str) -> bool:
    if written == "*":
        return True
    names = [written["AWS"]] if isinstance(written["AWS"], str) else written["AWS"]
    # An Allow for an account hands the question to its IAM policies, a Deny for it is complete.
    return principal in names or (names == ["111122223333"] and effect == "Deny")


def _action(pattern: str, operation: str) -> bool:
    wanted, asked = pattern.lower(), f"kms:{operation.lower()}"
    return asked.startswith(wanted[:-1]) if wanted.endswith("*") else asked == wanted


def _condition(
    operator: str,
    key: str,
    values: list[str],
    context: Mapping[str, str],
    facts: Mapping[str, str] | None,
) -> bool:
    if key.startswith("kms:encryptioncontext:"):
        actual = context.get("tenant")
    else:
        actual = (facts or {}).get(key)
    if actual is None:
        return operator == "StringNotEquals"
    found: bool = {
        "StringEquals": lambda: actual in values,
        "StringNotEquals": lambda: actual not in values,
        "StringEqualsIgnoreCase": lambda: actual.lower() in [value.lower() for value in values],
        "StringLike": lambda: actual in values or "*" in values,
    }[operator]()
    return found


@pytest.fixture(scope="module")
def one_kit(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kit]:
    folder: Path = tmp_path_factory.mktemp("broker")
    made = make_kit(folder)
    yield made
    made.store.close()


OTHER = FakeNitro(now=NOW)


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    written=statements,
    principal=st.sampled_from(PRINCIPALS),
    operation=st.sampled_from(["Decrypt", "GenerateDataKey"]),
    context=st.sampled_from(CONTEXTS),
    document=documents,
)
def test_releases_exactly_when_both_say_so(  # noqa: PLR0913, PLR0917 - what is drawn
    one_kit: Kit,
    written: list[dict[str, Any]],
    principal: str,
    operation: str,
    context: dict[str, str],
    document: dict[str, Any] | None,
) -> None:
    kit = one_kit
    caller = kit.administrator if principal == ADMINISTRATOR else kit.enclave
    seal = allow(ADMINISTRATOR, ["kms:Encrypt", "kms:PutKeyPolicy"])
    arn = kit.create_key(policy(*written, seal), BypassPolicyLockoutSafetyCheck=True)
    doc, facts, verified = _made(kit, document)
    members: dict[str, Any] = {"EncryptionContext": context}
    if doc is not None:
        encoded = base64.b64encode(doc).decode()
        members["Recipient"] = {
            "KeyEncryptionAlgorithm": RECIPIENT,
            "AttestationDocument": encoded,
        }
    if operation == "Decrypt":
        sealing = {"KeyId": arn, "Plaintext": "AAAA", "EncryptionContext": context}
        status, sealed = kit.call("Encrypt", sealing)
        if status != 200:  # a Deny drawn above covers kms:* for the administrator
            return
        members["CiphertextBlob"] = sealed["CiphertextBlob"]
    else:
        members.update(KeyId=arn, KeySpec="AES_256")
    status, answer = kit.call(operation, members, key=caller)
    allowed = expected([*written, {**seal, "Condition": {}}], principal, operation, context, facts)
    assert (status == 200) == (allowed and verified), json.dumps(written)
    assert ("Plaintext" in answer) == (status == 200 and doc is None)
    assert ("CiphertextForRecipient" in answer) == (status == 200 and doc is not None)


def _made(
    kit: Kit, document: dict[str, Any] | None
) -> tuple[bytes | None, dict[str, str] | None, bool]:
    """Return a document, what condition keys see of it, and whether `verify` accepts it."""
    if document is None:
        return None, None, True
    nitro = kit.nitro if document["root"] == "ours" else OTHER
    tpm = document["tpm"]
    make = nitro.nitro_tpm_document if tpm else nitro.enclave_document
    pcrs: dict[int, bytes] = document["pcrs"]
    doc = make(public_key=KEY.public_key, pcrs=pcrs, now=NOW - timedelta(seconds=document["age"]))
    name = "kms:recipientattestation:nitrotpmpcr" if tpm else "kms:recipientattestation:pcr"
    facts = {f"{name}{index}": value.hex() for index, value in pcrs.items()}
    if not tpm and 0 in pcrs:
        facts[IMAGE.lower()] = pcrs[0].hex()
    rest = kit.nitro.enclave_measurements()
    if not tpm:
        for index, rule in ((0, rest.pcr0_image), (1, rest.pcr1_kernel)):
            facts.setdefault(f"{name}{index}", str(getattr(rule, "value", b"").hex()))
        facts.setdefault(IMAGE.lower(), facts[f"{name}0"])
    else:
        facts.setdefault(f"{name}4", "of the fake instance")
    return doc, facts, document["root"] == "ours" and document["age"] <= 300
