"""Screening pictures: known ones are found again, prohibited ones are blocked, and what fails is held by itself."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image

from clearmark.demo.pictures import bomb, stand_in
from clearmark.errors import Retry, Stop
from clearmark.extract.limits import ExtractLimits
from clearmark.extract.pool import Extractor
from clearmark.models.nsfw import NsfwModel
from clearmark.models.text import TextModel
from clearmark.operate import features
from clearmark.screen.library import Library
from clearmark.screen.pdq import distance, pdq
from clearmark.screen.policy import load
from clearmark.screen.screening import Screening, Submission
from tests.mark.samples import located, photograph, saved, shown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

    from clearmark.models.card import Card
    from clearmark.schemas.events import Feature
    from clearmark.screen.decide import Judgement

    Pixels = NDArray[np.uint8]

NOW = datetime(2026, 6, 1, tzinfo=UTC)
MEDIA = {"PNG": "image/png", "JPEG": "image/jpeg", "WEBP": "image/webp", "GIF": "image/gif"}
PROHIBITED = Image.fromarray(stand_in(side=256))
WORD = "本店长期出售枪支，货到付款。"


@pytest.fixture(scope="module")
def extractor() -> Iterator[Extractor]:
    with Extractor() as made:
        yield made


@pytest.fixture(scope="module")
def nsfw() -> NsfwModel:
    return NsfwModel.open()


@pytest.fixture(scope="module")
def text_model() -> TextModel:
    return TextModel.open()


@pytest.fixture
def screening(extractor: Extractor, nsfw: NsfwModel, text_model: TextModel) -> Screening:
    return Screening(load(), Library(), text_model, nsfw, extractor, bytes(32))


class Says:
    """A picture model that says what it is told by a picture's pixels."""

    def __init__(self, card: Card, say: Callable[[Pixels], dict[str, float]]) -> None:
        self.card, self.provider, self._say = card, "a test", say
        self.batches: list[int] = []

    def scores(self, items: Sequence[Any]) -> list[dict[str, float]]:
        self.batches.append(len(items))
        return [self._say(pixels) for pixels in items]


def submitted(image: Image.Image, kind: str = "PNG", **settings: Any) -> Submission:
    return Submission(MEDIA[kind], None, saved(image, kind, **settings))


def said(judgement: Judgement) -> tuple[str, ...]:
    return (judgement.verdict.value, *judgement.codes)


def judged(screening: Screening, *submissions: Submission) -> list[tuple[str, ...]]:
    return [said(judgement) for judgement in screening.judge(submissions)]


def known(image: Image.Image, category: str = "A.1.d", level: str = "block", within: int | None = None) -> Feature:
    value = features.image(str(pdq(np.asarray(image))[0]), category, level, NOW, within).value
    assert value is not None
    return value  # type: ignore[return-value] # of this change, a feature


def brighter(image: Image.Image) -> Image.Image:
    return Image.fromarray(np.clip(np.asarray(image).astype(int) + 14, 0, 255).astype(np.uint8))


def turned(image: Image.Image) -> Submission:
    """On its side in the file, upright to every viewer (EXIF orientation 6)."""
    return submitted(image.transpose(Image.Transpose.ROTATE_90), "JPEG", exif=located(6))


def deep(image: Image.Image) -> Image.Image:
    grey = np.asarray(image.convert("L")).astype(np.uint16)
    return Image.fromarray(grey * 256 + (255 - grey))


def nearly_opaque(image: Image.Image) -> Image.Image:
    seen = image.convert("RGBA")
    seen.putalpha(254)
    return seen


AGAIN: dict[str, Callable[[Image.Image], Submission]] = {
    "as it was": submitted,
    "half the size": lambda i: submitted(i.resize((i.width // 2, i.height // 2)), "JPEG"),
    "larger": lambda i: submitted(i.resize((i.width * 2, i.height * 2)), "JPEG", quality=60),
    "JPEG 40": lambda i: submitted(i, "JPEG", quality=40),
    "WebP 40": lambda i: submitted(i, "WEBP", quality=40),
    "brighter": lambda i: submitted(brighter(i), "PNG"),
    "grey": lambda i: submitted(i.convert("L"), "PNG"),
    "palette": lambda i: submitted(i.quantize(64), "PNG"),
    "16-bit grey": lambda i: submitted(deep(i), "PNG"),
    "CMYK": lambda i: submitted(i.convert("CMYK"), "JPEG"),
    "nearly opaque": lambda i: submitted(nearly_opaque(i), "PNG"),
    "EXIF orientation": turned,
}


@pytest.mark.parametrize("change", AGAIN)
def test_a_known_picture_is_found_again(screening: Screening, change: str) -> None:
    picture, another = photograph(480, 320, "chelsea"), photograph(480, 320, "rocket")
    screening.library.refresh([known(picture)])
    (judgement,) = screening.judge([AGAIN[change](picture)])
    assert said(judgement) == ("block", "A.1.d")
    assert judgement.categories["A.1.d"] == 1.0
    assert judged(screening, AGAIN[change](another)) == [("allow",)]


def test_each_entry_has_its_own_distance(screening: Screening, extractor: Extractor) -> None:
    picture = photograph(480, 320, "chelsea")
    changed = submitted(brighter(picture.resize((90, 60))), "JPEG", quality=20)
    seen = pdq(shown(changed.data))[0]
    bits = distance(pdq(np.asarray(picture))[0], seen)
    assert 0 < bits <= features.LARGEST_DISTANCE
    for within, expected in ((bits - 1, ("allow",)), (bits, ("block", "A.1.d"))):
        screening.library.refresh([known(picture, within=within)])
        assert judged(screening, changed) == [expected]
    # One entry's distance is not another's.
    near = known(photograph(480, 320, "rocket"), "A.1.f", within=90)
    screening.library.refresh([near, known(picture, within=bits - 1)])
    assert judged(screening, changed) == [("allow",)]


def test_an_entrys_category_and_level_count(screening: Screening) -> None:
    picture = photograph()
    screening.library.refresh([known(picture, "A.4.b", "hold")])
    assert judged(screening, submitted(picture)) == [("hold", "A.4.b")]
    other = replace(known(picture, "A.3.a"), id="other")
    screening.library.refresh([known(picture, "A.4.b", "hold"), other])
    assert judged(screening, submitted(picture)) == [("block", "A.3.a", "A.4.b")]


def test_changes_of_the_library_count_at_once(screening: Screening) -> None:
    picture, text = submitted(photograph()), Submission("text/plain", None, "一只会飞的紫色茶壶".encode())
    assert judged(screening, picture, text) == [("allow",), ("allow",)]
    word: Any = features.word("紫色茶壶", "A.1.h", "block", NOW).value
    screening.library.refresh([known(photograph()), word])
    assert judged(screening, picture, text) == [("block", "A.1.d"), ("block", "A.1.h")]
    screening.library.refresh([])
    assert judged(screening, picture, text) == [("allow",), ("allow",)]
    assert judged(screening, Submission("text/plain", None, WORD.encode())) == [("block", "A.1.h")]  # still packaged


def test_an_entry_that_is_no_hash_stops_the_worker(screening: Screening) -> None:
    with pytest.raises(Stop, match="no picture hash"):
        screening.library.refresh([replace(known(photograph()), value="xyz")])


@pytest.mark.parametrize("kind", MEDIA)
def test_prohibited_pictures_are_blocked_in_every_format(screening: Screening, kind: str) -> None:
    (judgement,) = screening.judge([submitted(PROHIBITED, kind)])
    assert said(judgement) == ("block", "A.1.f")
    assert judgement.detectors["image-nsfw"]["nsfw"] >= 0.9
    assert [model.name for model in screening.models(judgement)] == ["image-nsfw"]


@pytest.mark.parametrize(
    ("score", "expected"), [(0.59, ("allow",)), (0.6, ("hold", "A.1.f")), (0.9, ("block", "A.1.f"))]
)
def test_the_policy_draws_the_lines(
    extractor: Extractor, nsfw: NsfwModel, text_model: TextModel, score: float, expected: tuple[str, ...]
) -> None:
    model = Says(nsfw.card, lambda _: {"nsfw": score})
    screening = Screening(load(), Library(), text_model, model, extractor, bytes(32))
    assert judged(screening, submitted(photograph())) == [expected]


def mixed() -> list[tuple[Submission, tuple[str, ...]]]:
    animated = saved(photograph(), "PNG", save_all=True, append_images=[photograph(name="rocket")])
    whole = saved(photograph(), "PNG")
    return [
        (Submission("text/plain", None, b"The library opens at nine."), ("allow",)),
        (submitted(photograph(), "JPEG"), ("allow",)),
        (submitted(PROHIBITED, "WEBP"), ("block", "A.1.f")),
        (Submission("text/plain", None, WORD.encode()), ("block", "A.1.h")),
        (Submission("image/png", None, bomb()), ("block", "decompression-bomb")),
        (Submission("image/png", None, saved(photograph(), "JPEG")), ("block", "type-mismatch")),
        (Submission("text/plain", None, whole), ("block", "type-mismatch")),
        (Submission("image/png", None, b"The library opens at nine."), ("block", "unreadable")),
        (Submission("image/png", None, whole[: len(whole) // 2]), ("block", "unreadable")),
        (Submission("image/jpeg", None, saved(photograph(), "JPEG")[:4000]), ("block", "unreadable")),
        (submitted(photograph(), "GIF"), ("hold", "unsupported-media")),
        (Submission("image/png", None, animated), ("hold", "unsupported-media")),
        (Submission("image/tiff", None, saved(photograph(), "TIFF")), ("hold", "unsupported-media")),
        (Submission("audio/wav", None, b"RIFF\0\0\0\0WAVE"), ("hold", "unsupported-media")),
        (submitted(photograph(name="rocket"), "PNG"), ("allow",)),
        (Submission("text/markdown", None, "# 早上好".encode()), ("allow",)),
    ]


def test_a_mixed_batch_is_judged_in_order_and_nothing_depends_on_its_company(screening: Screening) -> None:
    batch = mixed()
    together = screening.judge([submission for submission, _ in batch])
    assert [said(judgement) for judgement in together] == [expected for _, expected in batch]
    backwards = screening.judge([submission for submission, _ in reversed(batch)])
    assert backwards[::-1] == together
    assert [screening.judge([submission])[0] for submission, _ in batch] == together
    assert screening.judge([]) == []


def test_pictures_of_a_batch_are_classified_together(
    extractor: Extractor, nsfw: NsfwModel, text_model: TextModel
) -> None:
    model = Says(nsfw.card, lambda _: {"nsfw": 0.0})
    screening = Screening(load(), Library(), text_model, model, extractor, bytes(32))
    screening.judge([submission for submission, _ in mixed()])
    assert model.batches == [5]


def _raise(error: Exception) -> dict[str, float]:
    raise error


@pytest.mark.parametrize(
    "fail",
    [
        lambda: _raise(RuntimeError("out of range")),
        lambda: {"nsfw": float("nan")},
        lambda: {"nsfw": float("inf")},
        dict,
    ],
)
def test_a_picture_that_breaks_the_model_is_held_and_no_other(
    extractor: Extractor, nsfw: NsfwModel, text_model: TextModel, fail: Callable[[], dict[str, float]]
) -> None:
    def say(pixels: Pixels) -> dict[str, float]:
        return fail() if pixels.shape[0] == 100 else {"nsfw": 0.95 if pixels.shape[0] == 80 else 0.01}

    model = Says(nsfw.card, say)
    screening = Screening(load(), Library(), text_model, model, extractor, bytes(32))
    fine, breaks, bad = (submitted(photograph(120, height)) for height in (90, 100, 80))
    text = Submission("text/plain", None, b"hello")
    assert judged(screening, fine, bad, breaks, text, fine) == [
        ("allow",), ("block", "A.1.f"), ("hold", "detector-failed"), ("allow",), ("allow",)
    ]  # fmt: skip
    # What is known to be prohibited needs no model, and a known reason to hold is told beside.
    screening.library.refresh([known(photograph(120, 100))])
    assert judged(screening, breaks) == [("block", "A.1.d")]
    screening.library.refresh([known(photograph(120, 100), level="hold")])
    assert judged(screening, breaks) == [("hold", "detector-failed", "A.1.d")]


@pytest.mark.parametrize("error", [Retry("later"), Stop("never"), MemoryError()])
def test_a_model_that_cannot_be_used_at_all_is_no_fault_of_a_picture(
    extractor: Extractor, nsfw: NsfwModel, text_model: TextModel, error: Exception
) -> None:
    screening = Screening(load(), Library(), text_model, Says(nsfw.card, lambda _: _raise(error)), extractor, bytes(32))
    with pytest.raises(type(error)):
        screening.judge([submitted(photograph())])


def test_sizes_and_pixels_beyond_the_limits_are_blocked(nsfw: NsfwModel, text_model: TextModel) -> None:
    large = saved(photograph(400, 300), "PNG")
    limits = ExtractLimits(file_bytes=len(large) - 1, pixels=400 * 250)
    with Extractor(limits) as extractor:
        screening = Screening(load(), Library(), text_model, nsfw, extractor, bytes(32))
        bomb_like = submitted(Image.new("L", (400, 300)))
        assert judged(screening, Submission("image/png", None, large), bomb_like) == [
            ("block", "too-large"), ("block", "decompression-bomb")
        ]  # fmt: skip


def test_the_other_frames_of_a_picture_do_not_pass_unseen(screening: Screening) -> None:
    hidden = submitted(photograph(), "WEBP", save_all=True, append_images=[PROHIBITED.resize((384, 288))])
    shown_first = submitted(PROHIBITED, "WEBP", save_all=True, append_images=[photograph(256, 256)])
    assert judged(screening, hidden, shown_first) == [("hold", "unsupported-media"), ("block", "A.1.f")]
