"""Faust's transport on aiokafka, made to read what is committed and to commit what was processed, no more, no less.

Faust 0.15.3 as it is (pinned; tests hold what is promised here), at least once:

- opens its consumer ``read_uncommitted``, with no setting for it: it would judge records of aborted transactions;
- commits by filling gaps between acknowledged offsets, and counts the record after a gap as part of it: where
  transaction markers lie, the commit stalls, and everything comes again after a restart;
- acknowledges an event whose agent raised, and (without its compiled parts) events that it skips in a rebalance;
- in a rebalance, reads records before it has sought the committed positions and cleared its queues, throws them away
  and goes on behind them (seen at restarts on a busy machine).

Here an agent says what it has processed, in the order in which it was fetched: then the position after the last such
record is all there is to commit, whatever lies between records. A record that does not come back in that order was
lost by Faust; the process must end, and the next one reads it again.
"""

from __future__ import annotations

from collections import defaultdict, deque
from typing import TYPE_CHECKING, Any, Final

from faust.transport.drivers import aiokafka as driver

from clearmark.errors import Stop

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from faust.transport.consumer import RecordMap
    from faust.types import TP, AppT, Message

_FETCH_WAIT_MS: Final = 100


class _Thread(driver.AIOKafkaConsumerThread):
    def _create_worker_consumer(self, transport: driver.Transport) -> Any:  # noqa: ANN401 - aiokafka ships no types
        consumer = super()._create_worker_consumer(transport)
        # Read when the consumer starts.
        consumer._isolation_level = "read_committed"  # noqa: SLF001
        # A fetch that waits for one partition keeps the others of its broker waiting: Faust's 1.5 s are long.
        consumer._fetch_max_wait_ms = _FETCH_WAIT_MS  # noqa: SLF001
        return consumer


class Consumer(driver.Consumer):
    """Reads committed records, and commits what `processed` was told."""

    transport: Transport

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - passes anything on
        self._fetched: defaultdict[TP, deque[int]] = defaultdict(deque)
        self._done: dict[TP, int] = {}
        self._open: set[TP] = set()
        self._opening: set[TP] = set()
        super().__init__(*args, **kwargs)

    def processed(self, message: Message) -> None:
        """Count a record as processed; each of a partition must be, in order.

        Raises:
            Stop: records before it were fetched and never reached the agent.
        """
        if not self.current(message):
            return
        fetched = self._fetched[message.tp]
        if not fetched or fetched.popleft() != message.offset:
            raise Stop(f"{message.topic}/{message.partition}: records before {message.offset} were not delivered")
        self._done[message.tp] = message.offset + 1

    def current(self, message: Message) -> bool:
        """Return whether a record's partition is still ours; if not, its owner reads the record again."""
        return self.flow_active and message.generation_id == self.app.consumer_generation_id

    def _new_consumer_thread(self) -> _Thread:
        return _Thread(self, loop=self.loop, beacon=self.beacon)

    async def _getmany(self, active_partitions: set[TP] | None, timeout: float) -> RecordMap:  # noqa: ASYNC109 - Faust's
        # A copy: Faust changes the set while the fetching thread waits with it, and an empty one means all partitions.
        found = dict(await super()._getmany(set(active_partitions or ()), timeout))
        for tp, records in [(tp, records) for tp, records in found.items() if not self._is_changelog_tp(tp)]:
            if tp in self._open:
                self._fetched[tp].extend(record.offset for record in records)
            else:
                # Asked for before a rebalance, and Faust would throw it away.
                del found[tp]
                if tp in self.assignment():
                    await self._seek(tp, records[0].offset)
        return found

    async def _wait_next_records(self, timeout: float) -> tuple[RecordMap | None, set[TP] | None]:  # noqa: ASYNC109
        found = await super()._wait_next_records(timeout)
        if not self.app.rebalancing and not self.app.in_recovery:
            self.transport.on_poll()
        return found

    # Partitions are fetched from `resume_flow` on, not from their assignment on: by then the committed positions have
    # been sought, the queues cleared and the tables recovered.

    def _set_active_tps(self, tps: set[TP]) -> set[TP]:
        self._close(tps | self._open)
        return super()._set_active_tps(set())

    def resume_partitions(self, tps: Iterable[TP]) -> None:
        """Fetch from partitions again, as soon as records may flow."""
        self._opening.update(tps)

    def pause_partitions(self, tps: Iterable[TP]) -> None:
        """Fetch no more from partitions."""
        tps = set(tps)
        self._close(tps)
        super().pause_partitions(tps)

    def resume_flow(self) -> None:
        """Let records flow, from the partitions that wait for it too."""
        super().resume_partitions(self._opening)
        self._open |= self._opening
        self._opening.clear()
        super().resume_flow()

    def on_buffer_drop(self, tp: TP) -> None:
        """Fetch again from a partition that was left alone while its queue was full."""
        if tp in self._open:
            super().on_buffer_drop(tp)
        else:
            self._buffered_partitions.discard(tp)

    def _close(self, tps: set[TP]) -> None:
        self._open -= tps
        self._opening -= tps

    async def perform_seek(self) -> None:
        """Go back to the committed positions: what was fetched beyond them comes again."""
        # A partition without a committed position is not sought by aiokafka.
        first = {tp: offsets[0] for tp, offsets in self._fetched.items() if offsets}
        self._fetched.clear()
        self._done.clear()
        for tp in first.keys() & self.assignment():
            await self._seek(tp, first[tp])
        await super().perform_seek()

    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        """Forget partitions: their next owner goes on from the committed positions."""
        for tp in revoked:
            self._fetched.pop(tp, None)
            self._done.pop(tp, None)
        await super().on_partitions_revoked(revoked)

    def _filter_tps_with_pending_acks(self, topics: Any = None) -> Iterator[TP]:  # noqa: ANN401 - Faust's
        return (tp for tp in list(self._done) if topics is None or tp in topics or tp.topic in topics)

    def _new_offset(self, tp: TP) -> int | None:
        return self._done.get(tp)

    async def _add_gap(self, tp: TP, offset_from: int, offset_to: int) -> None:
        """Keep no gaps: `_new_offset` needs none."""


class Producer(driver.Producer):
    """Writes idempotently: a retried request neither repeats nor reorders records."""

    def _settings_extra(self) -> Mapping[str, Any]:
        return {"acks": "all", "enable_idempotence": True}


class Transport(driver.Transport):
    """Makes these consumers and producers.

    Args:
        app: the Faust application.
        on_poll: called whenever the consumer has asked for records, with its tables recovered.
    """

    Consumer = Consumer
    Producer = Producer

    def __init__(self, app: AppT, on_poll: Callable[[], None]) -> None:
        super().__init__(app.conf.broker_consumer, app)
        self.on_poll = on_poll
