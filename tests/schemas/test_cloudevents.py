"""Ingress events in both modes (R-CE-1, R-CE-2), attributes on outputs, and what publishers may not set."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clearmark.ids import ContentId, DecisionId
from clearmark.records import Headers, Record, TopicName
from clearmark.schemas.cloudevents import (
    APPROVED,
    RESERVED,
    SUBMITTED,
    Artifact,
    Envelope,
    MalformedEvent,
    Origin,
    parse_ingress,
)

BINARY: dict[str, bytes | None] = {
    "ce_specversion": b"1.0",
    "ce_id": b"1",
    "ce_source": b"generator",
    "ce_type": SUBMITTED.encode(),
    "ce_userid": b"u1",
    "content-type": b"text/plain; charset=UTF-8",
}
ATTRIBUTES: dict[str, Any] = {
    "specversion": "1.0",
    "id": "1",
    "source": "generator",
    "type": SUBMITTED,
    "userid": "u1",
    "datacontenttype": "text/plain; charset=UTF-8",
}
names = st.text(st.characters(codec="utf-8"), max_size=20)


def record(headers: Headers, value: bytes | None) -> Record:
    return Record(TopicName("clearmark.ingress.v1"), 0, 7, 0, None, value, headers)


def binary(value: bytes | None = b"hello", **changes: bytes | None) -> Record:
    headers = {**BINARY, **{k if k == "content-type" else f"ce_{k}": v for k, v in changes.items()}}
    return record(tuple(headers.items()), value)


def structured(event: object) -> Record:
    return record((("content-type", b"application/cloudevents+json"),), orjson.dumps(event))


def test_binary_mode() -> None:
    assert parse_ingress(binary(likenesses=b"a, b,", synthetic=b"true", product=b"p")) == Artifact(
        "1", "generator", "u1", "text/plain", "utf-8", "p", ("a", "b"), synthetic=True, data=b"hello"
    )


def test_both_modes_agree() -> None:
    expected = parse_ingress(binary())
    assert parse_ingress(structured({**ATTRIBUTES, "data": "hello"})) == expected
    assert parse_ingress(structured({**ATTRIBUTES, "data_base64": "aGVsbG8="})) == expected


def test_an_empty_value_is_content_but_a_null_one_is_not() -> None:
    assert parse_ingress(binary(b"")).data == b""
    with pytest.raises(MalformedEvent, match="neither a value nor a dataref"):
        parse_ingress(binary(None))


@pytest.mark.parametrize("name", sorted(RESERVED))
def test_what_only_clearmark_sets_is_dropped(name: str) -> None:
    assert parse_ingress(binary(**{name: b"spoofed"})) == parse_ingress(binary())


@pytest.mark.parametrize("name", ["specversion", "id", "source", "type", "userid", "content-type"])
@pytest.mark.parametrize("value", [b"", b"  ", None, b"\xff"])
def test_required_attributes(name: str, value: bytes | None) -> None:
    with pytest.raises(MalformedEvent):
        parse_ingress(binary(**{name: value}))


@pytest.mark.parametrize(
    "changes",
    [
        {"specversion": b"0.3"},
        {"type": b"other"},
        {"synthetic": b"yes"},
        {"dataref": b"s3://b/k"},
        {"dataref": b"s3://b/k", "datasha256": b"0" * 63},
        {"dataref": b"s3://b/k", "datasha256": b"0" * 64},
        {"product": b"x" * 5000},
        {"Bad-Name": b"x"},
    ],
)
def test_values_that_the_contract_excludes(changes: dict[str, bytes]) -> None:
    with pytest.raises(MalformedEvent):
        parse_ingress(binary(**changes))


def test_a_claim_check_needs_no_value() -> None:
    artifact = parse_ingress(binary(None, dataref=b"s3://b/k", datasha256=b"a" * 64))
    assert (artifact.data, artifact.dataref, artifact.sha256) == (None, "s3://b/k", "a" * 64)


def test_a_header_that_occurs_twice_is_ambiguous() -> None:
    with pytest.raises(MalformedEvent, match="twice"):
        parse_ingress(record((*BINARY.items(), ("ce_userid", b"u2")), b"x"))


@pytest.mark.parametrize(
    "event",
    [
        [],
        "text",
        {},
        {**ATTRIBUTES, "data": "a", "data_base64": "YQ=="},
        {**ATTRIBUTES, "data_base64": "%%"},
        {**ATTRIBUTES, "data_base64": 7},
        {**ATTRIBUTES, "product": {"a": 1}, "data": "a"},
    ],
)
def test_malformed_structured_events(event: object) -> None:
    with pytest.raises(MalformedEvent):
        parse_ingress(structured(event))


@given(st.lists(st.tuples(st.one_of(names, st.sampled_from(list(BINARY))), st.none() | st.binary(max_size=40))))
def test_no_headers_raise_anything_else(headers: list[tuple[str, bytes | None]]) -> None:
    try:
        parse_ingress(record(tuple(headers), b"x"))
    except MalformedEvent as error:
        assert error.error_class == "malformed-event"  # noqa: PT017 - raising nothing is fine too


@given(st.binary(max_size=200) | st.none())
def test_no_structured_value_raises_anything_else(value: bytes | None) -> None:
    with pytest.raises(MalformedEvent):
        parse_ingress(record((("content-type", b"Application/CloudEvents+json"),), value))


@given(
    st.integers(0, 2**64 - 1),
    st.integers(0, 2**14 - 1),
    st.integers(0, 2**42 - 1),
    st.text(min_size=1, max_size=40).filter(lambda t: t.isprintable()),
)
def test_output_attributes_are_read_back_as_written(content_id: int, partition: int, offset: int, user: str) -> None:
    envelope = Envelope(
        type=APPROVED,
        outcome="approved",
        decision_id=DecisionId.of("c", "t", partition, offset),
        content_id=ContentId(content_id),
        user_id=user,
        origin=Origin("clearmark.ingress.v1", partition, offset, "1", "generator", 1),
        policy="sha256:0",
        sha256="0" * 64,
        content_type="text/plain",
        likenesses=("a", "b"),
    )
    assert Envelope.parse(record(envelope.headers(), b"")) == envelope


def test_a_record_of_somebody_else_is_no_output() -> None:
    with pytest.raises(MalformedEvent, match="did not write"):
        Envelope.parse(binary())
