"""The catalogue of metrics: each with what it means and what to do when it looks bad."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric. ``meaning`` becomes its help text; ``remedy`` says what to look at first."""

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    labels: tuple[str, ...]
    meaning: str
    remedy: str
    buckets: tuple[float, ...] = ()


_SECONDS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
_COUNTS: Final = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000)

DECISIONS: Final = Metric(
    "clearmark_decisions",
    "counter",
    ("stage", "media", "verdict"),
    "Decisions committed.",
    "a jump in hold or block: see their reasons on the audit topic",
)
LATENCY: Final = Metric(
    "clearmark_decision_latency_seconds",
    "histogram",
    ("stage",),
    "From the record's timestamp to its committed decision.",
    "add workers or partitions; look at lag and at stage duration",
    _SECONDS,
)
DURATION: Final = Metric(
    "clearmark_stage_duration_seconds",
    "histogram",
    ("stage", "step"),
    "Time of one batch in process (the stage's work) or transaction (Kafka's).",
    "process: the model or the disk; transaction: the brokers",
    _SECONDS,
)
BATCH: Final = Metric(
    "clearmark_batch_records",
    "histogram",
    ("stage",),
    "Records in one batch.",
    "always at the bound: the stage is behind; always one: it is idle or on probation",
    _COUNTS,
)
LAG: Final = Metric(
    "clearmark_lag_seconds",
    "gauge",
    ("stage",),
    "Age of the last record that was decided.",
    "rising: add workers",
)
DEAD_LETTERS: Final = Metric(
    "clearmark_dead_letters",
    "counter",
    ("stage", "cause"),
    "Records dead-lettered, by cause.",
    "causes other than malformed-event and dataref-*: look for 'record dead-lettered' in the log",
)
TRANSACTIONS: Final = Metric(
    "clearmark_transactions",
    "counter",
    ("stage", "result"),
    "Transactions by result: committed, aborted, stale.",
    "aborted: look at the brokers; stale after rebalances is normal",
)
RETRIES: Final = Metric(
    "clearmark_retries",
    "counter",
    ("stage",),
    "Times the surroundings failed and the same work was tried again.",
    "look at broker and store; the log line 'retrying' names which",
)
READ_BACK: Final = Metric(
    "clearmark_read_back_failures",
    "counter",
    ("mark",),
    "Marks that could not be read back from the produced bytes; the artifact was held.",
    "look at the held artifacts with 'clearmark review list'",
)
PARTITIONS: Final = Metric(
    "clearmark_assigned_partitions",
    "gauge",
    ("stage",),
    "Partitions that this worker owns.",
    "none for long: more workers than partitions",
)
ARCHIVED: Final = Metric(
    "clearmark_archived_records",
    "counter",
    (),
    "Audit records written to the archive.",
    "standing still while decisions rise: the archive worker or its store is down",
)
CONDUCT: Final = Metric(
    "clearmark_conduct_records",
    "counter",
    ("what",),
    "Records of users' conduct: forwarded, judged, malformed, or the level of a standing that was written.",
    "malformed: who else writes to audit? many suspended: look at 'clearmark standing show' and the policy's conduct",
)
VIEW_KEYS: Final = Metric(
    "clearmark_view_keys",
    "gauge",
    ("stage", "topic"),
    "Keys that this worker knows of a state topic.",
    "workers of one stage differ for long: one of them does not catch up, see its retries",
)
PROVIDER: Final = Metric(
    "clearmark_inference_provider",
    "gauge",
    ("model", "provider"),
    "Where a model runs: 1 for the onnxruntime provider in use.",
    "CPUExecutionProvider on a machine with a GPU: look for 'a provider cannot start' in the log",
)
EXTRACTION: Final = Metric(
    "clearmark_lost_extractors",
    "gauge",
    ("stage",),
    "Sandboxed children that crashed or had to be killed since the worker started.",
    "rising fast: somebody sends files that break decoders, see blocked notices with unreadable",
)
UNACCOUNTED: Final = Metric(
    "clearmark_unaccounted_artifacts",
    "gauge",
    (),
    "Ingress records older than the ledger's age without an outcome.",
    "must be 0: see 'clearmark ledger', then the lag of the stages",
)
DUPLICATED: Final = Metric(
    "clearmark_duplicated_artifacts",
    "gauge",
    (),
    "Ingress records with more than one first outcome.",
    "must be 0: keep the brokers' logs and report it",
)

CATALOGUE: Final = (
    DECISIONS, LATENCY, DURATION, BATCH, LAG, DEAD_LETTERS, TRANSACTIONS, RETRIES, READ_BACK, PARTITIONS, ARCHIVED,
    CONDUCT, VIEW_KEYS, PROVIDER, EXTRACTION, UNACCOUNTED, DUPLICATED,
)  # fmt: skip


class Metrics:
    """The catalogue's metrics in one registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.registry = registry
        self._made: dict[str, Counter | Gauge | Histogram] = {}
        for m in CATALOGUE:
            text = f"{m.meaning} Remedy: {m.remedy}."
            if m.kind == "counter":
                self._made[m.name] = Counter(m.name, text, m.labels, registry=registry)
            elif m.kind == "gauge":
                self._made[m.name] = Gauge(m.name, text, m.labels, registry=registry)
            else:
                self._made[m.name] = Histogram(m.name, text, m.labels, registry=registry, buckets=m.buckets)

    def count(self, metric: Metric, *labels: str, by: float = 1) -> None:
        """Raise a counter."""
        found = self._made[metric.name]
        assert isinstance(found, Counter)
        (found.labels(*labels) if labels else found).inc(by)

    def set(self, metric: Metric, value: float, *labels: str) -> None:
        """Set a gauge."""
        found = self._made[metric.name]
        assert isinstance(found, Gauge)
        (found.labels(*labels) if labels else found).set(value)

    def follow(self, metric: Metric, value: Callable[[], float], *labels: str) -> None:
        """Ask for a gauge's value whenever it is read."""
        found = self._made[metric.name]
        assert isinstance(found, Gauge)
        found.labels(*labels).set_function(value)

    def observe(self, metric: Metric, value: float, *labels: str) -> None:
        """Add an observation to a histogram."""
        found = self._made[metric.name]
        assert isinstance(found, Histogram)
        found.labels(*labels).observe(value)
