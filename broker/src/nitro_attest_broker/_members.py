"""Read the members of a request, each with KMS's limits; what is not read is refused.

The limits are those of KMS's service model (2014-11-01). A member that an operation does not know,
or that this broker has no meaning for, is an error: it may have been a restriction.
"""

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, TypeVar, cast, final

from nitro_attest_broker._errors import KmsError, unsupported, validation

MAX_CONTEXT_BYTES: Final = 8192  # KMS quota on the encryption context
_MAX_CONTEXT_PAIRS: Final = 1024
MAX_DOCUMENT_BYTES: Final = 262_144
_Value = TypeVar("_Value")
_RECIPIENT_ALGORITHM: Final = "RSAES_OAEP_SHA_256"


@final
@dataclass(frozen=True, slots=True)
class Text:
    """A text member: length in characters, and the pattern it must match as a whole."""

    least: int
    most: int
    pattern: str = ""


KEY_ID: Final = Text(1, 2048)
ALIAS_NAME: Final = Text(1, 256, r"[a-zA-Z0-9:/_-]+")
DESCRIPTION: Final = Text(0, 8192)
POLICY: Final = Text(1, 131_072, r"[\u0009\u000A\u000D\u0020-\u00FF]+")
POLICY_NAME: Final = Text(1, 128, r"\w+")
MARKER: Final = Text(1, 1024, r"[\u0020-\u00FF]*")
TAG_KEY: Final = Text(1, 128)
TAG_VALUE: Final = Text(0, 256)


@final
class Members:
    """The members of one request, taken one after another; `finish` refuses the rest."""

    def __init__(self, values: Mapping[str, object]) -> None:
        """Take the JSON object; a member that is null counts as absent."""
        self._values: Final = {name: value for name, value in values.items() if value is not None}
        self._read: Final[set[str]] = set()

    def text(self, name: str, limits: Text) -> str | None:
        """Return a text, or None if it is absent."""
        value = self._take(name)
        return None if value is None else _text(name, value, limits)

    def required_text(self, name: str, limits: Text) -> str:
        """Return a text that must be there."""
        return _required(name, self.text(name, limits))

    def choice(self, name: str, *choices: str) -> str | None:
        """Return one of the values that KMS lists for a member, or None if it is absent."""
        value = self._take(name)
        if value is None:
            return None
        if type(value) is not str or value not in choices:
            raise validation(
                f"Value at '{_member(name)}' failed to satisfy constraint: Member must satisfy "
                f"enum value set: [{', '.join(choices)}]"
            )
        return value

    def required_choice(self, name: str, *choices: str) -> str:
        """Return one of the values that KMS lists for a member that must be there."""
        return _required(name, self.choice(name, *choices))

    def number(self, name: str, least: int, most: int) -> int | None:
        """Return an integer, or None if it is absent."""
        value = self._take(name)
        if value is None:
            return None
        if type(value) is not int or not least <= value <= most:
            raise _constraint(name, f"Member must be an integer between {least} and {most}")
        return value

    def flag(self, name: str) -> bool:
        """Return a boolean; absent is False."""
        value = self._take(name)
        if value is None:
            return False
        if type(value) is not bool:
            raise _constraint(name, "Member must be true or false")
        return value

    def blob(self, name: str, most: int) -> bytes | None:
        """Return 1 to `most` bytes that were written in base64, or None if absent."""
        value = self._take(name)
        return None if value is None else _blob(name, value, most)

    def required_blob(self, name: str, most: int) -> bytes:
        """Return 1 to `most` bytes that must be there."""
        return _required(name, self.blob(name, most))

    def context(self, name: str) -> dict[str, str]:
        """Return an encryption context; absent is empty."""
        value = self._take(name)
        if value is None:
            return {}
        if type(value) is not dict:
            raise _constraint(name, "Member must be a map of strings")
        pairs = cast("dict[str, object]", value)
        if len(pairs) > _MAX_CONTEXT_PAIRS:
            raise _constraint(name, f"Member must have at most {_MAX_CONTEXT_PAIRS} pairs")
        context = {_utf8(name, key): _utf8(name, text) for key, text in pairs.items()}
        size = sum(len(key.encode()) + len(text.encode()) for key, text in context.items())
        if size > MAX_CONTEXT_BYTES:
            raise _constraint(name, f"Member must be at most {MAX_CONTEXT_BYTES} bytes")
        return context

    def tags(self, name: str) -> dict[str, str]:
        """Return tags by their keys; absent is none, and one key twice is refused."""
        tags: dict[str, str] = {}
        for entry in self._entries(name):
            if type(entry) is not dict:
                raise _constraint(name, "Member must be a list of tags")
            tag = Members(cast("dict[str, object]", entry))
            key = tag.required_text("TagKey", TAG_KEY)
            value = tag.required_text("TagValue", TAG_VALUE)
            tag.finish()
            if key in tags:
                raise _constraint(name, "A tag key occurs twice")
            tags[key] = value
        return tags

    def texts(self, name: str, limits: Text) -> tuple[str, ...]:
        """Return a list of texts; absent is empty."""
        return tuple(_text(name, entry, limits) for entry in self._entries(name))

    def recipient(self) -> bytes | None:
        """Return the attestation document of the Recipient, or None if there is no Recipient."""
        value = self._take("Recipient")
        if value is None:
            return None
        if type(value) is not dict:
            raise _constraint("Recipient", "Member must be a structure")
        recipient = Members(cast("dict[str, object]", value))
        recipient.required_choice("KeyEncryptionAlgorithm", _RECIPIENT_ALGORITHM)
        doc = recipient.required_blob("AttestationDocument", MAX_DOCUMENT_BYTES)
        recipient.finish()
        return doc

    def no_grants(self) -> None:
        """Refuse grant tokens; an empty list holds none."""
        if list(self._entries("GrantTokens")):
            raise unsupported("This key broker has no grants: leave out GrantTokens.")

    def not_offered(self, *names: str) -> None:
        """Refuse members that KMS has a meaning for and this broker has none."""
        for name in names:
            if self._take(name) not in (None, False):
                raise unsupported(f"This key broker does not offer {name}.")

    def finish(self) -> None:
        """Refuse members that nobody has read."""
        if self._values.keys() - self._read:
            raise validation("The request has a member that this operation does not have.")

    def _take(self, name: str) -> object:
        self._read.add(name)
        return self._values.get(name)

    def _entries(self, name: str) -> list[object]:
        value = self._take(name)
        if value is None:
            return []
        if type(value) is not list:
            raise _constraint(name, "Member must be a list")
        return cast("list[object]", value)


def _text(name: str, value: object, limits: Text) -> str:
    text = _utf8(name, value)
    if not limits.least <= len(text) <= limits.most:
        raise _constraint(name, f"Member must have length between {limits.least} and {limits.most}")
    if limits.pattern and not re.fullmatch(limits.pattern, text):
        raise _constraint(name, f"Member must satisfy regular expression pattern: {limits.pattern}")
    return text


def _utf8(name: str, value: object) -> str:
    """Return a text that has a form in UTF-8: a lone surrogate, which JSON can write, has none."""
    if type(value) is not str:
        raise _constraint(name, "Member must be a string")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise _constraint(name, "Member must be a string") from None
    return value


def _blob(name: str, value: object, most: int) -> bytes:
    try:
        data = base64.b64decode(_utf8(name, value), validate=True)
    except (binascii.Error, ValueError):
        raise _constraint(name, "Member must be bytes in base64") from None
    if not 1 <= len(data) <= most:
        raise _constraint(name, f"Member must have length between 1 and {most}")
    return data


def _required(name: str, value: _Value | None) -> _Value:
    if value is None:
        raise _constraint(name, "Member must not be null")
    return value


def _constraint(name: str, constraint: str) -> KmsError:
    return validation(
        f"1 validation error detected: Value at '{_member(name)}' failed to satisfy constraint: "
        f"{constraint}"
    )


def _member(name: str) -> str:
    return name[0].lower() + name[1:]
