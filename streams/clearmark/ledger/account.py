"""The account: each committed ingress record against its outcomes. Pure; fed in any order across topics."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from clearmark.records import Terminal
from clearmark.schemas.events import LedgerReport, LedgerRow

if TYPE_CHECKING:
    from collections.abc import Mapping

_FIELDS: Final = {
    Terminal.APPROVED: "approved",
    Terminal.BLOCKED: "blocked",
    Terminal.HELD: "held",
    Terminal.DEAD_LETTERED: "dead_lettered",
}
_EXAMPLES: Final = 10


@dataclass(slots=True)
class Partition:
    """One ingress partition.

    Attributes:
        first: first offset that was counted.
        through: every record below this offset is closed: received, with an outcome.
        counts: closed records by kind of outcome.
        open: log-append time and outcome of records at ``through`` and above, in order of offset.
        early: outcomes of records that were not read yet.
        duplicated: offsets with more than one outcome.
    """

    first: int = 0
    through: int = 0
    counts: Counter[Terminal] = field(default_factory=Counter)
    open: dict[int, tuple[int, Terminal | None]] = field(default_factory=dict)
    early: dict[int, Terminal] = field(default_factory=dict)
    duplicated: set[int] = field(default_factory=set)

    def received(self, offset: int, timestamp_ms: int) -> None:
        """Count an ingress record."""
        self.open[offset] = (timestamp_ms, self.early.pop(offset, None))

    def outcome(self, offset: int, kind: Terminal) -> None:
        """Count an outcome; a second one of the same record is a duplicate, whatever its kind."""
        if offset < self.through or offset in self.early:
            self.duplicated.add(offset)
        elif offset not in self.open:
            self.early[offset] = kind
        elif self.open[offset][1] is None:
            self.open[offset] = (self.open[offset][0], kind)
        else:
            self.duplicated.add(offset)

    def close(self) -> None:
        """Forget records from the front that have their outcome; their counts stay."""
        for offset, (_, kind) in list(self.open.items()):
            if kind is None:
                break
            self.counts[kind] += 1
            self.through = offset + 1
            del self.open[offset]


def report(
    topic: str,
    partitions: Mapping[int, Partition],
    ends: Mapping[int, tuple[int, int]],
    now_ms: int,
    age_s: float,
) -> LedgerReport:
    """Return the account as the contract shows it.

    Args:
        topic: the ingress topic.
        partitions: the account by partition.
        ends: by partition, the read_committed end and the log end.
        now_ms: the time, in milliseconds since 1970.
        age_s: a record without an outcome is unaccounted when it is older than this, else in flight.
    """
    rows = []
    lost: list[tuple[int, int]] = []
    twice: list[tuple[int, int]] = []
    oldest = now_ms - age_s * 1000
    for number in sorted(ends):
        account = partitions.get(number) or Partition()
        kinds = account.counts + Counter(kind for _, kind in account.open.values() if kind is not None)
        waiting = [(offset, at) for offset, (at, kind) in account.open.items() if kind is None]
        missing = [offset for offset, at in waiting if at < oldest]
        lost += [(number, offset) for offset in missing]
        twice += [(number, offset) for offset in sorted(account.duplicated)]
        counted = {name: kinds[kind] for kind, name in _FIELDS.items()}
        rows.append(
            LedgerRow(
                partition=number,
                first=account.first,
                committed=ends[number][0],
                end=ends[number][1],
                received=sum(counted.values()) + len(waiting),
                in_flight=len(waiting) - len(missing),
                unaccounted=len(missing),
                duplicated=len(account.duplicated),
                **counted,
            )
        )
    names = ("received", *_FIELDS.values(), "in_flight", "unaccounted", "duplicated")
    total = {name: sum(getattr(row, name) for row in rows) for name in names}
    examples = {"unaccounted": lost[:_EXAMPLES], "duplicated": twice[:_EXAMPLES]}
    return LedgerReport(topic, age_s, not lost and not twice, tuple(rows), total, examples)
