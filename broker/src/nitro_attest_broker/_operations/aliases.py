"""CreateAlias, UpdateAlias, DeleteAlias, ListAliases."""

import json
from typing import Final

from nitro_attest_broker._call import Call, Outcome
from nitro_attest_broker._errors import Code, KmsError
from nitro_attest_broker._json import write_object
from nitro_attest_broker._keys import Key
from nitro_attest_broker._members import ALIAS_NAME, KEY_ID
from nitro_attest_broker._pages import paged, read_page
from nitro_attest_broker._records import Kind, Record

_PREFIX: Final = "alias/"
_RESERVED: Final = "alias/aws/"
_DEFAULT_PAGE: Final = 50


def create_alias(call: Call) -> Outcome:
    """Give a key a name."""
    name, target_id = _read(call)
    ledger = call.broker.ledger
    key = _find_target(call, target_id)
    if ledger.read(Kind.ALIAS, name) is not None:
        raise KmsError(
            Code.ALREADY_EXISTS,
            f"An alias with the name {call.broker.settings.alias_arn(name)} already exists",
            reason="alias.exists",
        )
    call.authorize(key)
    version = ledger.next_version(Kind.ALIAS, name)
    return Outcome(changes=(_record(name, version, key, created=call.now, updated=call.now),))


def update_alias(call: Call) -> Outcome:
    """Let a name stand for another key; both keys' policies must allow it."""
    name, target_id = _read(call)
    alias, before = _find_alias(call, name)
    key = _find_target(call, target_id)
    call.authorize(before)
    call.authorize(key)
    created: int = json.loads(alias.content)["created"]
    changed = _record(name, alias.version + 1, key, created=created, updated=call.now)
    return Outcome(changes=(changed,))


def delete_alias(call: Call) -> Outcome:
    """Take a key's name away."""
    name = _expect_name(call.members.required_text("AliasName", ALIAS_NAME))
    call.members.finish()
    alias, key = _find_alias(call, name)
    call.authorize(key)
    return Outcome(changes=(alias.destroyed(),))


def list_aliases(call: Call) -> Outcome:
    """Return the aliases, or those of one key."""
    after, limit = read_page(call.members, default=_DEFAULT_PAGE)
    key_id = call.members.text("KeyId", KEY_ID)
    call.members.finish()
    call.authorize_account(call.broker.settings.administrators)
    ledger = call.broker.ledger
    if key_id is None:
        found = ledger.page(Kind.ALIAS, after=after, limit=limit + 1)
    else:
        of_key = ledger.children(Kind.ALIAS, call.find_key(key_id).key_id)
        found = [alias for alias in of_key if alias.name > after][: limit + 1]
    entries = [(alias.name, _described(call, alias)) for alias in found]
    return Outcome(paged("Aliases", entries, limit))


def _described(call: Call, alias: Record) -> dict[str, object]:
    times = json.loads(alias.content)
    return {
        "AliasName": alias.name,
        "AliasArn": call.broker.settings.alias_arn(alias.name),
        "TargetKeyId": alias.parent,
        "CreationDate": times["created"],
        "LastUpdatedDate": times["updated"],
    }


def _read(call: Call) -> tuple[str, str]:
    name = _expect_name(call.members.required_text("AliasName", ALIAS_NAME))
    target_id = call.members.required_text("TargetKeyId", KEY_ID)
    call.members.finish()
    return name, target_id


def _expect_name(name: str) -> str:
    if not name.startswith(_PREFIX) or name.startswith(_RESERVED) or name == _PREFIX:
        raise KmsError(
            Code.INVALID_ALIAS_NAME,
            f"Alias must start with the prefix {_PREFIX}, and not with {_RESERVED}.",
            reason="alias.name",
        )
    return name


def _find_target(call: Call, target_id: str) -> Key:
    """Return the key that an alias is to stand for, which is named by its id, not by an alias."""
    if target_id.startswith(_PREFIX) or ":alias/" in target_id:
        raise KmsError(
            Code.NOT_FOUND, "TargetKeyId must be a key ID or a key ARN.", reason="key.not_found"
        )
    key = call.find_key(target_id)
    call.expect_not_pending_deletion(key)
    return key


def _find_alias(call: Call, name: str) -> tuple[Record, Key]:
    alias = call.broker.ledger.read(Kind.ALIAS, name)
    if alias is None:
        arn = call.broker.settings.alias_arn(name)
        raise KmsError(Code.NOT_FOUND, f"Alias {arn} is not found.", reason="alias.not_found")
    return alias, call.find_key(alias.parent)


def _record(name: str, version: int, key: Key, *, created: int, updated: int) -> Record:
    return Record(
        kind=Kind.ALIAS,
        name=name,
        version=version,
        parent=key.key_id,
        content=write_object({"created": created, "updated": updated}),
        secret=b"",
    )
