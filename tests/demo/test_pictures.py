"""What the demo publishes is what it says: each picture has the outcome that its id promises."""

from __future__ import annotations

import io
import struct
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from clearmark.demo import pictures
from clearmark.demo.sheet import contact_sheet
from clearmark.extract.pool import Extractor
from clearmark.ids import ContentId
from clearmark.mark.marked import Marked
from clearmark.mark.marker import Marker
from clearmark.mark.metadata import provider
from clearmark.mark.verify import verify
from clearmark.models.nsfw import NsfwModel
from clearmark.models.text import TextModel
from clearmark.operate.features import DISTANCE
from clearmark.schemas.events import Feature
from clearmark.screen.library import Library
from clearmark.screen.pdq import distance, pdq
from clearmark.screen.policy import load
from clearmark.screen.screening import Screening, Submission

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from clearmark.publish import Upload

KEY = bytes(range(32))
OUTCOMES = {
    "known-picture-resized": ("block", "A.1.d"),
    "nudity-stand-in": ("block", "A.1.f"),
    "truncated-png": ("block", "unreadable"),
    "decompression-bomb": ("block", "decompression-bomb"),
    "jpeg-called-png": ("block", "type-mismatch"),
    "sound": ("hold", "unsupported-media"),
}


@pytest.fixture(scope="module")
def extractor() -> Iterator[Extractor]:
    with Extractor() as made:
        yield made


@pytest.fixture(scope="module")
def screening(extractor: Extractor) -> Screening:
    known = str(pdq(pictures.photograph(pictures.KNOWN))[0])
    feature = Feature("id", "image", known, "A.1.d", "block", "active", "2026-06-01T00:00:00Z", DISTANCE)
    return Screening(load(), Library(features=[feature]), TextModel.open(), NsfwModel.open(), extractor, KEY)


def judged(screening: Screening, uploads: list[Upload]) -> dict[str, tuple[str, ...]]:
    found = screening.judge([Submission(u.content_type, None, u.data or b"") for u in uploads])
    return {u.id: (j.verdict.value, *j.codes) for u, j in zip(uploads, found, strict=True)}


def test_what_is_wrong_with_a_picture_is_what_its_id_says(screening: Screening) -> None:
    assert judged(screening, list(pictures.special())) == OUTCOMES


def test_nothing_is_wrong_with_the_photographs_and_all_can_be_marked(
    screening: Screening, extractor: Extractor
) -> None:
    uploads = list(pictures.photographs())
    assert judged(screening, uploads) == dict.fromkeys((u.id for u in uploads), ("allow",))
    assert len(uploads) == 11
    assert f"photo-{pictures.KNOWN}" not in {u.id for u in uploads}
    marker = Marker(load().marks, KEY, provider.load(), extractor)
    for number, upload in enumerate(uploads):
        done = marker.mark(upload.data or b"", upload.content_type, ContentId(number))
        assert isinstance(done, Marked), upload.id
        assert done.failed == (), upload.id


def test_the_stand_in_is_taken_for_nudity_at_any_size_and_is_always_the_same() -> None:
    model = NsfwModel.open()
    sides = (256, 384, 512)
    scores = model.scores([pictures.stand_in(side=side) for side in sides])
    assert all(score["nsfw"] >= 0.9 for score in scores), scores
    assert np.array_equal(pictures.stand_in(), pictures.stand_in())


def test_the_known_picture_is_near_itself_and_far_from_the_others() -> None:
    known = pdq(pictures.photograph(pictures.KNOWN))[0]
    again = np.asarray(Image.open(io.BytesIO(pictures.known_again())).convert("RGB"))
    assert 0 < distance(known, pdq(again)[0]) <= DISTANCE
    for upload in pictures.photographs():
        other = np.asarray(Image.open(io.BytesIO(upload.data or b"")).convert("RGB"))
        assert distance(known, pdq(other)[0]) > 2 * DISTANCE, upload.id


def test_the_bomb_is_small_and_says_that_it_is_huge() -> None:
    data = pictures.bomb()
    assert len(data) < 200
    assert struct.unpack(">II", data[16:24]) == (60_000, 60_000)


def test_a_mangled_picture_has_lost_what_can_be_lost(extractor: Extractor) -> None:
    marker = Marker(load().marks, KEY, provider.load(), extractor)
    done = marker.mark(pictures.encoded(pictures.photograph("astronaut"), "JPEG"), "image/jpeg", ContentId(7))
    assert isinstance(done, Marked)
    data = pictures.mangle(done.data)
    wild = Image.open(io.BytesIO(data))
    assert wild.format == "JPEG"
    assert max(wild.size) < 0.8 * 512
    assert not {"xmp", "exif", "icc_profile"} & {*wild.info}
    report = verify("wild.jpg", data, "image/jpeg", marker)
    assert (report.verdict, report.content_id) == ("confirmed", str(ContentId(7)))
    assert (report.marks.metadata.state, report.marks.watermark.state) == ("absent", "valid")


def test_the_contact_sheet_shows_every_picture_that_can_be_decoded(extractor: Extractor, tmp_path: Path) -> None:
    uploads = [u for u, _ in zip(pictures.photographs(), range(5), strict=False)]
    files = [(u.id, u.data or b"", u.content_type) for u in uploads]
    files.insert(2, ("broken", b"\x89PNG", "image/png"))
    file = tmp_path / "new" / "sheet.png"
    assert contact_sheet(files, extractor, file) == 5
    sheet = np.asarray(Image.open(file).convert("RGB")).astype(int)
    paper = np.array([246, 246, 244])
    cells = [(16 + i % 4 * 336, 16 + i // 4 * 364) for i in range(8)]
    for number, (left, top) in enumerate(cells):
        cell = sheet[top : top + 320, left : left + 320]
        caption = sheet[top + 322 : top + 346, left : left + 320]
        assert (cell != paper).any() == (number < 5), number
        assert (caption < 120).any() == (number < 5), number
    first = Image.open(io.BytesIO(files[0][1])).convert("RGB").resize((320, 320))
    assert np.abs(sheet[16:336, 16:336] - np.asarray(first)).mean() < 8
    assert contact_sheet([], extractor, file) == 0
