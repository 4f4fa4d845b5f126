"""Numbers are checked by their own sums; what is wrong is said without quoting them."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clearmark.operate.numbers import METHODS, BadNumber, normalise, uscc_is_valid

TODAY = date(2026, 6, 1)
CODES = (
    "001191110102MAD55U9H0F10002",
    "001191440300708461136T1XGW3",
    "001191310104MACE0YX63918020",
    "001191440300MA5G49LC9K1YO01",
)
"""Provider codes whose characters 5 to 22 are a unified social credit code (R-CODE-2)."""


@pytest.mark.parametrize(
    ("method", "written", "normal"),
    [
        ("mobile", "13800138000", "13800138000"),
        ("mobile", "+86 138-0013-8000", "13800138000"),
        ("mobile", "８６１３８００１３８０００", "13800138000"),
        ("mobile", "0086 13800138000", "13800138000"),
        ("resident-id", "11010519491231002x", "11010519491231002X"),
        ("resident-id", "110105 19491231 002X", "11010519491231002X"),
        ("resident-id", "440524188001010014", "440524188001010014"),
        ("uscc", CODES[0][4:22].lower(), CODES[0][4:22]),
        ("passport", "e12345678", "E12345678"),
        ("passport", "AB 123456", "AB123456"),
        ("network-id", "abcd-efgh_0123", "ABCD-EFGH_0123"),
    ],
)
def test_good_numbers_come_to_one_form(method: str, written: str, normal: str) -> None:
    assert normalise(method, written, TODAY) == normal


@pytest.mark.parametrize(
    ("method", "written"),
    [
        ("mobile", "12800138000"),
        ("mobile", "1380013800"),
        ("mobile", "138001380000"),
        ("mobile", ""),
        ("resident-id", "110105194912310021"),
        ("resident-id", "11010519491331002X"),
        ("resident-id", "11010521491231002X"),
        ("resident-id", "1101051949123100X2"),
        ("resident-id", "110105491231002"),
        ("uscc", "91110102MAD55U9H0G"),
        ("uscc", "9111"),
        ("passport", "ABCDEFGH"),
        ("passport", "A1"),
        ("passport", "护照12345"),
        ("network-id", "short"),
        ("network-id", "x" * 65),
        ("fax", "123"),
    ],
)
def test_bad_numbers_are_refused_without_being_quoted(method: str, written: str) -> None:
    with pytest.raises(BadNumber) as caught:
        normalise(method, written, TODAY)
    assert not written or written not in str(caught.value)


@pytest.mark.parametrize("code", CODES)
def test_the_credit_codes_of_real_provider_codes_are_valid(code: str) -> None:
    assert uscc_is_valid(code[4:22])


@given(st.sampled_from(CODES), st.integers(0, 17), st.sampled_from("0123456789ABCDEFGHJKLMNPQRTUWXY"))
def test_one_wrong_character_is_found(code: str, at: int, put: str) -> None:
    right = code[4:22]
    wrong = right[:at] + put + right[at + 1 :]
    assert uscc_is_valid(wrong) == (wrong == right)


@given(st.integers(0, 16), st.sampled_from("0123456789"))
def test_one_wrong_digit_of_a_resident_id_is_found(at: int, put: str) -> None:
    right = "11010519491231002X"
    wrong = right[:at] + put + right[at + 1 :]
    if wrong != right:
        with pytest.raises(BadNumber):
            normalise("resident-id", wrong, TODAY)


@given(st.sampled_from(METHODS), st.text(max_size=80))
def test_anything_is_either_normalised_or_refused(method: str, text: str) -> None:
    try:
        normal = normalise(method, text, TODAY)
    except BadNumber:
        return
    assert normalise(method, normal, TODAY) == normal
