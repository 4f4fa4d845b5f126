"""Check a run from the outside: ``python load/checker.py --help``.

Shares no code with the pipeline: it reads every topic with read_committed, the archive's Parquet files, decodes the
invisible code of texts by its published form, finds the label in the metadata of pictures, and has their watermark
read by the command line. It exits 1 when an artifact is lost, has two outcomes, was approved without a readable mark
or although consent or standing had been taken away before its batch began, or when audit or archive are not complete.
"""

from __future__ import annotations

import argparse
import hashlib
import hmac
import html
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import cast

import pyarrow.parquet as pq
from confluent_kafka import Consumer, Message, TopicPartition

ENDS = ("approved", "blocked", "review", "dead-letter")
RUN = re.compile("[\u2061-\u2064]{68,}")


@dataclass
class Result:
    """What was found. A run is good when all counts of errors are zero."""

    received: int = 0
    outcomes: dict[str, int] = field(default_factory=dict)
    lost: int = 0
    duplicated: int = 0
    from_nowhere: int = 0
    unmarked: int = 0
    audit_missing: int = 0
    audit_duplicated: int = 0
    archive_missing: int = 0
    archive_duplicated: int = 0
    archive_differs: int = 0
    forbidden: int = 0
    revoked: int = 0
    suspended: int = 0
    pictures: int = 0
    reasons: dict[str, int] = field(default_factory=dict)
    examples: list[str] = field(default_factory=list)

    @property
    def good(self) -> bool:
        """Whether nothing is wrong."""
        wrong = (
            self.lost, self.duplicated, self.from_nowhere, self.unmarked, self.audit_missing, self.audit_duplicated,
            self.archive_missing, self.archive_duplicated, self.archive_differs, self.forbidden,
        )  # fmt: skip
        return self.received > 0 and not any(wrong)


def read(bootstrap: str, topic: str) -> list[tuple[int, int, int, dict[str, str], bytes | None]]:
    """Return (partition, offset, timestamp, headers, value) of every committed record."""
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": "checker",
            "isolation.level": "read_committed",
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "log_level": 0,
        }
    )
    partitions = consumer.list_topics(topic, 20).topics[topic].partitions
    consumer.assign([TopicPartition(topic, number, 0) for number in partitions])
    found = []
    ended: set[int] = set()
    deadline = time.monotonic() + 120
    while len(ended) < len(partitions):
        if time.monotonic() > deadline:
            raise SystemExit(f"{topic} cannot be read to its end")
        for message in consumer.consume(2000, 0.2):
            if message.error():
                ended.add(message.partition() or 0)
                continue
            headers = {name: (value or b"").decode("utf-8", "replace") for name, value in _pairs(message)}
            place = (message.partition() or 0, message.offset() or 0, message.timestamp()[1])
            found.append((*place, headers, message.value()))
    consumer.close()
    return found


def _pairs(message: Message) -> list[tuple[str, bytes | None]]:
    return cast("list[tuple[str, bytes | None]]", list(message.headers() or []))


def carried(text: str, key: bytes) -> set[str]:
    """Return the content ids that authenticate in a text."""
    ids = set()
    for run in RUN.findall(text):
        for at in range(len(run) - 67):
            bits = 0
            for character in run[at : at + 68]:
                bits = bits << 2 | (ord(character) - 0x2061)
            blob = bits.to_bytes(17, "big")
            tag = hashlib.blake2b(blob[:9], key=key, digest_size=8, person=b"clearmark-text").digest()
            if blob[0] == 1 and hmac.compare_digest(tag, blob[9:]):
                ids.add(blob[1:9].hex())
    return ids


def is_labelled(headers: dict[str, str], value: bytes | None) -> bool:
    """Return whether an approved picture's metadata names its content id, once, in the bytes that its digest names."""
    seen = html.unescape((value or b"").decode("latin-1"))
    named = re.findall(r'"ProduceID":"([^"]*)"', seen)
    digest = hashlib.sha256(value or b"").hexdigest() == headers["ce_datasha256"]
    return digest and named == [headers["ce_contentid"]]


def unreadable(pictures: dict[str, bytes], key: bytes) -> int:
    """Return how many pictures, by content id, do not show theirs to ``clearmark verify``."""
    if not pictures:
        return 0
    with tempfile.TemporaryDirectory(prefix="clearmark-checker-") as folder:
        files = [Path(folder) / name for name in pictures]
        for file in files:
            file.write_bytes(pictures[file.name])
        command = [sys.executable, "-m", "clearmark.cli", "verify", "--json", *map(str, files)]
        environment = {**os.environ, "CLEARMARK_KEYS_WATERMARK_HEX": key.hex()}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=600)
    reports = [json.loads(line) for line in done.stdout.splitlines()]
    read_back = {Path(r["file"]).name for r in reports if r["marks"]["watermark"]["content_id"] == Path(r["file"]).name}
    return len(pictures.keys() - read_back)


def is_marked(headers: dict[str, str], value: bytes | None, key: bytes) -> bool:
    """Return whether an approved text's bytes carry label and code, and are the ones its digest names."""
    text = (value or b"").decode("utf-8")
    visible = re.sub("[\u2061-\u2064]", "", text)
    label = "人工智能生成" in visible[:64] or "人工智能生成" in visible[-64:]
    # The label's own characters aside, a text of 40 visible characters and more carries the code.
    needs = len("".join(visible.split())) >= 40 + 40
    ids = carried(text, key)
    digest = hashlib.sha256(value or b"").hexdigest() == headers["ce_datasha256"]
    return label and digest and (ids == {headers["ce_contentid"]} or (not needs and not ids))


def check(bootstrap: str, archive: Path, key: bytes, prefix: str = "clearmark", rights: Rights | None = None) -> Result:
    """Read everything and compare; ``rights`` says when consents were taken away, and opens the digests of names."""
    result = Result()
    ingress = {(p, o): at for p, o, at, *_ in read(bootstrap, f"{prefix}.ingress.v1")}
    result.received = len(ingress)
    outcomes: Counter[tuple[int, int]] = Counter()
    marked: dict[str, dict[str, str]] = {}
    pictures: dict[str, bytes] = {}
    reasons: Counter[str] = Counter()
    for end in ENDS:
        records = read(bootstrap, f"{prefix}.{end}.v1")
        result.outcomes[end] = len(records)
        for _, _, _, headers, value in records:
            origin = (int(headers["ce_originpartition"]), int(headers["ce_originoffset"]))
            if "ce_resolution" not in headers:
                outcomes[origin] += 1
            if end in ("blocked", "review"):
                reasons.update(reason["code"] for reason in json.loads(value or b"{}").get("reasons", ()))
            elif end == "approved":
                marked[headers["ce_decisionid"]] = headers
                if headers["content-type"].startswith("image/"):
                    pictures[headers["ce_contentid"]] = value or b""
                    result.unmarked += not is_labelled(headers, value)
                else:
                    result.unmarked += not is_marked(headers, value, key)
    lost = [origin for origin in ingress if origin not in outcomes]
    twice = [origin for origin, count in outcomes.items() if count > 1]
    result.lost, result.duplicated = len(lost), len(twice)
    result.from_nowhere = sum(origin not in ingress for origin in outcomes)
    result.examples = [f"lost {o}" for o in sorted(lost)[:5]] + [f"twice {o}" for o in sorted(twice)[:5]]
    audit = read(bootstrap, f"{prefix}.audit.v1")
    _check_audit(result, audit, set(ingress), set(marked))
    _check_archive(result, audit, archive)
    result.pictures, result.reasons = len(pictures), dict(reasons)
    result.unmarked += unreadable(pictures, key)
    if rights is not None:
        _check_rights(result, bootstrap, prefix, rights, ingress, marked, audit)
    return result


@dataclass
class Rights:
    """The key of digests, and by person the moment (ms) at which the command that took the consent away returned."""

    key: bytes
    revoked: dict[str, int]

    def digest(self, kind: str, name: str) -> str:
        """Return the digest that stands for a name on the state topics, by its published form."""
        return hmac.new(self.key, f"{kind}\0{name}".encode(), hashlib.sha256).hexdigest()[:32]


def _check_rights(
    result: Result,
    bootstrap: str,
    prefix: str,
    rights: Rights,
    ingress: dict[tuple[int, int], int],
    marked: dict[str, dict[str, str]],
    audit: list,  # type: ignore[type-arg]
) -> None:
    """Count what was approved although the mark stage's views held the revocation or suspension, or had to."""
    ended: dict[str, list[tuple[str, int, int, float]]] = {}
    for topic, field_, state, of in (
        ("consents", "state", "revoked", "subject"),
        ("standing", "level", "suspended", "user"),
    ):
        for partition, offset, _, _, value in read(bootstrap, f"{prefix}.{topic}.v1"):
            record = json.loads(value or b"{}")
            if record[field_] == state:
                until = record["until"] if state == "suspended" else None
                end = datetime.fromisoformat(until).timestamp() * 1000 if until else float("inf")
                ended.setdefault(record[of], []).append((topic, partition, offset, end))
    result.revoked = sum(records[0][0] == "consents" for records in ended.values())
    result.suspended = len(ended) - result.revoked
    views = {}
    for _, _, _, _, value in audit:
        event = json.loads(value or b"{}")
        if event.get("verdict") == "approve":
            views[event["decision_id"]] = event["views"]
    for decision, headers in marked.items():
        at = ingress[int(headers["ce_originpartition"]), int(headers["ce_originoffset"])]
        persons = [name for name in headers.get("ce_likenesses", "").split(",") if name]
        names = [rights.digest("subject", p) for p in persons] + [rights.digest("user", headers["ce_userid"])]
        known = any(
            views[decision][topic][partition] > offset and at < end
            for name in names
            for topic, partition, offset, end in ended.get(name, ())
        )
        late = any(at > rights.revoked.get(person, at) for person in persons)
        if known or late:
            result.forbidden += 1
            result.examples.append(f"forbidden {decision}")


def _check_audit(result: Result, audit: list, ingress: set, marked: set) -> None:  # type: ignore[type-arg]
    screened: Counter[tuple[int, int]] = Counter()
    approved: Counter[str] = Counter()
    for _, _, _, _, value in audit:
        event = json.loads(value)
        if event.get("stage") == "screen":
            screened[event["origin"]["partition"], event["origin"]["offset"]] += 1
        elif event.get("verdict") == "approve":
            approved[event["decision_id"]] += 1
    result.audit_missing = len(ingress - set(screened)) + len(marked - set(approved))
    result.audit_duplicated = sum(n > 1 for n in [*screened.values(), *approved.values()])


def _check_archive(result: Result, audit: list, archive: Path) -> None:  # type: ignore[type-arg]
    stored: Counter[tuple[int, int]] = Counter()
    values = {}
    for file in archive.rglob("*.parquet"):
        table = pq.read_table(file, columns=["partition", "offset", "value"])
        for p, o, v in zip(*(table[name].to_pylist() for name in ("partition", "offset", "value")), strict=True):
            stored[p, o] += 1
            values[p, o] = v
    there = {(p, o): value for p, o, _, _, value in audit}
    result.archive_missing = len(there.keys() - stored.keys())
    result.archive_duplicated = sum(n > 1 for n in stored.values())
    result.archive_differs = sum(values[place] != value for place, value in there.items() if place in values)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bootstrap-servers", required=True)
    parser.add_argument("--archive", type=Path, required=True, help="folder of the Parquet files")
    parser.add_argument("--watermark-key", type=Path, required=True, help="file with 64 hex digits")
    parser.add_argument("--digests-key", type=Path, help="file with 64 hex digits: checks consents and standing too")
    parser.add_argument("--revoked", type=Path, help="JSON: by person, when the consent's revocation had returned (ms)")
    parser.add_argument("--prefix", default="clearmark")
    a = parser.parse_args()
    key = bytes.fromhex(a.watermark_key.read_text().strip())
    rights = None
    if a.digests_key:
        revoked = json.loads(a.revoked.read_text()) if a.revoked else {}
        rights = Rights(bytes.fromhex(a.digests_key.read_text().strip()), revoked)
    result = check(a.bootstrap_servers, a.archive, key, a.prefix, rights)
    print(json.dumps({**asdict(result), "good": result.good}))
    return int(not result.good)


if __name__ == "__main__":
    sys.exit(main())
