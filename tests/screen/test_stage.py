"""The screen stage in memory: who publishes is asked before anything is fetched, and what it says is written down."""

from __future__ import annotations

import hashlib
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from clearmark.demo.pictures import stand_in
from clearmark.errors import Reject
from clearmark.extract.pool import Extractor
from clearmark.ids import DecisionId
from clearmark.models.nsfw import NsfwModel
from clearmark.models.text import TextModel
from clearmark.operate import features
from clearmark.records import StageName
from clearmark.screen import stage
from clearmark.screen.decide import Judgement, Verdict
from clearmark.screen.library import Library
from clearmark.screen.pdq import pdq
from clearmark.screen.policy import load
from clearmark.screen.screening import Screening
from clearmark.topology import INLINE_LIMIT, Topic
from tests.mark.samples import photograph, saved
from tests.screen.world import World

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from clearmark.screen.screening import Submission

NOW = datetime(2026, 6, 1, tzinfo=UTC)
PICTURE = saved(photograph(), "PNG")
PROHIBITED = saved(Image.fromarray(stand_in(side=256)), "PNG")
LARGE = saved(Image.fromarray(np.random.default_rng(0).integers(0, 256, (700, 700, 3), np.uint8)), "PNG")
DIGEST = hashlib.sha256(PICTURE).hexdigest()


@pytest.fixture(scope="module")
def extractor() -> Iterator[Extractor]:
    with Extractor() as made:
        yield made


@pytest.fixture(scope="module")
def models() -> tuple[TextModel, NsfwModel]:
    return TextModel.open(), NsfwModel.open()


@pytest.fixture
def content() -> dict[str, bytes | None]:
    return {}


@pytest.fixture
def world(extractor: Extractor, models: tuple[TextModel, NsfwModel], content: dict[str, bytes | None]) -> World:
    screening = Screening(load(), Library(), *models, extractor, bytes(32))

    def fetch(dataref: str) -> bytes | None:
        assert dataref in content, "fetched what must not be"
        return content[dataref]

    return World(screening, extractor, fetch)


def test_nothing_of_a_stranger_is_fetched_or_looked_at(world: World) -> None:
    by_reference = world.record(None, dataref="s3://b/secret", datasha256=DIGEST)
    inline = world.record(PROHIBITED)
    for out, digest in zip(
        world.screened(by_reference, inline), (DIGEST, hashlib.sha256(PROHIBITED).hexdigest()), strict=True
    ):
        assert out.said == (Topic.BLOCKED, ("identity-missing",))
        assert (out.notice["sha256"], out.notice["media"], out.notice["quarantine"]) == (digest, "image", None)
        assert out.audit["detectors"] == {}


def test_nothing_of_a_person_without_consent_is_fetched(world: World) -> None:
    world.state.verify("u")
    record = world.record(None, dataref="s3://b/secret", datasha256=DIGEST, likenesses="person")
    assert world.screened(record)[0].said == (Topic.BLOCKED, ("consent-missing",))
    world.state.consent("person", scope=("voice",))
    assert world.screened(record)[0].said == (Topic.BLOCKED, ("consent-missing",))


def test_an_allowed_picture_goes_on_as_it_came(world: World) -> None:
    world.state.verify("u")
    (out,) = world.screened(world.record(PICTURE))
    assert (out.said, out.output.value) == ((Topic.SCREENED, ()), PICTURE)
    assert out.headers["ce_datasha256"] == DIGEST
    assert out.audit["models"][0]["name"] == "image-nsfw"
    assert "u" not in (out.audit["user"], out.headers.get("ce_likenesses"))


def test_decisions_record_what_was_known(world: World) -> None:
    before = world.screened(world.record(PICTURE))[0].audit["views"]
    assert before == {"consents": [0], "features": [0], "identities": [0], "standing": [0]}
    world.state.verify("u")
    world.state.consent("person", scope=("face",))
    world.state.verify("v")
    for out in world.screened(world.record(PICTURE), world.record(b"hello", "text/plain"), world.record(PROHIBITED)):
        assert out.audit["views"] == {"consents": [1], "features": [0], "identities": [2], "standing": [0]}


def test_each_artifact_of_a_limited_user_needs_a_person_unless_its_content_is_prohibited(world: World) -> None:
    world.state.verify("u")
    world.state.stand("u", "limited")
    fine, prohibited, cut = world.screened(
        world.record(PICTURE), world.record(PROHIBITED), world.record(PICTURE[:5000])
    )
    assert fine.said == (Topic.REVIEW, ("user-limited",))
    assert fine.audit["detectors"]["image-nsfw"]["nsfw"] < 0.1
    assert prohibited.said == (Topic.BLOCKED, ("A.1.f",))
    assert cut.said == (Topic.BLOCKED, ("unreadable",))
    sealed = fine.notice["quarantine"]
    blob = world.store.get(sealed["uri"].removeprefix("memory://test/"))
    assert PICTURE[:64] not in blob
    assert sealed["sha256"] == DIGEST


def test_what_is_too_large_for_a_record_goes_on_by_reference_encrypted(world: World) -> None:
    assert len(LARGE) > INLINE_LIMIT
    world.state.verify("u")
    (out,) = world.screened(world.record(LARGE))
    assert (out.said, out.output.value) == ((Topic.SCREENED, ()), None)
    key = out.headers["ce_dataref"].removeprefix("memory://test/")
    assert re.fullmatch(rf"screen/[0-9a-f]{{32}}/{hashlib.sha256(LARGE).hexdigest()}", key)
    assert LARGE[1000:1064] not in world.store.get(key)


def test_what_comes_by_reference_is_fetched_once_and_goes_on_by_reference(
    world: World, content: dict[str, bytes | None]
) -> None:
    world.state.verify("u")
    content["s3://b/small"] = PICTURE
    (out,) = world.screened(world.record(None, dataref="s3://b/small", datasha256=DIGEST))
    assert (out.said, out.output.value) == ((Topic.SCREENED, ()), None)
    assert world.quarantine.open(StageName.SCREEN, DecisionId(out.headers["ce_decisionid"]), DIGEST) == PICTURE


def test_what_is_larger_than_allowed_is_blocked_unfetched_and_what_cannot_be_fetched_dead_lettered(
    world: World, content: dict[str, bytes | None], monkeypatch: pytest.MonkeyPatch
) -> None:
    world.state.verify("u")
    content["s3://b/huge"] = None
    (huge,) = world.screened(world.record(None, dataref="s3://b/huge", datasha256="0" * 64))
    assert huge.said == (Topic.BLOCKED, ("too-large",))
    assert huge.notice["sha256"] == "0" * 64

    def gone(*_: object) -> bytes:
        raise Reject("dataref-unreachable")  # as the claim check does after three attempts

    monkeypatch.setattr(world, "fetch", gone)
    (lost,) = world.screened(world.record(None, dataref="s3://b/lost", datasha256="0" * 64))
    assert lost.said == (Topic.DEAD_LETTER, ("dataref-unreachable",))


def test_a_new_entry_of_the_library_counts_from_the_next_batch_on(world: World) -> None:
    world.state.verify("u")
    known = features.image(str(pdq(np.asarray(photograph()))[0]), "A.1.d", "block", NOW)
    assert world.screened(world.record(PICTURE))[0].topic is Topic.SCREENED
    world.state.put(Topic.FEATURES, known.subject, known.value)
    (out,) = world.screened(world.record(PICTURE))
    assert out.said == (Topic.BLOCKED, ("A.1.d",))
    assert (out.audit["categories"]["A.1.d"], out.audit["views"]["features"]) == (1.0, [1])
    gone = features.removed(known.value, "", NOW)  # type: ignore[arg-type] # of this change, a feature
    world.state.put(Topic.FEATURES, gone.subject, gone.value)
    assert world.screened(world.record(PICTURE))[0].topic is Topic.SCREENED


def test_a_batch_keeps_its_order_through_every_outcome(world: World, content: dict[str, bytes | None]) -> None:
    world.state.verify("u")
    content["s3://b/a"] = PICTURE
    batch = [
        world.record(b"hello", "text/plain"),
        world.record(PICTURE),
        world.record(PICTURE, userid="stranger"),
        world.record(PROHIBITED),
        world.record(PICTURE, "image/jpeg"),
        world.record(None),
        world.record(None, dataref="s3://b/a", datasha256=DIGEST),
        world.record(b"RIFF\0\0\0\0WAVE", "audio/wav"),
        world.record("出售枪支".encode(), "text/plain"),
    ]
    found = [(out.topic, out.reasons) for out in world.screened(*batch)]
    assert found == [
        (Topic.SCREENED, ()),
        (Topic.SCREENED, ()),
        (Topic.BLOCKED, ("identity-missing",)),
        (Topic.BLOCKED, ("A.1.f",)),
        (Topic.BLOCKED, ("type-mismatch",)),
        (Topic.DEAD_LETTER, ("malformed-event",)),
        (Topic.SCREENED, ()),
        (Topic.REVIEW, ("unsupported-media",)),
        (Topic.BLOCKED, ("A.1.h",)),
    ]
    again = [(out.topic, out.reasons) for out in world.screened(*batch)]
    assert again == found


def test_a_batch_of_references_is_not_held_in_memory_at_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stage, "_AT_ONCE", 2 * len(PICTURE))
    world.state.verify("u")
    steps: list[str] = []

    def fetch(*_: object) -> bytes:
        steps.append("fetch")
        return PICTURE

    def judge(submissions: Sequence[Submission]) -> list[Judgement]:
        steps.append(f"judge {len(submissions)}")
        return [Judgement(Verdict.ALLOW)] * len(submissions)

    monkeypatch.setattr(world, "fetch", fetch)
    monkeypatch.setattr(world.screening, "judge", judge)
    names = [f"s3://b/{i}" for i in range(5)]
    outs = world.screened(*(world.record(None, dataref=name, datasha256=DIGEST) for name in names))
    assert steps == ["fetch", "fetch", "judge 2", "fetch", "fetch", "judge 2", "fetch", "judge 1"]
    assert [out.headers["ce_originid"] for out in outs] == [f"e{i}" for i in range(1, 6)]
