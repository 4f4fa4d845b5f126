"""The mark is read after what happens to pictures on their way, and never where there is none."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import skimage.data
from PIL import Image

from clearmark.ids import ContentId
from clearmark.mark.watermark.chance import ACCEPTED
from clearmark.mark.watermark.detect import detect
from clearmark.mark.watermark.embed import embed
from clearmark.mark.watermark.orient import ORIENTATIONS
from tests.mark.watermark.photographs import (
    NAMES,
    blurred,
    brighter,
    compressed,
    cropped,
    in_turn,
    noisy,
    photograph,
    scaled,
    tilted,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from clearmark.mark.watermark.detect import Detection
    from clearmark.mark.watermark.orient import Orientation

    Attack = Callable[[NDArray[np.uint8]], NDArray[np.uint8]]

KEY, OTHER_KEY = bytes(range(32)), bytes(32)
ID = ContentId(0x0123456789ABCDEF)
SOME = ("astronaut", "coffee", "chelsea")

IN_PLACE: dict[str, Attack] = {
    "nothing": lambda pixels: pixels,
    "jpeg 90": compressed("JPEG", 90),
    "jpeg 70": compressed("JPEG", 70),
    "jpeg 50": compressed("JPEG", 50),
    "jpeg 30": compressed("JPEG", 30),
    "webp 75": compressed("WEBP", 75),
    "noise": noisy(8),
    "brighter": brighter(1.2),
    "darker": brighter(0.8),
    "blur": blurred(1.2),
    "crop 10 %": cropped(0.1),
    "crop 25 %": cropped(0.25),
    "half the size and back": in_turn(scaled(0.5), scaled(2.0)),
    "crop and jpeg": in_turn(cropped(0.25), compressed("JPEG", 50)),
}
SCALED: dict[str, tuple[float, Attack]] = {
    **{f"x {factor}": (factor, scaled(factor)) for factor in (0.5, 0.67, 0.9, 1.2, 1.5, 2.0)},
    "half and jpeg": (0.5, in_turn(scaled(0.5), compressed("JPEG", 80))),
    "crop, scale, jpeg": (0.8, in_turn(cropped(0.25), scaled(0.8), compressed("JPEG", 75))),
    "crop, enlarge, jpeg": (1.3, in_turn(cropped(0.1), scaled(1.3), compressed("JPEG", 50))),
    "tilt": (1.0, tilted(2)),
    "tilt back": (1.0, tilted(-1.5)),
    "tilt, scale, jpeg": (0.8, in_turn(tilted(1), scaled(0.8), compressed("JPEG", 75))),
}


def marked(name: str, side: int = 512) -> NDArray[np.uint8]:
    return embed(photograph(name, side), ID, KEY)


def read(found: Detection) -> bool:
    return found.content_id == ID and found.false_alarm is not None and found.false_alarm <= ACCEPTED


@pytest.mark.parametrize("attack", IN_PLACE)
def test_it_is_read_quickly_where_the_picture_keeps_its_size(attack: str) -> None:
    found = [detect(IN_PLACE[attack](marked(name)), KEY, thorough=False) for name in NAMES]
    assert [name for name, each in zip(NAMES, found, strict=True) if not read(each)] == []
    assert {(each.scale, each.orientation) for each in found} == {(1.0, "upright")}


@pytest.mark.parametrize("attack", SCALED)
def test_it_is_read_from_scaled_and_tilted_pictures_and_the_scale_is_told(attack: str) -> None:
    scale, change = SCALED[attack]
    for name in SOME:
        found = detect(change(marked(name)), KEY)
        assert read(found), name
        assert found.scale == pytest.approx(scale, rel=0.005)


@pytest.mark.parametrize("orientation", ORIENTATIONS)
@pytest.mark.parametrize("then", [scaled(1.0), in_turn(scaled(0.75), compressed("JPEG", 80))])
def test_it_is_read_in_all_eight_orientations_and_the_orientation_is_told(
    orientation: Orientation, then: Attack
) -> None:
    pixels = marked("astronaut")[:400]
    if orientation.startswith("mirrored"):
        pixels = pixels[:, ::-1]
    quarters = {"turned-90": 1, "turned-180": 2, "turned-270": 3}.get(orientation.removeprefix("mirrored-"), 0)
    found = detect(then(np.ascontiguousarray(np.rot90(pixels, quarters))), KEY)
    assert read(found)
    assert found.orientation == orientation


@pytest.mark.parametrize("shape", [(128, 128), (129, 157), (128, 640), (331, 133), (200, 200)])
def test_small_and_odd_sizes_carry_it(shape: tuple[int, int]) -> None:
    for name in NAMES:
        picture = photograph(name, 640)[160 : 160 + shape[0], : shape[1]]
        found = embed(picture, ID, KEY)
        assert read(detect(found, KEY, thorough=False)), name
        assert read(detect(compressed("JPEG", 90)(found), KEY, thorough=False)), name


def test_a_large_picture_is_read_whole_cut_out_and_at_half_size() -> None:
    picture = np.tile(photograph("astronaut", 1024), (2, 3, 1))[:, :2600]
    large = embed(picture, ID, KEY)
    for change in (compressed("JPEG", 75), lambda pixels: pixels[30:700, 41:900], scaled(0.5)):
        assert read(detect(change(large), KEY))


def test_it_is_found_beside_a_middle_that_was_painted_over() -> None:
    large = embed(np.tile(photograph("coffee", 1024), (2, 2, 1)), ID, KEY)
    large[500:1550, 500:1550] = np.random.default_rng(4).integers(0, 256, (1050, 1050, 3), np.uint8)
    assert detect(large, KEY, thorough=False).content_id is None
    assert read(detect(large, KEY))


@pytest.mark.parametrize("name", [*NAMES, "grass", "moon", "page"])
def test_there_is_none_in_an_unmarked_picture(name: str) -> None:
    for key in (KEY, OTHER_KEY):
        found = detect(photograph(name, 256), key)
        assert found.content_id is None
        assert found.false_alarm is None
        assert found.score < 7


def test_there_is_none_for_another_key() -> None:
    for name in NAMES:
        picture = marked(name, 256)
        assert all(detect(picture, bytes([number] * 32), thorough=False).content_id is None for number in range(40))
        assert detect(picture, OTHER_KEY).content_id is None


def test_a_mark_that_cannot_be_read_is_told_as_none_rather_than_as_another() -> None:
    picture = marked("chelsea", 256)
    for deviation in range(20, 100, 4):
        assert detect(noisy(deviation)(picture), KEY, thorough=False).content_id in {None, ID}


@pytest.mark.parametrize(
    "shape", [(1, 1, 3), (1, 4000, 3), (4000, 1, 4), (47, 300, 3), (48, 48, 3), (48, 3000, 4), (9000, 49, 3)]
)
def test_hostile_shapes_are_looked_at_without_a_find(shape: tuple[int, ...]) -> None:
    random = np.random.default_rng(5)
    for pixels in (np.zeros(shape, np.uint8), random.integers(0, 256, shape, np.uint8)):
        assert detect(pixels, KEY).content_id is None


def test_stripes_and_checks_do_not_look_like_a_mark() -> None:
    rows, columns = np.indices((384, 384))
    for pattern in (rows // 8 % 2, (rows // 16 + columns // 16) % 2, (rows % 128) * 2 // 3, (rows * columns) % 251):
        pixels = np.repeat((pattern * (255 // pattern.max())).astype(np.uint8)[..., None], 3, axis=2)
        assert detect(pixels, KEY).content_id is None


def test_a_picture_marked_by_the_first_version_is_read() -> None:
    # Kept as a file: whatever is changed in pattern, code or reading, marks out there must stay readable.
    pixels = np.array(Image.open(Path(__file__).with_name("marked.png")).convert("RGB"))
    assert read(detect(pixels, KEY, thorough=False))
    assert read(detect(np.rot90(pixels).copy(), KEY))


def test_the_photographs_are_there() -> None:
    assert all(getattr(skimage.data, name)().size for name in NAMES)
