"""The contract, end to end, through a client that knows nothing but the contract."""

from __future__ import annotations

import hashlib
import io
import json
import os
import signal
import time
import urllib.request
from typing import TYPE_CHECKING

import jsonschema
import pyarrow.parquet as pq
import pytest

from clearmark import wiring
from clearmark.schemas.events import AuditDecision, DeadLetter, Notice, json_schema

if TYPE_CHECKING:
    from tests.e2e.conftest import Client, Found

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(180)]
TEXT = "河边的水车慢慢转着，孩子们数着转过的圈数。太阳落山的时候，磨坊主人关上了木门。" * 8
OUTSIDE = {"ce_dataref": "file:///etc/passwd", "ce_datasha256": "0" * 64}
COMMON = (
    "ce_id ce_decisionid ce_contentid ce_userid ce_originid ce_originsource ce_origintopic ce_originpartition "
    "ce_originoffset ce_policy ce_specversion ce_source ce_type content-type"
)


def audits(client: Client, outcome: Found, count: int) -> list[Found]:
    decision = outcome.headers["ce_decisionid"]
    return client.wait(lambda f: f.topic == "audit" and f.headers["ce_decisionid"] == decision, count)


def test_a_plain_text_is_approved_with_marks_that_lead_home(client: Client) -> None:
    client.publish("plain", TEXT.encode(), headers={"ce_product": "story", "ce_contentid": "00" * 8, "ce_policy": "x"})
    out = client.outcome("plain")
    assert out.topic == "approved"
    assert set(COMMON.split()) <= set(out.headers)
    assert out.value is not None
    assert out.headers["ce_datasha256"] == hashlib.sha256(out.value).hexdigest()
    assert out.headers["ce_id"] == f"{out.headers['ce_decisionid']}.approved"
    assert out.headers["ce_type"] == "clearmark.artifact.approved.v1"
    assert out.headers["ce_contentid"] != "00" * 8
    assert out.headers["ce_policy"].startswith("sha256:")
    file = client.uploads / "approved.txt"
    file.write_bytes(out.value)
    done = client.run("verify", str(file), "--json")
    report = json.loads(done.stdout)
    assert (done.returncode, report["content_id"]) == (0, out.headers["ce_contentid"])
    for audit in audits(client, out, 2):
        jsonschema.validate(audit.json, json_schema(AuditDecision))
        assert "user-1" not in json.dumps(audit.json) + json.dumps(audit.headers)
        assert audit.json["product"] == "story"


@pytest.mark.parametrize(
    ("name", "value", "headers", "topic", "code"),
    [
        ("words", "出售枪支".encode(), {}, "blocked", "A.1.h"),
        ("offence", "河南人都是骗子，滚出去".encode(), {}, "blocked", "A.2.i"),
        ("broken", b"\xff\xfe\xfd", {}, "blocked", "unreadable"),
        ("empty", b"", {}, "blocked", "unreadable"),
        ("large", b"a " * 2_500_000, {}, "blocked", "too-large"),
        ("mismatch", b"\x89PNG\r\n\x1a\n", {}, "blocked", "type-mismatch"),
        ("sound", b"RIFF\0\0\0\0WAVE", {"content-type": "audio/wav"}, "review", "unsupported-media"),
        ("cut", b"\x89PNG\r\n\x1a\n", {"content-type": "image/png"}, "blocked", "unreadable"),
        ("stranger", b"x", {"ce_userid": "stranger"}, "blocked", "identity-missing"),
        ("person", b"x", {"ce_likenesses": "somebody"}, "blocked", "consent-missing"),
        ("care", "他问自杀方法".encode(), {}, "review", "A.4.a"),
        ("no-user", b"x", {"ce_userid": None}, "dead-letter", "malformed-event"),
        ("wrong-version", b"x", {"ce_specversion": "0.3"}, "dead-letter", "malformed-event"),
        ("tombstone", None, {}, "dead-letter", "malformed-event"),
        ("forbidden", None, OUTSIDE, "dead-letter", "dataref-forbidden"),
    ],
)  # fmt: skip
def test_outcomes(
    client: Client, name: str, value: bytes | None, headers: dict[str, str | None], topic: str, code: str
) -> None:
    client.publish(name, value, headers={"ce_userid": f"user-{name}", **headers})
    out = client.outcome(name)
    assert out.topic == topic
    if topic == "dead-letter":
        jsonschema.validate(out.json, json_schema(DeadLetter))
        assert (out.json["error_class"], out.json["stage"], out.json["attempt"]) == (code, "screen", 1)
    else:
        jsonschema.validate(out.json, json_schema(Notice))
        assert out.json["reasons"][0]["code"] == code
        assert out.json["reasons"][0]["zh"]
        assert (out.json["quarantine"] is None) == (topic == "blocked")
        assert value is None or value.decode("utf-8", "ignore") not in out.json.values() or not value
    assert len(audits(client, out, 1)) == 1


def test_structured_mode_null_keys_and_repeated_ids(client: Client) -> None:
    event = {
        "specversion": "1.0", "id": "structured", "source": "test", "type": "clearmark.artifact.submitted.v1",
        "userid": "user-2", "datacontenttype": "text/markdown", "data": f"# 标题\n\n{TEXT}",
    }  # fmt: skip
    client.publish("x", json.dumps(event).encode(), None, headers={"content-type": "application/cloudevents+json"})
    out = client.outcome("structured")
    assert (out.topic, out.headers["content-type"], out.headers["ce_userid"]) == ("approved", "text/markdown", "user-2")
    for _ in range(2):
        client.publish("twice", TEXT.encode(), None)
    both = client.wait(lambda f: f.topic == "approved" and f.headers["ce_originid"] == "twice", 2)
    assert len({f.headers["ce_contentid"] for f in both}) == 2


def test_what_comes_by_reference_goes_out_by_reference(client: Client) -> None:
    (client.uploads / "a.txt").write_text(TEXT)
    digest = hashlib.sha256(TEXT.encode()).hexdigest()
    where = f"file://{client.uploads}/a.txt"
    client.publish("by-reference", None, headers={"ce_dataref": where, "ce_datasha256": digest})
    out = client.outcome("by-reference")
    assert (out.topic, out.value or b"") == ("approved", b"")
    store = wiring.open_store(client.machine.config)
    data = store.get(out.headers["ce_dataref"].removeprefix(f"{client.machine.config.store_url()}/"))
    assert hashlib.sha256(data).hexdigest() == out.headers["ce_datasha256"]
    client.publish("wrong-digest", None, headers={"ce_dataref": where, "ce_datasha256": "0" * 64})
    assert client.outcome("wrong-digest").json["error_class"] == "dataref-digest"


def test_a_reviewer_releases_one_and_rejects_another(client: Client) -> None:
    for name in ("release-me", "reject-me"):
        client.publish(name, f"{name}: 他问自杀方法，我们请他拨打援助热线。".encode())
    ids = {name: client.outcome(name).json["decision_id"] for name in ("release-me", "reject-me")}
    listed = client.run("review", "list", "--json").stdout
    assert ids["release-me"] in listed
    by = ("--reviewer", "Li Na", "--reason", "help is offered")
    assert client.run("review", "release", ids["release-me"], *by).returncode == 0
    assert client.run("review", "reject", ids["reject-me"], *by).returncode == 0
    again = client.run("review", "release", ids["release-me"], *by)
    assert (again.returncode, "waits for review" in again.stderr) == (1, True)
    assert client.run("review", "reject", "xyz", *by).returncode == 2
    released = client.wait(lambda f: f.topic == "approved" and f.headers["ce_originid"] == "release-me")[0]
    assert released.headers["ce_resolution"] == "released"
    assert released.headers["ce_decisionid"] == ids["release-me"]
    actions = client.wait(lambda f: f.topic == "audit" and f.json.get("actor") == "Li Na", 2)
    assert {a.json["action"] for a in actions} == {"review.released", "review.rejected"}
    waiting = client.run("review", "list", "--json").stdout
    assert not any(i in waiting for i in ids.values())


def test_workers_killed_at_work_lose_and_repeat_nothing(client: Client) -> None:
    for i in range(300):
        client.publish(f"kill-{i}", f"{TEXT}{i}".encode())
        if i % 100 == 50:
            for child in client.machine.supervisor.children:
                if child.name in ("screen", "mark", "archive") and child.announced:
                    os.kill(child.pid, signal.SIGKILL)
                    child.announced = False
        client.machine.supervisor.tend()
    out = client.wait(lambda f: f.topic == "approved" and f.headers["ce_originid"].startswith("kill-"), 300, 120)
    assert len({f.headers["ce_originid"] for f in out}) == len(out) == 300


def test_the_ledger_closes_and_the_archive_holds_every_audit_record(client: Client) -> None:
    done = client.run("ledger", "--json", "--age", "0", "--deep")
    report = json.loads(done.stdout)
    assert (done.returncode, report["ok"]) == (0, True), report["total"]
    total = report["total"]
    parts = ("approved", "blocked", "held", "dead_lettered", "in_flight", "unaccounted")
    assert total["received"] == sum(total[p] for p in parts) > 300
    store = wiring.open_store(client.machine.config)
    deadline = time.monotonic() + 60
    keys: list[bytes] = []
    while time.monotonic() < deadline:
        tables = [pq.read_table(io.BytesIO(store.get(name))) for name in store.list("archive")]
        rows = [
            (p, o) for t in tables for p, o in zip(t["partition"].to_pylist(), t["offset"].to_pylist(), strict=True)
        ]
        keys = [k for t in tables for k in t["key"].to_pylist()]
        assert len(rows) == len(set(rows)), "a record is archived twice"
        client.wait(lambda f: f.topic == "audit")
        if len(keys) >= 2 * total["approved"] + total["blocked"] + total["held"] + total["dead_lettered"]:
            break
        client.machine.supervisor.tend()
        time.sleep(1)
    decided = {f.headers["ce_decisionid"].encode() for f in client.found if f.topic != "reviews"}
    assert decided <= set(keys)


def test_metrics_and_health(client: Client) -> None:
    screen = next(c for c in client.machine.supervisor.children if c.name == "screen")

    def get(path: str) -> str:
        with urllib.request.urlopen(f"http://127.0.0.1:{screen.port}{path}", timeout=5) as answer:
            return str(answer.read().decode())

    assert get("/healthz") == get("/readyz") == "ok\n"
    text = get("/metrics")
    for name in (
        "clearmark_decisions_total",
        "clearmark_decision_latency_seconds_bucket",
        "clearmark_batch_records_count",
    ):
        assert f"{name}{{" in text
    assert 'verdict="allow"' in text


def test_logs_hold_ids_and_no_content(client: Client) -> None:
    logs = "".join(p.read_text() for p in (client.machine.config.folder / "logs").glob("*.log"))
    assert '"event": "started"' in logs
    for secret in ("河边的水车", "出售枪支", "user-1"):
        assert secret not in logs


def test_watch_and_publish(client: Client) -> None:
    file = client.uploads / "note.md"
    file.write_text(f"# 笔记\n\n{TEXT}")
    done = client.run("publish", str(file), "--user", "user-9")
    assert (done.returncode, done.stdout) == (0, "published 1 to e2e.ingress.v1\n")
    shown = client.run("watch", "blocked", "--from-beginning", "--count", "3").stdout.splitlines()
    assert len(shown) == 3
    assert all("  blocked  " in line for line in shown)
    assert client.run("publish", "missing.txt", "--user", "u").returncode == 2
