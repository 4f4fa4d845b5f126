"""One label in an XMP packet, beside what others wrote."""

from __future__ import annotations

import pytest
from defusedxml import ElementTree
from hypothesis import given
from hypothesis import strategies as st

from clearmark.ids import ContentId
from clearmark.mark.metadata import aigc, xmp

LABEL = aigc.first("CLEARMARK-DEMO", ContentId(7)).to_json()
OLD = '{"Label":"1","ContentProducer":"OTHER","ProduceID":"5"}'
QUOTED = OLD.replace('"', "&quot;")
RDF = 'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"'
RIGHT = 'xmlns:TC260="http://www.tc260.org.cn/ns/AIGC/1.0/"'
DC, EXIF, XMP = (
    'xmlns:dc="http://purl.org/dc/elements/1.1/"',
    'xmlns:exif="http://ns.adobe.com/exif/1.0/"',
    'xmlns:xmp="http://ns.adobe.com/xap/1.0/"',
)


def packet(inner: str, about: str = "") -> bytes:
    return (
        '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/" x:xmptk="tool">'
        f'<rdf:RDF {RDF} {DC}><rdf:Description rdf:about="{about}" {RIGHT} {EXIF} {XMP} {inner}</rdf:Description>'
        '</rdf:RDF></x:xmpmeta><?xpacket end="w"?>'
    ).encode()


# R-WILD-1: the forms in which a label stands in packets of real producers.
FORMS = {
    "element": f"><TC260:AIGC>{OLD}</TC260:AIGC>",
    "element, entities": f"><TC260:AIGC>{QUOTED}</TC260:AIGC>",
    "element, CDATA": f"><TC260:AIGC><![CDATA[{OLD}]]></TC260:AIGC>",
    "attribute": f'TC260:AIGC="{QUOTED}">',
    "attribute, apostrophes": f"TC260:AIGC='{OLD}'>",
    "wrong namespace": f'><a:AIGC xmlns:a="http://ns.adobe.com/AIGC/1.0/">{OLD}</a:AIGC>',
    "wrong namespace, attribute": f'xmlns:t="http://ns.adobe.com/xap/1.0/tc/" t:AIGC="{QUOTED}">',
    "list": f"><TC260:AIGC><rdf:Alt><rdf:li>{OLD}</rdf:li></rdf:Alt></TC260:AIGC>",
    "another property": f"><dc:description>{{&quot;AIGC&quot;:{QUOTED}}}</dc:description>",
}


@pytest.mark.parametrize("form", FORMS)
def test_r_meta_5_a_label_in_any_form_is_read_and_replaced(form: str) -> None:
    before = packet(FORMS[form])
    (found,) = xmp.read(before)
    assert aigc.parse(found).values["ContentProducer"] == "OTHER"
    written = xmp.write(before, LABEL, "PNG")
    assert written.lost == ""
    assert xmp.read(written.packet) == (LABEL,)
    assert b"OTHER" not in written.packet


def test_r_f_xmp_the_label_is_an_element_in_the_standards_namespace() -> None:
    written = xmp.write(None, LABEL, "JPEG").packet
    root = ElementTree.fromstring(written.decode().split("?>", 1)[1].rsplit("<?", 1)[0])
    (found,) = root.iter("{http://www.tc260.org.cn/ns/AIGC/1.0/}AIGC")
    assert found.text == LABEL
    assert f"<TC260:AIGC>{LABEL}</TC260:AIGC>".encode() in written  # plain, for readers that search the bytes


def test_r_meta_8_the_properties_of_others_stay() -> None:
    inner = (
        'dc:format="image/png" exif:GPSLatitude="31,14N" exif:ISO="100">'
        '<dc:title><rdf:Alt><rdf:li xml:lang="x-default">'
        "Käse &amp; &lt;Brot&gt;</rdf:li></rdf:Alt></dc:title><exif:GPSLongitude>121,28E</exif:GPSLongitude>"
        "<xmp:Thumbnails><rdf:Alt><rdf:li>unmarked</rdf:li></rdf:Alt></xmp:Thumbnails>"
    )
    written = xmp.write(packet(inner, "uuid:1"), LABEL, "PNG")
    text = written.packet.decode()
    assert written.lost == ""
    assert all(kept in text for kept in ('dc:format="image/png"', 'exif:ISO="100"', "Käse &amp; &lt;Brot&gt;"))
    assert not any(gone in text for gone in ("GPS", "31,14N", "121,28E", "Thumbnails", "unmarked"))
    assert text.count('rdf:about="uuid:1"') == 2


@pytest.mark.parametrize("inner", [">", 'dc:format="image/png">', *FORMS.values()])
def test_writing_twice_changes_nothing(inner: str) -> None:
    once = xmp.write(packet(inner), LABEL, "PNG")
    assert xmp.write(once.packet, LABEL, "PNG") == once


def test_a_declaration_with_a_stray_quote_before_the_packet_is_read_over() -> None:
    before = b'<?xml version="1.0" encoding="UTF-8""?>' + packet(FORMS["element"])
    assert xmp.read(before) == (OLD,)
    assert xmp.write(before, LABEL, "JPEG").lost == ""


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_a_packet_in_another_encoding_is_read(encoding: str) -> None:
    text = packet(FORMS["element"]).decode().split("?>", 1)[1]
    assert xmp.read(text.encode(encoding)) == (OLD,)


def test_labels_in_comments_and_the_word_elsewhere_are_none() -> None:
    inner = f"><!-- <TC260:AIGC>{OLD}</TC260:AIGC> --><dc:title>All about AIGC</dc:title>"
    inner += "<x:aigc_info xmlns:x='x'>{}</x:aigc_info>"
    assert xmp.read(packet(inner)) == ()
    assert b"All about AIGC" in xmp.write(packet(inner), LABEL, "PNG").packet


DEEP = f"<rdf:RDF {RDF}>".encode() + b"<a>" * 50_000 + b"</a>" * 50_000 + b"</rdf:RDF>"
BROKEN = {
    "empty": b"",
    "no root": b"hello",
    "cut off": packet(FORMS["element"])[:-60],
    "unbound prefix": f"<rdf:RDF {RDF}><rdf:Description><q:AIGC>{OLD}</q:AIGC></rdf:Description></rdf:RDF>".encode(),
    "entities": f'<rdf:RDF {RDF}><!DOCTYPE a [<!ENTITY b "c">]>&b;</rdf:RDF>'.encode(),
    "deep": DEEP,
    "huge": packet("dc:format='" + "x" * (1 << 20) + "'>"),
    "no RDF": b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><a/></x:xmpmeta>',
    "our prefix for something else": packet(">")
    .replace(b"rdf:", b"r:")
    .replace(b"xmlns:r=", b'xmlns:rdf="u" xmlns:r='),
    "not UTF-8": packet(">").replace(b"tool", b"\xff"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_or_hostile_packet_is_replaced_and_said_to_be(name: str) -> None:
    written = xmp.write(BROKEN[name], LABEL, "PNG")
    assert (written.lost, xmp.read(written.packet)) == ("broken", (LABEL,))


@pytest.mark.parametrize(
    "form", ["element", "element, entities", "attribute", "attribute, apostrophes", "wrong namespace"]
)
def test_a_label_in_a_broken_packet_is_seen_all_the_same(form: str) -> None:
    (found,) = xmp.read(packet(FORMS[form])[:-60] + b"<unclosed>")
    assert aigc.parse(found).values["ContentProducer"] == "OTHER"


def test_r_f_jpg_what_outgrows_a_jpegs_segment_gives_way_to_the_label() -> None:
    large = packet("dc:format='" + "x" * 65_000 + "'>")
    for_jpeg, for_png = xmp.write(large, LABEL, "JPEG"), xmp.write(large, LABEL, "PNG")
    assert (for_jpeg.lost, for_png.lost) == ("too-large", "")
    assert len(for_jpeg.packet) <= xmp.JPEG_LIMIT < len(for_png.packet)
    assert xmp.read(for_jpeg.packet) == xmp.read(for_png.packet) == (LABEL,)


@given(st.binary(), st.text(st.characters(exclude_categories=["Cc", "Cs"], exclude_characters="\ufffe\uffff")))
def test_whatever_comes_in_one_label_comes_out(noise: bytes, title: str) -> None:
    escaped = title.replace("&", "&amp;").replace("<", "&lt;").replace("]]>", "]]&gt;")
    for before in (noise, packet(">")[: len(noise)] + noise, packet(f"><dc:title>{escaped}</dc:title>")):
        assert xmp.read(xmp.write(before, LABEL, "JPEG").packet) == (LABEL,)
