"""The transactor's contract, on the twin and on real Kafka: each committed record has exactly one outcome."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from tests.transactor.worker import FENCED, SESSION_S, STOPPED
from tests.transactor.worlds import KafkaWorld, MemoryWorld

if TYPE_CHECKING:
    from collections.abc import Iterator

    from clearmark.kafka.node import EmbeddedKafka
    from tests.transactor.worlds import World


@pytest.fixture(params=["twin", pytest.param("kafka", marks=pytest.mark.kafka)])
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    made: World
    if request.param == "twin":
        made = MemoryWorld()
    else:
        kafka: EmbeddedKafka = request.getfixturevalue("kafka")
        made = KafkaWorld(kafka.bootstrap)
    yield made
    made.close()


def settle(world: World, out: int, dead: int = 0, timeout_s: float = 60) -> dict[str, bytes]:
    """Wait for so many outcomes and a quiet second; return the error class of each dead letter."""
    deadline = time.monotonic() + timeout_s
    quiet_since, total = time.monotonic(), -1
    while time.monotonic() < deadline:
        found = world.outcomes()
        if found.total() != total:
            quiet_since, total = time.monotonic(), found.total()
        elif total >= out + dead and time.monotonic() - quiet_since > 1:
            break
    kinds = [kind for kind, _, _ in found]
    assert (kinds.count("out"), kinds.count("dead")) == (out, dead)
    origins = [origin for _, origin, _ in found.elements()]
    assert len(origins) == len(set(origins)), "a record has two outcomes"
    return {origin: why for kind, origin, why in found if kind == "dead"}


def test_each_record_has_one_outcome_and_aborted_ones_have_none(world: World) -> None:
    world.publish([b"ok"] * 500)
    world.publish([b"ok"] * 500, abort=True)
    world.publish([b"ok", None, b"", b"\xff"] * 1000)
    worker = world.start("a")
    settle(world, 4500)
    assert worker.stop() == 0


def test_an_unknown_exception_costs_only_its_record(world: World) -> None:
    world.publish([b"ok"] * 301 + [b"boom"] + [b"ok"] * 300)
    world.start("a")
    assert list(settle(world, 601, 1).values()) == [b"RuntimeError"]


def test_an_output_that_no_broker_takes_costs_only_its_record(world: World) -> None:
    world.publish([b"ok"] * 101 + [b"huge"] + [b"ok"] * 100)
    world.start("a")
    assert list(settle(world, 201, 1).values()) == [b"record-too-large"]


def test_too_many_internal_failures_stop_the_stage_and_commit_nothing(world: World) -> None:
    world.publish([b"boom"] * 100)
    assert world.start("a", dead_letter_limit=5).wait(60) == STOPPED
    settle(world, 0, timeout_s=3)


@pytest.mark.parametrize("crash", ["before", "inside"])
def test_a_crash_around_a_transaction_leaves_no_half_and_no_stall(world: World, crash: str) -> None:
    """Transactions time out after ten minutes here, so only the successor can let readers go on."""
    world.publish([b"ok"] * 500)
    assert world.start("a", crash).wait(60) not in (0, FENCED, STOPPED, None)
    world.start("a")
    settle(world, 500)


def test_a_record_that_kills_its_worker_is_dead_lettered_at_the_third_attempt(world: World) -> None:
    world.publish([b"ok"] * 60 + [b"die"] + [b"ok"] * 60)
    deaths = 0
    worker = world.start("a")
    while worker.wait(8) is not None:
        deaths += 1
        assert deaths < 4
        worker = world.start("a")
    assert deaths == 2
    assert list(settle(world, 120, 1).values()) == [b"crash"]


def test_a_second_worker_of_the_slot_takes_over(world: World) -> None:
    first = world.start("a")
    world.publish([b"ok"] * 10)
    settle(world, 10)
    world.start("a")
    time.sleep(SESSION_S)  # both are members; the first owns partitions until its next transaction is fenced
    world.publish([b"ok"] * 200)
    settle(world, 210)
    assert first.wait(30) == FENCED


def test_a_rebalance_in_the_middle_of_a_slow_batch_repeats_nothing(world: World) -> None:
    world.publish([b"slow"] + [b"ok"] * 300)
    world.start("a", max_batch_records=50)
    time.sleep(2.5)
    second = world.start("b", max_batch_records=50)
    world.publish([b"slow", b"slow"] + [b"ok"] * 300)
    time.sleep(1.5)
    assert second.stop() == 0  # gives its partitions back
    settle(world, 603)


def test_a_worker_paused_past_its_session_drops_what_it_had(world: World) -> None:
    world.publish([b"ok"] * 300)
    first = world.start("a", probation_records=0)
    settle(world, 300)
    world.publish([b"slow"] + [b"ok"] * 300)
    time.sleep(0.5)
    first.pause()  # with a batch in hand
    world.start("b", probation_records=0)
    settle(world, 601)
    first.proceed()
    world.publish([b"ok"] * 300)
    settle(world, 901)


def test_a_partition_lost_between_processing_and_commit_is_not_committed(world: World) -> None:
    world.publish([b"ok"] * 300)
    first = world.start("a", "pause")  # stops right before its second transaction, its results in hand
    time.sleep(SESSION_S)
    world.start("b")
    settle(world, 300)
    first.proceed()
    world.publish([b"ok"] * 300)
    settle(world, 600)


def test_workers_killed_again_and_again_lose_and_repeat_nothing(world: World) -> None:
    for i in range(4):
        a, b = world.start("a"), world.start("b")
        world.publish([b"ok"] * 700)
        time.sleep(1.0 + 0.3 * i)
        a.kill()
        b.kill()
    world.start("a")
    settle(world, 2800)
