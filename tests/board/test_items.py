from __future__ import annotations

import pytest

from clearmark.board.items import Pictures, first_line, item, plain
from clearmark.errors import Reject
from clearmark.schemas.events import Reason
from clearmark.topology import Topic
from tests.board.world import HOSTILE, decision, marked, seen

WORD = Reason("A.1.h", "禁止的内容", "prohibited")


@pytest.mark.parametrize(
    ("text", "kind", "shown"),
    [
        ("第一行。\n第二行。", "text/plain", "第一行。"),
        ("\n\n  A first line \nand more", "text/plain", "A first line"),
        ("# 标题\n\n正文", "text/markdown", "标题"),
        ("<!doctype html><html><head><title>t</title></head><body><p>正文</p></body></html>", "text/html", "正文"),
        ("<body><script>evil()</script><style>p{}</style><p>正文</p>", "text/html", "正文"),
        ("<body><p>before</p><![wrong[ after", "text/html", "before"),
        ("长" * 500, "text/plain", "长" * 199 + "…"),
    ],
)
def test_the_first_line_comes_without_marks(text: str, kind: str, shown: str) -> None:
    assert first_line(marked(text, kind), kind) == shown


def test_a_text_of_nothing_has_no_first_line() -> None:
    assert first_line(b"", "text/plain") == ""
    assert first_line("\u200b\n\u2062".encode(), "text/plain") == ""


@pytest.mark.parametrize("character", ["\u202e", "\x00", "\x1b", "\u2066", "\u200b", "\ufeff", "\ue000"])
def test_characters_that_deceive_are_taken_out(character: str) -> None:
    assert plain(f"a{character}b") == "ab"
    assert plain("a\r\n\tb\u2028c") == "a b c"


def test_a_blocked_item_holds_the_notice_alone() -> None:
    pictures = Pictures()
    shown = item(seen(1, Topic.BLOCKED, kind="image/png", reasons=[WORD], user=HOSTILE), pictures)
    assert (shown.outcome, shown.media, shown.reasons) == ("blocked", "image", (WORD,))
    assert (shown.text, shown.picture, pictures.get(str(decision(1)))) == (None, False, None)
    assert len(shown.user) == 64


@pytest.mark.parametrize("topic", [Topic.BLOCKED, Topic.REVIEW, Topic.DEAD_LETTER])
def test_a_value_that_is_not_the_contracts_is_refused(topic: Topic) -> None:
    with pytest.raises(Reject):
        item(seen(1, topic, b"\x89PNG not a notice", kind="image/png"), Pictures())


def test_pictures_are_kept_when_approved_inline_and_without_scripts() -> None:
    pictures = Pictures(each=10)
    assert pictures.keep(seen(1, Topic.APPROVED, b"png", kind="image/png"))
    assert pictures.get(str(decision(1))) == ("image/png", b"png")
    for refused in (
        seen(2, Topic.REVIEW, b"png", kind="image/png"),
        seen(2, Topic.APPROVED, b"<svg/>", kind="image/svg+xml"),
        seen(2, Topic.APPROVED, b"text", kind="text/html"),
        seen(2, Topic.APPROVED, b"", kind="image/png"),
        seen(2, Topic.APPROVED, b"x" * 11, kind="image/png"),
    ):
        assert not pictures.keep(refused)
    assert pictures.get(str(decision(2))) is None


def test_the_oldest_picture_makes_room() -> None:
    pictures = Pictures(count=2)
    for number in (1, 2, 3):
        pictures.keep(seen(number, Topic.APPROVED, b"png", kind="image/png"))
    assert [pictures.get(str(decision(n))) is not None for n in (1, 2, 3)] == [False, True, True]


def test_a_release_by_a_person_is_told() -> None:
    shown = item(seen(1, Topic.APPROVED, marked("好"), resolution="released"), Pictures())
    assert (shown.released, shown.text) == (True, "好")
