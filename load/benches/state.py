"""(g) Loading many identities from Kafka into a worker's view, in memory and on disk, and keeping it up to date."""

from __future__ import annotations

import statistics
import time
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from clearmark.kafka import admin as kafka_admin
from clearmark.kafka.tail import Tail
from clearmark.operate import identities
from clearmark.schemas import cloudevents as ce
from clearmark.schemas import events
from clearmark.state.table import SPILL_AT
from clearmark.state.views import Views
from clearmark.topology import STATE, Topic, Topology
from load.benches.machine import QUIET, apart, medians

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from clearmark.operate.desk import Change

_KEY: Final = bytes(range(32))
_LOOKUPS: Final = 20_000
_ROUNDS: Final = 200
_CHANGES: Final = 20


@dataclass(frozen=True, slots=True)
class Loaded:
    """What one process found: records a second, its growth in MiB, lookups a second, and ms to catch up.

    Of those the medians, and the most with one change: it depends on what the reader's last request still waits for.
    """

    per_second: float
    grown: float
    lookups: float
    unchanged: float
    changed: float
    slowest: float


def state(bootstrap: str, records: int, runs: int) -> None:
    """Fill a topic, load it in each way in turn, and print."""
    topology = Topology(f"bench-{uuid.uuid4().hex[:8]}")
    kafka_admin.apply(AdminClient({**QUIET, "bootstrap.servers": bootstrap}), topology)
    begun = time.monotonic()
    fill(bootstrap, topology, records)
    print(f"    {records:,} identities written in {time.monotonic() - begun:.0f} s", flush=True)
    found: dict[str, list[tuple[Loaded, float]]] = {}
    for i in range(runs):
        bare = apart(bare_loop, bootstrap, topology.name(Topic.IDENTITIES), records)
        ways = {"in memory": records * 2, "on disk": min(SPILL_AT, records // 4)}
        for way, spill_at in ways.items():
            loaded = apart(load, bootstrap, topology, records, spill_at)
            found.setdefault(way, []).append((loaded, bare))
        each = ", ".join(f"{way} {loads[-1][0].per_second:,.0f}/s" for way, loads in found.items())
        print(f"    run {i + 1}: bare consumer {bare:,.0f}/s, {each}", flush=True)
    for way, loads in found.items():
        _print(f"(g) {records:,} identities {way}", records, loads)


def _print(what: str, records: int, loads: Sequence[tuple[Loaded, float]]) -> None:
    speed, bare, ratio = medians([(loaded.per_second, bare) for loaded, bare in loads])
    said = f"loaded in {records / speed:.1f} s, {speed:,.0f}/s against {bare:,.0f}/s of a bare consumer"
    print(f"{what}: {said}: ratio {ratio:.2f}", flush=True)
    grown, lookups, unchanged, changed, slowest = (
        statistics.median(getattr(loaded, name) for loaded, _ in loads)
        for name in ("grown", "lookups", "unchanged", "changed", "slowest")
    )
    said = f"{unchanged:.1f} ms when nothing has changed, {changed:.1f} ms (at most {slowest:.1f}) when one record has"
    print(f"    {grown:,.0f} MiB at most, then {lookups:,.0f} lookups/s; to catch up: {said}", flush=True)


def fill(bootstrap: str, topology: Topology, records: int) -> None:
    """Write an identity of each user, as the operator's desk does but for the audit and the transactions."""
    settings = {"linger.ms": 20, "compression.type": "lz4", "queue.buffering.max.messages": 500_000}
    producer = Producer({**QUIET, "bootstrap.servers": bootstrap, **settings})
    for i in range(records):
        put(producer, topology, change(i))
    producer.flush()


def change(number: int) -> Change:
    """Return a user's verified identity."""
    mobile = f"1{3_000_000_000 + number:010d}"
    return identities.verified(_KEY, f"user-{number}", "mobile", mobile, None, datetime.now(UTC))


def put(producer: Producer, topology: Topology, made: Change) -> None:
    """Write one change of an identity."""
    assert isinstance(made.value, events.Identity)
    headers: list[tuple[str, str | bytes | None]] = [
        ("ce_specversion", "1.0"),
        ("ce_id", f"{made.subject}.{made.value.at}"),
        ("ce_source", "clearmark"),
        ("ce_type", ce.IDENTITY),
        ("content-type", "application/json"),
    ]
    while True:
        try:
            name = topology.name(Topic.IDENTITIES)
            producer.produce(name, events.dump(made.value), made.subject.encode(), headers=headers)
            break
        except BufferError:
            producer.poll(0.1)
    producer.poll(0)


def bare_loop(bootstrap: str, topic: str, records: int) -> float:
    """Return records a second of a consumer that puts each value into a dict and does nothing else."""
    consumer = Consumer(_reader(bootstrap))
    partitions = consumer.list_topics(topic).topics[topic].partitions
    begun = time.monotonic()
    consumer.assign([TopicPartition(topic, partition, 0) for partition in partitions])
    known: dict[bytes, bytes] = {}
    while len(known) < records:
        for message in consumer.consume(5000, 0.1):
            key, value = message.key(), message.value()
            if message.error() is None and key is not None and value is not None:
                known[key] = value
    seconds = time.monotonic() - begun
    consumer.close()
    return records / seconds


def load(bootstrap: str, topology: Topology, records: int, spill_at: int) -> Loaded:
    """Load the view as `screen` does, look users up, and keep it up to date; in a process of its own."""
    changes = min(_CHANGES, 3 + records // 1000)
    before = _mib("VmRSS")
    tail = Tail(_reader(bootstrap), AdminClient({**QUIET, "bootstrap.servers": bootstrap}))
    views = Views(tail, topology, STATE, _KEY, spill_at=spill_at)
    try:
        begun = time.monotonic()
        views.catch_up()
        loaded = time.monotonic() - begun
        grown = _mib("VmHWM") - before
        known = views.changes[Topic.IDENTITIES]  # those that the process before this one has changed among them
        assert known >= records, known
        return Loaded(
            known / loaded, grown, _lookups(views, records), *_catching_up(views, bootstrap, topology, changes)
        )
    finally:
        views.close()


def _lookups(views: Views, records: int) -> float:
    """Return lookups a second, all over the users; each is there."""
    begun = time.monotonic()
    for i in range(_LOOKUPS):
        assert views.identity(f"user-{i * 7919 % records}") is not None
    return _LOOKUPS / (time.monotonic() - begun)


def _catching_up(views: Views, bootstrap: str, topology: Topology, changes: int) -> tuple[float, float, float]:
    """Return milliseconds of catching up: the median with nothing new, median and most with one record."""
    producer = Producer({**QUIET, "bootstrap.servers": bootstrap, "linger.ms": 0})
    unchanged = statistics.median(_ms(views.catch_up) for _ in range(_ROUNDS))
    changed = []
    for i in range(changes):
        before = views.changes[Topic.IDENTITIES]
        put(producer, topology, change(i))
        producer.flush()
        changed.append(_ms(views.catch_up))
        assert views.changes[Topic.IDENTITIES] == before + 1
    return unchanged, statistics.median(changed), max(changed)


def _ms(call: Callable[[], None]) -> float:
    begun = time.perf_counter()
    call()
    return (time.perf_counter() - begun) * 1000


def _mib(what: str) -> float:
    """Return this process's memory by its name in /proc: VmRSS now, VmHWM at most (rusage's begins at the parent's)."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{what}:")) / 1024


def _reader(bootstrap: str) -> dict[str, Any]:
    """Return the properties that `clearmark.kafka.clients.reader` gives."""
    return {
        **QUIET,
        "bootstrap.servers": bootstrap,
        "group.id": uuid.uuid4().hex,
        "enable.auto.commit": False,
        "isolation.level": "read_committed",
        "auto.offset.reset": "earliest",
        "enable.partition.eof": True,
    }
