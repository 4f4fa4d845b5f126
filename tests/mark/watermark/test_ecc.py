"""The code corrects what its distance promises and reads through noise."""

from __future__ import annotations

import hashlib
import heapq
from typing import TYPE_CHECKING

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from clearmark.ids import ContentId
from clearmark.mark.watermark import ecc, payload

if TYPE_CHECKING:
    from numpy.typing import NDArray

PROMISED = 15
"""Wrong signs among 336 that a free distance of 32 lets a decoder correct."""

words = st.integers(0, 2**payload.BITS - 1).map(
    lambda word: np.array([word >> place & 1 for place in range(payload.BITS)], np.uint8)
)


@settings(max_examples=60)
@given(words, st.sets(st.integers(0, ecc.CODED - 1), max_size=PROMISED))
def test_any_fifteen_wrong_signs_are_corrected(bits: NDArray[np.uint8], wrong: set[int]) -> None:
    signs = ecc.encode(bits)
    signs[list(wrong)] *= -1
    assert np.array_equal(ecc.decode(signs), bits)


@settings(max_examples=40)
@given(words, st.integers(0, payload.BITS - 1), st.permutations(range(32)))
def test_even_the_worst_fifteen_are_corrected(bits: NDArray[np.uint8], start: int, order: list[int]) -> None:
    # Errors that lead straight to the nearest other codeword, which differs in 32 places.
    nearest = np.nonzero(ecc.encode(np.roll(np.eye(1, payload.BITS, dtype=np.uint8)[0], start)) < 0)[0]
    assert len(nearest) == 32
    signs = ecc.encode(bits)
    signs[nearest[order[:PROMISED]]] *= -1
    assert np.array_equal(ecc.decode(signs), bits)


@settings(max_examples=40)
@given(words, words)
def test_the_code_is_linear_and_goes_round(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> None:
    assert np.array_equal(ecc.encode(one ^ other), ecc.encode(one) * ecc.encode(other))
    assert np.array_equal(ecc.encode(np.roll(one, 1)), np.roll(ecc.encode(one), ecc.RATE))


def test_the_free_distance_is_32() -> None:
    # Dijkstra over the code's states: the lightest way from state 0 through another state back to 0.
    weights = (1 - ecc._branch_signs()).sum(axis=0).astype(int) // 2
    half, reached = ecc._HALF, set()
    queue = [(int(weights[half]), half)]
    while queue:
        weight, state = heapq.heappop(queue)
        if state == 0:
            assert weight == 32
            return
        if state not in reached:
            reached.add(state)
            for newest in (0, 1):
                branch = (state & 1) * 2 * half + newest * half + (state >> 1)
                heapq.heappush(queue, (weight + int(weights[branch]), newest * half | state >> 1))
    raise AssertionError("no way back")


def test_words_are_read_through_noise() -> None:
    random = np.random.default_rng(7)
    amplitude = np.sqrt(250 / ecc.CODED)  # Eb/N0 = 1.7 dB
    read = 0
    for _ in range(100):
        bits = random.integers(0, 2, payload.BITS, np.uint8)
        noisy = amplitude * ecc.encode(bits) + random.standard_normal(ecc.CODED)
        read += np.array_equal(ecc.decode(noisy.astype(np.float32)), bits)
    assert read >= 98


def test_the_codeword_is_the_one_that_pictures_out_there_carry() -> None:
    signs = ecc.encode(payload.pack(ContentId(0x0123456789ABCDEF)))
    assert (
        hashlib.sha256((signs < 0).tobytes()).hexdigest()
        == "80d73353e7ac3171112060e4b4d788d4fc770cc06be3d56d5918a627e0320474"
    )
