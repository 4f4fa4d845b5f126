"""The visible label: what GB 45438-2025 asks of it, measured on the pixels by other means than the product's own."""

from __future__ import annotations

import io
import math
from typing import TYPE_CHECKING

import numpy as np
import pytest
import skimage.data
from fontTools.ttLib import TTFont
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from clearmark.mark.image import glyphs, label, layout

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Pixels = NDArray[np.uint8]

SIZES = ((64, 64), (96, 64), (256, 256), (512, 512), (300, 200), (640, 480), (100, 700), (700, 60), (1600, 900))
UNDER = ("black", "white", "grey", "noise", "photograph")


def sample(name: str) -> Pixels:
    pixels: Pixels = getattr(skimage.data, name)()
    return pixels


def picture(kind: str, width: int, height: int) -> Pixels:
    if kind == "noise":
        return np.random.default_rng(width).integers(0, 256, (height, width, 3), np.uint8)
    if kind == "photograph":
        return np.asarray(Image.fromarray(sample("coffee")).resize((width, height)))
    return np.full((height, width, 3), {"black": 0, "white": 255, "grey": 119}[kind], np.uint8)


def drawn(pixels: Pixels) -> Pixels:
    marked = label.draw(pixels)
    assert marked is not None
    return marked


def box_of_change(before: Pixels, after: Pixels) -> tuple[int, int, int, int]:
    rows = np.flatnonzero((before != after).any(axis=(1, 2)))
    columns = np.flatnonzero((before != after).any(axis=(0, 2)))
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def glyph_heights(pixels: Pixels) -> list[int]:
    """Rows of each run of columns with ink: of each glyph, where glyphs stand apart."""
    ink = pixels[..., 1] > 150
    runs = np.flatnonzero(np.diff(np.concatenate(([False], ink.any(axis=0), [False])).astype(int)))
    rows = [np.flatnonzero(ink[:, a:b].any(axis=1)) for a, b in zip(runs[::2], runs[1::2], strict=True)]
    return [int(r[-1] - r[0] + 1) for r in rows]


@pytest.mark.parametrize(("width", "height"), [(256, 256), (400, 400), (512, 512), (1024, 1024), (2000, 2000)])
def test_r_img_4_each_glyph_of_the_wording_is_5_percent_of_the_shortest_side_high(width: int, height: int) -> None:
    heights = glyph_heights(drawn(picture("black", width, height)))
    assert len(heights) == 4  # A, I, 生, 成
    assert min(heights) >= math.ceil(0.05 * min(width, height))


@settings(max_examples=60)
@given(st.integers(1, 900), st.integers(1, 900))
def test_any_size_gets_a_label_that_counts_or_none(width: int, height: int) -> None:
    marked = label.draw(picture("grey", width, height))
    if marked is None:
        assert width < 37 or height < 15
        return
    found = label.find(marked, thorough=False)
    assert found is not None
    assert found.valid
    assert found.glyph_height >= math.ceil(0.05 * min(width, height))


@pytest.mark.parametrize(("width", "height"), [(5, 5), (1, 20_000), (20_000, 1), (20, 3000), (36, 400), (400, 14)])
def test_where_no_label_can_be_read_there_is_none(width: int, height: int) -> None:
    assert label.draw(picture("grey", width, height)) is None


def test_a_thin_strip_gets_one_as_long_as_it_can_be_read() -> None:
    for width, height in ((3000, 20), (40, 3000), (37, 15)):
        assert label.find(drawn(picture("grey", width, height)), thorough=False) is not None


@pytest.mark.parametrize(("width", "height"), SIZES)
@pytest.mark.parametrize("kind", UNDER)
def test_r_img_1_to_4_whatever_lies_behind(kind: str, width: int, height: int) -> None:
    before = picture(kind, width, height)
    found = label.find(drawn(before), thorough=False)
    assert found is not None
    assert found.reasons == ()
    assert "AI" in found.text  # R-IMG-1: an AI element
    assert "生成" in found.text  # and a generation element
    assert found.glyph_height >= found.required_height == math.ceil(0.05 * min(width, height))
    assert found.contrast >= 6


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_r_img_2_it_stands_in_a_corner_with_a_margin_and_changes_nothing_else(width: int, height: int) -> None:
    before = picture("grey", width, height)
    left, top, right, bottom = box_of_change(before, drawn(before))
    plan = layout.plan(width, height)
    assert plan is not None
    assert (width - right, height - bottom) == (plan.margin, plan.margin)
    assert (right - left, bottom - top) == (plan.width, plan.height)
    assert right - left <= 0.9 * width


def test_the_long_wording_is_taken_where_there_is_room() -> None:
    texts = {}
    for width, height in ((64, 64), (512, 512), (640, 480), (1600, 900), (900, 1600)):
        found = label.find(drawn(picture("grey", width, height)))
        texts[width, height] = found.text if found else ""
    assert texts == {
        (64, 64): glyphs.SHORT,
        (512, 512): glyphs.SHORT,
        (640, 480): glyphs.LONG,
        (1600, 900): glyphs.LONG,
        (900, 1600): glyphs.SHORT,
    }


@pytest.mark.parametrize("calm", layout.CORNERS)
def test_the_calmest_corner_is_taken(calm: layout.Corner) -> None:
    before = picture("noise", 512, 512)
    y, x = (0 if calm.startswith("top") else 256), (0 if calm.endswith("left") else 256)
    before[y : y + 256, x : x + 256] = 60
    left, top, right, bottom = box_of_change(before, drawn(before))
    assert x <= left < right <= x + 256
    assert y <= top < bottom <= y + 256


def test_a_picture_and_its_enlargement_get_it_in_the_same_corner() -> None:
    small = np.asarray(Image.fromarray(sample("rocket")).resize((600, 400)))
    large = np.asarray(Image.fromarray(small).resize((2400, 1600), Image.Resampling.BICUBIC))
    places = [box_of_change(p, drawn(p))[1] / p.shape[0] for p in (small, large)]
    assert abs(places[0] - places[1]) < 0.02


@pytest.mark.parametrize("kind", UNDER)
def test_drawing_twice_changes_nothing_even_after_encoding(kind: str) -> None:
    once = drawn(picture(kind, 512, 384))
    assert np.array_equal(drawn(once), once)
    stream = io.BytesIO()
    Image.fromarray(once).save(stream, "JPEG", quality=70)
    again = np.asarray(Image.open(stream))
    assert np.array_equal(drawn(again), again)


def test_the_input_stays_and_the_same_input_gives_the_same_picture() -> None:
    before = picture("photograph", 300, 200)
    copy = before.copy()
    first, second = drawn(before), drawn(before)
    assert np.array_equal(before, copy)
    assert np.array_equal(first, second)


def test_a_grey_picture_stays_grey() -> None:
    grey = np.repeat(sample("camera")[..., None], 3, axis=2)
    marked = drawn(grey)
    assert (marked == marked[..., :1]).all()


def test_on_transparency_the_label_is_opaque_and_the_rest_stays_transparent() -> None:
    before = np.zeros((256, 256, 4), np.uint8)
    marked = drawn(before)
    left, top, right, bottom = box_of_change(before, marked)
    inner = marked[(top + bottom) // 2, left + 4 : right - 4, 3]
    assert (inner == 255).all()
    assert not marked[: top - 1].any()
    found = label.find(marked)
    assert found is not None
    assert found.valid


def test_the_font_has_the_glyphs_and_its_licence_beside_it() -> None:
    shown = TTFont(glyphs.FONT).getBestCmap()
    assert {ord(c) for c in glyphs.LONG + "人工智能合成内容"} <= set(shown)
    licence = glyphs.FONT.with_suffix(".OFL.txt").read_text("utf-8")
    assert "SIL OPEN FONT LICENSE Version 1.1" in licence
    assert "Adobe" in licence
    assert glyphs.FONT.stat().st_size < 40_000


@pytest.mark.parametrize("size", [11, 11.5, 16, 32, 47.3, 64, 90, 300, 1100])
@pytest.mark.parametrize("long", [True, False])
def test_the_pieces_are_where_the_ink_is_at_any_size(size: float, long: bool) -> None:
    line = glyphs.line(size, long=long)
    assert line.mask.shape == (glyphs.height(size), glyphs.width(size, long=long))
    assert [piece.text for piece in line.pieces] == ["AI", "生", "成", "·", "AI-generated"][: 5 if long else 3]
    outside = np.ones(line.mask.shape[1], bool)
    for piece in line.pieces:
        slack = 1 + round(size / 300)
        outside[max(0, piece.left - slack) : piece.right + slack] = False
        ink = np.flatnonzero(line.mask[:, piece.left : piece.right].max(axis=0) > 127)
        assert ink[0] <= 1 + size / 100
        assert ink[-1] >= piece.right - piece.left - 2 - size / 100
    assert not line.mask[:, outside].any()
