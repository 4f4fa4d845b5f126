"""The three agents of govern: what they read, what they write, and in which order, so that no event is lost.

::

    audit --forward--> conduct --judge--> standing, audit
                          ^                  |
                          +----read back-----+

`forward` brings what audit says of a user's conduct to the partition of that user. `judge` adds it to the user's
events and writes the user's standing when it differs from what lies on the topic. `read back` brings each record
of the standing topic to the judge: one that another worker wrote late, from an older view, is noticed and corrected.

Outputs come before state, state before the position: standing and audit records are acknowledged by the brokers,
then the events in the table's changelog, then the record counts as processed. Wherever the process ends, the next
one reads again what did not get so far, and writes the same records (their ids are hashes of what they say).
"""

from __future__ import annotations

import asyncio
import hashlib
import traceback
from itertools import zip_longest
from typing import TYPE_CHECKING, Final, TypeAlias, cast

import structlog

from clearmark.errors import ClearmarkError, Reject, Stop
from clearmark.govern import messages
from clearmark.govern.conduct import Event
from clearmark.govern.messages import Seen
from clearmark.govern.sift import conduct_of
from clearmark.govern.verdicts import Verdicts
from clearmark.operate.desk import audit
from clearmark.records import Output, StageName
from clearmark.schemas import cloudevents as ce
from clearmark.schemas import events
from clearmark.topology import Topic

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    import faust
    from faust.streams import Stream
    from faust.types import EventT, StreamT

    from clearmark.govern.rules import ConductRule
    from clearmark.govern.shelf import ConductTable
    from clearmark.govern.transport import Consumer
    from clearmark.records import Headers
    from clearmark.schemas.events import Standing
    from clearmark.topology import Topology

    Batch: TypeAlias = list[EventT[bytes]]

_BATCH: Final = 500
"""Records that are processed together at most; together is what waits in the queue."""

_ANSWER_S: Final = 30.0
"""Seconds that brokers may take to acknowledge a batch. Then the process ends, and the next one waits for the cluster:
aiokafka would try for ever, a thousand times a second."""


class Governor:
    """Processes batches of the three topics.

    Args:
        app: the Faust application.
        topology: names the topics.
        rules: the policy's conduct rules.
        table: the users.
        count: told what happened, and how often: ``forwarded``, ``judged``, ``malformed`` records, or the level of a
            standing that was written.
        end: ends the process at once; nothing that is not processed may count as processed.
    """

    def __init__(
        self,
        app: faust.App,
        topology: Topology,
        rules: Sequence[ConductRule],
        table: ConductTable,
        count: Callable[[str, int], None],
        end: Callable[[], None],
    ) -> None:
        self._app, self._topology, self._rules, self._table = app, topology, rules, table
        self._count, self._end = count, end
        self._log = structlog.get_logger("clearmark.govern")

    async def forward(self, stream: StreamT[bytes]) -> None:
        """Agent on audit."""
        await self._work(stream, self._forward)

    async def judge(self, stream: StreamT[bytes]) -> None:
        """Agent on conduct."""
        await self._work(stream, self._judge)

    async def read_back(self, stream: StreamT[bytes]) -> None:
        """Agent on standing."""
        await self._work(stream, self._read_back)

    async def _work(self, stream: StreamT[bytes], process: Callable[[Batch], Awaitable[None]]) -> None:
        """Process a topic in batches of what has arrived; any exception ends the process."""
        consumer = cast("Consumer", self._app.consumer)  # our transport makes it
        manual = cast("Stream[bytes]", stream).noack()
        arrived: Batch = []
        try:
            async for event in cast("Stream[bytes]", manual).events():
                arrived.append(event)
                if len(arrived) < _BATCH and not cast("faust.Channel[bytes]", manual.channel).queue.empty():
                    continue
                batch = [e for e in arrived if consumer.current(e.message)]
                await process(batch)
                for done in batch:
                    consumer.processed(done.message)
                arrived.clear()
        except asyncio.CancelledError as error:
            if not self._app.should_stop:  # Faust would start the agent again, with half a batch in memory
                self._failed(error)
            raise
        except Exception as error:  # noqa: BLE001 - Faust would count the event as processed and go on
            self._failed(error)

    def _failed(self, error: BaseException) -> None:
        last = traceback.extract_tb(error.__traceback__)[-1]
        reason = error.message if isinstance(error, ClearmarkError) else type(error).__name__
        self._log.critical("govern ends", reason=reason, where=f"{last.filename}:{last.lineno}")
        self._end()

    async def _forward(self, batch: Batch) -> None:
        outputs = []
        for event in batch:
            try:
                headers = cast("Headers", tuple(event.message.headers or ()))
                found = conduct_of(headers, event.message.value)
            except Reject as error:
                self._malformed(event, error)
            else:
                if found:
                    outputs.append(self._conduct(*found))
        await self._send(outputs)
        self._count("forwarded", len(outputs))

    async def _read_back(self, batch: Batch) -> None:
        outputs = []
        for event in batch:
            try:
                standing = events.load(events.Standing, event.message.value)
            except Reject as error:
                self._malformed(event, error)
            else:
                outputs.append(self._conduct(standing.user, Seen(event.message.offset, standing)))
        await self._send(outputs)

    async def _judge(self, batch: Batch) -> None:
        verdicts = Verdicts(self._rules)
        for event in batch:
            m = event.message
            try:
                name, said = messages.load(m.key, m.value)
            except Reject as error:
                self._malformed(event, error)
            else:
                verdicts.take(m.partition, name, self._table.data.users.get(m.partition, name), said)
        offsets = await self._send([output for new in verdicts.standings for output in self._standing(new)])
        verdicts.settle(offsets[::2])
        name = self._topology.name(Topic.CONDUCT_TABLE)
        changes = [Output(name, key, value) for (_, key), value in verdicts.changes.items()]
        partitions = [partition for partition, _ in verdicts.changes]
        for partition, offset in zip(partitions, await self._send(changes, partitions), strict=True):
            self._table.data.wrote(partition, offset)
        self._count("judged", len(batch))

    def _standing(self, standing: Standing) -> tuple[Output, Output]:
        """Return the record of a standing and its audit record."""
        self._count(standing.level, 1)
        value = events.dump(standing)
        # A repetition says the same and has the same ids.
        record_id = hashlib.sha256(value).hexdigest()[:32]
        action = events.AuditAction(
            f"standing.{standing.level}",
            StageName.GOVERN,
            standing.user,
            standing.rule,
            standing.at,
            {"until": standing.until or "", "because": ",".join(standing.because)},
        )
        headers = messages.headers(ce.STANDING, f"{record_id}.standing", standing.user)
        record = Output(self._topology.name(Topic.STANDING), standing.user.encode(), value, headers)
        return record, audit(self._topology, record_id, action)

    def _conduct(self, user: str, said: Event | Seen) -> Output:
        about = f"{said.id}.{said.kind}" if isinstance(said, Event) else f"{user}.standing.{said.offset}"
        headers = messages.headers(ce.CONDUCT, about, user)
        return Output(self._topology.name(Topic.CONDUCT), user.encode(), messages.dump(said), headers)

    async def _send(self, outputs: Sequence[Output], partitions: Sequence[int] = ()) -> list[int]:
        """Write records, to these partitions or by their keys; return their offsets, once all are acknowledged."""
        sent = []
        try:
            async with asyncio.timeout(_ANSWER_S):
                for output, partition in zip_longest(outputs, partitions):
                    headers = [(name, value or b"") for name, value in output.headers]
                    sent.append(
                        await self._app.producer.send(output.topic, output.key, output.value, partition, None, headers)
                    )
                return [metadata.offset for metadata in await asyncio.gather(*sent)]
        except TimeoutError:
            raise Stop("the brokers do not acknowledge what is written") from None

    def _malformed(self, event: EventT[bytes], error: Reject) -> None:
        m = event.message
        self._count("malformed", 1)
        self._log.warning("record skipped", record=f"{m.topic}/{m.partition}/{m.offset}", reason=error.error_class)
