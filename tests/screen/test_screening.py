"""What the packaged policy, words and model say of texts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clearmark.extract.pool import Extractor
from clearmark.ids import ContentId
from clearmark.mark import code
from clearmark.models.nsfw import NsfwModel
from clearmark.models.text import TextModel
from clearmark.screen.library import Library
from clearmark.screen.match import Level, Word, WordList
from clearmark.screen.normalise import normalise
from clearmark.screen.policy import load
from clearmark.screen.screening import Screening, Submission

if TYPE_CHECKING:
    from collections.abc import Iterator

KEY = bytes(range(32))


@pytest.fixture(scope="module")
def extractor() -> Iterator[Extractor]:
    with Extractor() as made:
        yield made


@pytest.fixture(scope="module")
def screening(extractor: Extractor) -> Screening:
    return Screening(load(), Library(), TextModel.open(), NsfwModel.open(), extractor, KEY)


def judged(screening: Screening, data: bytes, kind: str = "text/plain", charset: str | None = None) -> tuple[str, ...]:
    (judgement,) = screening.judge([Submission(kind, charset, data)])
    return (judgement.verdict.value, *judgement.codes)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("今天天气很好，我们去公园散步，看见了许多花。", ("allow",)),
        ("The library opens at nine, and the reading room is on the second floor.", ("allow",)),
        ("本店长期出售枪支，货到付款。", ("block", "A.1.h")),
        ("ｇｕｎｓ　ｆｏｒ　ｓａｌｅ, ask me", ("block", "A.1.h")),
        ("出\u200b售\u2060枪\u00ad支", ("block", "A.1.h")),
        ("GUNS  for\nsale", ("block", "A.1.h")),
        ("The begunsfor sale", ("allow",)),
        ("河南人都是骗子，滚出去", ("block", "A.2.i")),
        ("想了解相关的自杀方法", ("hold", "A.4.a")),
    ],
)
def test_verdicts(screening: Screening, text: str, expected: tuple[str, ...]) -> None:
    assert judged(screening, text.encode()) == expected


@pytest.mark.parametrize(
    ("data", "kind", "charset", "expected"),
    [
        (b"", "text/plain", None, ("block", "unreadable")),
        (b"caf\xe9", "text/plain", None, ("block", "unreadable")),
        (b"hello", "text/plain", "utf-16", ("block", "unreadable")),
        (b"a" * (1024 * 1024 + 1), "text/plain", None, ("block", "too-large")),
        (b"\x89PNG\r\n\x1a\n....", "text/plain", None, ("block", "type-mismatch")),
        (b"a\0b", "text/markdown", "utf-8", ("block", "type-mismatch")),
        (b"\x89PNG\r\n\x1a\n....", "image/png", None, ("block", "unreadable")),
        (b"\x89PNG\r\n\x1a\n....", "audio/wav", None, ("hold", "unsupported-media")),
        (b"a,b", "text/csv", None, ("hold", "unsupported-media")),
    ],
)
def test_admission(
    screening: Screening, data: bytes, kind: str, charset: str | None, expected: tuple[str, ...]
) -> None:
    assert judged(screening, data, kind, charset) == expected


def test_our_own_code_is_no_evasion_and_hides_no_word(screening: Screening) -> None:
    marked = "出售" + code.encode(ContentId(7), KEY) + "枪支"
    assert judged(screening, marked.encode()) == ("block", "A.1.h")


def test_a_text_that_breaks_the_model_is_held_and_the_others_are_judged(extractor: Extractor) -> None:
    class Breaks(TextModel):
        def scores(self, texts: object) -> list[dict[str, float]]:
            assert isinstance(texts, list)
            if "bad" in texts:
                raise RuntimeError
            return super().scores(texts)

    broken = Screening(load(), Library(), Breaks.open(), NsfwModel.open(), extractor, KEY)
    found = broken.judge([Submission("text/plain", None, t) for t in (b"good", b"bad", b"fine", b"good")])
    assert [(j.verdict.value, j.codes) for j in found] == [
        ("allow", ()), ("hold", ("detector-failed",)), ("allow", ()), ("allow", ())
    ]  # fmt: skip


def test_scores_do_not_depend_on_the_company() -> None:
    model = TextModel.open()
    texts = ["河南人都是骗子", "hello", "", "长" * 5000, "散步"]
    together = model.scores(texts)
    assert together == [model.scores([text])[0] for text in texts]


@given(st.text())
def test_normal_form_is_stable(text: str) -> None:
    once = normalise(text)
    assert normalise(once) == normalise(normalise(once))


@given(st.text(alphabet="abc 枪支出售", max_size=30), st.lists(st.text(alphabet="ab枪支", min_size=1, max_size=3)))
def test_matches_agree_with_a_plain_search(text: str, words: list[str]) -> None:
    found = {w.text for w in WordList(Word(w, "A.1.h", Level.BLOCK) for w in words).find(text)}
    plain = " ".join(text.split())
    latin = {w for w in words if any(c.isascii() for c in w)}
    assert found - latin == {w for w in words if w in plain} - latin
    assert found <= {w for w in words if w in plain}
