"""The latest items as the board may show them. User ids, reasons and contents are hostile; blocked content never comes.

What is shown of an approved artifact is its first line, or its picture. Of all others there is only the notice.
"""

from __future__ import annotations

import threading
import unicodedata
from collections import OrderedDict
from contextlib import suppress
from dataclasses import dataclass
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Final, Literal

from clearmark.mark import label
from clearmark.schemas.events import DeadLetter, Notice, Reason, load
from clearmark.topology import Topic

if TYPE_CHECKING:
    from clearmark.watch import Seen

Outcome = Literal["approved", "blocked", "held", "dead-letter"]

_OUTCOMES: Final[dict[Topic, Outcome]] = {
    Topic.APPROVED: "approved",
    Topic.BLOCKED: "blocked",
    Topic.REVIEW: "held",
    Topic.DEAD_LETTER: "dead-letter",
}
PICTURES: Final = frozenset({"image/png", "image/jpeg", "image/webp", "image/gif"})
"""Media types that are served as pictures: formats without scripts."""
_LINE: Final = 200
_NAME: Final = 64
_READ: Final = 8 * 1024
"""Bytes within which the first line is looked for."""


@dataclass(frozen=True, slots=True)
class Item:
    """One outcome. ``text`` is the first line of an approved text; ``picture``: its bytes can be asked for."""

    decision_id: str
    content_id: str
    outcome: Outcome
    user: str
    media: str
    content_type: str
    at_ms: int
    reasons: tuple[Reason, ...] = ()
    text: str | None = None
    picture: bool = False
    released: bool = False


class Pictures:
    """The bytes of the latest approved pictures, bounded in number and size; safe to use from several threads."""

    def __init__(self, count: int = 24, each: int = 2 * 1024 * 1024) -> None:
        self._count, self._each = count, each
        self._kept: OrderedDict[str, tuple[str, bytes]] = OrderedDict()
        self._lock = threading.Lock()

    def keep(self, seen: Seen) -> bool:
        """Keep the bytes of an approved picture that came inline; return whether they were kept."""
        kind, data = seen.envelope.content_type, seen.value
        if seen.topic is not Topic.APPROVED or kind not in PICTURES or not data or len(data) > self._each:
            return False
        with self._lock:
            self._kept[str(seen.envelope.decision_id)] = (kind, data)
            while len(self._kept) > self._count:
                self._kept.popitem(last=False)
        return True

    def get(self, decision_id: str) -> tuple[str, bytes] | None:
        """Return media type and bytes of a picture."""
        with self._lock:
            return self._kept.get(decision_id)


def item(seen: Seen, pictures: Pictures) -> Item:
    """Return what the board shows of an outcome.

    Raises:
        Reject: the value is not what the contract says.
    """
    e = seen.envelope
    media, kind, text, picture = "other", "", None, False
    reasons: tuple[Reason, ...] = ()
    if seen.topic is Topic.APPROVED:
        kind = e.content_type
        media = kind.partition("/")[0]
        picture = pictures.keep(seen)
        text = first_line(seen.value, kind) if media == "text" and seen.value else None
    elif seen.topic is Topic.DEAD_LETTER:
        reasons = (
            Reason(plain(load(DeadLetter, seen.value).error_class, _NAME), "无法处理", "could not be processed"),
        )
    else:
        notice = load(Notice, seen.value)
        media, kind = notice.media, notice.content_type
        reasons = tuple(Reason(plain(r.code, _NAME), plain(r.zh), plain(r.en)) for r in notice.reasons)
    return Item(
        str(e.decision_id),
        str(e.content_id),
        _OUTCOMES[seen.topic],
        plain(e.user_id, _NAME),
        media if media in ("text", "image", "audio", "video") else "other",
        plain(kind, _NAME),
        seen.timestamp_ms,
        reasons,
        text,
        picture,
        e.resolution is not None,
    )


def plain(text: str, limit: int = _LINE) -> str:
    """Return a text in one line without characters that hide, reorder or control others."""
    shown = "".join(" " if c.isspace() else c for c in text if c.isspace() or unicodedata.category(c)[0] != "C")
    shown = " ".join(shown.split())
    return shown if len(shown) <= limit else f"{shown[: limit - 1]}…"


def first_line(data: bytes, content_type: str) -> str:
    """Return the first line of a marked text, without its marks."""
    # Our code's characters go first: they may stand within the label.
    text = "".join(c for c in data[:_READ].decode("utf-8", "replace") if unicodedata.category(c) != "Cf")
    text = label.remove(text, content_type)
    if content_type == "text/html":
        text = _visible(text)
    return next((shown for line in text.splitlines() if (shown := plain(line).lstrip("# >"))), "")


def _visible(page: str) -> str:
    """Return the text of an HTML page that a reader sees, up to where the page cannot be read."""
    reader = _Visible()
    with suppress(AssertionError):  # how html.parser refuses a broken declaration
        reader.feed(page)
    return "\n".join(reader.found)


class _Visible(HTMLParser):
    """Collects the text of an HTML page that a reader sees."""

    _HIDDEN: Final = frozenset({"script", "style", "title", "head", "template"})

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self._hidden = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002
        self._hidden += tag in self._HIDDEN

    def handle_endtag(self, tag: str) -> None:
        self._hidden -= tag in self._HIDDEN and self._hidden > 0

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.found.append(data)
