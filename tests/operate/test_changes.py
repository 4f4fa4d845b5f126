"""What becomes of an operator's words: records without names or numbers, and refusals that say why."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

import pytest

from clearmark.digests import subject_digest, user_digest
from clearmark.operate import consents, features, identities
from clearmark.operate.moments import end_of
from clearmark.schemas import events
from clearmark.topology import Topic

if TYPE_CHECKING:
    from clearmark.operate.desk import Change

KEY = b"k" * 32
NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
PDQ = "0f" * 32


def value(change: Change) -> Any:
    return change.value


def test_an_identity_keeps_digests_and_the_method_only() -> None:
    change = identities.verified(KEY, "alice", "mobile", "138 0013 8000", "2026-12-31", NOW)
    assert change.topic is Topic.IDENTITIES
    assert change.subject == user_digest(KEY, "alice")
    assert value(change).expires == "2027-01-01T00:00:00.000Z"
    written = events.dump(change.value) + repr(change).encode()
    assert b"alice" not in written
    assert b"138" not in written.replace(value(change).number.encode(), b"")
    same = identities.verified(KEY, "bob", "mobile", "+8613800138000", None, NOW)
    assert value(same).number == value(change).number  # two accounts of one person can be told


def test_revoking_is_a_record() -> None:
    known = value(identities.verified(KEY, "alice", "mobile", "13800138000", None, NOW))
    change = identities.revoked(known, "asked for", NOW)
    assert (change.action, value(change).state, change.reason) == ("identity.revoked", "revoked", "asked for")


@pytest.mark.parametrize(
    ("user", "method", "number", "expires", "why"),
    [
        ("", "mobile", "13800138000", None, "empty"),
        (" alice", "mobile", "13800138000", None, "white space"),
        ("alice", "fax", "13800138000", None, "no method"),
        ("alice", "mobile", "1", None, "11 digits"),
        ("alice", "mobile", "13800138000", "2026-05-31", "has passed"),
        ("alice", "mobile", "13800138000", "tomorrow", "Invalid"),
        ("alice", "mobile", "13800138000", "2026-12-31T00:00", "needs its zone"),
    ],
)
def test_identities_that_cannot_be(user: str, method: str, number: str, expires: str | None, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        identities.verified(KEY, user, method, number, expires, NOW)


def test_a_file_of_identities_names_its_bad_lines() -> None:
    lines = [
        "user,method,number,expires\n",
        "a,mobile,13800138000,\n",
        "b,mobile,12,\n",
        "c,passport,E1234567,2030-01-01\n",
        "d\n",
        ",mobile,13800138000,\n",
    ]
    bad: list[int] = []
    done = list(identities.imported(lines, KEY, NOW, lambda line, _: bad.append(line)))
    assert [value(change).method for change in done] == ["mobile", "passport"]
    assert bad == [3, 5, 6]
    with pytest.raises(ValueError, match="method is missing"):
        list(identities.imported(["user,number\n"], KEY, NOW, lambda *_: None))


def test_a_consent_says_what_it_covers() -> None:
    change = consents.granted(
        KEY, "person-1", ["face", "voice"], NOW, products=["story"], until="2026-06-30", evidence="0" * 64,
        guardian="parent-1", born=date(2015, 1, 1),
    )  # fmt: skip
    record = value(change)
    assert record.subject == change.subject == subject_digest(KEY, "person-1")
    assert (record.scope, record.products) == (("face", "voice"), ("story",))
    assert record.until == "2026-07-01T00:00:00.000Z"
    assert b"parent-1" not in events.dump(record)
    taken = consents.revoked(record, "", NOW)
    assert (value(taken).state, value(taken).scope) == ("revoked", record.scope)


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"subject": "a,b"}, "no comma"),
        ({"subject": " "}, "not empty"),
        ({"scope": []}, "empty"),
        ({"scope": ["face", "body"]}, "'body'"),
        ({"until": "2026-05-01"}, "has passed"),
        ({"born": date(2012, 6, 2)}, "guardian"),
    ],
)
def test_consents_that_cannot_be(more: dict[str, Any], why: str) -> None:
    given = {"subject": "person-1", "scope": ["face"], **more}
    with pytest.raises(ValueError, match=why):
        consents.granted(KEY, given.pop("subject"), given.pop("scope"), NOW, **given)
    consents.granted(KEY, "person-1", ["face"], NOW, born=date(2012, 6, 1))  # fourteen today


def test_a_file_of_consents() -> None:
    lines = [
        "subject,scope,products,purposes,until,evidence,guardian,born\n",
        "p1,face;voice,story,,2030-01-01,,,\n",
        "p2,,,,,,,\n",
        "p3,likeness,,,,nothex,,\n",
        "p4,likeness,,,,,,2020-01-01\n",
        "p5,likeness,a;b,ads,,,mother,2020-01-01\n",
    ]
    bad: list[int] = []
    done = list(consents.imported(lines, KEY, NOW, lambda line, _: bad.append(line)))
    assert [(value(c).scope, value(c).products) for c in done] == [
        (("face", "voice"), ("story",)),
        (("likeness",), ("a", "b")),
    ]
    assert bad == [3, 4, 5]


def test_features_have_ids_of_what_they_look_for() -> None:
    one = features.word("ＢＡＤ word", "A.1.h", "hold", NOW)
    same = features.word("bad  WORD", "A.1.f", "block", NOW)
    assert one.subject == same.subject
    assert value(one).value == "ＢＡＤ word"
    picture = features.image(PDQ.upper(), "A.1.f", "block", NOW)
    assert (value(picture).value, value(picture).distance) == (PDQ, features.DISTANCE)
    gone = features.removed(value(picture), "mistake", NOW)
    assert (gone.subject, value(gone).state) == (picture.subject, "removed")


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (lambda: features.word("\u200b ", "A.1.h", "block", NOW), "1 to 200"),
        (lambda: features.word("x" * 201, "A.1.h", "block", NOW), "1 to 200"),
        (lambda: features.word("x", "B.1.h", "block", NOW), "R-TAX-1"),
        (lambda: features.word("x", "A.1.h", "allow", NOW), "hold or block"),
        (lambda: features.image("xyz", "A.1.h", "block", NOW), "64 hex"),
        (lambda: features.image(PDQ, "A.1.h", "block", NOW, 91), "0 to 90"),
    ],
)
def test_features_that_cannot_be(make: Any, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        make()


def test_a_file_of_features() -> None:
    lines = [
        "kind,value,category,level,distance\n",
        "word,bad,A.1.h,,\n",
        f"image,{PDQ},A.1.f,hold,10\n",
        f"image,{PDQ},A.1.f,hold,ten\n",
        "sound,x,A.1.f,hold,\n",
    ]
    bad: list[int] = []
    done = list(features.imported(lines, NOW, lambda line, _: bad.append(line)))
    assert [(value(c).kind, value(c).level) for c in done] == [("word", "block"), ("image", "hold")]
    assert bad == [4, 5]


def test_a_date_means_through_that_day_and_a_moment_itself() -> None:
    assert end_of("2026-12-31") == "2027-01-01T00:00:00.000Z"
    assert end_of("2026-12-31T18:00:00+08:00") == "2026-12-31T10:00:00.000Z"
