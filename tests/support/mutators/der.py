"""Take DER apart into a tree, change the tree, write it again.

Bytes and a source of chance come in, other bytes go out. Lengths are always written anew, so a
changed tree is well-formed on the outside however odd its parts are. Own code on purpose: what
tests the reader of certificates shares nothing with it.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import Final, final

_CONSTRUCTED: Final = 0x20
_WRAPPERS: Final = (
    0x03,
    0x04,
)  # a BIT STRING or an OCTET STRING may hold DER: an extension's value, for one
_ODD_VALUES: Final = (
    b"",
    b"\x00",
    b"\xff",
    b"\x80",
    b"\x00\x01",
    b"\x7f" * 9,
    bytes(21),
    b"\x01" * 22,
)
_ODD_TAGS: Final = (
    0x01,
    0x02,
    0x03,
    0x04,
    0x05,
    0x06,
    0x0C,
    0x13,
    0x16,
    0x17,
    0x18,
    0x1E,
    0x30,
    0x31,
    0x80,
    0xA0,
    0xA3,
)


@final
@dataclass(slots=True)
class Node:
    """One element: its tag, and its bytes, or its parts and the octets before them."""

    tag: int
    value: bytes = b""
    parts: list[Node] | None = None
    before: bytes = b""  # the count of unused bits of a BIT STRING that holds DER

    def encoded(self) -> bytes:
        """Write the element with the shortest length."""
        content = (
            self.value
            if self.parts is None
            else self.before + b"".join(part.encoded() for part in self.parts)
        )
        return bytes([self.tag]) + encoded_length(len(content)) + content


def encoded_length(length: int) -> bytes:
    """Write a length as DER does."""
    if length < 0x80:
        return bytes([length])
    octets = length.to_bytes((length.bit_length() + 7) // 8, "big")
    return bytes([0x80 | len(octets)]) + octets


def element(tag: int, *contents: bytes) -> bytes:
    """Write one element around the contents."""
    content = b"".join(contents)
    return bytes([tag]) + encoded_length(len(content)) + content


def split(data: bytes) -> list[tuple[int, bytes]] | None:
    """Return tag and content of each element that `data` is made of, None if it is not."""
    found: list[tuple[int, bytes]] = []
    at = 0
    while at < len(data):
        if at + 2 > len(data):
            return None
        tag, length = data[at], data[at + 1]
        at += 2
        if length >= 0x80:
            octets = length & 0x7F
            if not 1 <= octets <= 3 or at + octets > len(data):
                return None
            length = int.from_bytes(data[at : at + octets], "big")
            at += octets
        if at + length > len(data):
            return None
        found.append((tag, data[at : at + length]))
        at += length
    return found


def read(data: bytes) -> Node | None:
    """Read one element and, where they are elements again, its parts.

    None if `data` is not exactly one element.
    """
    elements = split(data)
    if elements is None or len(elements) != 1:
        return None
    return _node(*elements[0])


def _node(tag: int, content: bytes) -> Node:
    before = content[:1] if tag == _WRAPPERS[0] else b""
    if tag & _CONSTRUCTED or (tag in _WRAPPERS and len(content) > 2):
        inner = split(content[len(before) :])
        if inner or (tag & _CONSTRUCTED and inner is not None):
            return Node(tag, parts=[_node(*part) for part in inner], before=before)
    return Node(tag, content)


def extensions(certificate: bytes) -> list[Node]:
    """Return the extensions of a certificate."""
    root = read(certificate)
    fields = root.parts[0].parts if root is not None and root.parts else None
    if not fields or fields[-1].tag != 0xA3 or not fields[-1].parts:
        return []
    return fields[-1].parts[0].parts or []


def every_node(node: Node) -> list[Node]:
    """Return the element and all elements in it."""
    return [node, *(found for part in node.parts or () for found in every_node(part))]


def mutate(data: bytes, chance: Random) -> bytes:
    """Change one element of `data` in one way."""
    root = read(data)
    if root is None:
        return _mutate_bytes(data, chance)
    nodes = every_node(root)
    node = chance.choice(nodes)
    holders = [holder for holder in nodes if holder.parts]
    kind = chance.randrange(8)
    if kind == 0 or not holders:
        node.tag = chance.choice(_ODD_TAGS)
    elif kind <= 3:
        _change_parts(chance.choice(holders), nodes, chance)
    elif node.parts is None:
        node.value = chance.choice(_ODD_VALUES) if kind == 4 else _mutate_bytes(node.value, chance)
    else:
        _change_parts(node, nodes, chance)
    return root.encoded()


def _change_parts(holder: Node, nodes: list[Node], chance: Random) -> None:
    parts = holder.parts if holder.parts is not None else []
    at = chance.randrange(len(parts) + 1)
    match chance.randrange(4):
        case 0:
            del parts[at : at + 1]
        case 1:
            parts[at:at] = parts[at : at + 1]
        case 2:
            parts.insert(
                at,
                Node(0x04, chance.choice(nodes).encoded())
                if chance.random() < 0.1
                else _copy(nodes, chance),
            )
        case _:
            chance.shuffle(parts)


def _copy(nodes: list[Node], chance: Random) -> Node:
    copied = read(chance.choice(nodes).encoded())
    return Node(0x05) if copied is None else copied


def _mutate_bytes(data: bytes, chance: Random) -> bytes:
    if not data:
        return chance.randbytes(chance.randrange(1, 4))
    at = chance.randrange(len(data))
    match chance.randrange(4):
        case 0:
            return data[:at] + bytes([data[at] ^ (1 << chance.randrange(8))]) + data[at + 1 :]
        case 1:
            return data[:at] + data[at + 1 :]
        case 2:
            return data[:at] + chance.randbytes(1) + data[at:]
        case _:
            return data[:at] + chance.randbytes(1) + data[at + 1 :]
