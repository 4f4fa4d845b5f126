"""What stays of an EXIF block."""

from __future__ import annotations

import io
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from PIL.ExifTags import IFD, Base

from clearmark.mark.metadata import exif

OLD = '{"Label":"1","ContentProducer":"OTHER","ProduceID":"5"}'
UTF16 = OLD.encode("utf-16-le")


def block(tags: dict[int, Any], inner: dict[int, Any] | None = None) -> bytes:
    made = Image.Exif()
    made.update(tags)
    if inner:
        made[IFD.Exif] = inner
    return made.tobytes()


def loaded(data: bytes | None) -> Image.Exif:
    assert data is not None
    found = Image.Exif()
    found.load(data)
    return found


GPS = {1: "N", 2: (31.0, 14.0, 0.0), 3: "E", 4: (121.0, 28.0, 0.0)}


def test_the_location_goes_and_the_rest_stays() -> None:
    before = block({Base.Software: "generator", IFD.GPSInfo: GPS}, {Base.DateTimeOriginal: "2026:01:01 00:00:00"})
    assert loaded(before).get_ifd(IFD.GPSInfo)
    after = loaded(exif.without_location(before))
    assert IFD.GPSInfo not in after
    assert dict(after)[Base.Software] == "generator"
    assert after.get_ifd(IFD.Exif)[Base.DateTimeOriginal] == "2026:01:01 00:00:00"


def test_a_location_in_the_wrong_directory_goes_too() -> None:
    after = exif.without_location(block({Base.Software: "s"}, {IFD.GPSInfo: 8, Base.DateTimeOriginal: "2026"}))
    assert IFD.GPSInfo not in loaded(after).get_ifd(IFD.Exif)


@pytest.mark.parametrize("orientation", range(2, 9))
def test_the_orientation_becomes_upright_as_the_pixels_are(orientation: int) -> None:
    after = exif.without_location(block({Base.Orientation: orientation}))
    assert loaded(after)[Base.Orientation] == 1


def test_pictures_within_the_block_go_for_they_show_no_marks() -> None:
    stream = io.BytesIO()
    Image.new("RGB", (8, 8)).save(stream, "JPEG")
    thumbnail = stream.getvalue()
    # The second directory, in which thumbnails stand, is appended by hand: Pillow does not write one.
    first = block({Base.Software: "s"})[6:]
    second = len(first).to_bytes(4, "big")
    entries = b"\x00\x02" + b"\x02\x01\x00\x04\x00\x00\x00\x01" + (len(first) + 30).to_bytes(4, "big")
    entries += b"\x02\x02\x00\x04\x00\x00\x00\x01" + len(thumbnail).to_bytes(4, "big") + bytes(4)
    before = b"Exif\0\0" + first.replace(bytes(4), second, 1) + entries + thumbnail
    with_maker_note = block({Base.Software: "s"}, {Base.MakerNote: b"Maker" + thumbnail, Base.DateTimeOriginal: "2026"})
    assert thumbnail in before
    assert thumbnail in with_maker_note
    for data in (before, with_maker_note):
        after = exif.without_location(data)
        assert after is not None
        assert b"\xff\xd8\xff" not in after
        assert loaded(after)[Base.Software] == "s"


@pytest.mark.parametrize(
    "comment",
    [
        b"ASCII\0\0\0AIGC" + OLD.encode(),
        b"UNICODE\0" + UTF16,
        b"UNICODE\0\xff\xfe" + UTF16,
        bytes(8) + OLD.encode(),
        b'ASCII\0\0\0{"AIGC":' + OLD.encode() + b"}",
    ],
)
def test_r_meta_5_labels_are_read_and_go(comment: bytes) -> None:
    before = block({Base.Software: "s"}, {Base.UserComment: comment, Base.DateTimeOriginal: "2026"})
    (found,) = exif.read(before)
    assert OLD in found
    after = exif.without_location(before)
    assert after is not None
    assert exif.read(after) == ()
    assert loaded(after).get_ifd(IFD.Exif)[Base.DateTimeOriginal] == "2026"


def test_a_label_as_description_is_read_and_goes_and_an_innocent_comment_stays() -> None:
    before = block({Base.ImageDescription: OLD}, {Base.UserComment: b"ASCII\0\0\0a boat on AIGC lake"})
    assert exif.read(before) == (OLD,)
    after = loaded(exif.without_location(before))
    assert Base.ImageDescription not in after
    assert after.get_ifd(IFD.Exif)[Base.UserComment] == b"ASCII\0\0\0a boat on AIGC lake"


def test_cleaning_twice_changes_nothing() -> None:
    once = exif.without_location(block({Base.Orientation: 6, IFD.GPSInfo: GPS}, {Base.DateTimeOriginal: "2026"}))
    assert once is not None
    assert exif.without_location(once) == once


@pytest.mark.parametrize(
    "data", [b"", b"Exif\0\0", b"nonsense", block({Base.Software: "s"})[:20], block({IFD.GPSInfo: GPS})]
)
def test_of_a_broken_block_or_one_with_only_a_location_nothing_stays(data: bytes) -> None:
    assert exif.without_location(data) is None


@given(st.data())
def test_no_block_raises(data: st.DataObject) -> None:
    whole = bytearray(block({Base.Software: "s", IFD.GPSInfo: GPS}, {Base.UserComment: b"ASCII\0\0\0" + OLD.encode()}))
    for at, value in data.draw(st.lists(st.tuples(st.integers(0, len(whole) - 1), st.integers(0, 255)), max_size=8)):
        whole[at] = value
    damaged = bytes(whole[: data.draw(st.integers(0, len(whole)))])
    exif.read(damaged)
    after = exif.without_location(damaged)
    assert after is None or IFD.GPSInfo not in loaded(after)
