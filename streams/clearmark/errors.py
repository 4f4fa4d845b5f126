"""The only three ways in which work can fail, and what each means.

::

    ClearmarkError
    ├── Retry    the surroundings failed (broker, store, model): back off, commit nothing, try again
    ├── Reject   this one record failed: it goes to dead-letter, the others go on
    └── Stop     the process cannot go on: it ends non-zero and its supervisor restarts it
        └── Fenced   another worker has taken this worker's slot

An exception outside this tree, raised while a batch is processed, is bisected to its record and treated as
`Reject`; raised anywhere else it ends the process. Nothing is swallowed.
"""

from __future__ import annotations


class ClearmarkError(Exception):
    """Base of all errors that Clearmark raises on purpose.

    Args:
        message: what happened, without content or personal data (it may be logged).
        remedy: what the reader can do about it; empty when there is nothing to do.
    """

    def __init__(self, message: str, *, remedy: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy

    def diagnostics(self) -> str:
        """Return the message and its remedy for a person to read."""
        return f"{self.message} -> {self.remedy}" if self.remedy else self.message


class Retry(ClearmarkError):
    """Something around the record failed; the same work may succeed later."""


class Reject(ClearmarkError):
    """One record cannot be processed and goes to dead-letter.

    Args:
        error_class: stable short name that the dead-letter notice carries (never an exception's text).
        internal: whether Clearmark is at fault; only internal rejects count toward the dead-letter limit.
    """

    def __init__(self, error_class: str, message: str = "", *, internal: bool = False) -> None:
        super().__init__(message or error_class)
        self.error_class = error_class
        self.internal = internal


class Stop(ClearmarkError):
    """The process must end, non-zero, with this message."""


class Fenced(Stop):
    """Another worker started with the same stage and slot; this one must end."""
