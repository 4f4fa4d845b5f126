"""What the board knows of the supervised workers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable

    from clearmark.up.supervisor import Child


@dataclass(frozen=True, slots=True)
class Worker:
    """One supervised process. ``failures`` are its ends one after another; ``port`` serves its metrics."""

    name: str
    port: int
    pid: int
    state: Literal["ready", "starting", "down"]
    failures: int = 0


def workers(children: Iterable[Child]) -> tuple[Worker, ...]:
    """Return the state of a supervisor's children."""
    return tuple(
        Worker(
            child.name,
            child.port,
            child.pid,
            "down" if child.process is None else "ready" if child.announced else "starting",
            child.failures,
        )
        for child in tuple(children)
    )
