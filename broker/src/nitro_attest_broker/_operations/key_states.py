"""EnableKey, DisableKey, ScheduleKeyDeletion, CancelKeyDeletion."""

from typing import Final

from nitro_attest_broker._call import Call, Outcome
from nitro_attest_broker._errors import Code, KmsError
from nitro_attest_broker._keys import DAY, Key, KeyState
from nitro_attest_broker._members import KEY_ID

_LEAST_DAYS: Final = 7  # KMS
_MOST_DAYS: Final = 30


def enable_key(call: Call) -> Outcome:
    """Let a key be used."""
    key = _find(call)
    call.expect_not_pending_deletion(key)
    return Outcome(changes=(key.changed(state=KeyState.ENABLED).to_record(),))


def disable_key(call: Call) -> Outcome:
    """Let a key not be used."""
    key = _find(call)
    call.expect_not_pending_deletion(key)
    return Outcome(changes=(key.changed(state=KeyState.DISABLED).to_record(),))


def schedule_key_deletion(call: Call) -> Outcome:
    """Let a key not be used, and destroy it after 7 to 30 days."""
    days = call.members.number("PendingWindowInDays", _LEAST_DAYS, _MOST_DAYS) or _MOST_DAYS
    key = _find(call)
    call.expect_not_pending_deletion(key)
    deletion = call.now + days * DAY
    scheduled = key.changed(state=KeyState.PENDING_DELETION, deletion=deletion, window_days=days)
    return Outcome(
        {
            "KeyId": call.arn(key),
            "DeletionDate": deletion,
            "KeyState": KeyState.PENDING_DELETION.value,
            "PendingWindowInDays": days,
        },
        (scheduled.to_record(),),
    )


def cancel_key_deletion(call: Call) -> Outcome:
    """Keep a key that was to be destroyed; it is disabled."""
    key = _find(call)
    if key.state is not KeyState.PENDING_DELETION:
        raise KmsError(
            Code.INVALID_STATE,
            f"{call.arn(key)} is not pending deletion.",
            reason="key.not_pending_deletion",
        )
    kept = key.changed(state=KeyState.DISABLED, deletion=None, window_days=None)
    return Outcome({"KeyId": call.arn(key)}, (kept.to_record(),))


def _find(call: Call) -> Key:
    key_id = call.members.required_text("KeyId", KEY_ID)
    call.members.finish()
    key = call.find_key(key_id)
    call.authorize(key)
    return key
