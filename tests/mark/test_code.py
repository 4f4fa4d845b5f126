"""The invisible code: authenticated, and it survives what happens to text on its way."""

from __future__ import annotations

import json
import unicodedata
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clearmark.ids import ContentId
from clearmark.mark import code

KEY, OTHER = bytes(range(32)), bytes(32)
ids = st.builds(ContentId, st.integers(0, 2**64 - 1))
texts = st.text(st.characters(codec="utf-8"), max_size=200)


@given(ids, texts, texts)
def test_a_copy_is_found_in_any_text_and_taken_out_again(content_id: ContentId, before: str, after: str) -> None:
    marked = before + code.encode(content_id, KEY) + after
    assert content_id in [found.content_id for found in code.find(marked, KEY)]
    assert code.strip(before + code.encode(content_id, KEY) + after, KEY) == before + after


@pytest.mark.parametrize("form", ["NFC", "NFD", "NFKC", "NFKD"])
def test_it_survives_normalisation_and_json(form: Literal["NFC", "NFD", "NFKC", "NFKD"]) -> None:
    marked = "你好，" + code.encode(ContentId(7), KEY) + "ﬁne ①"
    there = json.loads(json.dumps(unicodedata.normalize(form, marked)))
    assert [found.content_id for found in code.find(there, KEY)] == [ContentId(7)]


@given(ids, st.integers(0, 67), st.integers(1, 3))
def test_a_changed_symbol_is_a_forgery(content_id: ContentId, at: int, by: int) -> None:
    copy = list(code.encode(content_id, KEY))
    copy[at] = chr(0x2061 + (ord(copy[at]) - 0x2061 + by) % 4)
    assert code.find("".join(copy), KEY) == []


@given(ids)
def test_another_key_sees_nothing(content_id: ContentId) -> None:
    assert code.find(code.encode(content_id, KEY), OTHER) == []


def test_copies_side_by_side_and_between_foreign_symbols_are_all_found() -> None:
    a, b = code.encode(ContentId(1), KEY), code.encode(ContentId(2), KEY)
    found = code.find("\u2061\u2062" + a + b + "\u2064", KEY)
    assert [(f.content_id, f.start, f.end) for f in found] == [(ContentId(1), 2, 70), (ContentId(2), 70, 138)]


def test_a_copy_is_68_characters_that_draw_nothing() -> None:
    copy = code.encode(ContentId(2**64 - 1), KEY)
    assert len(copy) == 68
    assert {unicodedata.category(character) for character in copy} == {"Cf"}


def test_the_false_alarm_probability_counts_the_places_tried() -> None:
    assert code.windows("no code") == 0
    assert code.false_alarm("no code") == 2.0**-64
    assert code.windows("\u2061" * 100) == 33
    assert code.false_alarm("\u2061" * 100) == 33 * 2.0**-64


def test_published_codes_stay_readable() -> None:
    golden = "00010001020310111213202122233031323330103313000133001022110330223020"
    symbols = "".join(chr(0x2061 + int(digit)) for digit in golden)
    assert [f.content_id for f in code.find(symbols, KEY)] == [ContentId(0x0123456789ABCDEF)]
