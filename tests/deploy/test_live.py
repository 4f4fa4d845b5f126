"""What operators look at, against a running pipeline: every panel's query, every rule, the live board."""

from __future__ import annotations

import json
import math
import urllib.request
from typing import TYPE_CHECKING, Any

import pytest

from clearmark.board.live import live
from clearmark.observe import metrics as m
from deploy.grafana import generate
from deploy.prometheus import generate as rules

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.deploy.conftest import Watched

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(300)]
PANELS = [panel for panel in json.loads(generate.FILE.read_text("utf-8"))["panels"] if panel["type"] != "row"]
QUERIES = [(panel["title"], target["expr"]) for panel in PANELS for target in panel["targets"]]
NAMES = [f"{title.partition(' · ')[2]}-{i}" for i, (title, _) in enumerate(QUERIES)]


@pytest.mark.parametrize(("title", "expr"), QUERIES, ids=NAMES)
def test_the_panels_query_returns_data(title: str, expr: str, watched: Watched) -> None:
    query = expr.replace("$__rate_interval", "10m").replace("$stage", ".*")
    assert "$" not in query, title

    def data() -> bool:
        found: list[Any] = watched.ask("query", query=query)["result"]
        return any(math.isfinite(float(series["value"][1])) for series in found)

    watched.wait(f"{title}: {query} returns nothing", data, 30)


def test_failures_that_never_came_are_0_and_not_nothing(watched: Watched) -> None:
    (expr,) = [expr for _, expr in QUERIES if m.READ_BACK.name in expr]
    (found,) = watched.ask("query", query=expr.replace("$__rate_interval", "10m"))["result"]
    assert (found["metric"], float(found["value"][1])) == ({"mark": "none"}, 0)


def test_every_rule_is_evaluated_and_a_healthy_pipeline_alerts_nobody(watched: Watched) -> None:
    groups = watched.ask("rules")["groups"]
    found = [rule for group in groups for rule in group["rules"]]
    assert len(found) == len(rules.recording()) + len(rules.ALERTS) + 1
    assert {rule["health"] for rule in found} == {"ok"}
    assert [a["labels"]["alertname"] for a in watched.ask("alerts")["alerts"] if a["state"] == "firing"] == []


def test_prometheus_finds_every_worker_under_its_name(watched: Watched) -> None:
    assert {"screen", "mark"} <= set(watched.ask("label/stage/values"))
    assert {t["health"] for t in watched.ask("targets")["activeTargets"]} == {"up"}
    children = watched.machine.supervisor.children
    assert set(watched.ask("label/instance/values")) == {child.name for child in children}


@pytest.fixture(scope="module")
def board(watched: Watched) -> Iterator[str]:
    with live(watched.machine, beginning=True) as url:
        yield url


def test_the_board_tells_what_the_pipeline_does(watched: Watched, board: str) -> None:
    def data() -> dict[str, Any]:
        with urllib.request.urlopen(f"{board}data.json", timeout=10) as answer:
            loaded = json.load(answer)
        assert isinstance(loaded, dict)
        return loaded

    watched.wait("the ledger", lambda: data()["ledger"]["total"].get("received", 0) >= 2 * 33)
    watched.wait(
        "a first look at the workers", lambda: len(data()["stages"]) == len(watched.machine.supervisor.children)
    )
    watched.publish(3)
    watched.wait("verdicts", lambda: all(sum(column) for column in zip(*data()["decisions"]["counts"], strict=True)))
    watched.wait("the account", lambda: data()["ledger"]["total"]["received"] == 3 * 33)
    found = data()
    assert found["ledger"]["state"] == "closes"
    assert found["trouble"] == ""
    by_name = {stage["worker"]["name"]: stage for stage in found["stages"]}
    assert all(stage["worker"]["state"] == "ready" for stage in by_name.values())
    for name in ("screen", "mark"):
        figures = by_name[name]["figures"]
        assert figures["rate"] > 0
        assert 0 < figures["p50"] <= figures["p95"]
    outcomes = {item["outcome"]: item for item in found["items"]}
    assert set(outcomes) == {"approved", "blocked", "held", "dead-letter"}
    assert "人工智能生成内容" not in outcomes["approved"]["text"]
    assert outcomes["approved"]["text"]
    assert "出售枪支" not in json.dumps(found, ensure_ascii=False)
    assert outcomes["blocked"]["reasons"][0]["zh"]
