"""The mark does not show, goes where it should and nowhere else."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from skimage.metrics import structural_similarity

from clearmark.ids import ContentId
from clearmark.mark.watermark.detect import detect
from clearmark.mark.watermark.embed import SMALLEST, embed
from tests.mark.watermark.photographs import NAMES, compressed, cropped, photograph

if TYPE_CHECKING:
    from numpy.typing import NDArray

KEY, OTHER_KEY = bytes(range(32)), bytes(32)
ID, OTHER_ID = ContentId(0x0123456789ABCDEF), ContentId(0xFEDCBA9876543210)


def psnr(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> float:
    """Return the peak signal-to-noise ratio in dB."""
    error = float(np.mean(np.square(one.astype(np.float64) - other)))
    return 10 * float(np.log10(255**2 / error)) if error else float("inf")


def flat(*colour: int, side: int = 256) -> NDArray[np.uint8]:
    """Return a picture of one colour."""
    return np.full((side, side, 3), colour, np.uint8)


def test_photographs_stay_as_they_look() -> None:
    pairs = [(photograph(name, 512), embed(photograph(name, 512), ID, KEY)) for name in NAMES]
    ratios = [psnr(*pair) for pair in pairs]
    likenesses = [structural_similarity(*pair, channel_axis=2) for pair in pairs]
    assert np.median(ratios) >= 42
    assert np.median(likenesses) >= 0.98
    assert min(ratios) >= 40
    assert min(likenesses) >= 0.97


@pytest.mark.parametrize("colour", [(128, 128, 128), (12, 12, 12), (40, 90, 200), (250, 250, 250)])
def test_flat_areas_move_by_two_grey_levels_at_most(colour: tuple[int, int, int]) -> None:
    picture = flat(*colour)
    change = embed(picture, ID, KEY).astype(int) - picture
    assert np.abs(change).max() <= 2
    assert change.std() < 0.7


def test_an_edge_spreads_no_halo() -> None:
    picture = flat(60, 60, 60)
    picture[:, 128:] = 200
    change = np.abs(embed(picture, ID, KEY).astype(int) - picture)
    assert change[:, :116].max() <= 2
    assert change[:, 140:].max() <= 3


@pytest.mark.parametrize("colour", [(255, 255, 255), (0, 0, 0), (128, 128, 128), (255, 0, 0), (12, 12, 12)])
def test_even_a_flat_picture_carries_it_through_jpeg_90(colour: tuple[int, int, int]) -> None:
    marked = embed(flat(*colour), ID, KEY)
    assert detect(marked, KEY, thorough=False).content_id == ID
    assert detect(compressed("JPEG", 90)(marked), KEY, thorough=False).content_id == ID


def test_strips_join_without_a_seam() -> None:
    # On a flat picture the mark repeats every 128 rows, wherever the strips begin.
    marked = embed(flat(128, 128, 128, side=700), ID, KEY)
    inside = marked[128:-140]
    assert np.array_equal(inside[:-128], inside[128:])


def test_alpha_stays_and_the_source_is_not_written_to() -> None:
    alpha = np.random.default_rng(3).integers(0, 256, (256, 256, 1), np.uint8)
    picture = np.concatenate([photograph("coffee", 256), alpha], axis=2)
    before = picture.copy()
    marked = embed(picture, ID, KEY)
    assert np.array_equal(picture, before)
    assert np.array_equal(marked[..., 3:], alpha)
    assert np.array_equal(marked[..., :3], embed(photograph("coffee", 256), ID, KEY))
    assert detect(marked, KEY, thorough=False).content_id == ID


def test_grey_stays_grey() -> None:
    marked = embed(photograph("camera", 256), ID, KEY)
    assert np.array_equal(marked[..., 0], marked[..., 1])
    assert np.array_equal(marked[..., 0], marked[..., 2])


def test_the_same_picture_id_and_key_give_the_same_bytes_however_they_lie_in_memory() -> None:
    picture = photograph("astronaut", 256)
    marked = embed(picture, ID, KEY)
    assert np.array_equal(marked, embed(picture.copy(), ID, KEY))
    assert np.array_equal(marked, embed(np.asfortranarray(picture), ID, KEY))
    assert np.array_equal(marked, embed(np.flip(np.flip(picture, 1).copy(), 1), ID, KEY))


@pytest.mark.parametrize("name", ["astronaut", "chelsea"])
def test_marking_twice_changes_nothing(name: str) -> None:
    marked = embed(photograph(name, 256), ID, KEY)
    assert np.array_equal(embed(marked, ID, KEY), marked)


@pytest.mark.parametrize("cut", [0.0, 0.2])
@pytest.mark.parametrize("name", ["astronaut", "chelsea"])
def test_another_id_takes_the_place_of_the_first(name: str, cut: float) -> None:
    original = cropped(cut)(photograph(name, 384))
    marked = cropped(cut)(embed(photograph(name, 384), ID, KEY))
    again = embed(compressed("JPEG", 90)(marked), OTHER_ID, KEY)
    assert detect(again, KEY).content_id == OTHER_ID
    assert detect(compressed("JPEG", 70)(again), KEY).content_id == OTHER_ID
    assert psnr(original, embed(marked, OTHER_ID, KEY)) > psnr(original, marked) - 1


def test_marks_of_two_keys_are_both_read() -> None:
    marked = embed(embed(photograph("coffee", 384), ID, KEY), OTHER_ID, OTHER_KEY)
    assert detect(marked, KEY).content_id == ID
    assert detect(marked, OTHER_KEY).content_id == OTHER_ID


def test_strength_is_heard_and_seen() -> None:
    picture = photograph("retina", 512)
    weak, strong = embed(picture, ID, KEY, strength=0.5), embed(picture, ID, KEY, strength=1.5)
    assert psnr(picture, weak) > psnr(picture, strong) + 6
    assert detect(weak, KEY).score < detect(strong, KEY).score


@pytest.mark.parametrize("shape", [(SMALLEST - 1, 400, 3), (400, SMALLEST - 1, 3), (1, 1, 4)])
def test_too_small_a_picture_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="128 pixels"):
        embed(np.zeros(shape, np.uint8), ID, KEY)


@pytest.mark.parametrize(
    "shape", [(200, 200), (200, 200, 1), (200, 200, 2), (200, 200, 5), (0, 200, 3), (1, 200, 200, 3)]
)
def test_what_is_no_picture_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="a picture is"):
        embed(np.zeros(shape, np.uint8), ID, KEY)
    with pytest.raises(ValueError, match="a picture is"):
        detect(np.zeros(shape, np.uint8), KEY)


def test_a_picture_of_floats_a_wrong_key_and_a_strength_that_is_none_are_refused() -> None:
    picture = photograph("coffee", 256)
    with pytest.raises(ValueError, match="a picture is"):
        embed(picture.astype(np.float32), ID, KEY)
    with pytest.raises(ValueError, match="32 bytes"):
        embed(picture, ID, KEY[:-1])
    with pytest.raises(ValueError, match="32 bytes"):
        detect(picture, KEY[:-1])
    for strength in (0.0, -1.0, float("nan")):
        with pytest.raises(ValueError, match="strength"):
            embed(picture, ID, KEY, strength=strength)
