"""What falls due: new material for keys that rotate, the end of keys to be deleted."""

from nitro_attest_broker._call import Broker
from nitro_attest_broker._keys import Key, KeyState, key_of
from nitro_attest_broker._ledger import ConflictError
from nitro_attest_broker._records import Kind, Record

_PAGE = 500


def maintain(broker: Broker) -> int:
    """Rotate and destroy the keys that are due, each with its audit line, and return how many.

    Raises:
        StoreUnavailableError: The database did not answer.
        TamperedError: The database is not what this broker wrote last.
        HeadFileError: The head file could not be written.

    """
    done = 0
    after = ""
    while found := broker.ledger.page(Kind.KEY, after=after, limit=_PAGE):
        done += sum(_maintain(broker, record) for record in found)
        after = found[-1].name
    return done


def _maintain(broker: Broker, record: Record) -> bool:
    key = key_of(record)
    now = broker.clock()
    due = _due(broker, key, int(now.timestamp()))
    if due is None:
        return False
    event, changes = due
    entry = {
        "event": event,
        "time": now.isoformat(timespec="milliseconds"),
        "keys": [{"arn": broker.settings.key_arn(key.key_id), "version": changes[0].version}],
    }
    try:
        broker.ledger.commit(entry, changes=changes)
    except ConflictError:
        return False  # somebody changed it just now; a minute later it is looked at again
    return True


def _due(broker: Broker, key: Key, now: int) -> tuple[str, list[Record]] | None:
    if key.state is KeyState.PENDING_DELETION and key.deletion is not None and key.deletion <= now:
        # Its names go with it, as at KMS: nobody could ask the policy of a key that is gone.
        aliases = broker.ledger.children(Kind.ALIAS, key.key_id)
        return "key_destroyed", [record.destroyed() for record in (key.to_record(), *aliases)]
    if key.state is KeyState.ENABLED and key.next_rotation is not None and key.next_rotation <= now:
        return "key_rotated", [key.rotated(now, "AUTOMATIC").to_record()]
    return None
