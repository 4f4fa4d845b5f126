"""PDQ: the reference's hashes, bit by bit, and what a match survives."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clearmark.screen.pdq import WORTHY, Pdq, PdqIndex, distance, pdq

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

hashes = st.integers(0, (1 << 256) - 1).map(Pdq)

# (height, width, seed) of a generated picture, hash and quality: computed by the reference library pdqhash 0.2.8.
# No frequency of these pictures is close enough to the median for rounding to matter.
GOLDEN = [
    ((512, 512, 10), "949ab6664e713d987f81c473c787387838783b84807fc277b18e69996b65498d", 100),
    ((384, 512, 12), "9782b692ce673d887f204c79c7833bc4387cb386809fc2773988696d6a75c58b", 100),
    ((512, 288, 6), "94dab12e0ed019cc1e3099cef09f0e310f21e63be18fe633f1274ed16b25e12f", 100),
    ((300, 201, 9), "6b65398cb18eb662c18fc7236c797c78938638dc3e70499d4e71c67394da12d4", 100),
    ((129, 128, 7), "0925698d952ac723e18fcb254f21b0deb0de3cd81e5038dc6ad59472f6db92d6", 100),
    ((97, 113, 9), "6b2509cc99cc9732f0cfe3e36c39663993c6189c0e304ccd6f31e63396da9a96", 100),
    ((64, 64, 12), "b4ca90dee33715c80fe06e39c7c307c31c3c13c0f09fe2379ccc692d4a35e5cb", 100),
    ((48, 40, 12), "d4ca9c1e233714ca0fc03e39c7c307c3383c8fc0f0cfe237cccc783d2b7545cb", 100),
    ((5, 7, 5), "9722c4db68dd3b20303edc73912e2b8c4ed1c0df9722c4db68dd3f20b12ed473", 100),
    ((640, 360, 9), "6b2519cc91ceb722c1cfe7237c7938dc838618dc3e3068cd6e31e63394da9ad4", 100),
]
# As above: pictures of faint contrast, (height, width, seed, divisor), whose quality is not at its upper limit.
FAINT = [
    ((512, 512, 10, 2), 83),
    ((300, 201, 9, 3), 52),
    ((640, 360, 9, 4), 37),
    ((97, 113, 9, 6), 26),
    ((512, 512, 10, 12), 8),
]


def blocks(height: int, width: int, seed: int) -> NDArray[np.uint8]:
    """Draw 9 x 7 coloured fields under a slope, in whole numbers only: the same picture on each machine."""
    rows, columns = np.mgrid[:height, :width]
    i, j = (rows * 9 // height)[..., None], (columns * 7 // width)[..., None]
    field = (i * 73 + j * 151 + i * j * 29 + seed * 97 + np.arange(3) * 41) % 211
    slope = (rows * 3 + columns * (seed % 5))[..., None] * 44 // (3 * height + 5 * width)
    return np.asarray(field + slope, np.uint8)


@pytest.mark.parametrize(("case", "text", "quality"), GOLDEN)
def test_hash_and_quality_are_the_reference_s(case: tuple[int, int, int], text: str, quality: int) -> None:
    assert pdq(blocks(*case)) == (Pdq.parse(text), quality)


@pytest.mark.parametrize(("case", "quality"), FAINT)
def test_quality_of_faint_pictures_is_the_reference_s(case: tuple[int, int, int, int], quality: int) -> None:
    assert pdq(blocks(*case[:3]) // np.uint8(case[3]))[1] == quality


def jpeg(pixels: NDArray[np.uint8], quality: int) -> NDArray[np.uint8]:
    _, data = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)


def half(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.asarray(cv2.resize(pixels, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA), np.uint8)


def darker(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return (pixels * 0.7).astype(np.uint8)


@pytest.mark.parametrize(
    "change",
    [partial(jpeg, quality=60), partial(jpeg, quality=30), half, darker],
    ids=["jpeg60", "jpeg30", "half", "dark"],
)
def test_a_changed_copy_is_found_and_another_picture_is_not(
    change: Callable[[NDArray[np.uint8]], NDArray[np.uint8]],
) -> None:
    known = PdqIndex((pdq(blocks(512, 384, seed))[0], 31, seed) for seed in (1, 2, 3))
    assert known.find(*pdq(change(blocks(512, 384, 2)))) == [2]
    assert known.find(*pdq(change(blocks(512, 384, 7)))) == []


def test_a_mirrored_copy_is_another_picture() -> None:
    picture = blocks(300, 300, 4)
    assert distance(pdq(picture)[0], pdq(picture[:, ::-1])[0]) > 60


def test_a_flat_picture_matches_nothing_not_even_itself() -> None:
    found, quality = pdq(np.full((200, 200, 3), 90, np.uint8))
    assert quality == 0
    assert PdqIndex([(found, 256, "flat")]).find(found, quality) == []
    assert PdqIndex([(found, 256, "flat")]).find(found, WORTHY) == ["flat"]


@pytest.mark.parametrize("shape", [(1, 1, 3), (4, 500, 3), (500, 4, 4)])
def test_a_sliver_has_no_quality(shape: tuple[int, ...]) -> None:
    assert pdq(np.zeros(shape, np.uint8)) == (Pdq(0), 0)


def test_transparency_is_seen_over_white() -> None:
    picture = blocks(200, 150, 3)
    opaque = np.dstack([picture, np.full((200, 150), 255, np.uint8)])
    assert pdq(opaque) == pdq(picture)
    opaque[:, :75, 3] = 0
    picture[:, :75] = 255
    assert pdq(opaque) == pdq(picture)


@given(hashes)
def test_hex_digits_and_back(value: Pdq) -> None:
    assert len(str(value)) == 64
    assert Pdq.parse(str(value)) == value


@pytest.mark.parametrize("text", ["", "0" * 63, "0" * 65, "G" * 64, "A" * 64, "0" * 64 + "\n"])
def test_other_texts_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="64 hex digits"):
        Pdq.parse(text)


@pytest.mark.parametrize("value", [-1, 1 << 256])
def test_other_numbers_are_refused(value: int) -> None:
    with pytest.raises(ValueError, match="256 bits"):
        Pdq(value)


@given(st.lists(st.tuples(hashes, st.integers(0, 256)), max_size=20), hashes)
def test_find_agrees_with_counting_bits_one_by_one(known: list[tuple[Pdq, int]], wanted: Pdq) -> None:
    index = PdqIndex((value, within, number) for number, (value, within) in enumerate(known))
    expected = [(distance(value, wanted), n) for n, (value, within) in enumerate(known)]
    assert index.find(wanted, 100) == [n for bits, n in sorted(expected) if bits <= known[n][1]]
    assert len(index) == len(known)


def test_each_entry_s_own_distance_counts_up_to_the_bit() -> None:
    wanted = Pdq.parse("0123456789abcdef" * 4)
    flipped = Pdq(wanted.value ^ 0b111 ^ 1 << 255)  # 4 bits, in the first and in the last word
    assert PdqIndex([(flipped, 3, "three"), (flipped, 4, "four"), (wanted, 0, "none")]).find(wanted, WORTHY) == [
        "none",
        "four",
    ]
    assert PdqIndex([(flipped, 4, "four")]).find(wanted, WORTHY - 1) == []
