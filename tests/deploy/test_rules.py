from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from clearmark.observe import metrics as m
from deploy.prometheus import generate
from tests.deploy.conftest import DEPLOY

if TYPE_CHECKING:
    from pathlib import Path

FOLDER = DEPLOY / "prometheus"


def run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, timeout=110, check=False)


def rules(name: str) -> list[dict[str, Any]]:
    return [rule for group in yaml.safe_load((FOLDER / name).read_text("utf-8"))["groups"] for rule in group["rules"]]


@pytest.mark.parametrize("name", ["prometheus.yml", "prometheus-compose.yml"])
def test_promtool_accepts_the_configuration(name: str, promtool: str) -> None:
    done = run(promtool, "check", "config", str(FOLDER / name))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 rule files found" in done.stdout


def test_promtool_accepts_the_rules(promtool: str) -> None:
    done = run(promtool, "check", "rules", "--lint-fatal", *(str(FOLDER / f"{n}.yml") for n in ("recording", "alerts")))
    assert done.returncode == 0, done.stdout + done.stderr


def test_each_alert_fires_on_its_symptom_and_is_quiet_beside_it(promtool: str, tmp_path: Path) -> None:
    done = run(promtool, "test", "rules", str(FOLDER / "tests.yml"))
    assert done.returncode == 0, done.stdout + done.stderr
    # And what promtool says counts: with a rule changed, the same tests fail.
    for name in ("recording.yml", "tests.yml"):
        (tmp_path / name).write_bytes((FOLDER / name).read_bytes())
    changed = (FOLDER / "alerts.yml").read_text("utf-8").replace("== 0\n", "== 1\n")
    (tmp_path / "alerts.yml").write_text(changed, "utf-8")
    assert run(promtool, "test", "rules", str(tmp_path / "tests.yml")).returncode != 0


def test_every_alert_is_tested_both_ways() -> None:
    cases = [
        case
        for test in yaml.safe_load((FOLDER / "tests.yml").read_text("utf-8"))["tests"]
        for case in test.get("alert_rule_test", ())
    ]
    alerts = {rule["alert"] for rule in rules("alerts.yml")}
    assert {case["alertname"] for case in cases if case["exp_alerts"]} == alerts
    assert {case["alertname"] for case in cases if not case["exp_alerts"]} == alerts


def test_the_runbook_is_the_catalogues_remedy() -> None:
    remedies = {metric.name: metric.remedy for metric in m.CATALOGUE}
    for rule in rules("alerts.yml"):
        notes = rule["annotations"]
        assert notes["runbook"] == remedies.get(notes["metric"], notes["runbook"])
        assert notes["metric"] in (*remedies, "up")
        assert notes["summary"]
        assert notes["summary_zh"]


def test_the_committed_rules_are_what_the_generator_writes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert generate.main(["--check"]) == 0
    monkeypatch.setattr(generate, "HERE", tmp_path)
    assert generate.main(["--check"]) == 1
    assert "deploy/prometheus/alerts.yml is stale: run 'make generate'" in capsys.readouterr().err
    assert generate.main([]) == 0
    assert generate.main(["--check"]) == 0
    assert (tmp_path / "alerts.yml").read_bytes() == (FOLDER / "alerts.yml").read_bytes()
