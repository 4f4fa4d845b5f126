"""Admission: size, encoding, and whether the bytes are what the publisher says they are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from clearmark.records import Media

if TYPE_CHECKING:
    from clearmark.screen.policy import Limits

TEXT_TYPES: Final = frozenset({"text/plain", "text/markdown", "text/html"})
IMAGE_TYPES: Final = frozenset({"image/png", "image/jpeg", "image/webp", "image/gif"})
_CHARSETS: Final = frozenset({None, "utf-8", "utf8", "us-ascii"})
_SIGNATURES: Final = (
    b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF87a", b"GIF89a", b"RIFF", b"%PDF-", b"PK\x03\x04", b"\x1f\x8b",
    b"ID3", b"OggS", b"fLaC", b"\x1aE\xdf\xa3", b"\x7fELF", b"7z\xbc\xaf\x27\x1c", b"BM\x00", b"II*\x00", b"MM\x00*",
)  # fmt: skip
"""First bytes of files that people upload under a wrong name."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why an artifact is not screened: a reason code, and whether a person may still look (hold) or not (block)."""

    code: str
    hold: bool = False


def media_of(content_type: str) -> Media:
    """Return the medium of a declared media type."""
    head = content_type.partition("/")[0]
    return Media(head) if head in ("text", "image", "audio", "video") else Media.OTHER


def admit(charset: str | None, data: bytes, limits: Limits) -> str | Refusal:
    """Return the text of an artifact of `TEXT_TYPES`, or why it is refused.

    An empty artifact is ``unreadable``: there is nothing to judge, and nothing to carry a mark.
    """
    if len(data) > limits.text_bytes:
        return Refusal("too-large")
    if data.startswith(_SIGNATURES) or data[4:8] == b"ftyp":
        return Refusal("type-mismatch")
    if charset not in _CHARSETS or not data:
        return Refusal("unreadable")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        return Refusal("unreadable")
    return Refusal("type-mismatch") if "\0" in text else text
