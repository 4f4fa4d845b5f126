"""The label in an XMP packet: one AIGC property beside all that others wrote there (R-F-XMP, R-META-5, R-META-8).

What is written is a frame of our own around the descriptions of others, which stay as they are but for earlier
labels, the location where the picture was taken, and thumbnails, which show the picture without its marks.
"""

from __future__ import annotations

import html
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

from clearmark.mark.metadata import aigc
from clearmark.mark.metadata.packet import RDF, XMLNS, Broken, children, elements, parse, text

if TYPE_CHECKING:
    from clearmark.extract.picture import Format

NAMESPACE: Final = "http://www.tc260.org.cn/ns/AIGC/1.0/"
JPEG_LIMIT: Final = 65_502
"""Bytes of XMP that a JPEG's segment holds (R-F-JPG)."""
_LIMIT: Final = 1 << 20
_MOST_LABELS: Final = 16

_META: Final = "adobe:ns:meta/"
_EXIF: Final = "http://ns.adobe.com/exif/1.0/"
_XMP: Final = "http://ns.adobe.com/xap/1.0/"
_FRAME: Final = (
    '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>\n'
    '<x:xmpmeta xmlns:x="{meta}"><rdf:RDF xmlns:rdf="{rdf}"{namespaces}>\n{others}'
    '<rdf:Description rdf:about="{about}" xmlns:TC260="{tc260}"><TC260:AIGC>{label}</TC260:AIGC></rdf:Description>\n'
    '</rdf:RDF></x:xmpmeta>\n<?xpacket end="w"?>'
)
_PROPERTY: Final = re.compile(rf"<(?:[\w.-]{{1,64}}:)?{aigc.KEYWORD}(?:\s[^<>]*)?>([^<]*)</")
_ATTRIBUTE: Final = re.compile(rf"[\s:]{aigc.KEYWORD}\s{{0,8}}=\s{{0,8}}(?:\"([^\"<]*)\"|'([^'<]*)')")

Lost = Literal["", "broken", "too-large"]


@dataclass(frozen=True, slots=True)
class Written:
    """A packet with one label. ``lost`` says why the properties of others are not in it; empty where they are."""

    packet: bytes
    lost: Lost


def write(packet: bytes | None, aigc_json: str, file_format: Format) -> Written:
    """Return the packet with the label as its only AIGC property.

    A hostile or broken packet is replaced, and so is one that outgrows, with the label, what the format holds: the
    label has to be there, and the rest could only go where most readers do not look.

    Args:
        packet: of the file, if it has one.
        aigc_json: the seven keys.
        file_format: of the file.

    Raises:
        ValueError: the label alone is too long for the format.
    """
    limit = JPEG_LIMIT if file_format == "JPEG" else _LIMIT
    alone = _frame(aigc_json)
    if len(alone) > limit:
        raise ValueError("the label is too long for the file")
    if packet is None:
        return Written(alone, "")
    try:
        merged = _merge(parse(packet, _LIMIT), aigc_json)
    except Broken:
        return Written(alone, "broken")
    return Written(merged, "") if len(merged) <= limit else Written(alone, "too-large")


def read(packet: bytes) -> tuple[str, ...]:
    """Return the text of every label in a packet, in any form of R-WILD-1; of a broken packet, what can be seen."""
    try:
        found = [value for element in elements(parse(packet, _LIMIT)) for value in _labels(element)]
    except Broken:
        text = packet[:_LIMIT].decode("utf-8", "replace")
        raw = _PROPERTY.findall(text) + ["".join(pair) for pair in _ATTRIBUTE.findall(text)]
        found = [html.unescape(value) for value in raw]
    return tuple(dict.fromkeys(value.strip() for value in found if value.strip()))[:_MOST_LABELS]


def _labels(element: Any) -> list[str]:  # noqa: ANN401 - minidom is untyped
    """Return the labels that an element holds itself: in attributes, as its text."""
    found = [a.value for a in _attributes(element) if _is_label(a, a.value)]
    value = _value(element)
    return [*found, value] if _is_label(element, value) else found


def _attributes(element: Any) -> list[Any]:  # noqa: ANN401
    return [a for a in element.attributes.values() if a.namespaceURI != XMLNS]


def _value(element: Any) -> str:  # noqa: ANN401
    """Return the text of a property; of elements that only hold others, none."""
    return text(element) if element.localName == aigc.KEYWORD or not children(element) else ""


def _is_label(node: Any, value: str) -> bool:  # noqa: ANN401
    return node.localName == aigc.KEYWORD or aigc.is_label(value)


def _unwanted(node: Any, value: str) -> bool:  # noqa: ANN401
    located = node.namespaceURI == _EXIF and node.localName.startswith("GPS")
    thumbnail = node.namespaceURI == _XMP and node.localName == "Thumbnails"
    return located or thumbnail or _is_label(node, value)


def _merge(root: Any, label: str) -> bytes:  # noqa: ANN401
    """Return a packet of the descriptions under a root and the label.

    Raises:
        Broken: there is no RDF, or a prefix of our frame means something else.
    """
    rdf = next((element for element in [root, *children(root)] if element.localName == "RDF"), None)
    if rdf is None or rdf.namespaceURI != RDF:
        raise Broken
    bound = {a.name: a.value for e in (root, rdf) for a in e.attributes.values() if a.namespaceURI == XMLNS}
    if bound.pop("xmlns:rdf", RDF) != RDF or bound.pop("xmlns:x", _META) != _META:
        raise Broken
    _clean(rdf)
    others = [child for child in children(rdf) if _says_something(child)]
    about = next((other.getAttributeNS(RDF, "about") for other in others), "")
    namespaces = "".join(f' {name}="{html.escape(value)}"' for name, value in sorted(bound.items()))
    return _frame(label, namespaces, "".join(f"{other.toxml()}\n" for other in others), about)


def _clean(rdf: Any) -> None:  # noqa: ANN401
    for element in list(elements(rdf)):
        for attribute in _attributes(element):
            if _unwanted(attribute, attribute.value):
                element.removeAttributeNode(attribute)
        if element is not rdf and _unwanted(element, _value(element)):
            element.parentNode.removeChild(element)


def _says_something(description: Any) -> bool:  # noqa: ANN401
    """Return whether a description holds a property; one of ours from an earlier time, its label gone, does not."""
    return bool(children(description)) or any(a.localName != "about" for a in _attributes(description))


def _frame(label: str, namespaces: str = "", others: str = "", about: str = "") -> bytes:
    packet = _FRAME.format(
        meta=_META,
        rdf=RDF,
        namespaces=namespaces,
        others=others,
        about=html.escape(about),
        tc260=NAMESPACE,
        label=html.escape(label, quote=False),
    )
    return packet.encode()
