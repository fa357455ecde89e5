"""TagResource, UntagResource, ListResourceTags."""

from collections.abc import Mapping
from typing import Final

from nitro_attest_broker._call import Call, Outcome
from nitro_attest_broker._errors import Code, KmsError
from nitro_attest_broker._keys import RESERVED_TAG_PREFIX, is_reserved_tag
from nitro_attest_broker._members import KEY_ID, TAG_KEY
from nitro_attest_broker._pages import paged, read_page

MAX_TAGS: Final = 50  # KMS
_OF_AWS: Final = "aws:"
_DEFAULT_PAGE: Final = 50


def tag_resource(call: Call) -> Outcome:
    """Add or change tags of a key; those of `nitro-attest:` are fixed at CreateKey."""
    key_id = call.members.required_text("KeyId", KEY_ID)
    tags = call.members.tags("Tags")
    call.members.finish()
    _expect_not_reserved(tags)
    key = call.find_key(key_id)
    call.authorize(key)
    call.expect_not_pending_deletion(key)
    together = {**key.tags, **tags}
    expect_tags(together)
    return Outcome(changes=(key.changed(tags=together).to_record(),))


def untag_resource(call: Call) -> Outcome:
    """Take tags from a key; those of `nitro-attest:` stay."""
    key_id = call.members.required_text("KeyId", KEY_ID)
    names = call.members.texts("TagKeys", TAG_KEY)
    call.members.finish()
    _expect_not_reserved(dict.fromkeys(names, ""))
    key = call.find_key(key_id)
    call.authorize(key)
    call.expect_not_pending_deletion(key)
    rest = {name: value for name, value in key.tags.items() if name not in names}
    return Outcome(changes=(key.changed(tags=rest).to_record(),))


def list_resource_tags(call: Call) -> Outcome:
    """Return the tags of a key."""
    after, limit = read_page(call.members, default=_DEFAULT_PAGE)
    key_id = call.members.required_text("KeyId", KEY_ID)
    call.members.finish()
    key = call.find_key(key_id)
    call.authorize(key)
    entries: list[tuple[str, object]] = [
        (name, {"TagKey": name, "TagValue": value})
        for name, value in sorted(key.tags.items())
        if name > after
    ]
    return Outcome(paged("Tags", entries[: limit + 1], limit))


def expect_tags(tags: Mapping[str, str]) -> None:
    """Accept at most 50 tags, none of AWS's own.

    Raises:
        KmsError: TagException or LimitExceededException.

    """
    if len(tags) > MAX_TAGS:
        raise KmsError(
            Code.LIMIT_EXCEEDED, f"A key has at most {MAX_TAGS} tags.", reason="tag.too_many"
        )
    if any(name.lower().startswith(_OF_AWS) for name in tags):
        raise KmsError(Code.TAG, f"Tag keys cannot begin with {_OF_AWS}", reason="tag.reserved")


def _expect_not_reserved(tags: Mapping[str, str]) -> None:
    if any(map(is_reserved_tag, tags)):
        raise KmsError(
            Code.TAG,
            f"Tags that begin with {RESERVED_TAG_PREFIX} are fixed when a key is created.",
            reason="tag.fixed",
        )
