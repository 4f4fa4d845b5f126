"""The visible label of a text: an AI element and a generation element, at its start, its end or both (R-TXT-1, -2).

A label of ours is taken off before one is put on, so marking twice leaves one. In HTML the label stands right after
``<body>`` where the head is plain, else before everything but the doctype: there no comment, script or unclosed
element of the content can swallow it. It resets every inherited style, so the content's style sheet cannot hide it.
"""

from __future__ import annotations

import re
from typing import Final, Literal

from clearmark.mark.markup import INSIDE_TAG

Place = Literal["start", "end", "both"]

WORDING: Final = "人工智能生成内容 · AI-generated content"
_HTML: Final = (
    '<p data-clearmark="label" lang="zh" style="all:initial!important;display:block!important;'
    "font:14px sans-serif!important;color:#000!important;background:#fff!important;"
    f'padding:4px!important">{WORDING}</p>'
)
_PLAIN: Final = f"【{WORDING}】"
_MARKDOWN: Final = f"> **{WORDING}**"

_DOCTYPE: Final = re.compile(r"\s*(?:<!doctype[^>]*>\s*)?", re.IGNORECASE)
_BODY: Final = re.compile(rf"<body(?:\s{INSIDE_TAG})?>", re.IGNORECASE)
_SWALLOWS: Final = re.compile(
    r"<!--|<(?:script|textarea|noscript|template|plaintext|xmp|iframe|svg|math|noembed|noframes|select)\b",
    re.IGNORECASE,
)
_FRONT_MATTER: Final = re.compile(r"---\n.*?\n---\n", re.DOTALL)


def add(text: str, content_type: str, place: Place) -> str:
    """Return the text with the label; labels of ours that it carries are replaced."""
    text = remove(text, content_type)
    start, end = place in ("start", "both"), place in ("end", "both")
    if content_type == "text/html":
        at = _html_start(text) if start else 0
        text = f"{text[:at]}{_HTML}{text[at:]}" if start else text
        return f"{text}{_HTML}" if end else text
    label = _MARKDOWN if content_type == "text/markdown" else _PLAIN
    at = _text_start(text, content_type)
    text = f"{text[:at]}{label}\n\n{text[at:]}" if start else text
    return f"{text}\n\n{label}\n" if end else text


def remove(text: str, content_type: str) -> str:
    """Return the text without the labels that `add` puts on."""
    if content_type == "text/html":
        return text.replace(_HTML, "")
    label = _MARKDOWN if content_type == "text/markdown" else _PLAIN
    at = _text_start(text, content_type)
    head = f"{label}\n\n"
    begun, ended, tail = at, len(text), f"\n\n{label}\n"
    while text.startswith(head, begun):
        begun += len(head)
    while text.endswith(tail, begun, ended):
        ended -= len(tail)
    return text[:at] + text[begun:ended]


def stands(text: str, content_type: str, place: Place) -> bool:
    """Return whether the label stands where `add` would put it."""
    return add(text, content_type, place) == text


def _text_start(text: str, content_type: str) -> int:
    if content_type == "text/markdown" and (front := _FRONT_MATTER.match(text)):
        return front.end()
    return 0


def _html_start(text: str) -> int:
    """Return where a label is shown whatever follows: after a plain head's ``<body>``, else after the doctype."""
    doctype = _DOCTYPE.match(text)
    first = doctype.end() if doctype else 0
    body = _BODY.search(text)
    if body is None:
        return first
    head = text[: body.start()]
    closed = all(
        len(re.findall(rf"<{tag}\b", head, re.IGNORECASE)) == len(re.findall(rf"</{tag}\s*>", head, re.IGNORECASE))
        for tag in ("style", "title")
    )
    return first if _SWALLOWS.search(head) or not closed else body.end()
