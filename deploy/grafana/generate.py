"""The dashboard from the metric catalogue: ``python deploy/grafana/generate.py [--check]``.

Writes ``dashboards/clearmark.json``. A metric of the catalogue without a place on the dashboard ends it with an
error; so does a panel that asks for a metric that nobody writes. Titles and legends are Chinese and English; a
panel's description is its metrics' meaning and remedy.
"""

from __future__ import annotations

import itertools
import json
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

import yaml
from grafana_foundation_sdk.builders import common, heatmap, prometheus, stat, timeseries
from grafana_foundation_sdk.builders import dashboard as build
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import common as values
from grafana_foundation_sdk.models import dashboard as model
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

from clearmark.observe import metrics as m
from clearmark.records import StageName
from clearmark.topology import STATE

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from grafana_foundation_sdk.cog.builder import Builder

    from clearmark.observe.metrics import Metric

HERE: Final = Path(__file__).resolve().parent
FILE: Final = HERE / "dashboards" / "clearmark.json"
RECORDING: Final = HERE.parent / "prometheus" / "recording.yml"
SOURCE: Final = model.DataSourceRef(type_val="prometheus", uid="${datasource}")

ZH: Final = {
    "screen": "筛查", "mark": "标识", "archive": "归档", "govern": "治理",
    "allow": "放行", "block": "拦截", "hold": "待审", "approve": "批准", "dead-letter": "死信",
    "text": "文本", "image": "图片", "audio": "音频", "video": "视频", "other": "其他",
    "committed": "提交", "aborted": "中止", "stale": "过期",
    "process": "处理", "transaction": "事务",
    "label": "显式标识", "watermark": "隐式水印", "metadata": "元数据", "signature": "签名",
    "identities": "身份", "consents": "同意", "standing": "信用", "features": "特征",
    "forwarded": "转发", "judged": "判定", "malformed": "格式错误",
    "good": "良好", "warned": "警告", "limited": "受限", "suspended": "暂停",
    "none": "无",
}  # fmt: skip
LABELS: Final = {
    "stage": [*(stage.value for stage in StageName), "none"],
    "verdict": ["allow", "block", "hold", "approve", "dead-letter"],
    "media": ["text", "image", "audio", "video", "other"],
    "result": ["committed", "aborted", "stale", "none"],
    "step": ["process", "transaction"],
    "mark": ["label", "metadata", "watermark", "signature", "none"],
    "topic": [topic.value for topic in STATE],
    "what": ["forwarded", "judged", "malformed", "good", "warned", "limited", "suspended", "none"],
    "cause": ["none"],
}
"""Values of labels that legends translate; others are shown as they are."""
COLOURS: Final = {
    "approve": "green", "allow": "light-green", "block": "red", "hold": "orange", "dead-letter": "purple",
    "committed": "green", "aborted": "red", "stale": "orange", "none": "green",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Query:
    """PromQL, and its legend: ``{{label}}`` stands for a label's value, which is shown in both languages."""

    expr: str
    legend: str


@dataclass(frozen=True, slots=True)
class Panel:
    """One panel. ``bad`` is the value from which a `stat` turns red."""

    zh: str
    en: str
    kind: Literal["lines", "stacked", "stat", "heat"]
    unit: str
    queries: tuple[Query, ...]
    width: int = 8
    bad: float | None = None
    good: float | None = None


def _sum(by: str, what: str) -> str:
    return f"sum by ({by}) ({what})"


def _rate(name: str, matchers: str = "") -> str:
    return f'rate({name}{{stage=~"$stage"{matchers}}}[$__rate_interval])'


def _failures(metric: Metric, label: str, *, staged: bool = True) -> Query:
    """Ask for the rate of a counter that appears with its first failure: 0 until then, not a panel without data."""
    rate = _rate(f"{metric.name}_total") if staged else f"rate({metric.name}_total[$__rate_interval])"
    none = f'label_replace(vector(0), "{label}", "none", "", "")'
    return Query(f"{_sum(label, rate)} or on () {none}", f"{{{{{label}}}}}")


def _quantiles(metric: Metric) -> tuple[Query, ...]:
    buckets = _sum("stage, le", _rate(f"{metric.name}_bucket"))
    return tuple(
        Query(f"histogram_quantile({q}, {buckets})", f"p{round(q * 100)} {{{{stage}}}}") for q in (0.5, 0.95, 0.99)
    )


def _mean(metric: Metric, by: str) -> str:
    total, count = (_sum(by, _rate(f"{metric.name}_{part}")) for part in ("sum", "count"))
    return f"{total} / {count}"


_LATE: Final = "clearmark:decisions_late:ratio_rate"
_BUDGET: Final = 0.01  # as in deploy/prometheus/generate.py
_DECIDED: Final = f"{m.DECISIONS.name}_total"
_WINDOWS: Final = {"5m": "5 分钟", "1h": "1 小时", "6h": "6 小时", "3d": "3 天"}

ROWS: Final[dict[str, tuple[Panel, ...]]] = {
    "目标与预算 · Objective and budget": (
        Panel("三天内按时", "On time, three days", "stat", "percentunit", (Query(f"1 - {_LATE}3d", ""),), 6, good=0.99),
        Panel(
            "账本未结", "Unaccounted artifacts", "stat", "none", (Query(f"max({m.UNACCOUNTED.name})", ""),), 6, bad=1
        ),
        Panel("重复结果", "Duplicated outcomes", "stat", "none", (Query(f"max({m.DUPLICATED.name})", ""),), 6, bad=1),
        Panel("工作进程", "Workers that answer", "stat", "none", (Query('sum(up{job="clearmark"})', ""),), 6, good=1),
        Panel(
            "预算消耗速度（1 = 恰好用尽）",
            "Burn rate (1 spends the budget exactly)",
            "lines",
            "none",
            tuple(Query(f"{_LATE}{w} / {_BUDGET}", f"{zh} {w}") for w, zh in _WINDOWS.items()),
            24,
        ),
    ),
    "各阶段 · Each stage": (
        Panel("裁决速率", "Decisions", "lines", "suffix:/s", (Query(_sum("stage", _rate(_DECIDED)), "{{stage}}"),)),
        Panel("重试", "Retries", "lines", "suffix:/s", (_failures(m.RETRIES, "stage"),)),
        Panel("裁决延迟", "Decision latency", "lines", "s", _quantiles(m.LATENCY)),
        Panel("事务", "Transactions", "stacked", "suffix:/s", (_failures(m.TRANSACTIONS, "result"),)),
        Panel(
            "批次用时",
            "Time of a batch",
            "lines",
            "s",
            (Query(_mean(m.DURATION, "stage, step"), "{{stage}} {{step}}"),),
        ),
        Panel(
            "延迟分布",
            "Latency, distribution",
            "heat",
            "s",
            (Query(_sum("le", f'increase({m.LATENCY.name}_bucket{{stage=~"$stage"}}[$__rate_interval])'), "{{le}}"),),
        ),
    ),
    "落后 · Lag": (
        Panel(
            "最近裁决记录的年龄",
            "Age of the last decided record",
            "lines",
            "s",
            (Query(f'max by (stage) ({m.LAG.name}{{stage=~"$stage"}})', "{{stage}}"),),
            12,
        ),
        Panel(
            "拥有的分区",
            "Partitions owned",
            "lines",
            "none",
            (Query(_sum("stage", f'{m.PARTITIONS.name}{{stage=~"$stage"}}'), "{{stage}}"),),
            12,
        ),
    ),
    "批次 · Batches": (
        Panel(
            "平均批次", "Records in a batch, mean", "lines", "none", (Query(_mean(m.BATCH, "stage"), "{{stage}}"),), 12
        ),
        Panel("批次分位", "Records in a batch, quantiles", "lines", "none", _quantiles(m.BATCH), 12),
    ),
    "裁决 · Verdicts": (
        Panel(
            "各裁决速率", "Verdicts", "stacked", "suffix:/s", (Query(_sum("verdict", _rate(_DECIDED)), "{{verdict}}"),)
        ),
        Panel(
            "一小时内的比例",
            "Parts of the last hour",
            "lines",
            "percentunit",
            (Query("verdict:clearmark_decisions:ratio_rate1h", "{{verdict}}"),),
        ),
        Panel("媒体", "Media", "stacked", "suffix:/s", (Query(_sum("media", _rate(_DECIDED)), "{{media}}"),)),
    ),
    "标识读回与死信 · Read-back and dead letters": (
        Panel(
            "读不回的标识",
            "Marks not read back",
            "lines",
            "suffix:/s",
            (_failures(m.READ_BACK, "mark", staged=False),),
            12,
        ),
        Panel("死信原因", "Dead letters by cause", "lines", "suffix:/s", (_failures(m.DEAD_LETTERS, "cause"),), 12),
    ),
    "用户与推理 · Users and inference": (
        Panel("用户行为", "Conduct of users", "lines", "suffix:/s", (_failures(m.CONDUCT, "what", staged=False),), 6),
        Panel(
            "状态视图的键",
            "Keys of the state views",
            "lines",
            "none",
            (Query(f'max by (stage, topic) ({m.VIEW_KEYS.name}{{stage=~"$stage"}})', "{{stage}} {{topic}}"),),
            6,
        ),
        Panel(
            "推理后端",
            "Inference providers",
            "lines",
            "none",
            (Query(f"sum by (model, provider) ({m.PROVIDER.name})", "{{model}} {{provider}}"),),
            6,
        ),
        Panel(
            "损失的解码进程",
            "Decoders lost",
            "lines",
            "none",
            (Query(_sum("stage", f'{m.EXTRACTION.name}{{stage=~"$stage"}}'), "{{stage}}"),),
            6,
        ),
    ),
    "账本与归档 · Ledger and archive": (
        Panel(
            "账本",
            "Ledger",
            "lines",
            "none",
            (
                Query(f"max({m.UNACCOUNTED.name})", "未结 unaccounted"),
                Query(f"max({m.DUPLICATED.name})", "重复 duplicated"),
            ),
            12,
        ),
        Panel(
            "裁决与归档",
            "Decided and archived",
            "lines",
            "suffix:/s",
            (
                Query(f"sum(rate({_DECIDED}[$__rate_interval]))", "裁决 decided"),
                Query(f"sum(rate({m.ARCHIVED.name}_total[$__rate_interval]))", "归档 archived"),
            ),
            12,
        ),
    ),
}


def misplaced(catalogue: Iterable[Metric], panels: Iterable[Panel], recorded: Iterable[str]) -> list[str]:
    """Return what is wrong: metrics that no panel shows, and names in panels that nobody writes."""
    text = "\n".join(q.expr for panel in panels for q in panel.queries)
    metrics = {metric.name: metric for metric in catalogue}
    known = {*recorded, *itertools.chain.from_iterable(map(series, metrics.values()))}
    asked = set(re.findall(r"(?:[a-z_]+:)?clearmark[_:][a-z0-9_:]+", text))
    missing = [name for name, metric in metrics.items() if not asked & set(series(metric))]
    return [
        *(f"{name} has no place on the dashboard: give it a panel in deploy/grafana/generate.py" for name in missing),
        *(f"a panel asks for {name}, which nobody writes" for name in sorted(asked - known)),
    ]


def series(metric: Metric) -> tuple[str, ...]:
    """Return the names of a metric's series in Prometheus."""
    ends = {"counter": ("_total",), "gauge": ("",), "histogram": ("_bucket", "_count", "_sum")}
    return tuple(f"{metric.name}{end}" for end in ends[metric.kind])


def recorded() -> list[str]:
    """Return the names that recording rules write."""
    groups = yaml.safe_load(RECORDING.read_text("utf-8"))["groups"]
    return [rule["record"] for group in groups for rule in group["rules"]]


def dashboard() -> str:
    """Return the dashboard's JSON."""
    made = (
        build.Dashboard("Clearmark")
        .uid("clearmark")
        .description("审核、标识与存证 · Moderation, marks and proof")
        .tags(["clearmark", "kafka"])
        .readonly()
        .refresh("10s")
        .time("now-1h", "now")
        .timezone("browser")
        .tooltip(model.DashboardCursorSync.CROSSHAIR)
        .with_variable(build.DatasourceVariable("datasource").label("数据源 Source").type("prometheus"))
        .with_variable(
            build.QueryVariable("stage")
            .label("阶段 Stage")
            .query(f"label_values({_DECIDED}, stage)")
            .datasource(SOURCE)
            .refresh(model.VariableRefresh.ON_TIME_RANGE_CHANGED)
            .sort(model.VariableSort.ALPHABETICAL_ASC)
            .multi(True)
            .current(model.VariableOption(selected=True, text="All", value="$__all"))
            .include_all(True)
            .all_value(".*")
        )
    )
    numbers = itertools.count(1)
    for title, panels in ROWS.items():
        made.with_row(build.Row(title).id(next(numbers)))
        for panel in panels:
            made.with_panel(_panel(panel, next(numbers)))
    return json.dumps(made.build(), cls=JSONEncoder, ensure_ascii=False, indent=1, sort_keys=True) + "\n"


def _panel(panel: Panel, number: int) -> Builder[model.Panel]:
    made = _kind(panel).id(number).title(f"{panel.zh} · {panel.en}").description(_describe(panel)).datasource(SOURCE)
    made.span(panel.width).height(4 if panel.kind == "stat" else 8).unit(panel.unit).min(0)
    for query, ref in zip(panel.queries, "ABCDEFG", strict=False):
        target = prometheus.Dataquery().expr(query.expr).ref_id(ref).legend_format(query.legend or panel.zh)
        made.with_target(
            target.format(PromQueryFormat.HEATMAP if panel.kind == "heat" else PromQueryFormat.TIME_SERIES)
        )
        for name, shown, colour in names(query.legend):
            properties = [model.DynamicConfigValue("displayName", shown)]
            if colour:
                properties.append(model.DynamicConfigValue("color", {"mode": "fixed", "fixedColor": colour}))
            made.override_by_name(name, properties)
    return made


def _kind(panel: Panel) -> stat.Panel | timeseries.Panel | heatmap.Panel:
    if panel.kind == "heat":
        colour = heatmap.HeatmapColorOptions().scheme("Blues").steps(32)
        return heatmap.Panel().calculate(False).color(colour).y_axis(heatmap.YAxisConfig().unit(panel.unit))
    if panel.kind == "stat":
        worse, better = ("red", "green") if panel.good is not None else ("green", "red")
        steps = [model.Threshold(color=worse), model.Threshold(panel.bad if panel.good is None else panel.good, better)]
        made = stat.Panel().thresholds(build.ThresholdsConfig().mode(model.ThresholdsMode.ABSOLUTE).steps(steps))
        return made.reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"])).graph_mode(
            values.BigValueGraphMode.AREA
        )
    lines = timeseries.Panel().line_width(1).fill_opacity(10).show_points(values.VisibilityMode.NEVER)
    lines.tooltip(common.VizTooltipOptions().mode(values.TooltipDisplayMode.MULTI).sort(values.SortOrder.DESCENDING))
    lines.legend(
        common.VizLegendOptions()
        .show_legend(True)
        .display_mode(values.LegendDisplayMode.LIST)
        .placement(values.LegendPlacement.BOTTOM)
    )
    if panel.kind == "stacked":
        lines.fill_opacity(60).stacking(common.StackingConfig().mode(values.StackingMode.NORMAL))
    return lines


def _describe(panel: Panel) -> str:
    """Return meaning and remedy of the metrics that a panel shows."""
    text = " ".join(query.expr for query in panel.queries)
    ends = "(?:_total|_bucket|_count|_sum)?"
    shown = [metric for metric in m.CATALOGUE if re.search(rf"\b{metric.name}{ends}\b", text)]
    if _LATE in text:
        shown.append(m.LATENCY)
    return "\n\n".join(f"{metric.meaning} Remedy: {metric.remedy}." for metric in shown)


def names(legend: str) -> list[tuple[str, str, str]]:
    """Return, for each series that a legend can name: that name, the name in both languages, its colour."""
    labels = re.findall(r"\{\{(\w+)\}\}", legend)
    found = []
    for combination in itertools.product(*(LABELS.get(label, ()) for label in labels)):
        name = shown = legend
        for label, value in zip(labels, combination, strict=True):
            name = name.replace(f"{{{{{label}}}}}", value)
            shown = shown.replace(f"{{{{{label}}}}}", f"{ZH.get(value, '')} {value}".strip())
        if labels:
            found.append((name, shown, COLOURS.get(combination[0], "") if len(labels) == 1 else ""))
    return found


def main(arguments: Sequence[str]) -> int:
    """Write the dashboard, or with ``--check`` say whether it is stale; return the exit status."""
    panels = [panel for row in ROWS.values() for panel in row]
    if wrong := misplaced(m.CATALOGUE, panels, recorded()):
        sys.stderr.write("\n".join((*wrong, "")))
        return 1
    text = dashboard()
    if "--check" in arguments:
        stale = not FILE.exists() or FILE.read_text("utf-8") != text
        if stale:
            sys.stderr.write("deploy/grafana/dashboards is stale: run 'make generate' and commit the result\n")
        return int(stale)
    FILE.write_text(text, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
