"""The state of the live board: gathered by two threads, read by the web server as one JSON document."""

from __future__ import annotations

import threading
import time
from collections import Counter, deque
from typing import TYPE_CHECKING, Any, Final, Protocol

import orjson

from clearmark.board import scrape
from clearmark.board.items import Item, Pictures, item
from clearmark.errors import ClearmarkError, Reject

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from clearmark.board.workers import Worker
    from clearmark.schemas.events import LedgerReport
    from clearmark.topology import Topic
    from clearmark.watch import Seen

VERDICTS: Final = ("approve", "block", "hold", "dead-letter")
BIN_S: Final = 5
BINS: Final = 60
ITEMS: Final = 12
"""Items shown of each outcome: a few that are blocked are not to vanish behind many that are approved."""


class Source(Protocol):
    """Where outcomes come from: a `clearmark.watch.Follower`."""

    def poll(self, timeout_s: float = 0.2) -> Iterable[Seen]:
        """Yield what has come."""
        ...


class Board:
    """Gathers what the page shows.

    Args:
        workers: tells the supervised workers; each is asked for its metrics.
        source: outcomes as they come; read by one thread alone.
        ledger: makes an account; may take its time, read by another thread.
        now: seconds since 1970.
        fetch: reads the metrics of a loopback port.
    """

    def __init__(
        self,
        workers: Callable[[], Sequence[Worker]],
        source: Source,
        ledger: Callable[[], LedgerReport],
        now: Callable[[], float] = time.time,
        fetch: Callable[[int], str | None] = scrape.fetch,
    ) -> None:
        self._workers, self._source, self._ledger, self._now, self._fetch = workers, source, ledger, now, fetch
        self.pictures = Pictures()
        self._items: dict[Topic, deque[Item]] = {}
        self._windows: dict[str, scrape.Window] = {}
        self._bins: dict[int, Counter[str]] = {}
        self._report: dict[str, Any] = {"state": "unknown", "why": "", "total": {}}
        self._stages: list[dict[str, Any]] = []
        self._trouble = ""
        self._lock = threading.Lock()
        self._at = 0.0

    def follow(self, timeout_s: float) -> bool:
        """Take the outcomes that have come; return whether the cluster answers."""
        came: dict[Topic, deque[Seen]] = {}
        trouble = ""
        try:
            for seen in self._source.poll(timeout_s):
                came.setdefault(seen.topic, deque(maxlen=ITEMS)).append(seen)
        except ClearmarkError as error:
            trouble = error.message
        for topic, last in came.items():
            self._keep(topic, last)
        self._trouble = trouble
        return not trouble

    def _keep(self, topic: Topic, last: Iterable[Seen]) -> None:
        shown = []
        for seen in last:
            try:
                shown.append(item(seen, self.pictures))
            except Reject:
                continue  # whoever else may write to our topics is a matter of ACLs
        with self._lock:
            self._items.setdefault(topic, deque(maxlen=ITEMS)).extend(shown)

    def measure(self) -> None:
        """Ask each worker for its metrics."""
        now = self._now()
        stages = []
        rises: Counter[str] = Counter()
        for worker in self._workers():
            window = self._windows.setdefault(worker.name, scrape.Window())
            text = self._fetch(worker.port) if worker.state != "down" else None
            if text is not None:
                rises.update(window.add(now, worker.pid, scrape.parse(text)))
            stages.append({"worker": worker, "figures": window.figures() if text is not None else scrape.Figures()})
        with self._lock:
            self._stages, self._at = stages, now
            number = int(now) // BIN_S
            self._bins.setdefault(number, Counter()).update(rises)
            for old in [n for n in self._bins if n <= number - BINS]:
                del self._bins[old]

    def account(self) -> None:
        """Have the ledger make its account."""
        try:
            report = self._ledger()
            found = {"state": "closes" if report.ok else "open", "why": "", "total": report.total}
        except ClearmarkError as error:
            found = {"state": "unknown", "why": error.message, "total": {}}
        with self._lock:
            self._report = found

    def data(self) -> bytes:
        """Return all that the page shows, as JSON."""
        with self._lock:
            last = int(self._now()) // BIN_S
            numbers = range(last - BINS + 1, last + 1)
            items = [shown for kept in self._items.values() for shown in reversed(kept)]
            return orjson.dumps(
                {
                    "at": round(self._at, 3),
                    "now": round(self._now(), 3),
                    "trouble": self._trouble,
                    "stages": self._stages,
                    "decisions": {
                        "bin_s": BIN_S,
                        "verdicts": VERDICTS,
                        "counts": [[self._bins.get(n, Counter())[v] for v in VERDICTS] for n in numbers],
                    },
                    "ledger": self._report,
                    "items": sorted(items, key=lambda i: i.at_ms, reverse=True),
                }
            )
