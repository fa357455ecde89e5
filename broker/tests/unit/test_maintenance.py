"""What falls due: rotation, and the end of keys."""

from datetime import timedelta

import pytest

from nitro_attest_broker import _maintenance
from nitro_attest_broker._ledger import ConflictError
from nitro_attest_broker._maintenance import maintain
from support.broker_kit import Kit


def test_a_key_gets_new_material_when_it_is_due(kit: Kit) -> None:
    arn = kit.create_key()
    kit.ok("EnableKeyRotation", {"KeyId": arn, "RotationPeriodInDays": 90})
    assert maintain(kit.broker) == 0
    kit.clock.advance(timedelta(days=90))
    assert maintain(kit.broker) == 1
    assert maintain(kit.broker) == 0
    assert kit.audit()[-1]["event"] == "key_rotated"
    (rotation,) = kit.ok("ListKeyRotations", {"KeyId": arn})["Rotations"]
    assert rotation["RotationType"] == "AUTOMATIC"
    kit.clock.advance(timedelta(days=90))
    assert maintain(kit.broker) == 1


def test_a_disabled_key_is_not_rotated(kit: Kit) -> None:
    arn = kit.create_key()
    kit.ok("EnableKeyRotation", {"KeyId": arn})
    kit.ok("DisableKey", {"KeyId": arn})
    kit.clock.advance(timedelta(days=400))
    assert maintain(kit.broker) == 0


def test_a_key_is_destroyed_when_its_time_is_over(kit: Kit) -> None:
    arn = kit.create_key()
    blob = kit.ok("Encrypt", {"KeyId": arn, "Plaintext": "AAAA"})["CiphertextBlob"]
    kit.ok("CreateAlias", {"AliasName": "alias/a", "TargetKeyId": arn})
    kit.ok("ScheduleKeyDeletion", {"KeyId": arn, "PendingWindowInDays": 7})
    kit.clock.advance(timedelta(days=7))
    assert maintain(kit.broker) == 1
    assert kit.audit()[-1]["event"] == "key_destroyed"
    assert kit.refused("DescribeKey", {"KeyId": arn})[0] == "NotFoundException"
    assert kit.refused("DescribeKey", {"KeyId": "alias/a"})[0] == "NotFoundException"
    assert kit.refused("Decrypt", {"CiphertextBlob": blob})[0] == "AccessDeniedException"
    assert kit.ok("ListKeys", {})["Keys"] == []


def test_the_names_of_a_destroyed_key_are_free_again(kit: Kit) -> None:
    arn = kit.create_key()
    for name in ("alias/a", "alias/b"):
        kit.ok("CreateAlias", {"AliasName": name, "TargetKeyId": arn})
    kit.ok("ScheduleKeyDeletion", {"KeyId": arn, "PendingWindowInDays": 7})
    kit.clock.advance(timedelta(days=7))
    assert maintain(kit.broker) == 1
    assert kit.ok("ListAliases", {})["Aliases"] == []
    other = kit.create_key()
    kit.ok("CreateAlias", {"AliasName": "alias/a", "TargetKeyId": other})
    assert kit.ok("DescribeKey", {"KeyId": "alias/a"})["KeyMetadata"]["Arn"] == other


def test_looks_at_every_page(kit: Kit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_maintenance, "_PAGE", 2)
    for _ in range(5):
        kit.ok("EnableKeyRotation", {"KeyId": kit.create_key()})
    kit.clock.advance(timedelta(days=366))
    assert maintain(kit.broker) == 5


def test_leaves_a_key_that_somebody_changes_just_now(
    kit: Kit, monkeypatch: pytest.MonkeyPatch
) -> None:
    kit.ok("EnableKeyRotation", {"KeyId": kit.create_key()})
    kit.clock.advance(timedelta(days=366))

    def conflict(*_: object, **__: object) -> None:
        raise ConflictError

    monkeypatch.setattr(kit.broker.ledger, "commit", conflict)
    assert maintain(kit.broker) == 0


def test_a_key_is_rotated_on_demand_25_times(kit: Kit) -> None:
    arn = kit.create_key()
    for _ in range(25):
        kit.ok("RotateKeyOnDemand", {"KeyId": arn})
    assert kit.refused("RotateKeyOnDemand", {"KeyId": arn}) == (
        "LimitExceededException",
        "key.rotations",
    )
