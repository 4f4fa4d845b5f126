"""Pictures out of hostile files: sandboxed children that stay warm, and what becomes of a file that breaks them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from queue import SimpleQueue
from typing import TYPE_CHECKING, Final, Self

from clearmark.extract.limits import ExtractLimits
from clearmark.extract.process import COMMAND, Child, Loss
from clearmark.extract.sniff import DEADLINE, UNREADABLE, sniff
from clearmark.screen.admit import Refusal

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType

    from clearmark.extract.picture import Picture

_ATTEMPTS: Final = 2
"""A child may die of something else once."""


class Extractor:
    """Decodes files in child processes. One caller at a time; use as a context manager, or call `close`.

    Children start when first needed and are replaced when they are lost. A file that needs more time than allowed is
    held, one that breaks two children is unreadable.

    Args:
        limits: what one item may cost.
        workers: children that a batch keeps busy.
        command: starts a child, for tests.
    """

    def __init__(self, limits: ExtractLimits | None = None, workers: int = 1, command: Sequence[str] = COMMAND) -> None:
        self.limits = limits or ExtractLimits()
        self._children = [Child(self.limits, command) for _ in range(workers)]
        self._idle: SimpleQueue[Child] = SimpleQueue()
        for child in self._children:
            self._idle.put(child)
        self._threads = ThreadPoolExecutor(workers, "extract")
        self._lost = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def protections(self) -> frozenset[str]:
        """What is active in every child, of `clearmark.extract.sandbox.PROTECTIONS`; starts them.

        Raises:
            Retry: a child cannot be started.
        """
        for child in self._children:
            child.start()
        return frozenset.intersection(*(child.protections for child in self._children))

    @property
    def pids(self) -> list[int]:
        """Of the children that run now."""
        return [child.pid for child in self._children if child.pid is not None]

    @property
    def lost(self) -> int:
        """Children that crashed or were killed since the start."""
        return self._lost

    def thumbnail(self, data: bytes, content_type: str, longest: int) -> Picture | Refusal:
        """Return the picture, its longest side at most ``longest`` pixels, or why there is none.

        Raises:
            Retry: a child cannot be started.
        """
        refused = sniff(data, content_type, self.limits)
        if isinstance(refused, Refusal):
            return refused
        child = self._idle.get()
        try:
            return self._extract(child, data, content_type, longest)
        finally:
            self._idle.put(child)

    def open(self, data: bytes, content_type: str) -> Picture | Refusal:
        """Return the picture in full size, or why there is none; raises as `thumbnail`."""
        return self.thumbnail(data, content_type, 0)

    def thumbnails(self, items: Sequence[tuple[bytes, str]], longest: int) -> list[Picture | Refusal]:
        """Return `thumbnail` of each file and media type, in order; all children work at once."""
        if len(self._children) == 1 or len(items) == 1:
            return [self.thumbnail(data, content_type, longest) for data, content_type in items]
        return list(self._threads.map(lambda item: self.thumbnail(item[0], item[1], longest), items))

    def close(self) -> None:
        """End all children."""
        self._threads.shutdown(cancel_futures=True)
        for child in self._children:
            child.stop()

    def _extract(self, child: Child, data: bytes, content_type: str, longest: int) -> Picture | Refusal:
        for _ in range(_ATTEMPTS):
            answer = child.ask(data, content_type, longest)
            if not isinstance(answer, Loss):
                return answer
            self._lost += 1
            if answer is Loss.LATE:
                return DEADLINE
        return UNREADABLE
