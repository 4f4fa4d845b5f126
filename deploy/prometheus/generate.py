"""Recording rules and alerts from the metric catalogue: ``python deploy/prometheus/generate.py [--check]``.

Writes ``recording.yml`` and ``alerts.yml`` beside this file. Each alert is about what users or auditors notice; its
runbook is the catalogue's remedy. Burn rates are those of the SRE Workbook, chapter 5: 14.4 times the budget over an
hour and six times over six hours wake somebody, once over three days is for working hours.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

import yaml

from clearmark.observe import metrics as m

if TYPE_CHECKING:
    from collections.abc import Sequence

    from clearmark.observe.metrics import Metric

HERE: Final = Path(__file__).resolve().parent
ON_TIME_S: Final = 10.0
"""A decision is late when its record is older than this; a bucket of the latency histogram."""
BUDGET: Final = 0.01
"""The part of decisions that may be late."""
WINDOWS: Final = ("5m", "30m", "1h", "6h", "3d")
_GUARD: Final = 10
"""Late decisions in the long window below which no burn rate alerts: a ratio of few is chance."""
_HOURS: Final = {"1h": 1, "6h": 6, "3d": 72}


@dataclass(frozen=True, slots=True)
class Alert:
    """One alert. ``metric`` gives the runbook; ``zh`` and ``en`` say what users notice."""

    name: str
    metric: Metric
    expr: str
    wait: str
    severity: Literal["critical", "warning"]
    zh: str
    en: str


def late(window: str) -> str:
    """Return the name of the recorded part of decisions that were late."""
    return f"clearmark:decisions_late:ratio_rate{window}"


def share(window: str) -> str:
    """Return the name of the recorded part that each verdict has of all decisions."""
    return f"verdict:{m.DECISIONS.name}:ratio_rate{window}"


def recording() -> list[dict[str, str]]:
    """Return the recording rules."""
    assert ON_TIME_S in m.LATENCY.buckets, "the objective is a bucket of the histogram"
    rules = []
    for w in WINDOWS:
        every = f"sum(rate({m.LATENCY.name}_count[{w}]))"
        timely = f'sum(rate({m.LATENCY.name}_bucket{{le="{ON_TIME_S}"}}[{w}]))'
        # Without decisions nothing is late: 0, not a division of nothing by nothing.
        rules.append({"record": late(w), "expr": f"({every} - {timely}) / clamp_min({every}, 1e-9)"})
    rules += [
        {"record": f"clearmark:decisions:rate{w}", "expr": f"sum(rate({m.LATENCY.name}_count[{w}]))"} for w in _HOURS
    ]
    for w in ("1h", "1d"):
        rate = f"(rate({m.DECISIONS.name}_total[{w}]))"
        expr = f"sum by (verdict) {rate} / ignoring (verdict) group_left () clamp_min(sum {rate}, 1e-9)"
        rules.append({"record": share(w), "expr": expr})
    return rules


def _new(metric: Metric, by: str, window: str, matchers: str = "") -> str:
    """Return what a counter of failures rose by; a series that begins with its first failure counts, too."""
    series = f"{metric.name}_total{matchers}"
    risen, begun = f"increase({series}[{window}])", f"{series} unless {series} offset {window}"
    return f"sum by ({by}) ({risen}) > 0 or sum by ({by}) ({begun}) > 0"


def _burn(long: str, short: str, factor: float) -> str:
    bound = f"{factor * BUDGET:g}"
    guard = f"{late(long)} * clearmark:decisions:rate{long} * {_HOURS[long]} * 3600 >= {_GUARD}"
    return f"{late(long)} > {bound} and {late(short)} > {bound} and {guard}"


_DECIDED: Final = f"{m.DECISIONS.name}_total"
_TRANSACTIONS: Final = f"{m.TRANSACTIONS.name}_total"
_ABORTED: Final = f'{_TRANSACTIONS}{{result="aborted"}}'
_ODD: Final = '{verdict=~"block|hold"}'
_OURS: Final = '{cause!~"malformed-event|dataref-.*"}'

ALERTS: Final = (
    Alert(
        "ClearmarkLedgerDoesNotClose",
        m.UNACCOUNTED,
        f"max({m.UNACCOUNTED.name}) > 0",
        "2m",
        "critical",
        "账本不平：有内容没有结果",
        "{{ $value }} artifacts have no outcome",
    ),
    Alert(
        "ClearmarkOutcomesDuplicated",
        m.DUPLICATED,
        f"max({m.DUPLICATED.name}) > 0",
        "0m",
        "critical",
        "有内容得到两个结果",
        "{{ $value }} artifacts have more than one outcome",
    ),
    Alert(
        "ClearmarkLatencyBudgetBurnsFast",
        m.LATENCY,
        _burn("1h", "5m", 14.4),
        "2m",
        "critical",
        "一小时内大量裁决超时",
        "{{ $value | humanizePercentage }} of the last hour's decisions were late",
    ),
    Alert(
        "ClearmarkLatencyBudgetBurns",
        m.LATENCY,
        _burn("6h", "30m", 6),
        "15m",
        "critical",
        "六小时内较多裁决超时",
        "{{ $value | humanizePercentage }} of the last six hours' decisions were late",
    ),
    Alert(
        "ClearmarkLatencyBudgetBurnsSlowly",
        m.LATENCY,
        _burn("3d", "6h", 1),
        "1h",
        "warning",
        "三天内的超时预算将用尽",
        "{{ $value | humanizePercentage }} of the last three days' decisions were late",
    ),
    Alert(
        "ClearmarkStageOwnsNothing",
        m.PARTITIONS,
        f"sum by (stage) ({m.PARTITIONS.name}) == 0",
        "5m",
        "critical",
        "{{ $labels.stage }} 没有任何分区，处理停滞",
        "no worker of {{ $labels.stage }} owns a partition: its work stands still",
    ),
    Alert(
        "ClearmarkLagHigh",
        m.LAG,
        # The gauge keeps its last value while nothing comes: it counts only where decisions are made.
        f"max by (stage) ({m.LAG.name}) > 60 and sum by (stage) (rate({_DECIDED}[5m])) > 0",
        "5m",
        "warning",
        "{{ $labels.stage }} 落后 {{ $value | humanizeDuration }}",
        "{{ $labels.stage }} is {{ $value | humanizeDuration }} behind",
    ),
    Alert(
        "ClearmarkMarksNotReadBack",
        m.READ_BACK,
        _new(m.READ_BACK, "mark", "15m"),
        "0m",
        "warning",
        "标识 {{ $labels.mark }} 无法读回，内容已转人工",
        "the {{ $labels.mark }} of some artifacts could not be read back; they are held",
    ),
    Alert(
        "ClearmarkDeadLetters",
        m.DEAD_LETTERS,
        _new(m.DEAD_LETTERS, "stage, cause", "15m", _OURS),
        "0m",
        "warning",
        "{{ $labels.stage }} 无法处理部分内容：{{ $labels.cause }}",
        "{{ $labels.stage }} could not process some artifacts: {{ $labels.cause }}",
    ),
    Alert(
        "ClearmarkTransactionsAbort",
        m.TRANSACTIONS,
        f"sum by (stage) (rate({_ABORTED}[10m])) / sum by (stage) (rate({_TRANSACTIONS}[10m])) > 0.05"
        f" and sum by (stage) (increase({_TRANSACTIONS}[10m])) > 20",
        "10m",
        "warning",
        "{{ $labels.stage }} 的事务经常中止",
        "{{ $value | humanizePercentage }} of the transactions of {{ $labels.stage }} abort",
    ),
    Alert(
        "ClearmarkRetriesGoOn",
        m.RETRIES,
        f"sum by (stage) (increase({m.RETRIES.name}_total[5m])) > 0",
        "15m",
        "warning",
        "{{ $labels.stage }} 持续重试",
        "{{ $labels.stage }} has been retrying for a quarter of an hour",
    ),
    Alert(
        "ClearmarkArchiveStandsStill",
        m.ARCHIVED,
        f"sum(rate({_DECIDED}[15m])) > 0 unless sum(rate({m.ARCHIVED.name}_total[15m])) > 0",
        "15m",
        "warning",
        "有裁决而无归档",
        "decisions are made, but none has been archived for half an hour",
    ),
    Alert(
        "ClearmarkVerdictsShift",
        m.DECISIONS,
        f"{share('1h')}{_ODD} > 3 * {share('1d')} and sum by (verdict) (increase({_DECIDED}{_ODD}[1h])) > 100",
        "15m",
        "warning",
        "{{ $labels.verdict }} 的比例是一天平均的三倍以上",
        "the part of {{ $labels.verdict }} among decisions is more than three times that of the day",
    ),
)
"""The gravest first."""


def _rule(alert: Alert) -> dict[str, Any]:
    return {
        "alert": alert.name,
        "expr": alert.expr,
        "for": alert.wait,
        "labels": {"severity": alert.severity},
        "annotations": {
            "summary": alert.en,
            "summary_zh": alert.zh,
            "metric": alert.metric.name,
            "description": alert.metric.meaning,
            "runbook": alert.metric.remedy,
        },
    }


_WORKER_DOWN: Final = {
    "alert": "ClearmarkWorkerDown",
    "expr": 'up{job="clearmark"} == 0 or absent(up{job="clearmark"})',
    "for": "2m",
    "labels": {"severity": "warning"},
    "annotations": {
        "summary": "the worker {{ $labels.instance }} does not answer",
        "summary_zh": "工作进程 {{ $labels.instance }} 没有响应",
        "metric": "up",
        "description": "Prometheus could not read the worker's metrics.",
        "runbook": "look at the worker's log; 'clearmark up' restarts what has ended",
    },
}


def files() -> dict[Path, str]:
    """Return what the files must hold."""
    head = "# Generated by deploy/prometheus/generate.py ('make generate'): change it there.\n"
    groups: dict[str, list[Any]] = {
        "recording": recording(),
        "alerts": [*(_rule(alert) for alert in ALERTS), _WORKER_DOWN],
    }
    return {
        HERE / f"{name}.yml": head
        + yaml.safe_dump(
            {"groups": [{"name": f"clearmark-{name}", "rules": rules}]}, sort_keys=False, allow_unicode=True, width=120
        )
        for name, rules in groups.items()
    }


def main(arguments: Sequence[str]) -> int:
    """Write the files, or with ``--check`` say which are stale; return the exit status."""
    stale = [file for file, text in files().items() if not file.exists() or file.read_text("utf-8") != text]
    if "--check" in arguments:
        for file in stale:
            sys.stderr.write(f"deploy/prometheus/{file.name} is stale: run 'make generate' and commit the result\n")
        return int(bool(stale))
    for file, text in files().items():
        file.write_text(text, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
