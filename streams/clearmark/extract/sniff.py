"""What a file is by its first bytes, before any decoder sees it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from clearmark.screen.admit import Refusal

if TYPE_CHECKING:
    from clearmark.extract.limits import ExtractLimits
    from clearmark.extract.picture import Format

FORMATS: Final[dict[str, Format]] = {
    "image/png": "PNG",
    "image/jpeg": "JPEG",
    "image/webp": "WEBP",
    "image/gif": "GIF",
}
"""Media types that are decoded, and their format."""

BOMB: Final = Refusal("decompression-bomb")
DEADLINE: Final = Refusal("deadline", hold=True)
MISMATCH: Final = Refusal("type-mismatch")
TOO_LARGE: Final = Refusal("too-large")
UNREADABLE: Final = Refusal("unreadable")
UNSUPPORTED: Final = Refusal("unsupported-media", hold=True)

_ALLOWED: Final[tuple[tuple[bytes, Format], ...]] = (
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"\xff\xd8\xff", "JPEG"),
    (b"GIF87a", "GIF"),
    (b"GIF89a", "GIF"),
)
_OTHERS: Final = (
    b"%PDF-", b"%!PS", b"\xc5\xd0\xd3\xc6", b"SIMPLE  =", b"II*\x00", b"MM\x00*", b"II+\x00", b"MM\x00+", b"BM",
    b"\x00\x00\x01\x00", b"\x00\x00\x02\x00", b"\x00\x00\x00\x0cjP  ", b"\xff\x4f\xff\x51", b"\xff\x0a",
    b"\x00\x00\x00\x0cJXL ", b"8BPS", b"\x8aMNG", b"\x8bJNG", b"DDS ", b"icns", b"qoif", b"FLIF", b"OggS",
    b"ID3", b"fLaC", b"\x1aE\xdf\xa3", b"FORM", b"PK\x03\x04", b"PK\x05\x06", b"\x1f\x8b", b"BZh", b"\xfd7zXZ\x00",
    b"(\xb5/\xfd", b"7z\xbc\xaf'\x1c", b"Rar!", b"\x7fELF", b"MZ", b"\xca\xfe\xba\xbe", b"\x00asm", b"#!", b"{\\rtf",
    b"P1\n", b"P2\n", b"P3\n", b"P4\n", b"P5\n", b"P6\n", b"#EXTM3U",
)  # fmt: skip
"""Signatures of formats that are not on the list: documents, other pictures, media, archives, programs."""
_RIFF_HEAD: Final = 12
_MARKUP: Final = (b"<svg", b"<?xml", b"<!doctype", b"<html", b"<head", b"<body", b"<script", b"<!--", b"<?php")


def sniff(data: bytes, content_type: str, limits: ExtractLimits) -> Format | Refusal:
    """Return the format to decode as, or why the file is not decoded.

    A file without any known signature is ``unreadable``, one with another format's is ``type-mismatch``.
    """
    declared = FORMATS.get(content_type)
    if declared is None:
        return UNSUPPORTED
    if len(data) > limits.file_bytes:
        return TOO_LARGE
    found = _format(data)
    if found == declared:
        return declared
    return MISMATCH if found else UNREADABLE


def picture_type(data: bytes) -> str | None:
    """Return the media type that the first bytes name, or None when they name none that is decoded."""
    found = _format(data)
    return next((media_type for media_type, kind in FORMATS.items() if kind == found), None)


def _format(data: bytes) -> Format | str:
    """Return the format by its signature, ``other`` for one that is not on the list, or nothing."""
    for signature, allowed in _ALLOWED:
        if data.startswith(signature):
            return allowed
    if data[:4] == b"RIFF" and len(data) >= _RIFF_HEAD:
        return "WEBP" if data[8:12] == b"WEBP" else "other"
    markup = data[:256].removeprefix(b"\xef\xbb\xbf").lstrip().lower().startswith(_MARKUP)
    return "other" if markup or data.startswith(_OTHERS) or data[4:8] == b"ftyp" else ""
