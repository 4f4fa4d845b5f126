"""The payload: what goes in comes out, and what was changed does not."""

from __future__ import annotations

import hashlib

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from clearmark.ids import ContentId
from clearmark.mark.watermark import payload

ids = st.builds(ContentId, st.integers(0, 2**64 - 1))


@given(ids)
def test_a_content_id_comes_out_as_it_went_in(content_id: ContentId) -> None:
    bits = payload.pack(content_id)
    assert bits.shape == (payload.BITS,)
    assert set(bits.tolist()) <= {0, 1}
    assert payload.unpack(bits) == content_id


@given(ids, st.sets(st.integers(0, payload.BITS - 1), min_size=1, max_size=3))
def test_up_to_three_changed_bits_are_always_noticed(content_id: ContentId, changed: set[int]) -> None:
    bits = payload.pack(content_id)
    bits[list(changed)] ^= 1
    assert payload.unpack(bits) is None


def test_few_of_all_words_are_payloads() -> None:
    words = np.random.default_rng(1).integers(0, 2, (20_000, payload.BITS), np.uint8)
    assert sum(payload.unpack(word) is not None for word in words) <= 2


def test_the_layout_is_the_one_that_pictures_out_there_carry() -> None:
    bits = payload.pack(ContentId(0x0123456789ABCDEF))
    assert bits[:20].tolist() == [0, 0, 0, 1, *(0, 0, 0, 0, 0, 0, 0, 1), *(0, 0, 1, 0, 0, 0, 1, 1)]
    assert (
        hashlib.sha256(bits.tobytes()).hexdigest() == "c0205ea0a119715735ca405582b85746075b7e5f3ca286ab47fbd68ab3c291d9"
    )
