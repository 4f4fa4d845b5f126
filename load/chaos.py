"""Break everything while texts go through, then check from the outside: ``python load/chaos.py --seconds 600``.

Real Kafka (one node or three), two workers a stage. Workers are killed with SIGKILL, paused with SIGSTOP past their
session timeout, and a broker is killed and started again, at random times from a printed seed. Texts and pictures are
published at a steady rate, partly by a transactional publisher that aborts at times; some users violate again and
again, some artifacts show persons, and the consents of those persons are taken away one after the other.
`checker.py` then judges. Everything is on loopback and ends by itself; a history and a picture are left in --out.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import pyarrow.parquet as pq
from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition

from clearmark.demo.pictures import encoded, photograph
from clearmark.demo.texts import chinese
from clearmark.init import init
from clearmark.kafka.node import EmbeddedKafka, free_ports
from clearmark.up.supervisor import Supervisor

if TYPE_CHECKING:
    from collections.abc import Iterator

SESSION_S = 6.0
SETTLE_S = 90.0
STAGES = ("screen", "mark", "archive", "govern")
USERS, OFFENDERS, PERSONS = 200, 10, 12
QUIET = {"log_level": 0}
ENDS = [f"clearmark.{end}.v1" for end in ("approved", "blocked", "review", "dead-letter")]
BAD = ("出售枪支，货到付款", "他问自杀方法", "Stolen credit cards here", "")
OFFENCE = BAD[0]


class History:
    """Events over time: to a file as they happen, and in memory for the picture."""

    def __init__(self, file: Path) -> None:
        self._stream = file.open("w", encoding="utf-8", buffering=1)
        self._lock = threading.Lock()
        self._begun, self.began_at = time.monotonic(), time.time()
        self.events: list[dict[str, Any]] = []

    def add(self, event: str, /, **more: object) -> None:
        entry = {"t": round(time.monotonic() - self._begun, 2), "event": event, **more}
        with self._lock:
            self.events.append(entry)
            self._stream.write(json.dumps(entry) + "\n")

    def close(self) -> None:
        self._stream.close()


class Publisher(threading.Thread):
    """Publishes texts at a steady rate until told to stop; a transactional one aborts one batch in five."""

    def __init__(self, bootstrap: str, rate: float, seed: int, *, transactional: bool) -> None:
        super().__init__(daemon=True)
        self.bootstrap, self.rate, self.transactional = bootstrap, rate, transactional
        self.random, self.texts = random.Random(seed), list(chinese())
        self.pictures = list(pictures())
        self.stop, self.published, self.aborted = threading.Event(), 0, 0

    def run(self) -> None:
        producer = self._producer()
        size = 20
        due = time.monotonic()
        while not self.stop.is_set():
            try:
                self._batch(producer, size)
            except KafkaException as error:
                if error.args[0].txn_requires_abort():
                    with suppress(KafkaException):
                        producer.abort_transaction(30)
                        continue
                producer = self._producer()
            due += size / self.rate
            self.stop.wait(max(0.0, due - time.monotonic()))
        with suppress(KafkaException):
            producer.flush(30)

    def _producer(self) -> Producer:
        settings = {**QUIET, "bootstrap.servers": self.bootstrap, "linger.ms": 5, "enable.idempotence": True}
        while self.transactional:
            try:
                # A name of its own each time: the predecessor's open transaction ends by its timeout.
                extra = {"transactional.id": f"publisher-{uuid.uuid4().hex}", "transaction.timeout.ms": 5000}
                producer = Producer({**settings, **extra})
                producer.init_transactions(30)
            except KafkaException:
                self.stop.wait(0.5)
                if self.stop.is_set():
                    break
            else:
                return producer
        return Producer(settings)

    def _batch(self, producer: Producer, size: int) -> None:
        if self.transactional:
            producer.begin_transaction()
        for _ in range(size):
            self._one(producer)
        if not self.transactional:
            producer.poll(0)
            self.published += size
        elif self.random.random() < 0.2:
            producer.flush(30)
            producer.abort_transaction(30)
            self.aborted += size
        else:
            producer.commit_transaction(30)
            self.published += size

    def _one(self, producer: Producer) -> None:
        draw = self.random.random()
        user = f"user-{self.random.randrange(OFFENDERS, USERS)}"
        value, kind = f"{self.random.choice(self.texts)}（{uuid.uuid4().hex}）".encode(), "text/plain"
        if draw < 0.05:
            value = self.random.choice(BAD).encode()
        elif draw < 0.08:
            user, value = f"user-{self.random.randrange(OFFENDERS)}", OFFENCE.encode()
        elif draw < 0.13:
            value, kind = self.random.choice(self.pictures), "image/jpeg"
        headers: list[tuple[str, str | bytes | None]] = [
            ("ce_specversion", "1.0"),
            ("ce_id", uuid.uuid4().hex),
            ("ce_source", "chaos"),
            ("ce_type", "clearmark.artifact.submitted.v1"),
            ("content-type", kind),
        ]
        if draw < 0.99:
            headers.append(("ce_userid", user))
        if self.random.random() < 0.15:
            headers.append(("ce_likenesses", f"person-{self.random.randrange(PERSONS)}"))
        key = user.encode() if draw < 0.8 else None
        while True:
            try:
                producer.produce("clearmark.ingress.v1", value, key, headers=headers)
                break
            except BufferError:
                producer.poll(0.1)


def pictures() -> Iterator[bytes]:
    """Yield small photographs as JPEG files."""
    for name in ("astronaut", "coffee", "chelsea", "rocket"):
        small = cv2.resize(photograph(name), (320, 240), interpolation=cv2.INTER_AREA)
        yield encoded(np.asarray(small, np.uint8), "JPEG")


def times(bootstrap: str, topics: list[str]) -> list[float]:
    """Return the time of each committed record of topics, by reading them (offsets have gaps)."""
    consumer = Consumer(
        {
            **QUIET,
            "bootstrap.servers": bootstrap,
            "group.id": "chaos-count",
            "isolation.level": "read_committed",
            "enable.auto.commit": False,
            "enable.partition.eof": True,
        }
    )
    found: list[float] = []
    ended = 0
    places = [TopicPartition(t, p, 0) for t in topics for p in consumer.list_topics(t, 20).topics[t].partitions]
    consumer.assign(places)
    deadline = time.monotonic() + 60
    while ended < len(places) and time.monotonic() < deadline:
        for message in consumer.consume(5000, 0.2):
            if message.error():
                ended += 1
            else:
                found.append(message.timestamp()[1] / 1000)
    consumer.close()
    return found


class Chaos:
    """One run."""

    def __init__(self, kafka: EmbeddedKafka, nodes: int, folder: Path, history: History, seed: int) -> None:
        self.kafka, self.nodes, self.history, self.random = kafka, nodes, history, random.Random(seed)
        init(folder)
        environment = {
            **os.environ,
            "CLEARMARK_CONFIG": str(folder / "clearmark.toml"),
            "CLEARMARK_BOOTSTRAP_SERVERS": kafka.bootstrap,
            "CLEARMARK_TOPICS_REPLICATION": str(nodes),
            "CLEARMARK_WORKER_SESSION_TIMEOUT_MS": str(int(SESSION_S * 1000)),
            "CLEARMARK_ARCHIVE_MAX_AGE_S": "2",
            "CLEARMARK_ARCHIVE_MAX_RECORDS": "500",
        }
        self.environment, self.folder, self.revoked = environment, folder, dict[str, int]()
        self.clearmark("topics", "--replication", str(nodes), "apply")
        self._grant()
        self.supervisor = Supervisor(folder / "logs", environment, lambda line: history.add("worker", line=line))
        for stage, port in zip([s for s in STAGES for _ in range(2)], free_ports(8), strict=True):
            name = f"{stage}-{sum(c.name.startswith(stage) for c in self.supervisor.children)}"
            self.supervisor.add(name, ("worker", stage, "--slot", name, "--metrics-port", str(port)), port)

    def clearmark(self, *arguments: str) -> None:
        """Run a command of the product."""
        command = [sys.executable, "-m", "clearmark.cli", *arguments]
        subprocess.run(command, env=self.environment, check=True, stdout=subprocess.DEVNULL, timeout=120)

    def _grant(self) -> None:
        """Verify every user and record every person's consent."""
        users, persons = self.folder / "users.csv", self.folder / "persons.csv"
        lines = (f"user-{i},mobile,139{i:08d}\n" for i in range(USERS))
        users.write_text("user,method,number\n" + "".join(lines))
        persons.write_text("subject,scope\n" + "".join(f"person-{i},face;voice;likeness\n" for i in range(PERSONS)))
        self.clearmark("identities", "import", str(users))
        self.clearmark("consents", "import", str(persons))

    def revoke(self, every_s: float, stop: threading.Event) -> None:
        """Take one person's consent away after the other; each moment at which that was done is remembered."""
        person = 0
        while person < PERSONS - 2 and not stop.wait(every_s):
            name = f"person-{person}"
            try:
                self.clearmark("consents", "revoke", name)
            except (subprocess.CalledProcessError, subprocess.TimeoutExpired):
                continue  # the broker is away: once more
            self.revoked[name] = int(time.time() * 1000)
            self.history.add("revoked", person=name)
            person += 1

    def tend(self, seconds: float) -> None:
        """Let time pass while children are kept running."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            self.supervisor.tend()
            time.sleep(0.1)

    def fault(self, *, broker: bool) -> None:
        """Break one thing: a broker, or anything."""
        kind = "broker" if broker else self.random.choices(("kill", "pause", "broker"), (6, 3, 1))[0]
        if kind == "broker":
            node = self.random.randrange(self.nodes)
            self.history.add("fault", kind=kind, target=f"node {node}")
            self.kafka.kill(node)
            self.tend(self.random.uniform(0.5, 3))
            self.kafka.start(node)
            return
        child = self.random.choice(self.supervisor.children)
        self.history.add("fault", kind=kind, target=child.name)
        with suppress(ProcessLookupError):
            if kind == "kill":
                os.kill(child.pid, signal.SIGKILL)
                return
            os.kill(child.pid, signal.SIGSTOP)
            self.tend(SESSION_S + self.random.uniform(1, 3))
            os.kill(child.pid, signal.SIGCONT)


def run(seconds: float, nodes: int, rate: float, seed: int, out: Path) -> int:
    """Run, check, and write history and picture; return the exit status."""
    out.mkdir(parents=True, exist_ok=True)
    history = History(out / "history.jsonl")
    print(f"seed {seed}, {nodes} node(s), {seconds:g} s, {rate:g} texts/s", flush=True)
    with tempfile.TemporaryDirectory(prefix="clearmark-chaos-") as scratch, EmbeddedKafka(None, nodes) as kafka:
        folder = Path(scratch)
        chaos = Chaos(kafka, nodes, folder, history, seed)
        publishers = [
            Publisher(kafka.bootstrap, rate * 0.75, seed, transactional=False),
            Publisher(kafka.bootstrap, rate * 0.25, seed + 1, transactional=True),
        ]
        try:
            _break(chaos, publishers, seconds, history)
            published, decided = _settle(chaos, kafka.bootstrap, folder, history)
        finally:
            chaos.supervisor.close()
        history.add("checked", published=published, decided=decided, aborted=publishers[1].aborted)
        (folder / "revoked.json").write_text(json.dumps(chaos.revoked))
        status = _check(kafka.bootstrap, folder, history)
        shutil.copytree(folder / "logs", out / "logs", dirs_exist_ok=True)
        begun = history.began_at
        lines = {
            topic.split(".")[1]: sorted(t - begun for t in times(kafka.bootstrap, [topic]))
            for topic in ("clearmark.ingress.v1", *ENDS)
        }
    history.close()
    picture(lines, history.events, out / "chaos.png")
    print(f"history {out}/history.jsonl, picture {out}/chaos.png", flush=True)
    return status


def _break(chaos: Chaos, publishers: list[Publisher], seconds: float, history: History) -> None:
    stop = threading.Event()
    revoker = threading.Thread(target=chaos.revoke, args=(seconds / (PERSONS + 2), stop), daemon=True)
    for thread in (*publishers, revoker):
        thread.start()
    until = time.monotonic() + seconds
    shown = 0.0
    broker = True  # the first fault in the second half, so that even a short run has one
    while time.monotonic() < until:
        chaos.tend(min(chaos.random.expovariate(1 / 4), max(0.0, until - time.monotonic())))
        if time.monotonic() < until:
            late = until - time.monotonic() < seconds / 2
            chaos.fault(broker=broker and late)
            broker = broker and not late
        history.add("progress", published=sum(p.published for p in publishers))
        if time.monotonic() - shown > 20:
            shown = time.monotonic()
            left = max(0, until - shown)
            print(f"{sum(p.published for p in publishers)} published, {left:.0f} s to go", flush=True)
    for publisher in publishers:
        publisher.stop.set()
    stop.set()
    for thread in (*publishers, revoker):
        thread.join(150)


def _settle(chaos: Chaos, bootstrap: str, folder: Path, history: History) -> tuple[int, int]:
    """Wait until every text has its outcome and the archive has caught up, or patience ends: the checker judges."""
    deadline = time.monotonic() + SETTLE_S
    published = decided = 0
    while time.monotonic() < deadline:
        chaos.tend(2)
        published, decided = len(times(bootstrap, ["clearmark.ingress.v1"])), len(times(bootstrap, ENDS))
        archived = sum(pq.read_metadata(file).num_rows for file in (folder / "data/objects/archive").rglob("*.parquet"))
        history.add("settling", published=published, decided=decided, archived=archived)
        if decided >= published and archived >= len(times(bootstrap, ["clearmark.audit.v1"])):
            break
    return published, decided


def _check(bootstrap: str, folder: Path, history: History) -> int:
    command = [sys.executable, str(Path(__file__).with_name("checker.py")), "--bootstrap-servers", bootstrap]
    arguments = ["--archive", str(folder / "data/objects/archive"), "--watermark-key", str(folder / "keys/watermark")]
    arguments += ["--digests-key", str(folder / "keys/digests"), "--revoked", str(folder / "revoked.json")]
    done = subprocess.run([*command, *arguments], capture_output=True, text=True, check=False)
    print(done.stdout or done.stderr, flush=True)
    faults = [e["kind"] for e in history.events if e["event"] == "fault"]
    print("faults: " + ", ".join(f"{kind} {faults.count(kind)}" for kind in ("kill", "pause", "broker")), flush=True)
    history.add("result", status=done.returncode, said=done.stdout)
    return done.returncode


def picture(lines: dict[str, list[float]], events: list[dict[str, Any]], file: Path) -> None:
    """Draw texts and outcomes over time, and the faults below."""
    import matplotlib as mpl  # noqa: PLC0415 - drawn once, at the end

    mpl.use("Agg")
    from matplotlib import pyplot as plt  # noqa: PLC0415

    figure, (above, below) = plt.subplots(2, figsize=(10, 5.5), sharex=True, height_ratios=(4, 1), layout="constrained")
    for name, seconds in lines.items():
        dashed = {"color": "black", "linestyle": "--"} if name == "ingress" else {}
        above.step(seconds, range(1, len(seconds) + 1), where="post", label=f"{name} {len(seconds):,}", **dashed)
    above.set_ylabel("records so far")
    above.legend(loc="upper left")
    for row, (kind, colour) in enumerate((("kill", "tab:red"), ("pause", "tab:orange"), ("broker", "tab:blue"))):
        when = [e["t"] for e in events if e["event"] == "fault" and e["kind"] == kind]
        below.scatter(when, [row] * len(when), marker="|", s=200, color=colour)
    below.set_yticks(range(3), ("worker killed", "worker paused", "broker killed"))
    below.set_ylim(-0.7, 2.7)
    below.set_xlabel("seconds")
    figure.savefig(file, dpi=110)
    plt.close(figure)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=600, help="how long things are broken (default 600)")
    parser.add_argument("--nodes", type=int, choices=(1, 3), default=1)
    parser.add_argument("--rate", type=float, default=0, help="texts a second (default: 5,500 in all, at least 20)")
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--out", type=Path, default=Path("load/out"))
    a = parser.parse_args()
    return run(a.seconds, a.nodes, a.rate or max(20.0, 5500 / a.seconds), a.seed, a.out)


if __name__ == "__main__":
    sys.exit(main())
