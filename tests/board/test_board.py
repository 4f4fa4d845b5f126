from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, generate_latest

from clearmark.board import scrape
from clearmark.board.board import BIN_S, BINS, ITEMS, Board
from clearmark.board.workers import Worker
from clearmark.errors import Retry
from clearmark.observe import metrics as m
from clearmark.topology import Topic
from tests.board.world import Source, decision, marked, report, seen

if TYPE_CHECKING:
    from collections.abc import Callable

    from clearmark.schemas.events import LedgerReport


class Bench:
    """A board with one worker, a clock and an account in the test's hands."""

    def __init__(self, *outcomes: Any) -> None:
        self.now = 1_000_000.0
        self.worker = Worker("screen", 1, 100, "ready")
        self.metrics = m.Metrics(CollectorRegistry())
        self.source = Source(outcomes)
        self.ledger: Callable[[], LedgerReport] = report
        self.answers = True
        self.board = Board(lambda: [self.worker], self.source, self.account, lambda: self.now, lambda _: self.text())

    def account(self) -> LedgerReport:
        return self.ledger()

    def text(self) -> str | None:
        return generate_latest(self.metrics.registry).decode() if self.answers else None

    def decide(self, verdict: str, count: int, seconds: float = 0.03) -> None:
        self.metrics.count(m.DECISIONS, "screen", "text", verdict, by=count)
        for _ in range(count):
            self.metrics.observe(m.LATENCY, seconds, "screen")
        self.metrics.observe(m.BATCH, count, "screen")
        self.metrics.set(m.LAG, seconds, "screen")

    def restart(self) -> None:
        self.metrics = m.Metrics(CollectorRegistry())
        self.worker = Worker("screen", 1, self.worker.pid + 1, "ready")

    def after(self, seconds: float) -> dict[str, Any]:
        self.now += seconds
        self.board.measure()
        loaded = orjson.loads(self.board.data())
        assert isinstance(loaded, dict)
        return loaded


def sums(data: dict[str, Any]) -> list[int]:
    return [sum(column) for column in zip(*data["decisions"]["counts"], strict=True)]


def test_final_verdicts_are_counted_from_the_first_look_on() -> None:
    bench = Bench()
    bench.decide("block", 50)
    assert sums(bench.after(0)) == [0, 0, 0, 0]
    bench.decide("block", 3)
    bench.decide("hold", 2)
    bench.decide("allow", 9)
    data = bench.after(2)
    assert sums(data) == [0, 3, 2, 0]
    assert len(data["decisions"]["counts"]) == BINS


def test_a_restarted_worker_counts_from_nothing_and_loses_nothing() -> None:
    bench = Bench()
    bench.after(0)
    bench.decide("block", 3)
    bench.after(2)
    bench.restart()
    bench.decide("block", 2)
    assert sums(bench.after(2)) == [0, 5, 0, 0]
    figures = bench.after(2)["stages"][0]["figures"]
    assert figures["rate"] == 0


def test_decisions_leave_the_picture_after_its_time() -> None:
    bench = Bench()
    bench.after(0)
    bench.decide("approve", 4)
    assert sums(bench.after(2)) == [4, 0, 0, 0]
    assert sums(bench.after(BIN_S * (BINS - 1))) == [4, 0, 0, 0]
    assert sums(bench.after(BIN_S)) == [0, 0, 0, 0]


def test_figures_are_those_of_the_last_minute() -> None:
    bench = Bench()
    bench.decide("allow", 1000, 5)
    bench.after(0)
    bench.decide("allow", 40, 0.03)
    figures = bench.after(10)["stages"][0]["figures"]
    assert figures["rate"] == pytest.approx(4)
    assert figures["batch"] == pytest.approx(40)
    assert 0.025 < figures["p50"] < figures["p95"] <= 0.05
    assert figures["lag"] == pytest.approx(0.03)
    idle = bench.after(scrape.WINDOW_S + 1)["stages"][0]["figures"]
    assert (idle["lag"], idle["p50"], idle["batch"]) == (None, None, None)


def test_a_worker_that_does_not_answer_has_no_figures() -> None:
    bench = Bench()
    bench.decide("allow", 5)
    bench.after(0)
    bench.answers = False
    data = bench.after(2)
    assert data["stages"][0]["figures"]["rate"] is None
    assert data["stages"][0]["worker"]["state"] == "ready"


@given(st.lists(st.sampled_from([0.004, 0.03, 0.2, 3.0, 40.0]), min_size=1, max_size=40), st.floats(0.01, 0.99))
def test_quantiles_lie_in_the_bucket_of_the_ranked_value(values: list[float], q: float) -> None:
    metrics = m.Metrics(CollectorRegistry())
    for value in values:
        metrics.observe(m.LATENCY, value, "screen")
    found = scrape.quantile(q, {}, scrape.parse(generate_latest(metrics.registry).decode()))
    ranked = sorted(values)[max(0, -int(-q * len(values) // 1) - 1)]
    bounds = [0, *m.LATENCY.buckets]
    upper = min(b for b in bounds if b >= ranked)
    lower = max(b for b in bounds if b < upper)
    assert found is not None
    assert lower - 1e-9 <= found <= upper + 1e-9


def test_no_latency_has_no_quantile() -> None:
    assert scrape.quantile(0.5, {}, {}) is None


def test_the_ledger_is_told_as_it_is() -> None:
    bench = Bench()

    def told() -> dict[str, Any]:
        bench.board.account()
        found = orjson.loads(bench.board.data())["ledger"]
        assert isinstance(found, dict)
        return found

    assert orjson.loads(bench.board.data())["ledger"]["state"] == "unknown"
    assert (told()["state"], told()["total"]["received"]) == ("closes", 1234)
    bench.ledger = lambda: report(ok=False)
    assert told()["state"] == "open"

    def silent() -> LedgerReport:
        raise Retry("ledger: silent")

    bench.ledger = silent
    assert told() == {"state": "unknown", "why": "ledger: silent", "total": {}}


def test_the_latest_items_come_first_and_a_few_stay_beside_many() -> None:
    many = [seen(n, Topic.APPROVED, marked(f"text {n}")) for n in range(2, ITEMS + 20)]
    bench = Bench(seen(1, Topic.BLOCKED), *many)
    assert bench.board.follow(0)
    items = orjson.loads(bench.board.data())["items"]
    assert [i["outcome"] for i in items] == ["approved"] * ITEMS + ["blocked"]
    assert items[0]["decision_id"] == str(decision(ITEMS + 19))
    assert items[0]["text"] == f"text {ITEMS + 19}"
    bench.source.waiting = [seen(n, Topic.BLOCKED) for n in range(100, 100 + 2 * ITEMS)]
    bench.board.follow(0)
    items = orjson.loads(bench.board.data())["items"]
    assert [i["outcome"] for i in items] == ["blocked"] * ITEMS + ["approved"] * ITEMS
    assert items[0]["decision_id"] == str(decision(99 + 2 * ITEMS))


def test_a_foreign_record_hides_no_other_and_trouble_is_told_until_it_ends() -> None:
    bench = Bench(seen(1, Topic.BLOCKED, b"not ours"), seen(2, Topic.APPROVED, marked("ours")))
    bench.board.follow(0)
    assert [i["text"] for i in orjson.loads(bench.board.data())["items"]] == ["ours"]
    bench.source.error = Retry("watch: down")
    assert not bench.board.follow(0)
    assert orjson.loads(bench.board.data())["trouble"] == "watch: down"
    bench.source.error = None
    assert bench.board.follow(0)
    assert orjson.loads(bench.board.data())["trouble"] == ""
