"""The checker finds what is wrong: it could not prove a run otherwise."""

from __future__ import annotations

import hashlib
import json
import uuid
from typing import TYPE_CHECKING

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic

from clearmark.ids import ContentId
from clearmark.mark.text import mark
from clearmark.screen.policy import TextMarks
from load import checker

if TYPE_CHECKING:
    from pathlib import Path

    from clearmark.kafka.node import EmbeddedKafka

KEY = bytes(range(32))
TEXT = "雨停了，屋檐还在滴水。街上的人收起伞，慢慢走回家去。" * 6


def approved(offset: int, value: bytes | None = None, cid: int = 5) -> tuple[dict[str, str], bytes]:
    data = value or mark(TEXT.encode(), "text/plain", ContentId(cid), KEY, TextMarks()).data
    return {
        "ce_originpartition": "0",
        "ce_originoffset": str(offset),
        "ce_decisionid": f"d{offset}",
        "ce_contentid": f"{5:016x}",
        "ce_datasha256": hashlib.sha256(data).hexdigest(),
        "content-type": "text/plain",
    }, data


def audits(offset: int) -> list[bytes]:
    origin = {"partition": 0, "offset": offset}
    return [
        json.dumps({"stage": "screen", "verdict": "allow", "decision_id": f"d{offset}", "origin": origin}).encode(),
        json.dumps({"stage": "mark", "verdict": "approve", "decision_id": f"d{offset}", "origin": origin}).encode(),
    ]


@pytest.mark.kafka
def test_each_kind_of_damage_is_found(kafka: EmbeddedKafka, tmp_path: Path) -> None:
    prefix = f"c{uuid.uuid4().hex[:8]}"
    admin = AdminClient({"bootstrap.servers": kafka.bootstrap, "log_level": 0})
    names = [f"{prefix}.{name}.v1" for name in ("ingress", *checker.ENDS, "audit")]
    for future in admin.create_topics([NewTopic(name, 1, 1) for name in names]).values():
        future.result()
    producer = Producer({"bootstrap.servers": kafka.bootstrap, "log_level": 0})

    def put(topic: str, value: bytes, headers: dict[str, str] | None = None) -> None:
        producer.produce(f"{prefix}.{topic}.v1", value, headers=dict(headers or {}))
        producer.flush()

    for _ in range(4):
        put("ingress", b"x")
    fine = approved(0)
    put("approved", fine[1], fine[0])
    unmarked = approved(1, TEXT.encode())
    put("approved", unmarked[1], unmarked[0])
    other_id = approved(2, cid=6)
    put("approved", other_id[1], other_id[0])
    put("blocked", b"{}", other_id[0])
    for offset in (0, 1):
        for value in audits(offset):
            put("audit", value)
    put("audit", audits(0)[0])
    result = checker.check(kafka.bootstrap, tmp_path, KEY, prefix)
    assert (result.received, result.lost, result.duplicated, result.unmarked) == (4, 1, 1, 2)
    assert (result.audit_missing, result.audit_duplicated, result.archive_missing) == (3, 1, 5)
    assert not result.good


@pytest.mark.kafka
def test_what_was_approved_against_a_revocation_is_found(kafka: EmbeddedKafka, tmp_path: Path) -> None:
    prefix = f"r{uuid.uuid4().hex[:8]}"
    admin = AdminClient({"bootstrap.servers": kafka.bootstrap, "log_level": 0})
    names = [f"{prefix}.{name}.v1" for name in ("ingress", *checker.ENDS, "audit", "consents", "standing")]
    for future in admin.create_topics([NewTopic(name, 1, 1) for name in names]).values():
        future.result()
    producer = Producer({"bootstrap.servers": kafka.bootstrap, "log_level": 0})
    rights = checker.Rights(KEY, {"late": 1})
    consent, standing = (
        {"subject": rights.digest("subject", "known"), "state": "revoked"},
        {"user": rights.digest("user", "bad"), "level": "suspended", "until": "2100-01-01T00:00:00Z"},
    )
    cases = [
        ({"ce_userid": "fine", "ce_likenesses": "known"}, (0, 1)),  # the view did not hold the revocation yet
        ({"ce_userid": "fine", "ce_likenesses": "known"}, (1, 1)),
        ({"ce_userid": "bad"}, (1, 0)),
        ({"ce_userid": "bad"}, (1, 1)),
        ({"ce_userid": "fine", "ce_likenesses": "late"}, (0, 0)),  # the command had returned long before
    ]
    producer.produce(f"{prefix}.consents.v1", json.dumps(consent).encode())
    producer.produce(f"{prefix}.standing.v1", json.dumps(standing).encode())
    for i, (more, (consents, standings)) in enumerate(cases):
        headers, data = approved(i)
        producer.produce(f"{prefix}.ingress.v1", b"x")
        producer.produce(f"{prefix}.approved.v1", data, headers={**headers, **more})
        event = json.loads(audits(i)[1]) | {"views": {"consents": [consents], "standing": [standings]}}
        for value in (audits(i)[0], json.dumps(event).encode()):
            producer.produce(f"{prefix}.audit.v1", value)
    producer.flush()
    result = checker.check(kafka.bootstrap, tmp_path, KEY, prefix, rights)
    assert (result.forbidden, result.revoked, result.suspended) == (3, 1, 1)
    assert not result.good


def test_a_run_without_a_record_is_not_good() -> None:
    assert not checker.Result().good
    assert checker.Result(received=1).good


def test_the_code_is_read_by_its_published_form() -> None:
    produced = mark(TEXT.encode(), "text/plain", ContentId(5), KEY, TextMarks()).data.decode()
    assert checker.carried(produced, KEY) == {f"{5:016x}"}
    assert checker.carried(produced, b"other" * 6) == set()
