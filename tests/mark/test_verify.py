"""What a file says of itself (R-LM-6): our marks and those of others, whole, damaged, contradictory or gone."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import jsonschema
import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from clearmark.demo.pictures import mangle
from clearmark.extract.pool import Extractor
from clearmark.ids import ContentId
from clearmark.mark import label as text_label
from clearmark.mark.image import glyphs
from clearmark.mark.image.label import draw
from clearmark.mark.marked import Marked
from clearmark.mark.marker import Marker
from clearmark.mark.metadata import aigc
from clearmark.mark.metadata.provider import Provider
from clearmark.mark.verify import Unreadable, exit_code, verify
from clearmark.schemas import events
from clearmark.schemas.events import VerifyReport, json_schema
from clearmark.screen.policy import MarkRequirements
from tests.mark.samples import FOREIGN, photograph, saved, shown, xmp

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    Pixels = NDArray[np.uint8]

KEY = bytes(range(32))
CODE = "CLEARMARK-TEST"
CID, OTHER = ContentId(0x0123456789ABCDEF), ContentId(0xFEDCBA9876543210)
SCHEMA = json_schema(VerifyReport)
TEXT = "春天来了，公园里的花都开了。孩子们在草地上奔跑，老人坐在长椅上晒太阳。" * 6


@pytest.fixture(scope="module")
def marker() -> Iterator[Marker]:
    with Extractor() as extractor:
        yield Marker(MarkRequirements(), KEY, Provider(name="Test", code=CODE, service="test"), extractor)


@pytest.fixture(scope="module")
def ours(marker: Marker) -> Pixels:
    """The pixels of a marked picture."""
    return shown(marked(marker, saved(photograph(512, 384), "PNG"), "image/png"))


def marked(marker: Marker, data: bytes, content_type: str) -> bytes:
    done = marker.mark(data, content_type, CID)
    assert isinstance(done, Marked)
    assert done.failed == ()
    return done.data


def verified(marker: Marker, data: bytes, content_type: str = "image/png") -> tuple[VerifyReport, int]:
    report = verify("file", data, content_type, marker)
    jsonschema.validate(json.loads(events.dump(report)), SCHEMA)
    return report, exit_code(report)


def png(pixels: Pixels, *labels: str, **texts: str) -> bytes:
    info = PngInfo()
    if labels:
        info.add_itxt("XML:com.adobe.xmp", xmp(*labels).decode())
    for keyword, text in texts.items():
        info.add_text(keyword, text)
    return saved(Image.fromarray(pixels), "PNG", pnginfo=info)


def plain(width: int = 384, height: int = 288) -> Pixels:
    return np.asarray(photograph(width, height))


def label(**values: str) -> str:
    named = {"Label": "1", "ContentProducer": "OTHER-MODEL", "ProduceID": "42", "ContentPropagator": "OTHER-MODEL"}
    return json.dumps({**named, **values})


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_our_own_picture_is_confirmed(marker: Marker, kind: str) -> None:
    data = marked(marker, saved(photograph(), kind), f"image/{kind.lower()}")
    report, code = verified(marker, data, f"image/{kind.lower()}")
    assert (report.verdict, report.content_id, report.consistent, code) == ("confirmed", str(CID), True, 0)
    assert report.media == "image"
    marks = report.marks
    assert (marks.label.state, marks.metadata.state, marks.watermark.state) == ("valid",) * 3
    assert marks.signature.state == "unsupported"
    assert marks.label.text is not None
    assert "生成" in marks.label.text
    assert marks.metadata.aigc == aigc.first(CODE, CID).values()
    assert marks.watermark.false_alarm is not None
    assert marks.watermark.false_alarm < 1e-9


@pytest.mark.parametrize(
    ("said", "verdict", "exits"),
    [
        ({}, "confirmed", 0),
        ({"Label": "2"}, "possible", 1),
        ({"Label": "3"}, "suspected", 1),
        ({"Label": "12"}, "possible", 1),
        ({"Label": "AIGC"}, "confirmed", 0),
    ],
)
def test_r_lm_6_metadata_of_anybody_counts_as_it_says(
    marker: Marker, said: dict[str, str], verdict: str, exits: int
) -> None:
    report, code = verified(marker, png(plain(), label(**said)))
    assert (report.verdict, report.consistent, code) == (verdict, True, exits)
    assert report.content_id is None
    assert report.marks.watermark.state == "absent"


def test_r_lm_6_a_visible_label_alone_is_a_trace(marker: Marker) -> None:
    drawn = draw(plain())
    assert drawn is not None
    report, code = verified(marker, png(drawn))
    assert (report.verdict, report.marks.label.state, code) == ("suspected", "valid", 1)


def test_r_lm_6_a_label_too_small_to_count_is_a_trace_still(marker: Marker) -> None:
    pixels = np.full((800, 800, 3), 40, np.uint8)
    mask = glyphs.line(38, long=False).mask
    area = pixels[720 : 720 + mask.shape[0], 600 : 600 + mask.shape[1]]
    area[:] = np.maximum(area, mask[..., None])
    report, code = verified(marker, png(pixels))
    assert (report.verdict, report.marks.label.state, code) == ("suspected", "absent", 1)
    assert report.marks.label.faults == ("too-small",)


def test_r_lm_6_without_any_trace_there_is_no_verdict(marker: Marker) -> None:
    report, code = verified(marker, png(plain(), Comment="AIGC is a word"))
    assert (report.verdict, report.content_id, report.consistent, code) == ("none", None, True, 1)
    states = (report.marks.label.state, report.marks.metadata.state, report.marks.watermark.state)
    assert states == ("absent",) * 3


def test_a_small_picture_has_its_watermark_waived(marker: Marker) -> None:
    report, _ = verified(marker, png(plain(100, 90)))
    assert (report.verdict, report.marks.watermark.state) == ("none", "waived")


def test_stripped_cropped_scaled_and_recompressed_it_is_confirmed_still(marker: Marker, ours: Pixels) -> None:
    wild = mangle(png(ours))
    assert b"AIGC" not in wild
    report, code = verified(marker, wild, "image/jpeg")
    assert (report.verdict, report.content_id, code) == ("confirmed", str(CID), 0)
    assert report.marks.metadata.state == "absent"


@pytest.mark.parametrize("change", ["mirrored", "on its side", "cut out", "half size"])
def test_the_watermark_alone_leads_home(marker: Marker, ours: Pixels, change: str) -> None:
    changed = {
        "mirrored": ours[:, ::-1],
        "on its side": np.rot90(ours),
        "cut out": ours[140:260, 160:280],  # smaller than any picture that would be given a watermark
        "half size": np.asarray(Image.fromarray(ours).resize((256, 192), Image.Resampling.BOX)),
    }[change]
    report, code = verified(marker, png(np.ascontiguousarray(changed)))
    assert (report.verdict, report.content_id, report.marks.watermark.state, code) == (
        "confirmed", str(CID), "valid", 0
    )  # fmt: skip


def test_metadata_that_names_another_id_than_the_watermark_contradicts(marker: Marker, ours: Pixels) -> None:
    report, code = verified(marker, png(ours, aigc.first(CODE, OTHER).to_json()))
    assert (report.verdict, report.consistent, report.content_id, code) == ("confirmed", False, None, 3)
    assert report.marks.watermark.content_id == str(CID)
    assert report.marks.metadata.aigc is not None
    assert report.marks.metadata.aigc["PropagateID"] == str(OTHER)


@pytest.mark.parametrize(
    ("values", "content_id"),
    [
        ({"ContentProducer": CODE, "ProduceID": str(CID)}, str(CID)),  # a later propagator took our place (R-META-6)
        ({"ContentPropagator": CODE, "PropagateID": str(CID)}, str(CID)),
        ({"ContentProducer": CODE, "ProduceID": "invoice 7"}, None),
        ({"ContentProducer": "somebody", "ProduceID": str(CID)}, None),
    ],
)
def test_a_label_gives_the_content_id_where_it_names_us(
    marker: Marker, values: dict[str, str], content_id: str | None
) -> None:
    report, code = verified(marker, png(plain(), label(**values)))
    assert (report.content_id, report.consistent, code) == (content_id, True, 0)


def test_a_propagator_that_kept_our_number_does_not_contradict_the_watermark(marker: Marker, ours: Pixels) -> None:
    kept = label(ContentProducer=CODE, ProduceID=str(CID), ContentPropagator="PLATFORM", PropagateID="9")
    forged = label(ContentProducer=CODE, ProduceID=str(OTHER), ContentPropagator="PLATFORM", PropagateID="9")
    assert verified(marker, png(ours, kept))[1] == 0
    assert verified(marker, png(ours, forged))[1] == 3


def test_r_meta_5_labels_that_contradict_are_invalid_and_one_that_is_there_twice_is_a_fault(marker: Marker) -> None:
    report, code = verified(marker, png(plain(), FOREIGN, AIGC=f'{{"AIGC":{label(Label="2")}}}'))
    assert (report.verdict, report.marks.metadata.state, report.consistent, code) == ("confirmed", "invalid", False, 3)
    report, code = verified(marker, png(plain(), FOREIGN, AIGC=f'{{"AIGC":{FOREIGN}}}'))
    assert (report.verdict, report.marks.metadata.state, report.consistent, code) == ("confirmed", "valid", True, 0)
    assert report.marks.metadata.faults == ("there is more than one label (R-META-5)",)


def test_r_meta_10_a_label_that_says_nothing_is_invalid_and_a_trace(marker: Marker) -> None:
    report, code = verified(marker, png(plain(), "{}"))
    assert (report.verdict, report.marks.metadata.state, report.consistent, code) == ("suspected", "invalid", False, 3)


def test_r_meta_10_a_badly_written_label_is_a_label_and_its_faults_are_named(marker: Marker) -> None:
    report, code = verified(marker, png(plain(), Comment='AIGC{"Label": "1", "ContentProducer": "模型"'))
    assert (report.verdict, report.marks.metadata.state, code) == ("confirmed", "valid", 0)
    assert any("R-META-4" in fault for fault in report.marks.metadata.faults)


@pytest.mark.parametrize(
    ("data", "content_type", "why"),
    [
        (saved(photograph(), "PNG")[:-40], "image/png", "unreadable"),
        (saved(photograph(), "PNG"), "image/jpeg", "type-mismatch"),
        (saved(photograph(), "TIFF"), "image/tiff", "unsupported-media"),
        (b"\x1aE\xdf\xa3", "video/webm", "unsupported-media"),
    ],
)
def test_what_cannot_be_read_says_why(marker: Marker, data: bytes, content_type: str, why: str) -> None:
    with pytest.raises(Unreadable, match=f"^{why}$"):
        verify("file", data, content_type, marker)


def test_marks_of_a_gif_are_read_although_none_are_written(marker: Marker, ours: Pixels) -> None:
    report, _ = verified(marker, saved(Image.fromarray(ours), "GIF"), "image/gif")
    assert report.verdict == "confirmed"


@pytest.mark.parametrize(
    ("text", "verdict", "consistent", "exits"),
    [
        (TEXT, "none", True, 1),
        (f"【AI生成】{TEXT}", "suspected", True, 1),
        (f"{TEXT}{chr(0x2061) * 68}", "suspected", False, 3),
    ],
)
def test_texts_of_others(marker: Marker, text: str, verdict: str, consistent: bool, exits: int) -> None:
    report, code = verified(marker, text.encode(), "text/plain")
    assert (report.verdict, report.consistent, code) == (verdict, consistent, exits)


@pytest.mark.parametrize("content_type", ["text/plain", "text/markdown", "text/html"])
def test_our_own_texts_are_confirmed_and_two_in_one_contradict(marker: Marker, content_type: str) -> None:
    data = marked(marker, TEXT.encode(), content_type)
    report, code = verified(marker, data, content_type)
    assert (report.verdict, report.content_id, report.media, code) == ("confirmed", str(CID), "text", 0)
    assert report.marks.metadata.state == "unsupported"
    done: Any = marker.mark(TEXT.encode(), content_type, OTHER)
    report, code = verified(marker, data + done.data, content_type)
    assert (report.consistent, report.content_id, code) == (False, None, 3)
    assert text_label.WORDING in data.decode()


def test_a_text_that_is_not_utf_8_says_so(marker: Marker) -> None:
    with pytest.raises(UnicodeDecodeError):
        verify("file", b"caf\xe9", "text/plain", marker)
