"""Files that want to break a decoder, each named by its defect, with the outcome that the contract gives it."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from dataclasses import dataclass
from functools import cache, partial
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from tests.extract.forge import (
    PNG_SIGNATURE,
    chunk,
    encoded,
    extended,
    frame_control,
    gif,
    gif_blocks,
    gif_frame,
    header,
    joined,
    jpeg,
    noise,
    png,
    resized,
    riff,
    riff_chunk,
    rows,
    segment,
    text_bomb,
    tiff,
    zeros,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PNG, JPEG, WEBP, GIF = "image/png", "image/jpeg", "image/webp", "image/gif"
OK, BOMB, UNREADABLE, MISMATCH = "ok", "decompression-bomb", "unreadable", "type-mismatch"
FILE_BYTES = 8 << 20
"""The limit under which the files are read."""


@dataclass(frozen=True, slots=True)
class Case:
    """One file. ``build`` makes it when it is needed: some are large."""

    name: str
    content_type: str
    outcome: str
    build: Callable[[], bytes]


def cases() -> list[Case]:
    """Return all, in a fixed order."""
    return [*_any(), *_misnamed(), *_cut(), *_png(), *_png_metadata(), *_jpeg(), *_jpeg_metadata(), *_gif(), *_webp()]


@cache
def _good(kind: str) -> bytes:
    still, frames = noise(), [noise().rotate(90 * n) for n in range(1, 4)]
    options = {"save_all": True, "append_images": frames}
    return {
        "png": lambda: encoded(still, "PNG"),
        "apng": lambda: encoded(still, "PNG", **options),
        "jpeg": lambda: encoded(still, "JPEG"),
        "jpeg-progressive": lambda: encoded(still, "JPEG", progressive=True),
        "webp": lambda: encoded(still, "WEBP"),
        "webp-lossless": lambda: encoded(still, "WEBP", lossless=True),
        "webp-animated": lambda: encoded(still, "WEBP", **options),
        "gif": lambda: encoded(still, "GIF"),
        "gif-animated": lambda: encoded(still, "GIF", **options),
    }[kind]()


_TYPES = {
    "png": PNG, "apng": PNG, "jpeg": JPEG, "jpeg-progressive": JPEG, "webp": WEBP, "webp-lossless": WEBP,
    "webp-animated": WEBP, "gif": GIF, "gif-animated": GIF,
}  # fmt: skip


def _fixed(name: str, content_type: str, outcome: str, data: bytes) -> Case:
    return Case(name, content_type, outcome, lambda: data)


def _any() -> Iterator[Case]:
    randomness = np.random.default_rng(1).bytes(4096)
    for kind in (PNG, JPEG, WEBP, GIF):
        name = kind.removeprefix("image/")
        yield _fixed(f"empty-{name}", kind, UNREADABLE, b"")
        yield _fixed(f"one-byte-{name}", kind, UNREADABLE, b"\x89")
        yield _fixed(f"all-zeros-{name}", kind, UNREADABLE, bytes(4096))
        yield _fixed(f"random-{name}", kind, UNREADABLE, b"\x01" + randomness)
        yield Case(f"too-large-{name}", kind, "too-large", lambda: bytes(FILE_BYTES + 1))
    yield _fixed("plain-text", PNG, UNREADABLE, b"This is not a picture.\n" * 100)
    for kind in ("image/tiff", "image/svg+xml", "image/avif", "image/bmp", "image/x-icon", "video/mp4", ""):
        yield _fixed(f"unsupported-{kind or 'nothing'}", kind, "unsupported-media", b"whatever")
    for kind, signature in (
        (PNG, PNG_SIGNATURE),
        (JPEG, b"\xff\xd8\xff"),
        (GIF, b"GIF89a"),
        (WEBP, b"RIFF\x04\0\0\0WEBP"),
    ):
        yield _fixed(f"only-a-signature-{kind.removeprefix('image/')}", kind, UNREADABLE, signature)
        yield _fixed(f"signature-then-random-{kind.removeprefix('image/')}", kind, UNREADABLE, signature + randomness)


def _misnamed() -> Iterator[Case]:
    for real, declared in (
        ("png", JPEG), ("jpeg", PNG), ("gif", PNG), ("webp", JPEG), ("png", WEBP), ("png", GIF), ("jpeg", WEBP),
        ("gif", WEBP),
    ):  # fmt: skip
        yield Case(f"{real}-named-{declared.removeprefix('image/')}", declared, MISMATCH, partial(_good, real))
    for kind in ("TIFF", "BMP", "ICO", "PDF", "EPS", "PPM", "DDS", "JPEG2000", "AVIF"):
        image = noise(32, 32)
        yield Case(f"{kind.lower()}-named-png", PNG, MISMATCH, partial(encoded, image, kind))
    others = {
        "fits": b"SIMPLE  =                    T".ljust(2880), "svg": b'<svg xmlns="http://www.w3.org/2000/svg"/>',
        "svg-with-prolog": b'\xef\xbb\xbf<?xml version="1.0"?><svg/>', "html": b"\n <!DOCTYPE html><script>1</script>",
        "postscript": b"%!PS-Adobe-3.0 EPSF-3.0\n", "zip": b"PK\x03\x04" + bytes(64),
        "gzip": b"\x1f\x8b\x08" + bytes(64),
        "psd": b"8BPS\0\1" + bytes(64), "elf": b"\x7fELF" + bytes(64), "mp4": b"\0\0\0\x18ftypmp42" + bytes(64),
        "wav": b"RIFF\x24\0\0\0WAVEfmt " + bytes(64), "jpeg-xl": b"\xff\x0a" + bytes(64),
        "playlist": b"#EXTM3U\nfile:///etc",
        "script": b"#!/bin/sh\n", "mng": b"\x8aMNG\r\n\x1a\n" + bytes(64),
    }  # fmt: skip
    for name, data in others.items():
        yield _fixed(f"{name}-named-png", PNG, MISMATCH, data)


def _cut() -> Iterator[Case]:
    for kind, content_type in _TYPES.items():
        whole = _good(kind)
        for part in (1, 10, 25, 50, 75, 90, 99):
            yield _fixed(
                f"{kind}-cut-at-{part}-percent", content_type, UNREADABLE, whole[: max(12, len(whole) * part // 100)]
            )
        yield _fixed(f"{kind}-without-its-last-byte", content_type, UNREADABLE, whole[:-1])
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as out:
        out.writestr("payload.txt", "hidden")
    tails = {
        "zip": archive.getvalue(),
        "html": b"<html><script>alert(1)</script>",
        "js": b"*/=1;alert(1)//",
        "zeros": bytes(999),
    }
    for kind, content_type in _TYPES.items():
        for name, tail in tails.items():
            yield _fixed(f"{kind}-then-{name}", content_type, OK, _good(kind) + tail)


def _png() -> Iterator[Case]:
    end, pixels = chunk(b"IEND"), chunk(b"IDAT", rows(4, 4))
    for name, size, outcome in (
        ("65535x65535", (65535, 65535), BOMB), ("2147483647-square", (2**31 - 1, 2**31 - 1), BOMB),
        ("4294967295-square", (2**32 - 1, 2**32 - 1), BOMB), ("1x20001", (1, 20001), BOMB),
        ("20001x1", (20001, 1), BOMB), ("8001x8000", (8001, 8000), BOMB), ("0x4", (0, 4), UNREADABLE),
        ("4x0", (4, 0), UNREADABLE),
    ):  # fmt: skip
        yield _fixed(f"png-header-{name}", PNG, outcome, joined(header(*size), pixels, end))
    for name, size in (("1x1", (1, 1)), ("1x20000", (1, 20000)), ("20000x1", (20000, 1))):
        yield Case(f"png-{name}", PNG, OK, partial(png, width=size[0], height=size[1]))
    yield Case("png-36-megapixels-in-kilobytes", PNG, OK, lambda: png(width=6000, height=6000))
    for checked in (b"IHDR", b"IDAT", b"IEND"):
        yield _fixed(f"png-wrong-crc-{checked.decode()}", PNG, UNREADABLE, _flipped(png(), checked))
    yield _fixed("png-wrong-crc-tEXt", PNG, UNREADABLE, png(chunk(b"tEXt", b"k\0v", crc=1)))
    flood = chunk(b"IDAT", zeros(64 << 20))
    yield _fixed("png-pixels-far-beyond-the-picture", PNG, OK, joined(header(4, 4), flood, end))
    yield _fixed("png-says-more-rows-than-it-has", PNG, OK, joined(header(4, 400), pixels, end))
    yield _fixed("png-pixels-not-deflated", PNG, UNREADABLE, joined(header(4, 4), chunk(b"IDAT", bytes(64)), end))
    yield _fixed("png-no-pixels", PNG, UNREADABLE, joined(header(4, 4), end))
    yield _fixed("png-no-header", PNG, UNREADABLE, joined(pixels, end))
    yield _fixed("png-short-header", PNG, UNREADABLE, joined(chunk(b"IHDR", bytes(5)), pixels, end))
    for name, fields in {"depth-3": (3, 2, 0), "colour-type-5": (8, 5, 0), "rgb-of-1-bit": (1, 2, 0)}.items():
        yield _fixed(f"png-{name}", PNG, UNREADABLE, joined(header(4, 4, *fields), pixels, end))
    filtered = zlib.compress((b"\x09" + bytes(12)) * 4)
    yield _fixed("png-unknown-row-filter", PNG, UNREADABLE, joined(header(4, 4), chunk(b"IDAT", filtered), end))
    yield _fixed(
        "png-chunk-longer-than-the-file", PNG, UNREADABLE, joined(header(4, 4), chunk(b"IDAT", b"", length=2**31), end)
    )
    yield _fixed(
        "png-chunk-of-negative-length", PNG, UNREADABLE, joined(header(4, 4), chunk(b"IDAT", b"", length=2**32 - 12))
    )
    yield _fixed("png-chunk-without-a-name", PNG, UNREADABLE, png(chunk(b"\0\0\0\0", b"x")))
    yield _fixed("png-second-header-huge", PNG, BOMB, png(header(65535, 65535)))
    palette = joined(
        header(4, 4, 8, 3), chunk(b"PLTE", bytes(3)), chunk(b"IDAT", zlib.compress((b"\0" + b"\xff" * 4) * 4)), end
    )
    yield _fixed("png-colours-beyond-the-palette", PNG, OK, palette)
    yield _fixed(
        "png-palette-of-two-bytes", PNG, OK, palette.replace(chunk(b"PLTE", bytes(3)), chunk(b"PLTE", bytes(2)))
    )
    yield _fixed("png-short-transparency", PNG, UNREADABLE, png(chunk(b"tRNS", b"\0")))
    singles = b"".join(chunk(b"IDAT", rows(40, 400)[i : i + 1]) for i in range(len(rows(40, 400))))
    yield _fixed("png-one-byte-a-chunk", PNG, OK, joined(header(40, 400), singles, end))
    yield Case("png-100000-empty-chunks", PNG, OK, lambda: joined(header(4, 4), chunk(b"IDAT") * 100_000, pixels, end))
    yield from _apng(pixels, end)


def _apng(pixels: bytes, end: bytes) -> Iterator[Case]:
    control, start = partial(chunk, b"acTL"), joined(header(4, 4))
    data = chunk(b"fdAT", bytes(4) + rows(4, 4))
    lying = start + control(struct.pack(">II", 2**31 - 1, 0)) + frame_control(0) + pixels + end
    yield _fixed("apng-says-two-billion-frames", PNG, OK, lying)
    many = start + control(struct.pack(">II", 100_000, 0)) + frame_control(0) + pixels
    yield Case("apng-100000-frames", PNG, OK, lambda: many + (frame_control(1) + data) * 60_000 + end)
    yield _fixed("apng-short-control", PNG, UNREADABLE, start + control(b"\0") + pixels + end)
    yield _fixed("apng-frame-beyond-the-canvas", PNG, UNREADABLE, start + frame_control(0, 9, 9) + pixels + end)
    yield _fixed("apng-first-frame-smaller", PNG, UNREADABLE, start + frame_control(0, 2, 2) + pixels + end)
    yield _fixed("apng-frames-out-of-order", PNG, UNREADABLE, start + frame_control(7) + pixels + end)


def _flipped(whole: bytes, name: bytes) -> bytes:
    """The file with one bit of this chunk's name's checksum turned."""
    at = whole.index(name)
    (length,) = struct.unpack_from(">I", whole, at - 4)
    crc = at + 4 + length
    return whole[:crc] + bytes((whole[crc] ^ 1,)) + whole[crc + 1 :]


def _png_metadata() -> Iterator[Case]:
    yield Case("png-zTXt-bomb", PNG, BOMB, lambda: png(text_bomb(b"zTXt", b"k\0\0")))
    yield Case("png-iTXt-bomb", PNG, BOMB, lambda: png(text_bomb(b"iTXt", b"k\0\1\0\0\0")))
    yield Case("png-xmp-bomb", PNG, BOMB, lambda: png(text_bomb(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0")))
    yield Case("png-iCCP-bomb", PNG, BOMB, lambda: png(text_bomb(b"iCCP", b"k\0\0")))
    yield Case("png-many-small-text-bombs", PNG, BOMB, lambda: png(*[text_bomb(b"zTXt", b"k\0\0", 1 << 20)] * 70))
    texts = b"".join(chunk(b"tEXt", b"k%d\0v" % n) for n in range(50_000))
    yield _fixed("png-50000-texts", PNG, OK, png(texts))
    yield _fixed("png-text-of-6-megabytes", PNG, OK, png(chunk(b"tEXt", b"k\0" + b"v" * (6 << 20))))
    yield _fixed("png-broken-icc", PNG, OK, png(chunk(b"iCCP", b"k\0\0" + b"no zlib")))
    yield _fixed("png-random-icc", PNG, OK, png(chunk(b"iCCP", b"k\0\0" + zlib.compress(bytes(500)))))
    yield _fixed(
        "png-text-without-a-keyword", PNG, OK, png(chunk(b"tEXt", b"\0"), chunk(b"zTXt", b""), chunk(b"iTXt", b"x"))
    )
    yield _fixed("png-text-not-utf8", PNG, OK, png(chunk(b"iTXt", b"k\0\0\0\0\0\xff\xfe\xfd")))
    for keyword in (b"interlace", b"transparency", b"bbox", b"default_image"):
        yield _fixed(f"png-text-named-{keyword.decode()}", PNG, UNREADABLE, png(chunk(b"tEXt", keyword + b"\x001")))
    for keyword in (b"exif", b"xmp", b"icc_profile", b"dpi", b"gamma"):
        yield _fixed(
            f"png-text-named-{keyword.decode()}", PNG, OK, png(chunk(b"tEXt", keyword + b"\0" + tiff((0x112, 3, 1, 6))))
        )
    for name, exif in _broken_exif().items():
        yield _fixed(f"png-exif-{name}", PNG, OK, png(chunk(b"eXIf", exif)))
    yield _fixed("png-private-chunk-of-6-megabytes", PNG, OK, png(chunk(b"prVt", bytes(6 << 20))))


def _broken_exif() -> dict[str, bytes]:
    return {
        "empty": b"",
        "random": np.random.default_rng(2).bytes(500),
        "points-at-itself": tiff((0x8769, 4, 1, 8), (0x112, 3, 1, 1), following=8),
        "directory-beyond-the-end": b"II*\0" + struct.pack("<I", 2**32 - 1),
        "65535-entries-announced": b"MM\0*" + struct.pack(">IH", 8, 65535),
        "orientation-99": tiff((0x112, 3, 1, 99)),
        "orientation-as-text": tiff((0x112, 2, 1, 6)),
        "orientation-counted-a-billion-times": tiff((0x112, 3, 10**9, 6)),
    }


def _jpeg() -> Iterator[Case]:
    good, progressive = _good("jpeg"), _good("jpeg-progressive")
    for name, size, outcome in (
        ("65535x65535", (65535, 65535), BOMB), ("1x20001", (1, 20001), BOMB), ("8001x8000", (8001, 8000), BOMB),
        ("0x24", (0, 24), UNREADABLE), ("40x0", (40, 0), UNREADABLE),
    ):  # fmt: skip
        yield _fixed(f"jpeg-header-{name}", JPEG, outcome, resized(good, *size))
    yield _fixed("jpeg-progressive-header-65535x65535", JPEG, BOMB, resized(progressive, 65535, 65535, 0xC2))
    for name, size in (("1x1", (1, 1)), ("1x20000", (1, 20000)), ("20000x1", (20000, 1))):
        yield Case(f"jpeg-{name}", JPEG, OK, partial(encoded, Image.new("RGB", size), "JPEG"))
    yield _fixed("jpeg-says-more-rows-than-it-has", JPEG, OK, resized(good, 40, 4000))
    yield _fixed("jpeg-only-start-and-end", JPEG, UNREADABLE, b"\xff\xd8\xff\xd9")
    yield _fixed("jpeg-without-huffman-tables", JPEG, OK, _without(good, 0xC4))  # motion JPEG: the standard's are meant
    for name, marker in {"quantization": 0xDB, "frame": 0xC0, "scan": 0xDA}.items():
        yield _fixed(f"jpeg-without-{name}", JPEG, UNREADABLE, _without(good, marker))
    for name, start, field, value in (
        ("12-bit-samples", 0xC0, 4, 12), ("2-components", 0xC0, 9, 2), ("5-components", 0xC0, 9, 5),
        ("0-components", 0xC0, 9, 0), ("sampling-factor-0", 0xC0, 11, 0), ("sampling-factor-15", 0xC0, 11, 0xFF),
        ("missing-quantization-table", 0xC0, 12, 3),
    ):  # fmt: skip
        yield _fixed(f"jpeg-{name}", JPEG, UNREADABLE, _set(good, start, field, value))
    for marker, name in {
        0xC3: "lossless",
        0xC5: "hierarchical",
        0xC8: "extension",
        0xCB: "lossless-arithmetic",
    }.items():
        yield _fixed(f"jpeg-{name}-frame", JPEG, UNREADABLE, good.replace(b"\xff\xc0", bytes((0xFF, marker)), 1))
    yield _fixed("jpeg-second-frame-header-huge", JPEG, BOMB, _doubled(good, 65535, 65535))
    yield _fixed("jpeg-two-frame-headers", JPEG, UNREADABLE, _doubled(good, 80, 48))
    yield _fixed("jpeg-segment-shorter-than-its-length", JPEG, UNREADABLE, good[:2] + b"\xff\xe5\xff\xff" + good[2:600])
    yield _fixed("jpeg-segment-of-length-0", JPEG, OK, good[:2] + b"\xff\xe5\0\0" + good[2:])
    yield _fixed("jpeg-junk-between-segments", JPEG, UNREADABLE, good[:2] + b"\0" * 2000 + good[2:])
    yield Case("jpeg-500-kilobytes-of-padding", JPEG, OK, lambda: good[:2] + b"\xff" * 500_000 + good[2:])
    yield Case("jpeg-50000-scans", JPEG, "deadline", _scan_bomb)


def _scan_bomb() -> bytes:
    """Each of the scans, a few bytes long, goes through all coefficients once more."""
    whole = encoded(Image.new("L", (4000, 4000)), "JPEG", progressive=True)
    scan = b"\xff\xda\0\x08\x01\x01\0\x01\x3f\x10\xff\xd9"[:10]
    return whole[:-2] + scan * 50_000 + b"\xff\xd9"


def _segment_at(whole: bytes, marker: int) -> tuple[int, int]:
    at = whole.index(bytes((0xFF, marker)))
    return at, at + 2 + int.from_bytes(whole[at + 2 : at + 4], "big")


def _without(whole: bytes, marker: int) -> bytes:
    while bytes((0xFF, marker)) in whole:
        start, end = _segment_at(whole, marker)
        whole = whole[:start] + whole[end:]
    return whole


def _set(whole: bytes, marker: int, field: int, value: int) -> bytes:
    start, _ = _segment_at(whole, marker)
    return whole[: start + field] + bytes((value,)) + whole[start + field + 1 :]


def _doubled(whole: bytes, width: int, height: int) -> bytes:
    start, end = _segment_at(whole, 0xC0)
    return whole[:end] + resized(whole, width, height)[start:end] + whole[end:]


def _jpeg_metadata() -> Iterator[Case]:
    yield Case("jpeg-10000-segments", JPEG, OK, lambda: jpeg(segment(0xE5, b"x" * 600) * 10_000))
    yield Case("jpeg-100000-empty-segments", JPEG, OK, lambda: jpeg(segment(0xEF, b"") * 100_000))
    yield Case("jpeg-exif-of-6-megabytes", JPEG, OK, lambda: jpeg(segment(0xE1, b"Exif\0\0" + bytes(65000)) * 100))
    yield Case(
        "jpeg-xmp-in-100-segments", JPEG, OK, lambda: jpeg(segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0x") * 100)
    )
    for name, exif in _broken_exif().items():
        yield _fixed(f"jpeg-exif-{name}", JPEG, OK, jpeg(segment(0xE1, b"Exif\0\0" + exif)))
    yield Case("jpeg-exif-entries-share-their-data", JPEG, OK, _shared_exif)
    yield _fixed("jpeg-icc-part-1-of-255", JPEG, OK, jpeg(segment(0xE2, b"ICC_PROFILE\0\x01\xff" + bytes(600))))
    yield _fixed("jpeg-icc-without-numbers", JPEG, UNREADABLE, jpeg(segment(0xE2, b"ICC_PROFILE\0")))
    yield _fixed("jpeg-random-icc", JPEG, OK, jpeg(segment(0xE2, b"ICC_PROFILE\0\x01\x01" + bytes(600))))
    yield _fixed("jpeg-multi-picture-index-random", JPEG, OK, jpeg(segment(0xE2, b"MPF\0" + bytes(range(200)))))
    yield _fixed(
        "jpeg-multi-picture-index-points-at-itself", JPEG, OK, jpeg(segment(0xE2, b"MPF\0" + tiff((0x8769, 4, 1, 8))))
    )
    billions = segment(0xE2, b"MPF\0" + tiff((0xB001, 4, 1, 2**32 - 1), (0xB002, 7, 16, 8)))
    yield _fixed("jpeg-says-four-billion-pictures", JPEG, OK, jpeg(billions))
    yield _fixed(
        "jpeg-photoshop-block-broken",
        JPEG,
        OK,
        jpeg(segment(0xED, b"Photoshop 3.0\x008BIM\x04\x04\0\0\xff\xff\xff\xff")),
    )
    yield _fixed("jpeg-jfif-cut", JPEG, UNREADABLE, jpeg(segment(0xE0, b"JFIF")))
    yield _fixed("jpeg-comment-of-64-kilobytes", JPEG, OK, jpeg(segment(0xFE, b"<script>" * 8000)))


def _shared_exif() -> bytes:
    """A directory of 5000 entries over 100 segments, each of which says that all of the megabytes are its data."""
    entries = [(0x9000 + n, 7, 5 << 20, 8) for n in range(5000)]
    block = tiff(*entries).ljust(6 << 20, b"\0")
    parts = [segment(0xE1, b"Exif\0\0" + block[i : i + 65000]) for i in range(0, len(block), 65000)]
    whole = jpeg()
    return whole[:2] + b"".join(parts) + _without(whole, 0xE0)[2:]


def _gif() -> Iterator[Case]:
    yield _fixed("gif-1x1", GIF, OK, gif([gif_frame()]))
    yield Case("gif-1x20000", GIF, OK, partial(encoded, Image.new("P", (1, 20000)), "GIF"))
    yield Case("gif-20000x1", GIF, OK, partial(encoded, Image.new("P", (20000, 1)), "GIF"))
    yield _fixed("gif-no-frames", GIF, UNREADABLE, gif([]))
    yield _fixed("gif-no-frames-but-extensions", GIF, UNREADABLE, gif([b"!\xf9\x04\0\0\0\0\0"]))
    yield Case("gif-100000-frames", GIF, OK, lambda: gif([gif_frame()] * 100_000))
    yield _fixed("gif-canvas-65535x65535", GIF, BOMB, gif([gif_frame()], 65535, 65535))
    yield _fixed("gif-frame-65535x65535-on-a-small-canvas", GIF, BOMB, gif([gif_frame(65535, 65535)]))
    yield _fixed("gif-canvas-0x0", GIF, OK, gif([gif_frame()], 0, 0))
    yield _fixed("gif-frame-0x0", GIF, UNREADABLE, gif([gif_frame(0, 0)], 4, 4))
    for size in (13, 255):
        yield _fixed(
            f"gif-code-size-{size}", GIF, UNREADABLE, gif([gif_frame(data=bytes((size,)) + b"\x02\x44\x01\0")])
        )
    yield _fixed("gif-no-pixels-in-the-frame", GIF, UNREADABLE, gif([gif_frame(4, 4, b"\x02\0")], 4, 4))
    yield _fixed("gif-code-before-it-is-defined", GIF, UNREADABLE, gif([gif_frame(4, 4, b"\x02\x02\xff\xff\0")], 4, 4))
    yield _fixed("gif-extension-without-end", GIF, UNREADABLE, gif([gif_frame(), b"!\xfe\xffabc"], trailer=b""))
    yield _fixed("gif-junk-between-blocks", GIF, UNREADABLE, gif([gif_frame(), b"junk"]))
    yield _fixed("gif-without-trailer", GIF, UNREADABLE, gif([gif_frame()], trailer=b""))
    yield Case(
        "gif-comment-of-6-megabytes", GIF, OK, lambda: gif([b"!\xfe" + gif_blocks(b"c" * (6 << 20)), gif_frame()])
    )
    yield Case("gif-script-in-a-comment", GIF, OK, lambda: gif([b"!\xfe" + gif_blocks(b"*/alert(1)/*"), gif_frame()]))
    yield _fixed("gif-colour-table-cut", GIF, UNREADABLE, b"GIF89a\x01\0\x01\0\xf7\0\0" + bytes(30))
    yield _fixed("gif-without-colours", GIF, OK, b"GIF89a\x01\0\x01\0\0\0\0" + gif_frame() + b";")
    yield Case(
        "gif-application-blocks-of-one-byte",
        GIF,
        OK,
        lambda: gif([b"!\xff" + b"\x01x" * (1 << 20) + b"\0", gif_frame()]),
    )


def _webp() -> Iterator[Case]:
    good, lossless = _good("webp"), _good("webp-lossless")
    lossy = good[20:]
    yield Case("webp-1x1", WEBP, OK, partial(encoded, Image.new("RGB", (1, 1)), "WEBP"))
    yield Case("webp-1x16383", WEBP, OK, partial(encoded, Image.new("RGB", (1, 16383)), "WEBP"))
    yield Case("webp-16383x1", WEBP, OK, partial(encoded, Image.new("RGB", (16383, 1)), "WEBP"))
    yield _fixed("webp-larger-riff-than-the-file", WEBP, UNREADABLE, good[:4] + struct.pack("<I", len(good)) + good[8:])
    yield _fixed("webp-riff-of-four-gigabytes", WEBP, UNREADABLE, good[:4] + b"\xff\xff\xff\xff" + good[8:])
    yield _fixed("webp-smaller-riff-than-its-chunks", WEBP, UNREADABLE, good[:4] + struct.pack("<I", 30) + good[8:])
    yield _fixed("webp-chunk-of-four-gigabytes", WEBP, UNREADABLE, riff(riff_chunk(b"VP8 ", lossy, size=2**32 - 1)))
    yield _fixed("webp-canvas-of-2-to-the-48-pixels", WEBP, BOMB, riff(extended(1 << 24, 1 << 24), good[12:]))
    yield _fixed("webp-canvas-16383x16383", WEBP, BOMB, riff(extended(16383, 16383), good[12:]))
    yield _fixed("webp-lossy-16383x16383", WEBP, BOMB, good[:26] + b"\xff\x3f\xff\x3f" + good[30:])
    yield _fixed("webp-lossless-16384x16384", WEBP, BOMB, lossless[:21] + b"\xff\xff\xff\x0f" + lossless[25:])
    yield _fixed("webp-canvas-other-than-its-picture", WEBP, UNREADABLE, riff(extended(400, 240), good[12:]))
    yield _fixed("webp-lossy-size-0x0", WEBP, UNREADABLE, good[:26] + bytes(4) + good[30:])
    yield _fixed("webp-no-picture", WEBP, UNREADABLE, riff(extended(40, 24)))
    yield _fixed(
        "webp-animated-without-frames", WEBP, UNREADABLE, riff(extended(40, 24, 2), riff_chunk(b"ANIM", bytes(6)))
    )
    yield _fixed("webp-frame-beyond-the-canvas", WEBP, UNREADABLE, _animated(good, offset=1 << 20))
    yield Case(
        "webp-20000-frames", WEBP, OK, lambda: _animated(encoded(Image.new("RGB", (4, 4)), "WEBP"), 4, 4, frames=20_000)
    )
    yield _fixed(
        "webp-random-picture", WEBP, UNREADABLE, riff(riff_chunk(b"VP8L", b"\x2f" + bytes(4) + bytes(range(100))))
    )
    yield _fixed("webp-unknown-first-chunk", WEBP, UNREADABLE, riff(riff_chunk(b"ABCD", b"x"), good[12:]))
    for name, exif in _broken_exif().items():
        yield _fixed(f"webp-exif-{name}", WEBP, OK, riff(extended(40, 24, 8), good[12:], riff_chunk(b"EXIF", exif)))
    yield _fixed(
        "webp-icc-of-6-megabytes", WEBP, OK, riff(extended(40, 24, 32), riff_chunk(b"ICCP", bytes(6 << 20)), good[12:])
    )
    yield _fixed(
        "webp-alpha-random",
        WEBP,
        UNREADABLE,
        riff(extended(40, 24, 16), riff_chunk(b"ALPH", b"\x01" + bytes(range(40))), good[12:]),
    )


def _animated(still: bytes, width: int = 40, height: int = 24, *, offset: int = 0, frames: int = 1) -> bytes:
    place = offset.to_bytes(3, "little") * 2 + (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    frame = riff_chunk(b"ANMF", place + b"\x64\0\0\0" + still[12:])
    return riff(extended(width, height, 2), riff_chunk(b"ANIM", bytes(6)), frame * frames)
