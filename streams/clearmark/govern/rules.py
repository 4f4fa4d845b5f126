"""When violations change a user's standing: the policy's ``conduct`` rules (R-MOD-8, R-DS-10, R-GA-14)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

if TYPE_CHECKING:
    from collections.abc import Sequence

    from clearmark.govern.conduct import Event

LIMIT: Final = 100
"""Violations of a user that count: the latest ones since the last lift."""

_HOUR_MS: Final = 3_600_000
_Count = Annotated[int, Field(ge=1, le=LIMIT)]
_Hours = Annotated[float, Field(gt=0, le=10 * 366 * 24)]


class ConductRule(BaseModel):
    """One rule: ``in_a_row`` violations with nothing allowed between, or ``violations`` within ``within_hours``.

    When a violation meets it, the user is ``then`` for ``for_hours`` from the time of that violation on.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    in_a_row: _Count | None = None
    violations: _Count | None = None
    within_hours: _Hours | None = None
    then: Literal["warned", "limited", "suspended"]
    for_hours: _Hours

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        given = (self.in_a_row is not None, self.violations is not None, self.within_hours is not None)
        if given not in ((True, False, False), (False, True, True)):
            raise ValueError("give in_a_row alone, or violations with within_hours")
        return self

    @property
    def name(self) -> str:
        """How the rule is named in standings and audit records: ``in_a_row:3``, ``violations:5/24h``."""
        if self.in_a_row is not None:
            return f"in_a_row:{self.in_a_row}"
        return f"violations:{self.violations}/{self.within_hours:g}h"

    @property
    def for_ms(self) -> int:
        """How long the user is ``then``."""
        return int(self.for_hours * _HOUR_MS)

    def met_by(self, row: Sequence[Event], violations: Sequence[Event]) -> Sequence[Event]:
        """Return the violations that meet the rule at the latest of them; none where it is not met.

        Args:
            row: violations since the last allowed artifact, in order.
            violations: all that count, in order.
        """
        if self.in_a_row is not None:
            return row[-self.in_a_row :] if len(row) >= self.in_a_row else ()
        count, hours = self.violations or 0, self.within_hours or 0
        latest = violations[-count:]
        met = len(latest) == count and latest[0].time_ms >= latest[-1].time_ms - hours * _HOUR_MS
        return latest if met else ()


DEFAULT: Final = (
    ConductRule(violations=1, within_hours=24, then="warned", for_hours=24),
    ConductRule(in_a_row=3, then="suspended", for_hours=168),
    ConductRule(violations=5, within_hours=24, then="suspended", for_hours=168),
)
"""Three in a row or five in a day: the numbers are R-MOD-8's, the consequences an operator's choice."""
