"""The mark stage in memory: the last look before release, and what comes out of it."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import jsonschema
import numpy as np
import pytest
from PIL import Image

from clearmark.extract.pool import Extractor
from clearmark.ids import DecisionId
from clearmark.mark import picture as marking
from clearmark.mark.verify import verify
from clearmark.models.nsfw import NsfwModel
from clearmark.models.text import TextModel
from clearmark.records import StageName
from clearmark.schemas.events import AuditDecision, Notice, json_schema
from clearmark.screen.library import Library
from clearmark.screen.policy import load
from clearmark.screen.screening import Screening
from clearmark.topology import INLINE_LIMIT, MARKED_LIMIT, Topic
from tests.mark.samples import photograph, saved
from tests.screen.world import World

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.screen.world import Out

PICTURE = saved(photograph(), "PNG")
TINY = saved(photograph(30, 12), "PNG")
TEXT = "河边的水车慢慢地转着，孩子们坐在石阶上，听老人讲很久以前的故事。" * 3
NOISE = np.random.default_rng(0).integers(0, 256, (800, 800, 3), np.uint8)


@pytest.fixture(scope="module")
def extractor() -> Iterator[Extractor]:
    with Extractor() as made:
        yield made


@pytest.fixture(scope="module")
def models() -> tuple[TextModel, NsfwModel]:
    return TextModel.open(), NsfwModel.open()


@pytest.fixture
def content() -> dict[str, bytes]:
    return {}


@pytest.fixture
def world(extractor: Extractor, models: tuple[TextModel, NsfwModel], content: dict[str, bytes]) -> World:
    screening = Screening(load(), Library(), *models, extractor, bytes(32))
    made = World(screening, extractor, content.__getitem__)
    made.state.verify("u")
    return made


def screened(world: World, value: bytes | None = PICTURE, content_type: str = "image/png", **more: str) -> Out:
    (out,) = world.screened(world.record(value, content_type, **more))
    assert out.topic is Topic.SCREENED, out.said
    return out


def stored(world: World, out: Out) -> bytes:
    return world.store.get(out.headers["ce_dataref"].removeprefix("memory://test/"))


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_an_approved_picture_bears_every_mark_and_the_audit_says_so(world: World, kind: str) -> None:
    media_type = f"image/{kind.lower()}"
    before = screened(world, saved(photograph(), kind), media_type)
    out = world.marked(before)
    assert (out.topic, out.verdict) == (Topic.APPROVED, "approve")
    value = out.output.value
    assert value is not None
    digest = hashlib.sha256(value).hexdigest()
    assert out.headers["ce_datasha256"] == out.audit["marked_sha256"] == digest
    assert out.audit["sha256"] == before.headers["ce_datasha256"]
    assert out.headers["ce_contentid"] == before.headers["ce_contentid"]
    assert out.headers["content-type"] == media_type
    jsonschema.validate(out.audit, json_schema(AuditDecision))
    marks = out.audit["marks"]
    assert [marks[name]["state"] for name in ("label", "metadata", "watermark")] == ["valid"] * 3
    report = verify("x", value, media_type, world.marker)
    assert (report.verdict, report.content_id) == ("confirmed", out.headers["ce_contentid"])
    assert out.audit["views"] == {"consents": [0], "identities": [1], "standing": [0]}


def test_the_same_record_gives_the_same_output(world: World) -> None:
    before = screened(world)
    first, again = world.marked(before), world.marked(before)
    assert (first.output, first.audit) == (again.output, again.audit)


def test_a_consent_taken_back_between_the_stages_blocks(world: World) -> None:
    world.state.consent("person", scope=("face",))
    before = screened(world, likenesses="person")
    assert world.marked(before).topic is Topic.APPROVED
    world.state.consent("person", "revoked", scope=("face",))
    out = world.marked(before)
    assert out.said == (Topic.BLOCKED, ("consent-revoked",))
    assert (out.audit["stage"], out.audit["verdict"], out.audit["marks"]) == ("mark", "block", None)
    assert out.audit["views"]["consents"] == [2]
    jsonschema.validate(out.notice, json_schema(Notice))


@pytest.mark.parametrize("by_reference", [False, True])
def test_a_suspension_or_a_revoked_identity_between_the_stages_blocks(
    world: World, content: dict[str, bytes], by_reference: bool
) -> None:
    content["s3://b/x"] = PICTURE
    claim = {"dataref": "s3://b/x", "datasha256": hashlib.sha256(PICTURE).hexdigest()} if by_reference else {}
    before = screened(world, None if by_reference else PICTURE, **claim)
    world.state.stand("u", "suspended")
    assert world.marked(before).said == (Topic.BLOCKED, ("user-suspended",))
    world.state.stand("u", "good")
    assert world.marked(before).topic is Topic.APPROVED
    world.state.verify("u", state="revoked")
    assert world.marked(before).said == (Topic.BLOCKED, ("identity-missing",))


def test_a_limit_between_the_stages_holds_and_a_release_lifts_it_for_this_artifact(world: World) -> None:
    before = screened(world)
    world.state.stand("u", "limited")
    out = world.marked(before)
    assert out.said == (Topic.REVIEW, ("user-limited",))
    sealed = out.notice["quarantine"]
    assert sealed["uri"].startswith("memory://test/mark/")
    digest = hashlib.sha256(PICTURE).hexdigest()
    assert world.quarantine.open(StageName.MARK, DecisionId(out.notice["decision_id"]), digest) == PICTURE
    released = world.marked(before, resolution="released")
    assert (released.topic, released.audit["resolution"]) == (Topic.APPROVED, "released")
    assert released.headers["ce_resolution"] == "released"


def test_a_release_by_a_reviewer_still_needs_identity_standing_and_consent(world: World) -> None:
    world.state.consent("person", scope=("face",))
    before = screened(world, likenesses="person")
    assert world.marked(before, resolution="released").topic is Topic.APPROVED
    world.state.consent("person", "revoked", scope=("face",))
    assert world.marked(before, resolution="released").said == (Topic.BLOCKED, ("consent-revoked",))
    world.state.stand("u", "suspended")
    world.state.verify("u", state="revoked")
    codes = ("identity-missing", "user-suspended", "consent-revoked")
    assert world.marked(before, resolution="released").said == (Topic.BLOCKED, codes)


def test_large_pictures_come_out_by_reference(world: World) -> None:
    data = saved(Image.fromarray(NOISE), "PNG")
    assert len(data) > INLINE_LIMIT
    before = screened(world, data)
    out = world.marked(before)
    assert (out.topic, out.output.value) == (Topic.APPROVED, None)
    written = stored(world, out)
    assert hashlib.sha256(written).hexdigest() == out.headers["ce_datasha256"] == out.audit["marked_sha256"]
    assert out.headers["ce_dataref"].endswith(f"approved/{out.headers['ce_decisionid']}/{out.audit['marked_sha256']}")
    assert verify("x", written, "image/png", world.marker).content_id == out.headers["ce_contentid"]


def test_what_came_by_reference_goes_out_by_reference(world: World, content: dict[str, bytes]) -> None:
    content["s3://b/x"] = PICTURE
    digest = hashlib.sha256(PICTURE).hexdigest()
    out = world.marked(screened(world, None, dataref="s3://b/x", datasha256=digest))
    assert (out.topic, out.output.value) == (Topic.APPROVED, None)
    assert hashlib.sha256(stored(world, out)).hexdigest() == out.headers["ce_datasha256"] != digest


def test_a_picture_that_outgrows_a_record_when_it_is_marked_goes_out_by_reference(world: World) -> None:
    """A palette's pictures become full colour."""
    data = saved(Image.fromarray(NOISE).quantize(256), "PNG")
    assert len(data) < INLINE_LIMIT
    out = world.marked(screened(world, data))
    assert (out.topic, out.output.value) == (Topic.APPROVED, None)
    assert len(stored(world, out)) > MARKED_LIMIT


def test_a_picture_without_room_for_a_label_is_held_with_its_content(world: World) -> None:
    out = world.marked(screened(world, TINY))
    assert out.said == (Topic.REVIEW, ("mark-failed",))
    digest = hashlib.sha256(TINY).hexdigest()
    assert world.quarantine.open(StageName.MARK, DecisionId(out.notice["decision_id"]), digest) == TINY


def test_a_mark_that_cannot_be_read_back_is_counted_and_its_artifact_held(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = screened(world)
    monkeypatch.setattr(marking, "encode", lambda *_: PICTURE)
    out = world.marked(before)
    assert out.said == (Topic.REVIEW, ("mark-failed",))
    assert world.failed == ["label", "metadata", "watermark"]
    assert out.audit["marks"]["watermark"]["state"] == "absent"
    assert out.notice["sha256"] == hashlib.sha256(PICTURE).hexdigest()
    # A release does not make it pass unmarked.
    assert world.marked(before, resolution="released").said == (Topic.REVIEW, ("mark-failed",))


def test_a_released_gif_is_held_again_never_approved_unmarked(world: World) -> None:
    before = screened(world)
    before.output.value = gif = saved(photograph(), "GIF")
    digest = hashlib.sha256(gif).hexdigest()
    out = world.marked(before, "image/gif", resolution="released", datasha256=digest)
    assert out.said == (Topic.REVIEW, ("unsupported-media",))


def test_texts_are_marked_as_before(world: World) -> None:
    out = world.marked(screened(world, TEXT.encode(), "text/plain"))
    assert out.topic is Topic.APPROVED
    report = verify("x", out.output.value or b"", "text/plain", world.marker)
    assert (report.verdict, report.content_id) == ("confirmed", out.headers["ce_contentid"])


def test_a_record_that_is_not_what_was_screened_is_dead_lettered(world: World) -> None:
    before = screened(world)
    before.output.value = saved(photograph(name="rocket"), "PNG")
    assert world.marked(before).said == (Topic.DEAD_LETTER, ("digest-mismatch",))


def test_a_record_that_is_not_ours_is_dead_lettered(world: World) -> None:
    out = world.marked(screened(world), decisionid="not hex")
    assert out.said == (Topic.DEAD_LETTER, ("malformed-event",))
    assert out.headers["ce_contentid"] == "0" * 16
