"""What a board under test sees: workers with real metrics servers, outcomes, an account."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

import orjson
from prometheus_client import CollectorRegistry

from clearmark.board.workers import Worker
from clearmark.ids import ContentId, DecisionId
from clearmark.mark.text import mark
from clearmark.observe import http
from clearmark.observe import metrics as m
from clearmark.schemas import cloudevents as ce
from clearmark.schemas.events import DeadLetter, LedgerReport, Notice, OriginRef, Reason, dump
from clearmark.screen import policy
from clearmark.topology import Topic
from clearmark.watch import Seen

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from clearmark.errors import Retry

HOSTILE = "<img src=x onerror=document.title='owned'><script>document.title='owned'</script>\u202egnp.exe"
SECRET = "这段被拦截的原文绝不能出现在看板上"
AT_MS = 1_790_000_000_000
KINDS = {
    Topic.APPROVED: (ce.APPROVED, "approved"),
    Topic.BLOCKED: (ce.BLOCKED, "blocked"),
    Topic.REVIEW: (ce.HELD, "held"),
    Topic.DEAD_LETTER: (ce.DEAD_LETTERED, "deadlettered"),
}


def decision(number: int) -> DecisionId:
    return DecisionId(f"{number:032x}")


def seen(
    number: int,
    topic: Topic,
    value: bytes | None = None,
    *,
    kind: str = "text/plain",
    user: str = "user-1",
    reasons: Iterable[Reason] = (),
    resolution: str | None = None,
) -> Seen:
    """Return an outcome as the follower gives it; notices and dead letters are made when no value is given."""
    origin = ce.Origin("t.ingress.v1", 0, number)
    content_id, media = ContentId(number * 0x1111_1111), kind.partition("/")[0]
    if value is None and topic is Topic.DEAD_LETTER:
        value = dump(DeadLetter(str(decision(number)), OriginRef("t", 0, number), "screen", HOSTILE, 1))
    elif value is None and topic is not Topic.APPROVED:
        name = media if media in ("text", "image") else "other"
        ids = (str(decision(number)), str(content_id), user, "0" * 64)
        notice = Notice(*ids, name, kind, tuple(reasons), "sha256:0", "2026-01-01T00:00:00Z")  # type: ignore[arg-type]
        # A later version's field that this board must not pass on.
        value = orjson.dumps({**orjson.loads(dump(notice)), "content": SECRET})
    envelope = ce.Envelope(
        *KINDS[topic], decision(number), content_id, user, origin, "sha256:0", "", kind, resolution=resolution
    )
    return Seen(topic, envelope, tuple(r.code for r in reasons), value, AT_MS + number * 1000)


def marked(text: str, kind: str = "text/plain") -> bytes:
    """Return a text as the mark stage publishes it."""
    return mark(text.encode(), kind, ContentId(7), b"k" * 32, policy.load(None).marks.text).data


def report(*, ok: bool = True) -> LedgerReport:
    total = {
        "received": 1234, "approved": 1000, "blocked": 200, "held": 20, "dead_lettered": 4,
        "in_flight": 10 if ok else 0, "unaccounted": 0 if ok else 10, "duplicated": 0,
    }  # fmt: skip
    return LedgerReport("t.ingress.v1", 30, ok, (), total, {})


class Source:
    """Gives outcomes once; `error` instead, while it is set."""

    def __init__(self, outcomes: Iterable[Seen] = ()) -> None:
        self.waiting = list(outcomes)
        self.error: Retry | None = None

    def poll(self, timeout_s: float = 0.2) -> Iterator[Seen]:
        if self.error:
            raise self.error
        given, self.waiting = self.waiting, []
        yield from given


class Machine:
    """Workers of the stages, each with metrics of its own behind a real server."""

    def __init__(self, stages: Iterable[str], stack: ExitStack) -> None:
        self.metrics = {stage: m.Metrics(CollectorRegistry()) for stage in stages}
        self.workers = [
            Worker(stage, stack.enter_context(http.serve(0, made.registry, bool, bool)), 100 + i, "ready")
            for i, (stage, made) in enumerate(self.metrics.items())
        ]

    def work(self, stage: str, verdict: str, count: int, seconds: float = 0.04) -> None:
        """Let a stage decide."""
        made = self.metrics[stage]
        made.count(m.DECISIONS, stage, "text", verdict, by=count)
        for _ in range(count):
            made.observe(m.LATENCY, seconds, stage)
        made.observe(m.BATCH, count, stage)
        made.observe(m.DURATION, 0.02, stage, "process")
        made.observe(m.DURATION, 0.004, stage, "transaction")
        made.set(m.LAG, seconds, stage)


@contextmanager
def machine(*stages: str) -> Iterator[Machine]:
    with ExitStack() as stack:
        yield Machine(stages, stack)
