"""Everything running, once for all end-to-end tests, under a topic prefix of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from confluent_kafka import Consumer, Producer

from clearmark.up.machine import Machine, machine

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from clearmark.kafka.node import EmbeddedKafka

REQUIRED = {
    "ce_specversion": "1.0",
    "ce_source": "test",
    "ce_type": "clearmark.artifact.submitted.v1",
    "ce_userid": "user-1",
    "content-type": "text/plain",
}


OFFENDERS = ("words", "offence", "broken", "empty", "large", "mismatch", "sound", "cut", "person", "care", "forbidden")
USERS = ("user-1", "user-2", "user-9", "repeater", *(f"user-{name}" for name in OFFENDERS))
"""Whose identity is verified. Each violation has a user of its own, so that nobody is suspended unawares."""


@dataclass(frozen=True)
class Found:
    topic: str
    headers: dict[str, str]
    value: bytes | None

    @property
    def json(self) -> dict[str, Any]:
        loaded = json.loads(self.value or b"")
        assert isinstance(loaded, dict)
        return loaded


class Client:
    """A publisher and subscriber that shares no code with the product."""

    def __init__(self, running: Machine, bootstrap: str, uploads: Path) -> None:
        self.machine, self.bootstrap, self.uploads = running, bootstrap, uploads
        self.prefix = running.config.topics.prefix
        self._producer = Producer({"bootstrap.servers": bootstrap, "log_level": 0, "message.max.bytes": 9_000_000})
        self._consumer = Consumer(
            {
                "bootstrap.servers": bootstrap,
                "log_level": 0,
                "group.id": f"test-{os.getpid()}",
                "auto.offset.reset": "earliest",
                "isolation.level": "read_committed",
                "metadata.max.age.ms": 1000,
            }
        )
        names = ("approved", "blocked", "review", "dead-letter", "audit", "reviews")
        self._consumer.subscribe([f"{self.prefix}.{name}.v1" for name in names])
        self.found: list[Found] = []

    def publish(
        self,
        event_id: str,
        value: bytes | None,
        key: bytes | None = b"k",
        *,
        headers: Mapping[str, str | None] | None = None,
    ) -> None:
        merged = {**REQUIRED, "ce_id": event_id, **(headers or {})}
        pairs: list[tuple[str, str | bytes | None]] = [(k, v) for k, v in merged.items() if v is not None]
        self._producer.produce(f"{self.prefix}.ingress.v1", value, key, headers=pairs)
        self._producer.flush()

    def wait(self, wanted: Callable[[Found], bool], count: int = 1, timeout_s: float = 60) -> list[Found]:
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            matching = [f for f in self.found if wanted(f)]
            if len(matching) >= count:
                return matching
            self.machine.supervisor.tend()
            message = self._consumer.poll(0.2)
            if message is None or message.error():
                continue
            pairs = list(message.headers() or [])
            headers = {str(pair[0]): bytes(pair[1]).decode() for pair in pairs}  # type: ignore[arg-type]
            topic = (message.topic() or "").removeprefix(f"{self.prefix}.").removesuffix(".v1")
            self.found.append(Found(topic, headers, message.value()))
        there = [(f.topic, f.headers.get("ce_originid")) for f in self.found]
        raise AssertionError(f"{len(matching)} of {count} came; there are {there}")

    def outcome(self, event_id: str) -> Found:
        ends = ("approved", "blocked", "review", "dead-letter")
        return self.wait(lambda f: f.headers.get("ce_originid") == event_id and f.topic in ends)[0]

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "clearmark.cli", *arguments]
        environment = dict(self.machine.environment)
        return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)

    def close(self) -> None:
        self._consumer.close()


@pytest.fixture(scope="session")
def client(kafka: EmbeddedKafka, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    folder, uploads = tmp_path_factory.mktemp("machine"), tmp_path_factory.mktemp("uploads")
    settings = {
        "CLEARMARK_BOOTSTRAP_SERVERS": kafka.bootstrap,
        "CLEARMARK_TOPICS_PREFIX": "e2e",
        "CLEARMARK_ARCHIVE_MAX_AGE_S": "1",
        "CLEARMARK_INGRESS_DATAREF_PREFIXES": f"file://{uploads}/",
        "CLEARMARK_WORKER_SESSION_TIMEOUT_MS": "3000",
    }
    said: list[str] = []
    with machine(folder, {"CLEARMARK_BOOTSTRAP_SERVERS": kafka.bootstrap}, said.append, settings) as running:
        deadline = time.monotonic() + 60
        while not running.supervisor.ready:
            assert time.monotonic() < deadline, said
            running.supervisor.tend()
            time.sleep(0.1)
        made = Client(running, kafka.bootstrap, uploads)
        users = uploads / "users.csv"
        users.write_text("user,method,number\n" + "".join(f"{u},mobile,139{i:08d}\n" for i, u in enumerate(USERS)))
        done = made.run("identities", "import", str(users))
        assert done.returncode == 0, done.stdout + done.stderr
        yield made
        made.close()
