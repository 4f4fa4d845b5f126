"""The transactor's bounds, each with the reason for its default."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Settings:
    """Bounds of one transactor.

    Attributes:
        max_batch_records: most records in one batch; batches grow up to it with the backlog.
        max_batch_bytes: most bytes of keys and values in one batch (its last record may pass the bound).
        linger_s: how long a poll waits for records while another batch is at work.
        idle_poll_s: how long a poll waits when there is nothing at work.
        pause_after_s: with the next batch full and no poll for so long, fetching is paused and polling goes on.
        probation_records: records after a start or a rebalance that are read in small batches with an attempt
            count; at least what two full batches can hold, since that much may have been in hand at a crash.
        probation_batch: records in a batch on probation.
        max_attempts: the attempt that dead-letters a record untouched.
        dead_letter_limit: most internal dead letters within `dead_letter_window` records.
        dead_letter_window: records looked back on for that limit.
        backoff_s: first and longest wait before a retry; it doubles in between.
        abort_limit: transactions in a row that may abort before the process ends.
    """

    max_batch_records: int = 1000
    max_batch_bytes: int = 8 * 1024 * 1024
    linger_s: float = 0.002
    idle_poll_s: float = 0.1
    pause_after_s: float = 1.0
    probation_records: int = 2000
    probation_batch: int = 64
    max_attempts: int = 3
    dead_letter_limit: int = 20
    dead_letter_window: int = 1000
    backoff_s: tuple[float, float] = (0.1, 5.0)
    abort_limit: int = 20

    def wait(self, failures: int) -> float:
        """Return the seconds to wait after this many failures in a row."""
        first, longest = self.backoff_s
        return min(longest, first * 2.0 ** min(failures - 1, 16))
