"""Marking pictures: what must be there is there, what must not is gone, and the picture is still the same picture."""

from __future__ import annotations

import json
import math
import zlib
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import pytest
from PIL import Image
from PIL.ExifTags import IFD
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngInfo

from clearmark.extract.pool import Extractor
from clearmark.ids import ContentId
from clearmark.mark import picture as marking
from clearmark.mark.image.find import find
from clearmark.mark.marked import Marked, digest
from clearmark.mark.marker import Marker
from clearmark.mark.metadata.provider import Provider
from clearmark.mark.watermark.detect import detect
from clearmark.mark.watermark.embed import embed
from clearmark.screen.admit import Refusal
from clearmark.screen.policy import ImageMarks, MarkRequirements
from tests.extract.forge import chunk, noise, segment
from tests.mark.samples import FOREIGN, ICC, NAMELESS, SAMPLES, XMP, opened, photograph, saved, shown, xmp

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    Pixels = NDArray[np.uint8]

KEY = bytes(range(32))
CODE = "001191440300708461136T1XGW3"
PROVIDER = Provider(name="Test", code=CODE, service="test")
CID, OTHER = ContentId(0x0123456789ABCDEF), ContentId(0xFEDCBA9876543210)
MEDIA = {"PNG": "image/png", "JPEG": "image/jpeg", "WEBP": "image/webp", "GIF": "image/gif"}


@pytest.fixture(scope="module")
def extractor() -> Iterator[Extractor]:
    with Extractor() as made:
        yield made


@pytest.fixture(scope="module")
def marker(extractor: Extractor) -> Marker:
    return Marker(MarkRequirements(), KEY, PROVIDER, extractor)


def marked(marker: Marker, data: bytes, content_type: str, content_id: ContentId = CID) -> Marked:
    done = marker.mark(data, content_type, content_id)
    assert isinstance(done, Marked), done
    return done


def box_of_change(before: Pixels, after: Pixels) -> tuple[slice, slice]:
    """Where most pixels that changed by more than a watermark or a codec would lie together: the label."""
    changed = np.abs(after.astype(int) - before).max(axis=2) > 60
    near = np.asarray(cv2.dilate(changed.astype(np.uint8), np.ones((15, 15), np.uint8)))
    _, groups = cv2.connectedComponents(near)
    largest = np.bincount(groups[changed]).argmax()
    rows, columns = np.nonzero(changed & (groups == largest))
    return slice(rows.min(), rows.max() + 1), slice(columns.min(), columns.max() + 1)


def glyph_heights(label: Pixels) -> list[int]:
    """Rows of each run of columns with ink, in a label cut out of a picture, its rounded ends left aside."""
    high = label.shape[0]
    ink = label[high * 18 // 100 : high * 82 // 100, high // 4 : -(high // 4)].min(axis=2) > 150
    runs = np.flatnonzero(np.diff(np.concatenate(([False], ink.any(axis=0), [False])).astype(int)))
    rows = [np.flatnonzero(ink[:, a:b].any(axis=1)) for a, b in zip(runs[::2], runs[1::2], strict=True)]
    return [int(r[-1] - r[0] + 1) for r in rows]


def aigc(data: bytes) -> dict[str, str]:
    """The one label of a file, cut out of its bytes: XMP stands there uncompressed in all three formats."""
    assert data.count(b"ContentProducer") == 1
    begun = data.index(b"<TC260:AIGC>") + len(b"<TC260:AIGC>")
    found: dict[str, str] = json.loads(data[begun : data.index(b"</TC260:AIGC>", begun)])
    return found


@pytest.mark.parametrize("name", SAMPLES)
def test_every_kind_of_file_gets_all_marks_and_stays_the_same_picture(marker: Marker, name: str) -> None:
    sample = SAMPLES[name]
    done = marked(marker, sample.data, sample.content_type)
    assert (done.failed, done.sha256) == ((), digest(done.data))
    assert [m.state for m in (done.marks.label, done.marks.metadata, done.marks.watermark)] == ["valid"] * 3
    # Format, size and transparency.
    before, after = opened(sample.data), opened(done.data)
    assert (after.format, shown(done.data).shape) == (before.format, sample.shown.shape)
    assert after.has_transparency_data == before.has_transparency_data
    assert (after.mode in {"L", "LA"}) == (before.mode in {"L", "LA", "I;16"})
    # R-META-1 to R-META-6: one label, ours.
    label = aigc(done.data)
    assert (label["Label"], label["ContentPropagator"], label["PropagateID"]) == ("1", CODE, str(CID))
    # The watermark, in pixels that Pillow decoded.
    pixels = shown(done.data)
    assert detect(pixels, KEY, thorough=False).content_id == CID
    assert detect(pixels, bytes(32), thorough=False).content_id is None
    # R-IMG-1 to R-IMG-4: what was read, and measured by other means on what changed.
    found = find(pixels, thorough=False)
    assert found is not None
    assert found.valid
    least = math.ceil(0.05 * min(pixels.shape[:2]))
    rows, columns = box_of_change(sample.shown, pixels)
    heights = glyph_heights(pixels[rows, columns])
    assert len(heights) >= 3  # A, I, 生, 成, of which the last two may touch
    assert least <= min(heights)
    assert max(heights) < 1.3 * least
    # Beside the label nothing is to be seen. A CMYK file's colours become those of a screen, and coarser.
    aside = np.ones(pixels.shape[:2], bool)
    aside[max(0, rows.start - 8) : rows.stop + 8, max(0, columns.start - 8) : columns.stop + 8] = False
    error = np.square(pixels.astype(float) - sample.shown)[aside].mean()
    assert 10 * math.log10(255**2 / error) >= (36 if name == "jpeg cmyk" else 38)


@pytest.mark.parametrize("name", ["png profile", "jpeg profile", "webp profile"])
def test_the_icc_profile_stays(marker: Marker, name: str) -> None:
    done = marked(marker, SAMPLES[name].data, SAMPLES[name].content_type)
    assert opened(done.data).info["icc_profile"] == ICC


@pytest.mark.parametrize("name", ["png location", "jpeg on its side", "webp location"])
def test_the_location_goes_and_other_exif_stays_upright(marker: Marker, name: str) -> None:
    before = opened(SAMPLES[name].data).getexif()
    assert before.get_ifd(IFD.GPSInfo)
    exif = opened(marked(marker, SAMPLES[name].data, SAMPLES[name].content_type).data).getexif()
    assert (exif[0x0131], exif[0x0112]) == ("Brush 7", 1)
    assert IFD.GPSInfo not in exif


@pytest.mark.parametrize("name", ["png texts and xmp", "jpeg xmp", "webp location"])
def test_r_meta_8_properties_of_others_stay_but_for_the_location(marker: Marker, name: str) -> None:
    done = marked(marker, SAMPLES[name].data, SAMPLES[name].content_type)
    assert b"GPSLatitude" in SAMPLES[name].data
    assert b"GPSLatitude" not in done.data
    assert b"Brush 7" in done.data
    assert b"keep me" in done.data
    assert getattr(opened(done.data), "text", {}).get("Title") == ("A cup" if name.startswith("png") else None)


@pytest.mark.parametrize("name", ["jpeg another's label", "png two labels"])
def test_r_meta_6_another_producer_stays_and_gains_us_as_propagator(marker: Marker, name: str) -> None:
    done = marked(marker, SAMPLES[name].data, SAMPLES[name].content_type)
    assert aigc(done.data) == {**json.loads(FOREIGN), "ContentPropagator": CODE, "PropagateID": str(CID)}


def test_a_label_that_names_nobody_is_replaced_by_ours(marker: Marker) -> None:
    data = saved(photograph(), "WEBP", xmp=xmp(NAMELESS))
    label = aigc(marked(marker, data, "image/webp").data)
    assert (label["ContentProducer"], label["ProduceID"]) == (CODE, str(CID))


@pytest.mark.parametrize("quality", [60, 75, 85, 95])
def test_a_jpeg_stays_in_its_class_of_quality(marker: Marker, quality: int) -> None:
    data = saved(photograph(), "JPEG", quality=quality)
    done = marked(marker, data, "image/jpeg")
    before, after = opened(data), opened(done.data)
    assert isinstance(before, JpegImageFile)
    assert isinstance(after, JpegImageFile)
    assert after.quantization == before.quantization
    assert 0.9 < len(done.data) / len(data) < 1.25


def test_a_jpeg_too_coarse_for_marks_becomes_finer_but_not_fine(marker: Marker) -> None:
    data = saved(photograph(), "JPEG", quality=15)
    done = marked(marker, data, "image/jpeg")
    after = opened(done.data)
    assert done.failed == ()
    assert isinstance(after, JpegImageFile)
    assert 40 < np.mean(after.quantization[0]) < 60


def test_lossless_stays_lossless_and_lossy_lossy(marker: Marker) -> None:
    for name, kind in (("webp", b"VP8 "), ("webp lossless", b"VP8L")):
        done = marked(marker, SAMPLES[name].data, "image/webp")
        assert kind in done.data[:64] or kind in done.data[done.data.index(b"VP8X") + 18 :][:64]
        assert len(done.data) < 1.5 * len(SAMPLES[name].data)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
@pytest.mark.parametrize("size", [(127, 200), (100, 100), (64, 48)])
def test_a_small_picture_carries_label_and_metadata_and_its_watermark_is_waived(
    marker: Marker, kind: str, size: tuple[int, int]
) -> None:
    done = marked(marker, saved(photograph(*size), kind), MEDIA[kind])
    assert done.failed == ()
    states = (done.marks.label.state, done.marks.metadata.state, done.marks.watermark.state)
    assert states == ("valid", "valid", "waived")
    assert done.marks.label.glyph_height is not None
    assert done.marks.label.glyph_height >= math.ceil(0.05 * min(size))


def test_the_policy_says_from_which_side_on_there_is_a_watermark(extractor: Extractor) -> None:
    data = saved(photograph(200, 160), "PNG")
    strict = Marker(MarkRequirements(image=ImageMarks(watermark_side=200)), KEY, PROVIDER, extractor)
    done = marked(strict, data, "image/png")
    assert (done.failed, done.marks.watermark.state) == ((), "waived")
    assert detect(shown(done.data), KEY).content_id is None
    lax = Marker(MarkRequirements(image=ImageMarks(watermark_side=128)), KEY, PROVIDER, extractor)
    assert marked(lax, data, "image/png").marks.watermark.content_id == str(CID)


@pytest.mark.parametrize("size", [(1, 1), (30, 10), (36, 300), (300, 14)])
def test_a_picture_without_room_for_a_label_is_held(marker: Marker, size: tuple[int, int]) -> None:
    done = marker.mark(saved(photograph(*size), "PNG"), "image/png", CID)
    assert done == Refusal("mark-failed", hold=True)


@pytest.mark.parametrize(
    ("kind", "settings"),
    [
        ("GIF", {}),
        ("GIF", {"save_all": True}),
        ("PNG", {"save_all": True}),
        ("WEBP", {"save_all": True}),
    ],
)
def test_animations_and_gif_cannot_be_marked_and_are_held(marker: Marker, kind: str, settings: dict[str, Any]) -> None:
    more = {"append_images": [photograph(name="astronaut")]} if settings else {}
    done = marker.mark(saved(photograph(), kind, **settings, **more), MEDIA[kind], CID)
    assert done == Refusal("unsupported-media", hold=True)


@pytest.mark.parametrize(
    ("data", "content_type", "refusal"),
    [
        (saved(photograph(), "PNG"), "image/jpeg", Refusal("type-mismatch")),
        (saved(photograph(), "PNG")[:5000], "image/png", Refusal("unreadable")),
        (b"", "image/webp", Refusal("unreadable")),
        (saved(photograph(), "PNG"), "image/tiff", Refusal("unsupported-media", hold=True)),
        (b"RIFF\0\0\0\0WAVE", "audio/wav", Refusal("unsupported-media", hold=True)),
    ],
)
def test_what_cannot_be_opened_is_refused_with_its_reason(
    marker: Marker, data: bytes, content_type: str, refusal: Refusal
) -> None:
    assert marker.mark(data, content_type, CID) == refusal
    assert marker.read(data, content_type) == refusal


@pytest.mark.parametrize("name", ["png", "jpeg", "webp", "png grey", "webp lossless alpha", "jpeg another's label"])
def test_marking_twice_leaves_one_of_each_with_the_new_id(marker: Marker, name: str) -> None:
    sample = SAMPLES[name]
    first = marked(marker, sample.data, sample.content_type)
    second = marked(marker, first.data, sample.content_type, OTHER)
    assert second.failed == ()
    assert aigc(second.data)["PropagateID"] == str(OTHER)
    assert aigc(second.data)["ContentProducer"] == aigc(first.data)["ContentProducer"]
    assert detect(shown(second.data), KEY, thorough=False).content_id == OTHER
    # No second label: what the second marking changed is nowhere more than what a watermark changes.
    change = np.abs(shown(second.data).astype(int) - shown(first.data)).max(axis=2)
    assert change.max() < 60
    reading = marker.read(second.data, sample.content_type)
    assert not isinstance(reading, Refusal)
    assert (reading.content_ids, reading.consistent) == ((str(OTHER),), True)


@pytest.mark.parametrize("name", ["png", "jpeg", "webp"])
def test_the_same_input_gives_the_same_bytes(marker: Marker, name: str) -> None:
    """A record that is processed again must not turn into another file."""
    sample = SAMPLES[name]
    done = marked(marker, sample.data, sample.content_type)
    assert marked(marker, sample.data, sample.content_type).data == done.data
    assert marked(marker, sample.data, sample.content_type, OTHER).data != done.data


class Watched:
    """Stands for a function of the marking, told how often to fail; remembers what it was asked."""

    def __init__(self, real: Any, instead: Any, failures: int) -> None:
        self.real, self.instead, self.failures, self.asked = real, instead, failures, 0

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        self.asked += 1
        return self.instead if self.asked <= self.failures else self.real(*args, **kwargs)


@pytest.mark.parametrize(("failures", "strengths", "failed"), [(0, 1, ()), (1, 2, ()), (9, 2, ("watermark",))])
def test_what_cannot_be_read_back_is_tried_once_more_and_stronger(
    marker: Marker, monkeypatch: pytest.MonkeyPatch, failures: int, strengths: int, failed: tuple[str, ...]
) -> None:
    nothing = detect(np.zeros((200, 200, 3), np.uint8), KEY)
    assert nothing.content_id is None
    used: list[float] = []

    def spied(pixels: Pixels, content_id: ContentId, key: bytes, *, strength: float) -> Pixels:
        used.append(strength)
        return embed(pixels, content_id, key, strength=strength)

    monkeypatch.setattr(marking, "embed", spied)
    monkeypatch.setattr(marking, "detect", Watched(detect, nothing, failures))
    done = marked(marker, SAMPLES["jpeg"].data, "image/jpeg")
    assert done.failed == failed
    assert len(used) == strengths
    assert used == sorted(set(used))
    assert done.sha256 == digest(done.data)
    if failures == 1:  # the bytes that are handed on are those of the second attempt
        plain = shown(SAMPLES["jpeg"].data).astype(int)
        monkeypatch.undo()
        once = np.square(shown(marked(marker, SAMPLES["jpeg"].data, "image/jpeg").data) - plain)[60:].mean()
        assert np.square(shown(done.data) - plain)[60:].mean() > 1.5 * once


@pytest.mark.parametrize(
    ("instead", "failed"),
    [
        (SAMPLES["jpeg"].data, ("label", "metadata", "watermark")),
        (SAMPLES["jpeg another's label"].data, ("label", "metadata", "watermark")),
    ],
)
def test_marks_are_read_from_the_produced_bytes(
    marker: Marker, monkeypatch: pytest.MonkeyPatch, instead: bytes, failed: tuple[str, ...]
) -> None:
    """An encoder that loses the marks is found out, whatever was drawn before."""
    monkeypatch.setattr(marking, "encode", lambda *_: instead)
    assert marked(marker, SAMPLES["jpeg"].data, "image/jpeg").failed == failed


def test_each_mark_is_missed_by_itself(marker: Marker, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = marked(marker, SAMPLES["png"].data, "image/png")
    pixels = shown(whole.data)
    rows, columns = box_of_change(SAMPLES["png"].shown, pixels)
    unlabelled = pixels.copy()
    unlabelled[rows, columns] = SAMPLES["png"].shown[rows, columns]
    packet = opened(whole.data).info["xmp"]
    others = {
        "label": _png(unlabelled, packet),
        "metadata": _png(pixels, packet.replace(str(CID).encode(), str(OTHER).encode())),
        "watermark": _png(_only_label(SAMPLES["png"].shown, pixels, rows, columns), packet),
    }
    for name, data in others.items():
        monkeypatch.setattr(marking, "encode", lambda *_, data=data: data)
        assert marked(marker, SAMPLES["png"].data, "image/png").failed == (name,)


def test_a_second_metadata_label_in_the_produced_bytes_is_not_released(
    marker: Marker, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = marked(marker, SAMPLES["png"].data, "image/png").data
    again = chunk(b"tEXt", b"AIGC\0" + b'{"AIGC":' + json.dumps(aigc(whole)).encode() + b"}")
    monkeypatch.setattr(marking, "encode", lambda *_: whole[:33] + again + whole[33:])
    assert marked(marker, SAMPLES["png"].data, "image/png").failed == ("metadata",)


def test_produced_bytes_that_cannot_be_opened_are_held(marker: Marker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(marking, "encode", lambda *_: b"\x89PNG\r\n\x1a\n")
    assert marker.mark(SAMPLES["png"].data, "image/png", CID) == Refusal("mark-failed", hold=True)


def _png(pixels: Pixels, packet: bytes) -> bytes:
    info = PngInfo()
    info.add_itxt("XML:com.adobe.xmp", packet.decode())
    return saved(Image.fromarray(pixels), "PNG", pnginfo=info)


def _only_label(plain: Pixels, done: Pixels, rows: slice, columns: slice) -> Pixels:
    pixels = plain.copy()
    pixels[rows, columns] = done[rows, columns]
    return pixels


SECRET = b"#!/bin/sh SECRET-PAYLOAD"
STORED = zlib.compress(SECRET * 3)


@pytest.mark.parametrize(
    ("data", "content_type"),
    [
        (SAMPLES["png"].data + b"PK\x03\x04" + SECRET, "image/png"),
        (SAMPLES["jpeg"].data + b"PK\x03\x04" + SECRET, "image/jpeg"),
        (SAMPLES["webp"].data + b"PK\x03\x04" + SECRET, "image/webp"),
        (SAMPLES["png"].data[:33] + chunk(b"prVt", SECRET) + SAMPLES["png"].data[33:], "image/png"),
        (SAMPLES["png"].data[:33] + chunk(b"zTXt", b"AIGC\0\0" + STORED) + SAMPLES["png"].data[33:], "image/png"),
        (SAMPLES["jpeg"].data[:2] + segment(0xEC, SECRET) + SAMPLES["jpeg"].data[2:], "image/jpeg"),
    ],
)
def test_nothing_of_a_polyglot_survives(marker: Marker, data: bytes, content_type: str) -> None:
    done = marked(marker, data, content_type)
    assert done.failed == ()
    for trace in (SECRET[-16:], STORED[4:], b"PK\x03\x04" + SECRET[:4]):
        assert trace not in done.data


def test_a_broken_packet_is_replaced_and_a_huge_one_fits_its_segment(marker: Marker) -> None:
    broken = XMP.replace("</rdf:RDF>", "").format(label="").encode()
    large = xmp().replace(b"keep me", b"x" * 60_000)
    for packet in (broken, large):
        done = marked(marker, saved(photograph(), "JPEG", xmp=packet), "image/jpeg")
        assert done.failed == ()
        assert aigc(done.data)["ContentProducer"] == CODE


def test_noise_flat_and_extreme_pictures_are_marked_or_held_never_released_unmarked(marker: Marker) -> None:
    flat = {colour: Image.new("RGB", (256, 256), (colour, colour, colour)) for colour in (0, 128, 255)}
    pictures = [noise(256, 256), *flat.values(), Image.new("RGB", (128, 1500), (200, 30, 30))]
    for image in pictures:
        done = marked(marker, saved(image, "JPEG", quality=80), "image/jpeg")
        if not done.failed:
            assert detect(shown(done.data), KEY, thorough=False).content_id == CID
        assert "label" not in done.failed
        assert "metadata" not in done.failed
