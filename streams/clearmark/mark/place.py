"""Where copies of the invisible code stand: after sentences, about every 80 visible characters.

So any half of a text of 200 visible characters holds a copy. Long texts take wider steps, up to 400 characters.
Never inside markup, an entity, code or an address: what people copy from there must stay exact.
"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Final

from clearmark.mark.markup import ADDRESS, COMMENT, ENTITY, HTML_TAG

STEP: Final = 80
_WIDEST: Final = 400
_COPIES: Final = 64
_SLACK: Final = 24
"""Visible characters by which a copy may come early in order to stand at a sentence's end."""

_SENTENCE: Final = re.compile(r"[。！？；…]+[”’」』）]?|[.!?;]+[\"')]?(?=\s|$)|\n")
_SPACE: Final = re.compile(r"\s|(?<=[\u3400-\u9fff])(?=[\u3400-\u9fff])|(?<=[，、：])")
_OPAQUE: Final = {
    "text/plain": re.compile(ADDRESS),
    "text/markdown": re.compile(
        r"^(?:```|~~~).*?(?:^(?:```|~~~)[ \t]*$|\Z)|`[^`\n]*`|\]\([^)\]\n]*\)|<[^<>\n]*>|^(?: {4}|\t)[^\n]*$"
        r"|^\[[^\]\n]+\]:[^\n]*$|\A---\n.*?\n---\n|\||^[ \t]*(?:[-*+>#]+|\d{1,9}[.)])[ \t]+"
        rf"|{ENTITY}|{ADDRESS}",
        re.DOTALL | re.MULTILINE,
    ),
    "text/html": re.compile(
        rf"{COMMENT}|<(script|style|textarea|title|pre|code|svg|math|select|template|noscript|iframe|xmp)\b"
        rf".*?(?:</\1\s*>|\Z)|{HTML_TAG}|{ENTITY}?|{ADDRESS}",
        re.DOTALL | re.IGNORECASE,
    ),
}


def visible(text: str, content_type: str) -> list[tuple[int, int]]:
    """Return the spans of a text that a copy may stand in: all that is not markup, code or an address."""
    spans, at = [], 0
    for opaque in _OPAQUE[content_type].finditer(text):
        if opaque.start() > at:
            spans.append((at, opaque.start()))
        at = max(at, opaque.end())
    if at < len(text):
        spans.append((at, len(text)))
    return spans


def count(text: str, content_type: str) -> int:
    """Return the number of visible characters, white space aside."""
    return sum(len("".join(text[a:b].split())) for a, b in visible(text, content_type))


def places(text: str, content_type: str) -> list[int]:
    """Return the offsets at which a copy is put, ascending; empty where nothing visible is open to one."""
    spans = visible(text, content_type)
    total = sum(b - a for a, b in spans)
    step = min(_WIDEST, max(STEP, total // _COPIES))
    found: list[int] = []
    seen = since = 0
    for a, b in spans:
        at = a
        while since + b - at >= step:
            # The window ends where a copy is due; the latest good place in it is taken.
            due = at + step - since
            begun = max(at, due - _SLACK)
            at = _best(text, begun, due)
            found.append(at)
            since = 0
            seen += 1
        since += b - at
    if spans and (not found or since > step // 2):
        found.append(_last(text, spans))
    return sorted(set(found))


def _best(text: str, begun: int, due: int) -> int:
    """Return the latest sentence end in the window, else the latest gap between words, else its end."""
    for pattern in (_SENTENCE, _SPACE):
        ends = [m.end() for m in pattern.finditer(text, begun, due) if m.end() > begun]
        if ends:
            return ends[-1]
    return due


def _last(text: str, spans: list[tuple[int, int]]) -> int:
    """Return the end of the last visible character: what follows it may be trimmed by whoever copies."""
    for a, b in reversed(spans):
        if stripped := text[a:b].rstrip():
            return a + len(stripped)
    return spans[-1][1]


def insert(text: str, at: list[int], code: str) -> str:
    """Return the text with the code at each offset."""
    edges = [0, *at, len(text)]
    return code.join(text[a:b] for a, b in pairwise(edges))
