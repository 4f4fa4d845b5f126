"""(b) to (d): the whole of screen and mark through Kafka, against the same pure functions in a plain loop.

Workers and loop are bound to one and the same core, broker, publisher and reader to the others. The clock runs from
the first publication to the last approval, so that no stage's work on the backlog is left out. Beside it stand the
stages without Kafka, which tells what records and audit cost and what Kafka, and processor time, which hardly moves
when others use the core.
"""

from __future__ import annotations

import statistics
import tempfile
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from load.benches.alone import WARM, alone
from load.benches.inputs import pictures, size, texts
from load.benches.machine import Speed, apart, bound, medians, moved, one_core, other_cores, percentile
from load.benches.pipeline import Pipeline

if TYPE_CHECKING:
    from collections.abc import Sequence

    from clearmark.kafka.node import EmbeddedKafka
    from load.benches.inputs import Item

TEXT_GOAL: Final = 0.7
PICTURE_GOAL: Final = 0.8
_SIDE: Final = 512
_PICTURE_BATCH: Final = 48
"""Pictures that are judged together without Kafka; about as many make up a batch of the transactor's 8 MiB."""
_LATENCY_S: Final = 10


@dataclass(frozen=True, slots=True)
class Asked:
    """What is measured: how many texts and pictures in each run (0: that part is left out), and whether latency is."""

    batch: int
    runs: int
    texts: int
    latency: bool
    pictures: int


class Turn(NamedTuple):
    """One run of each way."""

    kafka: Speed
    plain: Speed
    stages: Speed


def paths(kafka: EmbeddedKafka, asked: Asked) -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory(prefix="clearmark-bench-") as scratch:
        core, others = one_core(), other_cores()
        with bound(others):
            pipeline = Pipeline(kafka.bootstrap, Path(scratch) / "pipeline", asked.batch, core)
        with pipeline:
            with moved(kafka.pid(), others):
                speed = _compare(pipeline, asked)
            if asked.latency:
                pipeline.unbind(core | others)
                _latency(pipeline, speed, asked.texts)


def _compare(pipeline: Pipeline, asked: Asked) -> float:
    """Measure (b) and (d); return texts a second through Kafka."""
    speed = 0.0
    if asked.texts:
        turns = _turns(pipeline, texts(asked.texts), asked.batch, asked.runs)
        speed = statistics.median(turn.kafka.per_second for turn in turns)
        _print("(b) screen + mark of texts", turns, TEXT_GOAL)
    if asked.pictures:
        items = pictures(asked.pictures, _SIDE)
        print(f"    {len(items)} photographs of {_SIDE} px, {size(items) // 1024} KiB each", flush=True)
        turns = _turns(pipeline, items, _PICTURE_BATCH, asked.runs)
        _print(f"(d) screen + mark of {_SIDE} px photographs", turns, PICTURE_GOAL)
    return speed


def _print(what: str, turns: Sequence[Turn], goal: float) -> None:
    mine, plain, ratio = medians([(t.kafka.per_second, t.plain.per_second) for t in turns])
    said = f"{what} on one core: {mine:,.1f}/s against {plain:,.1f}/s in a plain loop"
    print(f"{said}: ratio {ratio:.2f} (goal {goal})", flush=True)
    _, stages, ratio = medians([(t.kafka.per_second, t.stages.per_second) for t in turns])
    print(f"    against {stages:,.1f}/s of the same stages without Kafka: ratio {ratio:.2f}", flush=True)
    used, stages, by_stages = medians([(t.kafka.processor_s, t.stages.processor_s) for t in turns])
    _, plain, by_plain = medians([(t.kafka.processor_s, t.plain.processor_s) for t in turns])
    said = f"{used * 1000:.2f} ms, plain {plain * 1000:.2f} ms, stages {stages * 1000:.2f} ms"
    print(f"    processor time of each: {said}: ratios {1 / by_plain:.2f} and {1 / by_stages:.2f}", flush=True)


def _turns(pipeline: Pipeline, items: Sequence[Item], batch_alone: int, runs: int) -> list[Turn]:
    """Return the speed through Kafka, of the plain loop and of the stages alone, run by run, in alternating order."""
    pipeline.run(items[:WARM])
    found = []
    for i in range(runs):
        if i % 2:
            through, without = _through(pipeline, items), _without(pipeline, items, batch_alone)
        else:
            without, through = _without(pipeline, items, batch_alone), _through(pipeline, items)
        found.append(Turn(through, *without))
        each = ", ".join(f"{name} {way.per_second:,.1f}/s" for name, way in found[-1]._asdict().items())
        print(f"    run {i + 1}: {each}", flush=True)
    return found


def _through(pipeline: Pipeline, items: Sequence[Item]) -> Speed:
    with bound(other_cores()):
        return pipeline.run(items)


def _without(pipeline: Pipeline, items: Sequence[Item], batch: int) -> tuple[Speed, Speed]:
    with bound(one_core()):
        return apart(alone, pipeline.config, items, batch)


def _latency(pipeline: Pipeline, speed: float, most: int) -> None:
    """Measure (c), at half of (b)'s speed, with all cores for all."""
    items = texts(min(most, int(speed / 2 * _LATENCY_S) + 1))
    print(f"    with all cores for all: {pipeline.run(items).per_second:,.1f} texts/s", flush=True)
    publisher = threading.Thread(target=pipeline.publish, args=(items, speed / 2))
    publisher.start()
    _, latency = pipeline.approved(len(items))
    publisher.join()
    steady = latency[len(latency) // 5 :]
    p50, p99 = (percentile(steady, share) * 1000 for share in (0.5, 0.99))
    said = f"(c) ingress to approved at {speed / 2:,.1f} texts/s, ratio 0.50 of (b)"
    print(f"{said}: p50 {p50:.0f} ms, p99 {p99:.0f} ms", flush=True)
