"""Marks on texts: there, read back, idempotent, robust to excerpts, and invisible to whoever reads."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clearmark.ids import ContentId
from clearmark.mark import code, label, place
from clearmark.mark.read import read
from clearmark.mark.text import mark
from clearmark.screen.policy import TextMarks

if TYPE_CHECKING:
    from clearmark.mark.marked import Marked

KEY = bytes(range(32))
CID = ContentId(0x0123456789ABCDEF)
PLACES: tuple[label.Place, ...] = ("start", "end", "both")
TYPES = ("text/plain", "text/markdown", "text/html")
ZH = "春天来了，公园里的花都开了。孩子们在草地上奔跑，老人坐在长椅上晒太阳。" * 12
EN = "Spring has come, and the flowers in the park are open. Children run across the grass while others rest. " * 6


def marked(text: str, kind: str = "text/plain", required: TextMarks | None = None, cid: ContentId = CID) -> Marked:
    return mark(text.encode(), kind, cid, KEY, required or TextMarks())


@given(st.text(), st.sampled_from(TYPES), st.sampled_from(PLACES))
def test_any_text_is_marked_or_fails_closed_and_marks_never_stack(text: str, kind: str, where: label.Place) -> None:
    required = TextMarks(label=where, watermark_characters=5)
    first = marked(text, kind, required)
    assert mark(first.data, kind, CID, KEY, required).data == first.data
    if not first.failed:
        reading = read(first.data.decode(), kind, KEY, 5)
        assert reading.marks.label.state == "valid"
        assert reading.content_ids in {(str(CID),), ()}
    assert label.remove(code.strip(first.data.decode(), KEY), kind) == label.remove(code.strip(text, KEY), kind)


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("text", [ZH, EN, ZH.replace("。", "\n\n"), "无标点" * 200, "a" * 500])
def test_any_half_of_200_characters_leads_home(kind: str, text: str) -> None:
    done = marked(text, kind)
    assert done.failed == ()
    produced = done.data.decode().replace(label._HTML, label.WORDING)  # what a browser shows is copied
    starts = [i for i in range(0, len(produced), 7) if not 0x2061 <= ord(produced[i]) <= 0x2064]
    for start in starts:
        seen = 0
        for end in range(start, len(produced)):  # copy a hundred visible characters, as a person would
            seen += not 0x2061 <= ord(produced[end]) <= 0x2064
            if seen == 200:
                found = read(produced[start : end + 1], "text/plain", KEY, 40).content_ids
                assert found == (str(CID),), (start, end)
                break


@pytest.mark.parametrize("form", ["NFC", "NFKC", "NFD"])
def test_the_code_survives_normal_forms(form: str) -> None:
    produced = unicodedata.normalize(form, marked(ZH).data.decode())  # type: ignore[arg-type] # a parameter
    assert read(produced, "text/plain", KEY, 40).content_ids == (str(CID),)


def test_a_new_content_id_replaces_the_old_one() -> None:
    other = mark(marked(ZH).data, "text/plain", ContentId(7), KEY, TextMarks())
    assert other.failed == ()
    assert code.find(other.data.decode(), KEY)[0].content_id == ContentId(7)
    assert other.data.decode().count(label.WORDING) == 1


def test_a_short_text_is_waived() -> None:
    done = marked("好。")
    assert (done.failed, done.marks.watermark.state, done.marks.label.state) == ((), "waived", "valid")


@pytest.mark.parametrize(
    "page",
    [
        "<p>hello</p>",
        "<!DOCTYPE html><html><head><title>t</title><style>p{display:none}</style></head><body class='a>b'><p>x</p>",
        "<!doctype html><html><head><!-- <body> --></head><body>x</body></html>",
        "<html><head><style> <body> </head><body>x",
        "<script>var a = '<body>';</script><p>x</p>",
        "<textarea><body>x",
        "",
    ],
)
def test_a_label_in_html_stands_where_nothing_hides_it(page: str) -> None:
    done = marked(page, "text/html")
    assert done.failed == ()
    produced = code.strip(done.data.decode(), KEY)
    before = produced[: produced.index("<p data-clearmark")]
    assert before.count("<!--") == before.count("<script") == before.count("<textarea") == 0
    assert before.lower().count("<style") == before.lower().count("</style")


def test_an_end_label_that_content_would_swallow_is_not_released() -> None:
    assert marked("<p>hello</p><!-- open", "text/html", TextMarks(label="end")).failed == ("label",)
    assert marked("hello\n<!-- open", "text/markdown", TextMarks(label="end")).failed == ("label",)


def test_code_addresses_and_front_matter_stay_exact() -> None:
    address, source = f"http://e.org/{'p/' * 80}x", "x = 1  # note. " * 30
    text = f"---\ntitle: x\n---\n# Head\n\n{EN}\n\n```py\n{source}\n```\nSee `a. b` and {address} {EN}"
    produced = marked(text, "text/markdown").data.decode()
    for exact in ("---\ntitle: x\n---\n> **", source, "`a. b`", address):
        assert exact in produced
    page = f"<a href='http://e.org/a. b'>{EN}</a><pre>{'a. ' * 200}</pre>&amp;&lt;"
    produced = marked(page, "text/html").data.decode()
    for exact in ("<a href='http://e.org/a. b'>", "a. " * 200, "&amp;&lt;"):
        assert exact in produced


@given(st.text(min_size=1), st.sampled_from(TYPES))
def test_places_are_ascending_and_inside(text: str, kind: str) -> None:
    at = place.places(text, kind)
    assert at == sorted(set(at))
    assert all(0 < p <= len(text) for p in at) or kind != "text/plain"


@pytest.mark.parametrize(
    ("text", "state"),
    [
        ("AI生成：今天的新闻", "valid"),
        ("本文由人工智能合成。" + ZH, "valid"),
        (ZH + "（内容由AI生成）", "valid"),
        ("AI-generated: a poem", "valid"),
        ("AI 的历史很长。", "absent"),
        ("maintain the generated files", "absent"),
        (ZH + "AI生成" + ZH, "absent"),
    ],
)
def test_labels_of_others_are_read(text: str, state: str) -> None:
    assert read(text, "text/plain", KEY, 40).marks.label.state == state


def test_damage_and_contradiction_are_told() -> None:
    produced = marked(ZH).data.decode()
    assert read(produced, "text/plain", b"other key" * 3, 40).marks.watermark.state == "invalid"
    two = produced + marked(ZH, cid=ContentId(9)).data.decode()
    assert not read(two, "text/plain", KEY, 40).consistent


HOSTILE = (
    *(
        "a",
        "字",
        "<",
        "<a ",
        "<body ",
        "<a '",
        '<a b="',
        "<'\"'",
        "<\"<'",
        "](",
        "`",
        "&a",
        "1.",
        "- \n",
        "\n[",
        "\n    ",
    ),
    *("://", "a@", "<!--", "<script", "---\n", "```\n", "\n~~~", "|", "AI", "</title", "\u2061", "\u2062\u2063", "。"),
    f"【{label.WORDING}】\n\n",
)


@pytest.mark.timeout(120)
@pytest.mark.parametrize("content_type", ["text/plain", "text/markdown", "text/html"])
def test_a_quarter_megabyte_of_one_sign_does_not_hang(content_type: str) -> None:
    """Quadratic patterns would take minutes for each; a worker would be dead for its group by then."""
    for unit in HOSTILE:
        text = (unit * (1 << 18))[: 1 << 18]
        produced = marked(text, content_type)
        assert produced.data


def test_what_follows_an_indented_code_line_carries_the_code() -> None:
    text = "    x = 1\n\n" + "这是一个很长的句子，里面没有代码。" * 20
    assert read(marked(text, "text/markdown").data.decode()[-160:], "text/markdown", KEY, 40).content_ids


def test_a_mail_address_in_text_without_spaces_leaves_room_for_the_code() -> None:
    text = "请写信到someone@example.com，我们会尽快回复您的来信。" * 20
    produced = marked(text, "text/plain")
    assert not produced.failed
    assert produced.data.decode().count("someone@example.com") == 20
