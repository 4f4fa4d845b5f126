"""Read the marks of a text: the same reader checks a fresh mark before release and serves ``clearmark verify``."""

from __future__ import annotations

import html
import re
from typing import Final

from clearmark.mark import code
from clearmark.mark.marked import Reading
from clearmark.mark.markup import COMMENT, HTML_TAG
from clearmark.mark.place import count
from clearmark.schemas.events import MarkReport, Marks

WINDOW: Final = 64
"""Visible characters at head and tail in which a label is looked for (R-TXT-2 names no number; readers use 64)."""

_AI: Final = r"(?:人工智能|(?<![A-Za-z])AI(?![a-z]))"
_GENERATED: Final = r"(?:生成|合成|[Gg]enerated|[Ss]ynthesi[sz]ed)"
_LABEL: Final = re.compile(rf"{_AI}[^。.!?\n]{{0,16}}?{_GENERATED}|{_GENERATED}[^。.!?\n]{{0,16}}?{_AI}")
_FRONT_MATTER: Final = re.compile(r"\A---\n.*?\n---\n", re.DOTALL)
_COMMENT: Final = re.compile(COMMENT, re.DOTALL)
_HIDDEN: Final = re.compile(
    rf"{COMMENT}|<(script|style|title|template|head)\b.*?(?:</\1\s*>|\Z)|{HTML_TAG}",
    re.DOTALL | re.IGNORECASE,
)
_UNSUPPORTED: Final = MarkReport("unsupported")


def read(text: str, content_type: str, key: bytes, watermark_characters: int) -> Reading:
    """Return the marks of a text.

    Args:
        text: the whole text, or an excerpt from it.
        content_type: ``text/plain``, ``text/markdown`` or ``text/html``.
        key: authenticates the invisible code.
        watermark_characters: a text with fewer visible characters needs no code.
    """
    copies = code.find(text, key)
    ids = tuple(dict.fromkeys(str(copy.content_id) for copy in copies))
    if copies:
        watermark = MarkReport("valid", content_id=ids[0], false_alarm=code.false_alarm(text))
    elif code.windows(text):
        watermark = MarkReport("invalid")
    else:
        short = count(text, content_type) < watermark_characters
        watermark = MarkReport("waived" if short else "absent")
    # A plain text has no place for metadata or a signature (R-F table); the next versions add both where there is.
    return Reading(Marks(_label(text, content_type, key), _UNSUPPORTED, watermark, _UNSUPPORTED), ids)


def _label(text: str, content_type: str, key: bytes) -> MarkReport:
    """Find a label with both elements (R-TXT-1) among the visible characters at head or tail, whoever wrote it."""
    shown = code.strip(text, key)
    if content_type == "text/html":
        shown = html.unescape(_HIDDEN.sub(" ", shown))
    elif content_type == "text/markdown":
        shown = _COMMENT.sub(" ", _FRONT_MATTER.sub("", shown))
    shown = shown.strip()
    for part in (shown[:WINDOW], shown[-WINDOW:]):
        if found := _LABEL.search(part):
            return MarkReport("valid", text=found.group())
    return MarkReport("absent")
