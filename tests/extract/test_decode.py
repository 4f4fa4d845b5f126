"""Exact pixels and metadata out of every mode that the four formats know."""

from __future__ import annotations

import io
import struct
import zlib
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngInfo

from clearmark.extract.decode import decode
from clearmark.extract.limits import ExtractLimits
from clearmark.extract.picture import Picture
from clearmark.extract.sniff import picture_type
from clearmark.screen.admit import Refusal
from tests.extract.forge import chunk, encoded, gif, gif_frame, header, joined, noise, png, tiff

if TYPE_CHECKING:
    from numpy.typing import NDArray

LIMITS = ExtractLimits()
PNG, JPEG, WEBP, GIF = "image/png", "image/jpeg", "image/webp", "image/gif"
STILL = {PNG: "PNG", JPEG: "JPEG", WEBP: "WEBP"}
CORNER = np.array([[[255, 0, 0], [0, 255, 0], [0, 0, 255]], [[9, 9, 9], [99, 99, 99], [200, 200, 200]]], np.uint8)
"""Two rows of three pixels, all different."""


def opened(data: bytes, content_type: str = PNG, longest: int = 0, limits: ExtractLimits = LIMITS) -> Picture:
    picture = decode(data, content_type, limits, longest)
    assert isinstance(picture, Picture)
    return picture


def pixels(*values: Any, width: int = 2) -> NDArray[np.uint8]:
    array = np.array(values, np.uint8)
    return array.reshape(-1, width, array.shape[-1])


def png_of(depth: int, colour: int, samples: bytes, *chunks: bytes, width: int = 2) -> bytes:
    """One row of samples."""
    row = chunk(b"IDAT", zlib.compress(b"\0" + samples))
    return joined(header(width, 1, depth, colour), *chunks, row, chunk(b"IEND"))


ORIENTED = {
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.swapaxes(0, 1),
    6: lambda a: a[::-1].swapaxes(0, 1),
    7: lambda a: a[::-1, ::-1].swapaxes(0, 1),
    8: lambda a: a[:, ::-1].swapaxes(0, 1),
}


@pytest.mark.parametrize("orientation", ORIENTED)
@pytest.mark.parametrize("order", ["<", ">"])
def test_orientation_is_applied(orientation: int, order: str) -> None:
    picture = opened(png(chunk(b"eXIf", tiff((0x112, 3, 1, orientation), order=order)), width=3, height=2))
    assert (picture.height, picture.width) == ((3, 2) if orientation > 4 else (2, 3))
    exif = b"Exif\0\0" + tiff((0x112, 3, 1, orientation), order=order)
    picture = opened(encoded(Image.fromarray(CORNER), "PNG", exif=exif))
    assert (picture.pixels == ORIENTED[orientation](CORNER)).all()
    assert picture.exif == exif


@pytest.mark.parametrize("content_type", STILL)
def test_orientation_of_each_format(content_type: str) -> None:
    blocks = np.kron(CORNER, np.ones((16, 16, 1), np.uint8))
    exif = b"Exif\0\0" + tiff((0x112, 3, 1, 6))
    data = encoded(Image.fromarray(blocks), STILL[content_type], exif=exif, quality=100)
    picture = opened(data, content_type)
    assert (picture.width, picture.height) == (32, 48)
    assert np.abs(picture.pixels[8::16, 8::16].astype(int) - CORNER[::-1].swapaxes(0, 1)).max() < 12


def test_orientation_of_a_thumbnail_and_of_trimmed_exif() -> None:
    exif = b"Exif\0\0" + tiff((0x112, 3, 1, 6))
    data = encoded(noise(60, 20), "PNG", exif=exif)
    small = opened(data, longest=30)
    assert small.pixels.shape == (30, 10, 3)
    assert (small.width, small.height) == (20, 60)
    bare = opened(data, limits=replace(LIMITS, metadata_bytes=1))
    assert (bare.exif, bare.trimmed, bare.width) == (None, True, 20)


def test_orientation_said_by_xmp_alone_is_not_believed() -> None:
    xmp = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><tiff:Orientation>6</tiff:Orientation></x:xmpmeta>'
    info = PngInfo()
    info.add_itxt("XML:com.adobe.xmp", xmp)
    picture = opened(encoded(noise(60, 20), "PNG", pnginfo=info))
    assert (picture.width, picture.xmp, picture.texts) == (60, xmp, ())


def test_grey_of_each_depth() -> None:
    assert (opened(png_of(1, 0, b"\x40")).pixels == pixels([0] * 3, [255] * 3)).all()
    assert (opened(png_of(2, 0, b"\x60")).pixels == pixels([85] * 3, [170] * 3)).all()
    assert (opened(png_of(8, 0, b"\x07\xf0")).pixels == pixels([7] * 3, [240] * 3)).all()
    deep = opened(png_of(16, 0, struct.pack(">HHHH", 0, 65535, 257 * 99, 257 * 99 + 129), width=4))
    assert (deep.pixels[0, :, 0] == [0, 255, 99, 100]).all()
    assert deep.grey


def test_grey_with_alpha_of_both_depths() -> None:
    assert (opened(png_of(8, 4, b"\x07\x80\xf0\xff")).pixels == pixels([7, 7, 7, 128], [240, 240, 240, 255])).all()
    deep = opened(png_of(16, 4, struct.pack(">HHHH", 257 * 7, 257 * 128, 257 * 240, 65535)))
    assert (deep.pixels == pixels([7, 7, 7, 128], [240, 240, 240, 255])).all()
    assert deep.grey


@pytest.mark.parametrize(
    ("data", "alpha"),
    [
        (png_of(1, 0, b"\x40", chunk(b"tRNS", b"\0\1")), [255, 0]),
        (png_of(8, 0, b"\x07\xf0", chunk(b"tRNS", b"\0\x07")), [0, 255]),
        (png_of(16, 0, b"\x01\x02\x01\x03", chunk(b"tRNS", b"\x01\x03")), [255, 0]),
        (png_of(8, 2, b"\x01\x02\x03\x01\x02\x04", chunk(b"tRNS", b"\0\1\0\2\0\3")), [0, 255]),
        (png_of(16, 2, b"\x01\x09\2\2\3\3\x01\x08\2\2\3\3", chunk(b"tRNS", b"\x01\x08\2\2\3\3")), [255, 0]),
    ],
    ids=["1-bit grey", "8-bit grey", "16-bit grey", "8-bit colour", "16-bit colour"],
)
def test_one_transparent_colour(data: bytes, alpha: list[int]) -> None:
    picture = opened(data)
    assert (picture.pixels[0, :, 3] == alpha).all()


def test_colour_of_both_depths() -> None:
    assert (opened(png_of(8, 2, bytes([1, 2, 3, 4, 5, 6]))).pixels == pixels([1, 2, 3], [4, 5, 6])).all()
    samples = np.array([1, 2, 3, 4, 254, 255], ">u2") * 257
    assert (opened(png_of(16, 2, samples.tobytes())).pixels == pixels([1, 2, 3], [4, 254, 255])).all()
    assert (opened(png_of(8, 6, bytes(range(8)))).pixels == pixels([0, 1, 2, 3], [4, 5, 6, 7])).all()
    samples = np.arange(8, dtype=">u2") * 257
    assert (opened(png_of(16, 6, samples.tobytes())).pixels == pixels([0, 1, 2, 3], [4, 5, 6, 7])).all()
    assert not opened(png_of(8, 2, bytes(6))).grey


def test_palette() -> None:
    colours = chunk(b"PLTE", bytes([10, 20, 30, 40, 50, 60]))
    assert (opened(png_of(1, 3, b"\x40", colours)).pixels == pixels([10, 20, 30], [40, 50, 60])).all()
    clear = opened(png_of(8, 3, b"\x01\x00", colours, chunk(b"tRNS", b"\x80")))
    assert (clear.pixels == pixels([40, 50, 60, 255], [10, 20, 30, 128])).all()
    one = opened(png_of(8, 3, b"\x01\x00", colours, chunk(b"tRNS", b"\xff\x00")))
    assert (one.pixels == pixels([40, 50, 60, 0], [10, 20, 30, 255])).all()
    assert not clear.grey
    assert opened(png_of(8, 3, b"\x01\x00", chunk(b"PLTE", bytes([9, 9, 9, 80, 80, 80])))).grey


def test_interlaced() -> None:
    passes = chunk(
        b"IDAT", zlib.compress(b"\0\x01" + b"\0\x02")
    )  # the first pass has the left pixel, the sixth the right
    assert (opened(joined(header(2, 1, 8, 0, 1), passes, chunk(b"IEND"))).pixels[0, :, 0] == [1, 2]).all()


def test_cmyk_becomes_rgb_without_its_profile() -> None:
    inks = Image.merge("CMYK", [Image.new("L", (16, 16), ink) for ink in (0, 255, 255, 0)])
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    picture = opened(encoded(inks, "JPEG", quality=100, icc_profile=profile[:16] + b"CMYK" + profile[20:]), JPEG)
    assert np.abs(picture.pixels.astype(int) - [255, 0, 0]).max() <= 2
    assert (picture.icc, picture.subsampling, picture.grey) == (None, -1, False)


def test_ycck_becomes_rgb() -> None:
    """White's four samples, all 255, read as Y, Cb, Cr and K by Adobe's flag, are a green (ITU-T T.871)."""
    plain = encoded(Image.new("CMYK", (16, 16), (0, 0, 0, 0)), "JPEG", quality=100)
    adobe = b"Adobe\0\x64\0\0\0\0\x00"
    assert adobe in plain
    assert (opened(plain, JPEG).pixels == 255).all()
    picture = opened(plain.replace(adobe, adobe[:-1] + b"\x02"), JPEG)
    assert np.abs(picture.pixels.astype(int) - [0, 134, 0]).max() <= 2


@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize(("subsampling", "number"), [("4:4:4", 0), ("4:2:2", 1), ("4:2:0", 2)])
def test_jpeg(progressive: bool, subsampling: str, number: int) -> None:
    source = noise()
    data = encoded(source, "JPEG", progressive=progressive, subsampling=subsampling, quality=80)
    picture = opened(data, JPEG)
    with JpegImageFile(io.BytesIO(data)) as image:
        assert (picture.pixels == np.asarray(image)).all()
        assert picture.quantization == {number: tuple(table) for number, table in image.quantization.items()}
    again = opened(encoded(source, "JPEG", qtables=picture.quantization, subsampling=number), JPEG)
    assert (picture.subsampling, again.quantization) == (number, picture.quantization)


def test_grey_jpeg() -> None:
    picture = opened(encoded(Image.new("L", (16, 16), 77), "JPEG"), JPEG)
    assert (picture.pixels == 77).all()
    assert (picture.grey, picture.subsampling, len(picture.quantization or {})) == (True, -1, 1)


def test_jpeg_of_several_pictures_is_its_first() -> None:
    data = encoded(noise(), "MPO", save_all=True, append_images=[noise(16, 16)])
    picture = opened(data, JPEG)
    assert (picture.format, picture.frames, picture.width) == ("JPEG", 2, 40)


@pytest.mark.parametrize("channels", [3, 4])
def test_webp(channels: int) -> None:
    source = noise(channels=channels)
    picture = opened(encoded(source, "WEBP", lossless=True, exact=True), WEBP)
    assert (picture.pixels == np.asarray(source)).all()
    assert picture.lossless
    assert not opened(encoded(source, "WEBP"), WEBP).lossless


@pytest.mark.parametrize(("content_type", "kind"), [(GIF, "GIF"), (WEBP, "WEBP"), (PNG, "PNG")])
def test_of_an_animation_the_first_frame(content_type: str, kind: str) -> None:
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "lime", "blue")]
    data = encoded(frames[0], kind, save_all=True, append_images=frames[1:], lossless=True)
    picture = opened(data, content_type)
    assert (picture.pixels == [255, 0, 0]).all()
    assert picture.frames == 3


def test_hidden_picture_before_an_animation_counts_as_a_frame() -> None:
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "lime", "blue")]
    data = encoded(frames[0], "PNG", save_all=True, append_images=frames[1:], default_image=True)
    picture = opened(data)
    assert (picture.pixels == [255, 0, 0]).all()
    assert picture.frames == 3


def test_animated_webp_is_lossless_by_its_first_frame() -> None:
    frames = [noise(), noise().rotate(90)]
    assert opened(encoded(frames[0], "WEBP", save_all=True, append_images=frames[1:], lossless=True), WEBP).lossless
    assert not opened(encoded(frames[0], "WEBP", save_all=True, append_images=frames[1:]), WEBP).lossless


def test_gif() -> None:
    transparent = gif([b"!\xf9\x04\x01\0\0\x00\0", gif_frame()])
    assert (opened(transparent, GIF).pixels == pixels([0, 1, 2, 0], width=1)).all()
    assert (opened(gif([gif_frame()]), GIF).pixels == pixels([0, 1, 2], width=1)).all()
    partly = opened(gif([gif_frame()], 2, 1), GIF)
    assert partly.pixels.shape == (1, 2, 3)
    grey = Image.linear_gradient("L").resize((16, 16))
    assert opened(encoded(grey, "GIF"), GIF).grey


def test_metadata_of_png() -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    info = PngInfo()
    info.add_text("parameters", "a cat, ü")
    info.add_itxt("AIGC", '{"Label":"1"}', zip=True)
    info.add_itxt("Note", "人工智能生成")
    picture = opened(encoded(noise(), "PNG", pnginfo=info, icc_profile=profile))
    assert picture.texts == (("parameters", "a cat, ü"), ("AIGC", '{"Label":"1"}'), ("Note", "人工智能生成"))
    assert (picture.icc, picture.trimmed) == (profile, False)


@pytest.mark.parametrize("content_type", STILL)
def test_metadata_of_each_format(content_type: str) -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    exif, xmp = tiff((0x10F, 3, 1, 1)), b"<x:xmpmeta/>"
    info = PngInfo()
    info.add_itxt("XML:com.adobe.xmp", xmp)
    prefixed = exif if content_type == WEBP else b"Exif\0\0" + exif
    data = encoded(noise(), STILL[content_type], exif=prefixed, xmp=xmp, icc_profile=profile, pnginfo=info)
    picture = opened(data, content_type)
    assert (picture.exif, picture.xmp, picture.icc) == (prefixed, xmp, profile)


def test_metadata_is_kept_whole_or_not_at_all() -> None:
    info = PngInfo()
    info.add_text("large", "x" * 500)
    info.add_text("small", "y")
    picture = opened(encoded(noise(), "PNG", pnginfo=info), limits=replace(LIMITS, metadata_bytes=100))
    assert (picture.texts, picture.trimmed) == ((("small", "y"),), True)


@pytest.mark.parametrize("content_type", [PNG, JPEG, WEBP, GIF])
def test_thumbnails_tell_the_size_of_the_original(content_type: str) -> None:
    data = encoded(noise(301, 100), content_type.removeprefix("image/").upper())
    picture = opened(data, content_type, longest=50)
    assert picture.pixels.shape == (17, 50, 3)
    assert (picture.width, picture.height) == (301, 100)


def test_thumbnails_never_enlarge_and_never_vanish() -> None:
    data = encoded(noise(), "PNG")
    assert (opened(data, longest=4000).pixels == np.asarray(noise())).all()
    assert opened(png(width=1, height=20000), longest=64).pixels.shape == (64, 1, 3)
    assert opened(data, longest=1).pixels.shape == (1, 1, 3)


@pytest.mark.parametrize("content_type", [PNG, JPEG])
def test_a_thumbnail_is_the_mean_of_what_it_covers(content_type: str) -> None:
    """Every sixteenth pixel white: a filter of a few taps would see a white picture."""
    source = np.zeros((512, 512), np.uint8)
    source[8::16, 8::16] = 255
    data = encoded(Image.fromarray(source), STILL[content_type])
    assert np.abs(opened(data, content_type, longest=32).pixels.astype(int) - 1).max() <= 2


def test_transparent_pixels_do_not_bleed_into_a_thumbnail() -> None:
    source = np.zeros((64, 64, 4), np.uint8)
    source[:, ::2] = [255, 0, 0, 255]
    thumbnail = opened(encoded(Image.fromarray(source), "PNG"), longest=16).pixels
    assert (thumbnail[..., 0] >= 250).all()


@pytest.mark.parametrize(
    ("data", "content_type", "limits", "refusal"),
    [
        (b"", PNG, LIMITS, Refusal("unreadable")),
        (png(), "image/tiff", LIMITS, Refusal("unsupported-media", hold=True)),
        (png(), JPEG, LIMITS, Refusal("type-mismatch")),
        (png(), PNG, replace(LIMITS, file_bytes=10), Refusal("too-large")),
        (png(), PNG, replace(LIMITS, pixels=15), Refusal("decompression-bomb")),
        (png(), PNG, replace(LIMITS, side=3), Refusal("decompression-bomb")),
        (png(width=0), PNG, LIMITS, Refusal("unreadable")),
    ],
)
def test_refusals(data: bytes, content_type: str, limits: ExtractLimits, refusal: Refusal) -> None:
    assert decode(data, content_type, limits) == refusal


def test_limits_are_reached_before_they_are_passed() -> None:
    assert opened(png(), limits=replace(LIMITS, pixels=16, side=4)).pixels.shape == (4, 4, 3)


@pytest.mark.parametrize(
    ("data", "content_type"),
    [
        (png(), PNG),
        (b"\xff\xd8\xff\xe0", JPEG),
        (b"GIF87a", GIF),
        (b"RIFF\0\0\0\0WEBP", WEBP),
        (b"RIFF\0\0\0\0WAVE", None),
        (b"%PDF-1.7", None),
        (b"text", None),
        (b"", None),
    ],
)
def test_the_first_bytes_name_the_media_type(data: bytes, content_type: str | None) -> None:
    assert picture_type(data) == content_type


_ANIMATED = {"save_all": True, "append_images": [noise().rotate(180)]}
_SEEDS = [
    (PNG, encoded(noise(), "PNG")),
    (PNG, encoded(noise().quantize(16), "PNG", exif=tiff((0x112, 3, 1, 6)))),
    (PNG, encoded(noise(), "PNG", **_ANIMATED)),
    (JPEG, encoded(noise(), "JPEG", exif=b"Exif\0\0" + tiff((0x112, 3, 1, 6)))),
    (JPEG, encoded(noise(), "JPEG", progressive=True)),
    (JPEG, encoded(noise(), "MPO", **_ANIMATED)),
    (WEBP, encoded(noise(), "WEBP", **_ANIMATED)),
    (WEBP, encoded(noise(channels=4), "WEBP", lossless=True)),
    (GIF, encoded(noise(), "GIF", **_ANIMATED)),
]


@settings(deadline=None, max_examples=300)
@given(
    st.sampled_from(_SEEDS),
    st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 255)), min_size=1, max_size=8),
    st.integers(0, 50),
    st.booleans(),
)
def test_whatever_is_changed_in_a_file_it_is_a_picture_or_refused(
    seed: tuple[str, bytes], changes: list[tuple[int, int]], longest: int, checked: bool
) -> None:
    content_type, data = seed
    changed = bytearray(data)
    for place, value in changes:
        changed[place % len(changed)] = value
    mended = _with_checksums(bytes(changed)) if checked and content_type == PNG else bytes(changed)
    answer = decode(mended, content_type, replace(LIMITS, pixels=1_000_000), longest)
    if isinstance(answer, Picture):
        assert answer.pixels.ndim == 3
        assert max(answer.pixels.shape[:2]) == min(longest or 10**9, max(answer.height, answer.width))
    else:
        assert answer.code in {"unreadable", "type-mismatch", "decompression-bomb"}


def _with_checksums(data: bytes) -> bytes:
    """The PNG with each chunk's checksum put right, so that a change reaches the decoder."""
    place, out = 8, data[:8]
    while place + 12 <= len(data):
        (length,) = struct.unpack_from(">I", data, place)
        if place + 12 + length > len(data):
            break
        out += chunk(data[place + 4 : place + 8], data[place + 8 : place + 8 + length])
        place += 12 + length
    return out + data[place:]
