"""Reading the label back: found where it is, whatever happened on the way; not found where it is not."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest
import skimage.data
from PIL import Image

from clearmark.mark.image import glyphs, label

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Pixels = NDArray[np.uint8]

PHOTOGRAPHS: tuple[str, ...] = (
    "astronaut",
    "chelsea",
    "coffee",
    "rocket",
    "camera",
    "coins",
    "page",
    "text",
    "brick",
    "grass",
    "gravel",
)
PHOTOGRAPHS += ("moon", "clock", "hubble_deep_field", "retina", "immunohistochemistry", "logo", "horse", "colorwheel")


def photograph(name: str, width: int = 0, height: int = 0) -> Pixels:
    pixels = getattr(skimage.data, name)()
    pixels = (pixels * 255).astype(np.uint8) if pixels.dtype == bool else pixels
    image = Image.fromarray(pixels).convert("RGB")
    image.thumbnail((700, 700))
    return np.asarray(image.resize((width, height)) if width else image)


def drawn(pixels: Pixels) -> Pixels:
    marked = label.draw(pixels)
    assert marked is not None
    return marked


def saved(pixels: Pixels, kind: str, quality: int) -> Pixels:
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, kind, quality=quality)
    return np.asarray(Image.open(stream).convert("RGB"))


def scaled(pixels: Pixels, by: float) -> Pixels:
    image = Image.fromarray(pixels)
    return np.asarray(image.resize((round(image.width * by), round(image.height * by)), Image.Resampling.LANCZOS))


def noisy(pixels: Pixels) -> Pixels:
    noise = np.random.default_rng(0).normal(0, 8, pixels.shape)
    return np.clip(pixels + noise, 0, 255).astype(np.uint8)


CHANGES: dict[str, Callable[[Pixels], Pixels]] = {
    "JPEG 30": lambda p: saved(p, "JPEG", 30),
    "WebP 30": lambda p: saved(p, "WEBP", 30),
    "half": lambda p: scaled(p, 0.5),
    "three quarters": lambda p: scaled(p, 0.75),
    "enlarged": lambda p: scaled(p, 2.3),
    "half, then JPEG": lambda p: saved(scaled(p, 0.5), "JPEG", 50),
    "cropped": lambda p: p[p.shape[0] // 4 :, p.shape[1] // 4 :],
    "half cut off": lambda p: p[p.shape[0] // 2 :],
    "trimmed": lambda p: p[5:-5, 5:-5],
    "brighter": lambda p: np.minimum(p * 1.4, 255).astype(np.uint8),
    "noise": noisy,
    "wider": lambda p: np.asarray(Image.fromarray(p).resize((p.shape[1] * 21 // 20, p.shape[0]))),
    "grey": lambda p: np.repeat(p.mean(axis=2, keepdims=True).astype(np.uint8), 3, axis=2),
}


@pytest.mark.parametrize("name", PHOTOGRAPHS)
def test_no_label_is_seen_where_there_is_none(name: str) -> None:
    for by in (1.0, 0.5):
        assert label.find(scaled(photograph(name), by)) is None


@pytest.mark.parametrize("size", [(512, 512), (640, 400)])
@pytest.mark.parametrize("change", CHANGES)
def test_a_label_outlives_what_happens_to_pictures(change: str, size: tuple[int, int]) -> None:
    for name in ("chelsea", "grass", "page"):
        marked = drawn(photograph(name, *size))
        before = label.find(marked, thorough=False)
        found = label.find(CHANGES[change](marked))
        assert found is not None
        assert before is not None
        assert (found.text, found.reasons) == (before.text, ())


def test_the_box_holds_the_wording() -> None:
    marked = drawn(photograph("astronaut", 640, 480))
    found = label.find(marked)
    assert found is not None
    left, top, right, bottom = found.box
    marked[top:bottom, left:right] = 0
    assert label.find(marked) is None


def test_height_and_contrast_are_measured_not_assumed() -> None:
    # A label of another size, pasted in by hand: 60 % grey on black, with an em of 50 pixels.
    pixels = np.zeros((600, 600, 3), np.uint8)
    mask = glyphs.line(50, long=False).mask
    pixels[520 : 520 + mask.shape[0], 400 : 400 + mask.shape[1]] = (mask * (153 / 255)).astype(np.uint8)[..., None]
    found = label.find(pixels)
    assert found is not None
    assert abs(found.glyph_height - 0.897 * 50) <= 1
    linear = ((153 / 255 + 0.055) / 1.055) ** 2.4
    assert found.contrast == pytest.approx((linear + 0.05) / 0.05, rel=0.03)
    assert found.reasons == ()


@pytest.mark.parametrize(("fraction", "valid"), [(0.044, False), (0.056, True)])
def test_r_img_4_a_label_that_is_too_small_does_not_count(fraction: float, valid: bool) -> None:
    pixels = np.full((800, 800, 3), 40, np.uint8)
    mask = glyphs.line(fraction * 800 / 0.897, long=False).mask
    area = pixels[700 : 700 + mask.shape[0], 600 : 600 + mask.shape[1]]
    area[:] = np.maximum(area, mask[..., None])
    found = label.find(pixels)
    assert found is not None
    assert found.required_height == 40
    assert found.reasons == (() if valid else ("too-small",))


@pytest.mark.parametrize(("strength", "valid"), [(0.15, False), (0.3, False), (0.8, True)])
def test_r_img_3_a_faint_label_does_not_count(strength: float, valid: bool) -> None:
    marked = drawn(photograph("chelsea", 512, 512))
    faded = (marked * strength + 40 * (1 - strength)).astype(np.uint8)
    found = label.find(faded)
    assert found is not None
    assert (found.contrast >= 4.5, found.valid) == (valid, valid)
    assert found.reasons == (() if valid else ("too-faint",))


def test_r_img_2_a_label_within_the_picture_does_not_count() -> None:
    framed = np.pad(drawn(photograph("chelsea", 512, 512)), ((200, 200), (200, 200), (0, 0)), constant_values=200)
    found = label.find(framed)
    assert found is not None
    assert "not-at-an-edge" in found.reasons


@pytest.mark.parametrize("piece", range(3))
def test_r_img_1_a_wording_that_lacks_a_glyph_is_none(piece: int) -> None:
    marked = drawn(np.full((512, 512, 3), 60, np.uint8))
    found = label.find(marked)
    assert found is not None
    left, top, _, bottom = found.box
    columns = glyphs.line(32, long=False).pieces[piece]
    marked[top:bottom, left + columns.left : left + columns.right] = marked[top + 1, left + 1]
    assert label.find(marked) is None


def test_a_covered_translation_leaves_the_chinese_wording() -> None:
    marked = drawn(np.full((480, 640, 3), 60, np.uint8))
    found = label.find(marked)
    assert found is not None
    assert found.text == glyphs.LONG
    left, top, right, bottom = found.box
    marked[top:bottom, (left + right) // 2 : right] = marked[top + 1, left + 1]
    covered = label.find(marked)
    assert covered is not None
    assert (covered.text, covered.valid) == (glyphs.SHORT, True)


@pytest.mark.parametrize(("alpha", "reasons"), [(255, ()), (128, ("too-faint",)), (0, None)])
def test_a_label_that_transparency_hides_does_not_count(alpha: int, reasons: tuple[str, ...] | None) -> None:
    marked = drawn(np.dstack([photograph("chelsea", 512, 512), np.full((512, 512), 255, np.uint8)]))
    marked[..., 3] = alpha
    found = label.find(marked)
    assert (found and found.reasons) == reasons


def test_mirrored_or_inverted_it_is_no_label() -> None:
    marked = drawn(photograph("chelsea", 512, 512))
    assert label.find(np.ascontiguousarray(marked[:, ::-1])) is None
    assert label.find(255 - marked) is None


@pytest.mark.parametrize("shape", [(1, 1), (1, 5000), (5000, 1), (14, 36), (15, 37), (2, 3000), (3000, 30)])
def test_pictures_of_any_shape_are_searched(shape: tuple[int, int]) -> None:
    assert label.find(np.zeros((*shape, 3), np.uint8)) is None
    assert label.find(np.random.default_rng(0).integers(0, 256, (*shape, 3), np.uint8)) is None


def test_a_blurred_label_correlates_but_one_in_prose_does_not() -> None:
    marked = drawn(photograph("chelsea", 512, 512))
    found = label.find(np.asarray(cv2.GaussianBlur(marked, (0, 0), 1.0), np.uint8))
    assert found is not None
    assert 0.9 < found.score < 1
    assert label.find(photograph("page")) is None
