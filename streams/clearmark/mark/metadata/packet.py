"""Parse an XMP packet from anybody's file: no entities, no document types, no great size or depth."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final
from xml.parsers.expat import ExpatError

from defusedxml import minidom

if TYPE_CHECKING:
    from collections.abc import Iterator

RDF: Final = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
XMLNS: Final = "http://www.w3.org/2000/xmlns/"
_DEEPEST: Final = 64
_TEXTS: Final = (3, 4)
"""Node types of text and of CDATA."""
_ROOT: Final = re.compile(r"<((?:[\w.-]{1,64}:)?(?:xmpmeta|xapmeta|RDF))[\s>]")


class Broken(Exception):
    """The packet is not XMP that can be read, or asks for more trouble than a picture's metadata is worth."""


def parse(packet: bytes, limit: int) -> Any:  # noqa: ANN401 - minidom is untyped
    """Return the root element, ``x:xmpmeta`` or ``rdf:RDF``.

    What stands around it is dropped: files have an XML declaration there, even a malformed one (R-WILD-1).

    Raises:
        Broken: the packet is longer than the limit, malformed or hostile.
    """
    text = _decode(packet) if len(packet) <= limit else ""
    begun = _ROOT.search(text)
    if begun is None:
        raise Broken
    ended = text.find(">", text.rfind(f"</{begun.group(1)}"))
    try:
        document = minidom.parseString(text[begun.start() : ended + 1].encode(), forbid_dtd=True)
    except (ExpatError, ValueError):
        raise Broken from None
    root = document.documentElement
    if _is_deep(root):
        raise Broken
    return root


def elements(root: Any) -> Iterator[Any]:  # noqa: ANN401
    """Go through an element and all in it, in document order."""
    stack = [root]
    while stack:
        element = stack.pop()
        stack += reversed(children(element))
        yield element


def text(element: Any) -> str:  # noqa: ANN401
    """Return all text in an element."""
    return "".join(n.data for e in elements(element) for n in e.childNodes if n.nodeType in _TEXTS).strip()


def children(element: Any) -> list[Any]:  # noqa: ANN401
    """Return the elements that stand directly in an element."""
    return [child for child in element.childNodes if child.nodeType == child.ELEMENT_NODE]


def _is_deep(root: Any) -> bool:  # noqa: ANN401
    level, depth = [root], 0
    while level and depth <= _DEEPEST:
        level = [child for element in level for child in children(element)]
        depth += 1
    return bool(level)


def _decode(packet: bytes) -> str:
    encoding = "utf-8"
    if packet[:2] in {b"\xff\xfe", b"\xfe\xff"}:
        encoding = "utf-16"
    elif packet[:2] in {b"<\0", b"\0<"}:
        encoding = "utf-16-le" if packet[:1] == b"<" else "utf-16-be"
    try:
        return packet.decode(encoding)
    except UnicodeDecodeError:
        raise Broken from None
