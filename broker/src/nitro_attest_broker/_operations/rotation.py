"""EnableKeyRotation, DisableKeyRotation, GetKeyRotationStatus, RotateKeyOnDemand, and the list."""

from typing import Final

from nitro_attest_broker._call import Call, Outcome
from nitro_attest_broker._errors import Code, KmsError, unsupported
from nitro_attest_broker._keys import DAY, MAX_ROTATIONS, Key
from nitro_attest_broker._members import KEY_ID
from nitro_attest_broker._pages import paged, read_page

_LEAST_DAYS: Final = 90  # KMS
_MOST_DAYS: Final = 2560
_YEAR: Final = 365
_DEFAULT_PAGE: Final = 100


def enable_key_rotation(call: Call) -> Outcome:
    """Let a symmetric key get new material every 90 to 2,560 days."""
    days = call.members.number("RotationPeriodInDays", _LEAST_DAYS, _MOST_DAYS)
    key = _find(call)
    call.expect_enabled(key)
    period = days or key.rotation_days or _YEAR
    due = call.now + period * DAY
    return Outcome(changes=(key.changed(rotation_days=period, next_rotation=due).to_record(),))


def disable_key_rotation(call: Call) -> Outcome:
    """Let a key keep its material."""
    key = _find(call)
    call.expect_enabled(key)
    return Outcome(changes=(key.changed(rotation_days=None, next_rotation=None).to_record(),))


def get_key_rotation_status(call: Call) -> Outcome:
    """Return whether and when a key gets new material."""
    key = _find(call)
    call.expect_not_pending_deletion(key)
    answer: dict[str, object] = {
        "KeyId": call.arn(key),
        "KeyRotationEnabled": key.rotation_days is not None,
    }
    if key.rotation_days is not None:
        answer["RotationPeriodInDays"] = key.rotation_days
        answer["NextRotationDate"] = key.next_rotation
    return Outcome(answer)


def rotate_key_on_demand(call: Call) -> Outcome:
    """Give a symmetric key new material now; what was encrypted before can still be decrypted."""
    key = _find(call)
    call.expect_enabled(key)
    on_demand = sum(material.rotation == "ON_DEMAND" for material in key.materials)
    if on_demand >= MAX_ROTATIONS:
        raise KmsError(
            Code.LIMIT_EXCEEDED,
            f"A key can be rotated on demand {MAX_ROTATIONS} times.",
            reason="key.rotations",
        )
    rotated = key.rotated(call.now, "ON_DEMAND")
    return Outcome({"KeyId": call.arn(key)}, (rotated.to_record(),))


def list_key_rotations(call: Call) -> Outcome:
    """Return when a key got new material."""
    after, limit = read_page(call.members, default=_DEFAULT_PAGE)
    everything = (
        call.members.choice("IncludeKeyMaterial", "ALL_KEY_MATERIAL", "ROTATIONS_ONLY")
        == "ALL_KEY_MATERIAL"
    )
    key = _find(call)
    call.expect_not_pending_deletion(key)
    entries = [
        entry
        for number, entry in enumerate(_rotations(call, key))
        if (everything or number > 0) and entry[0] > after
    ]
    return Outcome(paged("Rotations", entries[: limit + 1], limit))


def _rotations(call: Call, key: Key) -> list[tuple[str, object]]:
    entries: list[tuple[str, object]] = []
    for number, material in enumerate(key.materials):
        entry: dict[str, object] = {
            "KeyId": call.arn(key),
            "KeyMaterialId": material.material_id,
            "KeyMaterialState": "CURRENT" if number == len(key.materials) - 1 else "NON_CURRENT",
        }
        if material.rotation:
            entry["RotationDate"] = material.created
            entry["RotationType"] = material.rotation
        entries.append((f"{number:08d}", entry))
    return entries


def _find(call: Call) -> Key:
    key_id = call.members.required_text("KeyId", KEY_ID)
    call.members.finish()
    key = call.find_key(key_id)
    if not key.symmetric:
        raise unsupported(f"{call.arn(key)} is asymmetric: it cannot be rotated.")
    call.authorize(key)
    return key
