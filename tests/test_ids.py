from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clearmark.ids import ContentId, ContentIdCipher, DecisionId, Position

KEY = bytes(range(32))
positions = st.builds(Position, st.integers(0, 2**8 - 1), st.integers(0, 2**14 - 1), st.integers(0, 2**42 - 1))


@given(positions)
def test_a_content_id_leads_back_to_its_ingress_record(position: Position) -> None:
    cipher = ContentIdCipher(KEY)
    assert cipher.decrypt(cipher.encrypt(position)) == position


@given(st.integers(0, 2**64 - 1))
def test_the_cipher_is_a_permutation_of_all_64_bits(value: int) -> None:
    cipher = ContentIdCipher(KEY)
    assert cipher.encrypt(cipher.decrypt(ContentId(value))) == ContentId(value)


def test_neighbouring_offsets_differ_in_about_half_of_the_bits() -> None:
    cipher = ContentIdCipher(KEY)
    ids = [cipher.encrypt(Position(0, 0, offset)).value for offset in range(2000)]
    flips = [(a ^ b).bit_count() for a, b in pairwise(ids)]
    assert 31 < sum(flips) / len(flips) < 33


def test_another_key_gives_other_ids() -> None:
    position = Position(1, 2, 3)
    assert ContentIdCipher(KEY).encrypt(position) != ContentIdCipher(KEY[::-1]).encrypt(position)


def test_ids_never_change_between_versions() -> None:
    # Golden values: published watermarks must stay readable.
    assert str(ContentIdCipher(KEY).encrypt(Position(0, 0, 0))) == "34e35432b84210f4"
    assert str(ContentIdCipher(KEY).encrypt(Position(255, 16383, 2**42 - 1))) == "4d4a190ce44e607a"
    assert str(DecisionId.of("cluster", "topic", 3, 42)) == "0afae1419497b5f0a7b796043eb6ac84"


@pytest.mark.parametrize(
    "position", [Position(256, 0, 0), Position(0, 2**14, 0), Position(0, 0, 2**42), Position(0, 0, -1)]
)
def test_a_position_that_does_not_fit_is_refused(position: Position) -> None:
    with pytest.raises(ValueError, match="does not fit"):
        ContentIdCipher(KEY).encrypt(position)


@pytest.mark.parametrize("length", [0, 15, 65])
def test_a_key_of_the_wrong_length_is_refused(length: int) -> None:
    with pytest.raises(ValueError, match="16 to 64"):
        ContentIdCipher(bytes(length))


@given(st.integers(0, 2**64 - 1))
def test_content_ids_are_written_as_16_hex_digits(value: int) -> None:
    text = str(ContentId(value))
    assert len(text) == 16
    assert ContentId.parse(text) == ContentId(value)


@pytest.mark.parametrize("text", ["", "0" * 15, "0" * 17, "g" * 16, "+" + "0" * 15, "0_" * 8, "A" * 16])
def test_other_text_is_no_content_id(text: str) -> None:
    with pytest.raises(ValueError):
        ContentId.parse(text)


def test_a_recreated_topic_repeats_offsets_not_decision_ids() -> None:
    assert DecisionId.of("c", "topic-1", 0, 0) != DecisionId.of("c", "topic-2", 0, 0)


@pytest.mark.parametrize("value", ["", "x" * 32, "A" * 32, "0" * 31])
def test_other_text_is_no_decision_id(value: str) -> None:
    with pytest.raises(ValueError, match="32 hex digits"):
        DecisionId(value)
