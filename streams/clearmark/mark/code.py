"""An authenticated invisible code in text: 64 bits of content id that survive copy and paste.

Alphabet: U+2061 to U+2064, the invisible operators, two bits each. They draw nothing, take part in no shaping,
line breaking or joining (as zero-width joiners and spaces do), pick no glyph variants (as variation selectors do
after Chinese characters), are no bidirectional controls, and NFC and NFKC leave them alone.

One copy is 17 bytes in 68 characters: version (1), content id (8, big-endian), tag (8). The tag is keyed BLAKE2b over
version and content id, so a run of invisible characters that is not ours passes with probability 2**-64; `find`
tries every window of a run, and `false_alarm` sums over the windows tried.

Retyping, translation
and tools that remove invisible characters remove the code; the visible label and the record of the decision remain.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import dataclass
from typing import Final

from clearmark.ids import ContentId

VERSION: Final = 1
_FIRST: Final = 0x2061
_SYMBOLS: Final = 68
_PAYLOAD, _TAG = 9, 8
_RUN: Final = re.compile("[\u2061-\u2064]{%d,}" % _SYMBOLS)  # noqa: UP031 - braces read badly in an f-string here
_FOUR: Final = {byte: "".join(chr(_FIRST + (byte >> shift & 3)) for shift in (6, 4, 2, 0)) for byte in range(256)}
_DIGITS: Final = {_FIRST + digit: str(digit) for digit in range(4)}


@dataclass(frozen=True, slots=True)
class Found:
    """One authenticated copy: its content id and where it lies, in characters."""

    content_id: ContentId
    start: int
    end: int


def encode(content_id: ContentId, key: bytes) -> str:
    """Return one copy of the code: 68 invisible characters."""
    payload = bytes([VERSION]) + content_id.to_bytes()
    return "".join(_FOUR[byte] for byte in payload + _tag(payload, key))


def find(text: str, key: bytes) -> list[Found]:
    """Return every authenticated copy in order; forged, damaged and foreign runs are not among them."""
    found = []
    for run in _RUN.finditer(text):
        digits = run.group().translate(_DIGITS)
        at = 0
        while at + _SYMBOLS <= len(digits):
            content_id = _decode(digits[at : at + _SYMBOLS], key)
            if content_id is None:
                at += 1
                continue
            found.append(Found(content_id, run.start() + at, run.start() + at + _SYMBOLS))
            at += _SYMBOLS
    return found


def windows(text: str) -> int:
    """Return how many places `find` tries in a text."""
    return sum(len(run.group()) - _SYMBOLS + 1 for run in _RUN.finditer(text))


def false_alarm(text: str) -> float:
    """Return the probability that a text without a code of ours shows one by chance: 2**-64 a place tried."""
    return min(1.0, max(1, windows(text)) * 2.0 ** (-8 * _TAG))


def strip(text: str, key: bytes) -> str:
    """Remove the authenticated copies, and nothing else."""
    parts, at = [], 0
    for copy in find(text, key):
        parts.append(text[at : copy.start])
        at = copy.end
    return "".join((*parts, text[at:]))


def _tag(payload: bytes, key: bytes) -> bytes:
    return hashlib.blake2b(payload, key=key, digest_size=_TAG, person=b"clearmark-text").digest()


def _decode(digits: str, key: bytes) -> ContentId | None:
    blob = int(digits, 4).to_bytes(_PAYLOAD + _TAG, "big")
    payload, tag = blob[:_PAYLOAD], blob[_PAYLOAD:]
    if payload[0] != VERSION or not hmac.compare_digest(tag, _tag(payload, key)):
        return None
    return ContentId(int.from_bytes(payload[1:], "big"))
