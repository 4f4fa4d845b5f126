"""The dashboard is generated, complete, and in two languages. `test_live` asks its queries."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import TYPE_CHECKING

from clearmark.observe import metrics as m
from deploy.grafana import generate
from deploy.prometheus import generate as rules

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

DASHBOARD = json.loads(generate.FILE.read_text("utf-8"))
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
QUERIES = [(panel["title"], target["expr"]) for panel in PANELS for target in panel["targets"]]
EVERY = [panel for row in generate.ROWS.values() for panel in row]


def test_the_committed_dashboard_is_what_the_generator_writes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert generate.main(["--check"]) == 0
    monkeypatch.setattr(generate, "FILE", tmp_path / "clearmark.json")
    assert generate.main(["--check"]) == 1
    assert "stale" in capsys.readouterr().err
    assert generate.main([]) == 0
    assert json.loads((tmp_path / "clearmark.json").read_text("utf-8")) == DASHBOARD


def test_a_metric_without_a_place_is_named(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    more = (*m.CATALOGUE, m.Metric("clearmark_views_behind", "gauge", (), "x", "y"))
    monkeypatch.setattr(m, "CATALOGUE", more)
    assert generate.main(["--check"]) == 1
    assert "clearmark_views_behind has no place on the dashboard" in capsys.readouterr().err


def test_a_panel_that_asks_for_what_nobody_writes_is_named() -> None:
    wrong = replace(EVERY[0], queries=(generate.Query("rate(clearmark_decision_total[5m])", ""),))
    said = generate.misplaced(m.CATALOGUE, [*EVERY, wrong], generate.recorded())
    assert said == ["a panel asks for clearmark_decision_total, which nobody writes"]
    assert generate.misplaced(m.CATALOGUE, EVERY, generate.recorded()) == []


def test_the_budget_is_that_of_the_alerts() -> None:
    assert any(f"/ {rules.BUDGET}" in expr for _, expr in QUERIES)


def test_titles_and_legends_are_chinese_and_english() -> None:
    chinese = re.compile(r"[\u4e00-\u9fff]")
    for panel in DASHBOARD["panels"]:
        zh, _, en = panel["title"].partition(" · ")
        assert chinese.search(zh), panel["title"]
        assert re.search(r"[A-Za-z]", en), panel["title"]
    shown = {
        override["matcher"]["options"]: properties["value"]
        for panel in PANELS
        for override in panel["fieldConfig"]["overrides"]
        for properties in override["properties"]
        if properties["id"] == "displayName"
    }
    assert shown["screen"] == "筛查 screen"
    assert shown["p95 mark"] == "p95 标识 mark"
    assert shown["dead-letter"] == "死信 dead-letter"


def test_every_panel_tells_what_to_do() -> None:
    for panel in PANELS:
        assert "Remedy: " in panel["description"] or "up{" in panel["targets"][0]["expr"], panel["title"]
        assert panel["datasource"]["uid"] == "${datasource}"
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])
