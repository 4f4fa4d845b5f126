"""Figures of each stage from its worker's own metrics, over the last minute."""

from __future__ import annotations

import urllib.error
import urllib.request
from collections import deque
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from prometheus_client.parser import text_string_to_metric_families

from clearmark.observe import metrics as m

if TYPE_CHECKING:
    from collections.abc import Mapping

    from clearmark.observe.metrics import Metric

WINDOW_S: Final = 60.0
_CALL_S: Final = 1.0

Scrape = dict[tuple[str, frozenset[tuple[str, str]]], float]
"""Values by the name and the labels of their series."""


@dataclass(frozen=True, slots=True)
class Figures:
    """One stage. Seconds; None where nothing happened within the window."""

    rate: float | None = None
    lag: float | None = None
    p50: float | None = None
    p95: float | None = None
    batch: float | None = None
    process: float | None = None
    transaction: float | None = None
    retries: float = 0


def fetch(port: int) -> str | None:
    """Return the metrics of the worker on this loopback port; None where it does not answer."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=_CALL_S) as answer:
            return str(answer.read().decode())
    except (urllib.error.URLError, OSError):
        return None


def parse(text: str) -> Scrape:
    """Return Clearmark's values of a text in Prometheus' format."""
    return {
        (s.name, frozenset(s.labels.items())): s.value
        for family in text_string_to_metric_families(text)
        if family.name.startswith("clearmark_")
        for s in family.samples
    }


def total(scrape: Scrape, name: str, labels: Mapping[str, str] | None = None) -> float:
    """Return the sum of the series of a name that carry these labels."""
    wanted = set((labels or {}).items())
    return sum(value for (n, found), value in scrape.items() if n == name and wanted <= found)


def verdicts(scrape: Scrape) -> dict[str, float]:
    """Return how often each final verdict was given; ``allow`` only passes an artifact on."""
    found: dict[str, float] = {}
    for (name, labels), value in scrape.items():
        verdict = dict(labels).get("verdict", "")
        if name == f"{m.DECISIONS.name}_total" and verdict != "allow":
            found[verdict] = found.get(verdict, 0) + value
    return found


class Window:
    """Scrapes of one process over the last minute."""

    def __init__(self) -> None:
        self._pid = 0
        self._kept: deque[tuple[float, Scrape]] = deque()

    def add(self, at: float, pid: int, scrape: Scrape) -> dict[str, float]:
        """Add a scrape; return the final verdicts that came since the last. A new process counts from nothing."""
        before: Scrape = {}
        if pid != self._pid:
            self._kept.clear()
        elif self._kept:
            before = self._kept[-1][1]
        # Of a process that ran before the board did, nobody knows when it decided.
        first = self._pid == 0
        self._pid = pid
        self._kept.append((at, scrape))
        while at - self._kept[0][0] > WINDOW_S:
            self._kept.popleft()
        old = verdicts(before)
        return {} if first else {name: value - old.get(name, 0) for name, value in verdicts(scrape).items()}

    def figures(self) -> Figures:
        """Return what the window says."""
        if not self._kept:
            return Figures()
        (since, old), (until, new) = self._kept[0], self._kept[-1]

        def rise(metric: Metric, part: str, **labels: str) -> float:
            return total(new, f"{metric.name}_{part}", labels) - total(old, f"{metric.name}_{part}", labels)

        def mean(metric: Metric, **labels: str) -> float | None:
            count = rise(metric, "count", **labels)
            return rise(metric, "sum", **labels) / count if count else None

        decided = rise(m.DECISIONS, "total")
        passed = max(decided, rise(m.ARCHIVED, "total"))
        return Figures(
            rate=passed / (until - since) if until > since else None,
            lag=total(new, m.LAG.name) if decided else None,
            p50=quantile(0.5, old, new),
            p95=quantile(0.95, old, new),
            batch=mean(m.BATCH),
            process=mean(m.DURATION, step="process"),
            transaction=mean(m.DURATION, step="transaction"),
            retries=rise(m.RETRIES, "total"),
        )


def quantile(q: float, old: Scrape, new: Scrape) -> float | None:
    """Return a quantile of the decision latency between two scrapes, as Prometheus would: linear within a bucket."""
    name = f"{m.LATENCY.name}_bucket"
    bounds = sorted({float(dict(labels)["le"]): dict(labels)["le"] for n, labels in new if n == name}.items())
    steps = [(0.0, 0.0)]
    steps += [(b, total(new, name, {"le": text}) - total(old, name, {"le": text})) for b, text in bounds]
    count = steps[-1][1]
    if not count:
        return None
    for (lower, below), (upper, upto) in pairwise(steps):
        if upto >= q * count:
            return lower if upper == float("inf") else lower + (upper - lower) * (q * count - below) / (upto - below)
    return None
