"""CreateKey, DescribeKey, ListKeys, UpdateKeyDescription."""

from typing import Final
from uuid import uuid4

from nitro_attest_broker._call import Call, Outcome
from nitro_attest_broker._errors import Code, KmsError, unsupported, validation
from nitro_attest_broker._keys import (
    ATTESTED_TAG,
    CURVES,
    ENCRYPT_DECRYPT,
    FRESH_NONCE_TAG,
    KEY_AGREEMENT,
    RESERVED_TAG_PREFIX,
    RSA_ALGORITHMS,
    RSA_BITS,
    SYMMETRIC,
    Key,
    KeyState,
    is_reserved_tag,
    new_material,
    new_private_key,
)
from nitro_attest_broker._members import DESCRIPTION, KEY_ID, POLICY
from nitro_attest_broker._operations.policies import expect_storable
from nitro_attest_broker._operations.tags import expect_tags
from nitro_attest_broker._pages import paged, read_page
from nitro_attest_broker._policies import malformed, own_policy
from nitro_attest_broker._records import Kind

_USAGES: Final = (
    "SIGN_VERIFY",
    ENCRYPT_DECRYPT,
    "GENERATE_VERIFY_MAC",
    KEY_AGREEMENT,
    "ENCAPSULATE_DECAPSULATE",
)
_SPECS_OF_KMS: Final = (
    "ECC_SECG_P256K1",
    "ECC_NIST_EDWARDS25519",
    "HMAC_224",
    "HMAC_256",
    "HMAC_384",
    "HMAC_512",
    "SM2",
    "ML_DSA_44",
    "ML_DSA_65",
    "ML_DSA_87",
    "ML_KEM_512",
    "ML_KEM_768",
    "ML_KEM_1024",
)
_SPECS: Final = (SYMMETRIC, *RSA_BITS, *CURVES)
_DEFAULT_PAGE: Final = 100


def create_key(call: Call) -> Outcome:
    """Make a key; tagged `nitro-attest:attested` = true, its plaintext is for attested keys."""
    members = call.members
    policy = members.text("Policy", POLICY)
    description = members.text("Description", DESCRIPTION) or ""
    usage = members.choice("KeyUsage", *_USAGES)
    old_spec = members.choice("CustomerMasterKeySpec", *_SPECS, *_SPECS_OF_KMS)
    new_spec = members.choice("KeySpec", *_SPECS, *_SPECS_OF_KMS)
    origin = members.text("Origin", KEY_ID) or "AWS_KMS"
    bypass = members.flag("BypassPolicyLockoutSafetyCheck")
    tags = members.tags("Tags")
    members.not_offered("CustomKeyStoreId", "XksKeyId", "MultiRegion")
    members.finish()
    if old_spec is not None and new_spec is not None:
        raise validation(
            "You cannot specify KeySpec and CustomerMasterKeySpec in the same request."
        )
    if origin != "AWS_KMS":
        raise unsupported("This key broker makes its own key material: Origin must be AWS_KMS.")
    spec = new_spec or old_spec or SYMMETRIC
    _expect_use(spec, usage)
    expect_tags(tags)
    _expect_reserved_tags(tags)
    call.authorize_account(call.broker.settings.administrators)
    key = Key(
        key_id=str(uuid4()),
        version=1,
        state=KeyState.ENABLED,
        spec=spec,
        usage=_usage_of(spec, usage),
        description=description,
        created=call.now,
        policy=own_policy(call.caller.principal) if policy is None else policy,
        tags=tags,
        materials=(),
        secrets=(),
    )
    call.note_key(key)
    if key.attested and policy is None:
        raise malformed("An attested key needs a Policy.", "policy.absent")
    expect_storable(call, key, key.policy, bypass=bypass)
    if key.symmetric:
        material, secret = new_material(call.now, "")
        key = key.with_material(material, secret)
    else:
        key = key.with_private_key(new_private_key(spec))
    return Outcome({"KeyMetadata": metadata(call, key)}, (key.to_record(),))


def describe_key(call: Call) -> Outcome:
    """Return what is public about a key."""
    key_id = call.members.required_text("KeyId", KEY_ID)
    call.members.no_grants()
    call.members.finish()
    key = call.find_key(key_id)
    call.authorize(key)
    return Outcome({"KeyMetadata": metadata(call, key)})


def list_keys(call: Call) -> Outcome:
    """Return ids and ARNs of the keys."""
    after, limit = read_page(call.members, default=_DEFAULT_PAGE)
    call.members.not_offered("ResourceOwners")
    call.members.finish()
    call.authorize_account(call.broker.settings.administrators)
    found = call.broker.ledger.page(Kind.KEY, after=after, limit=limit + 1)
    arn = call.broker.settings.key_arn
    entries = [(key.name, {"KeyId": key.name, "KeyArn": arn(key.name)}) for key in found]
    return Outcome(paged("Keys", entries, limit))


def update_key_description(call: Call) -> Outcome:
    """Give a key another description."""
    key_id = call.members.required_text("KeyId", KEY_ID)
    description = call.members.text("Description", DESCRIPTION)
    call.members.finish()
    if description is None:
        raise validation("Description must not be null.")
    key = call.find_key(key_id)
    call.authorize(key)
    call.expect_not_pending_deletion(key)
    return Outcome(changes=(key.changed(description=description).to_record(),))


def metadata(call: Call, key: Key) -> dict[str, object]:
    """Return the KeyMetadata of a key."""
    answer: dict[str, object] = {
        "AWSAccountId": call.broker.settings.account,
        "KeyId": key.key_id,
        "Arn": call.arn(key),
        "CreationDate": key.created,
        "Enabled": key.state is KeyState.ENABLED,
        "Description": key.description,
        "KeyUsage": key.usage,
        "KeyState": key.state.value,
        "Origin": "AWS_KMS",
        "KeyManager": "CUSTOMER",
        "CustomerMasterKeySpec": key.spec,
        "KeySpec": key.spec,
        "MultiRegion": False,
    }
    if key.deletion is not None:
        answer["DeletionDate"] = key.deletion
    if key.symmetric:
        answer["EncryptionAlgorithms"] = [SYMMETRIC]
        answer["CurrentKeyMaterialId"] = key.materials[-1].material_id
    elif key.usage == KEY_AGREEMENT:
        answer["KeyAgreementAlgorithms"] = ["ECDH"]
    else:
        answer["EncryptionAlgorithms"] = list(RSA_ALGORITHMS)
    return answer


def _expect_use(spec: str, usage: str | None) -> None:
    """Accept what is made here: symmetric keys, RSA for encryption, curves for agreement."""
    if spec in _SPECS_OF_KMS or usage in (
        "SIGN_VERIFY",
        "GENERATE_VERIFY_MAC",
        "ENCAPSULATE_DECAPSULATE",
    ):
        raise unsupported(
            f"This key broker makes keys of {', '.join(_SPECS)} for {ENCRYPT_DECRYPT} and "
            f"{KEY_AGREEMENT}."
        )
    if usage is None and spec != SYMMETRIC:
        raise validation("You must specify a KeyUsage value for an asymmetric key.")
    if usage is not None and (usage == KEY_AGREEMENT) != (spec in CURVES):
        raise validation(f"KeyUsage {usage} is not compatible with KeySpec {spec}.")


def _usage_of(spec: str, usage: str | None) -> str:
    return ENCRYPT_DECRYPT if spec == SYMMETRIC or usage is None else usage


def _expect_reserved_tags(tags: dict[str, str]) -> None:
    """Accept of the tags that mean something here only those that exist, with true or false."""
    for name, value in tags.items():
        known = name in (ATTESTED_TAG, FRESH_NONCE_TAG) and value in ("true", "false")
        if is_reserved_tag(name) and not known:
            raise KmsError(
                Code.TAG,
                f"Tags of {RESERVED_TAG_PREFIX} are {ATTESTED_TAG} and {FRESH_NONCE_TAG}, "
                "true or false.",
                reason="tag.reserved",
            )
