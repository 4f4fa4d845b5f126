"""Run a stage over a batch so that one bad record costs only itself."""

from __future__ import annotations

import traceback
from typing import TYPE_CHECKING

from clearmark.errors import Reject, Retry, Stop

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from clearmark.records import Outcome, Record
    from clearmark.stage import Stage


def process(stage: Stage, batch: Sequence[Record], on_reject: Callable[[Record, Reject, str], None]) -> list[Outcome]:
    """Return one outcome per record; a record that makes the stage fail becomes a dead letter.

    Args:
        stage: the stage to run.
        batch: records in order.
        on_reject: told of each dead letter: the record, why, and file and line of an unknown exception.

    Raises:
        Retry, Stop: as the stage raised them.
        Stop: the stage returned another number of outcomes than it was given records.
    """
    try:
        outcomes = list(stage.process(batch))
    except (Retry, Stop, MemoryError):
        raise
    except Exception as error:  # noqa: BLE001 - unknown by definition: it ends in a dead letter below
        if len(batch) > 1:
            middle = len(batch) // 2
            return [*process(stage, batch[:middle], on_reject), *process(stage, batch[middle:], on_reject)]
        reject = error if isinstance(error, Reject) else Reject(type(error).__name__, internal=True)
        on_reject(batch[0], reject, _where(error))
        return [stage.dead_letter(batch[0], reject.error_class, 1)]
    if len(outcomes) != len(batch):
        raise Stop(f"the stage gave {len(outcomes)} outcomes for {len(batch)} records", remedy="this is a defect")
    return outcomes


def _where(error: BaseException) -> str:
    """Return file and line of the innermost frame: an exception's text may quote content, so it is not logged."""
    frames = traceback.extract_tb(error.__traceback__)
    return f"{frames[-1].filename}:{frames[-1].lineno} in {frames[-1].name}" if frames else ""
