"""Both stages in memory: state topics, an object store, and records that go from one stage to the next."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from obstore.store import MemoryStore

from clearmark.identify import Identifier
from clearmark.ids import ContentIdCipher
from clearmark.mark.marker import Marker
from clearmark.mark.metadata.provider import Provider
from clearmark.mark.stage import MarkStage
from clearmark.outcomes import Writer
from clearmark.records import Record, StageName
from clearmark.schemas.cloudevents import SPECVERSION, SUBMITTED
from clearmark.screen.stage import ScreenStage
from clearmark.store.objects import ObjectStore
from clearmark.store.quarantine import Quarantine
from clearmark.topology import STATE, Topic
from tests.state.twin import KEY, TOPOLOGY, MemoryState, views

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from clearmark.extract.pool import Extractor
    from clearmark.records import Outcome, Output
    from clearmark.screen.screening import Screening

AT = datetime(2026, 6, 1, tzinfo=UTC)
AT_MS = int(AT.timestamp() * 1000)
PROVIDER = Provider(name="Test", code="CLEARMARK-TEST", service="test")


class World:
    """What both stages of one test share. ``fetch`` stands for the claim check."""

    def __init__(self, screening: Screening, extractor: Extractor, fetch: Callable[[str], bytes | None]) -> None:
        self.screening, self.state, self.failed = screening, MemoryState(), list[str]()
        self.store = ObjectStore(MemoryStore(), "memory://test")
        self.quarantine = Quarantine(self.store, KEY, "key-1")
        self._fetch, self._offset = fetch, 0
        self.screen = ScreenStage(
            screening,
            views(self.state),
            Identifier("cluster", "topic", 0, ContentIdCipher(KEY)),
            self._writer(StageName.SCREEN, screening),
            self.quarantine,
            self,  # type: ignore[arg-type] # only `fetch` is used
        )
        # A reader of its own of the same log.
        again = MemoryState()
        again.records = self.state.records
        self.marker = Marker(screening.policy.marks, KEY, PROVIDER, extractor)
        self.mark = MarkStage(
            screening.policy,
            self.marker,
            views(again, *STATE[:3]),
            self._writer(StageName.MARK, screening),
            self.store,
            self.quarantine,
            "cluster",
            self.failed.append,
        )

    def fetch(self, dataref: str, sha256: str, limit: int) -> bytes | None:
        data = self._fetch(dataref)
        return None if data is None or len(data) > limit else data

    def record(self, value: bytes | None, content_type: str = "image/png", **attributes: str) -> Record:
        """The next record on ingress."""
        self._offset += 1
        given = {"specversion": SPECVERSION, "id": f"e{self._offset}", "source": "t", "type": SUBMITTED, "userid": "u"}
        pairs = {f"ce_{name}": text for name, text in {**given, **attributes}.items()}
        headers = tuple((name, text.encode()) for name, text in {**pairs, "content-type": content_type}.items())
        return Record(TOPOLOGY.name(Topic.INGRESS), 0, self._offset, AT_MS, b"key", value, headers)

    def screened(self, *records: Record) -> list[Out]:
        return outs(self.screen.process(list(records)))

    def marked(self, out: Out, content_type: str = "", **attributes: str) -> Out:
        """What the mark stage makes of what the screen stage wrote, with attributes changed."""
        changed = {f"ce_{name}": text for name, text in attributes.items()}
        given = {**out.headers, **changed, "content-type": content_type or out.headers["content-type"]}
        pairs = tuple((name, text.encode()) for name, text in given.items())
        record = Record(TOPOLOGY.name(Topic.SCREENED), 0, 0, AT_MS, out.output.key, out.output.value, pairs)
        return outs(self.mark.process([record]))[0]

    def _writer(self, stage: StageName, screening: Screening) -> Writer:
        return Writer(TOPOLOGY, stage, screening.policy.version, KEY, lambda: AT)


class Out:
    """An outcome's record, and its audit record as JSON."""

    def __init__(self, outcome: Outcome) -> None:
        self.output: Output = outcome.outputs[0]
        self.audit: dict[str, Any] = json.loads(outcome.outputs[1].value or b"")
        assert len(outcome.outputs) == 2
        self.verdict, self.reasons = outcome.verdict, outcome.reasons
        self.topic = TOPOLOGY.topic(self.output.topic)
        self.headers = {name: (value or b"").decode() for name, value in self.output.headers}

    @property
    def said(self) -> tuple[Topic | None, tuple[str, ...]]:
        return self.topic, self.reasons

    @property
    def notice(self) -> dict[str, Any]:
        loaded: dict[str, Any] = json.loads(self.output.value or b"")
        return loaded


def outs(outcomes: Sequence[Outcome]) -> list[Out]:
    return [Out(outcome) for outcome in outcomes]
