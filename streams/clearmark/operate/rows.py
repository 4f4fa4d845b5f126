"""CSV files of changes: a bad line is named and left out."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from clearmark.operate.desk import Change


def changes(
    lines: Iterable[str],
    columns: Sequence[str],
    required: int,
    change: Callable[[Mapping[str, str]], Change],
    on_bad: Callable[[int, str], None],
) -> Iterator[Change]:
    """Yield a change for each good line.

    Args:
        lines: of the file; the first names the columns.
        columns: that have a meaning; one that is missing reads as empty.
        required: how many of them, from the first on, must be there.
        change: from a line's fields by column, white space at their ends removed; raises ValueError for a bad line.
        on_bad: told the number of each bad line and what is wrong with it.

    Raises:
        ValueError: the first line does not name the columns.
    """
    rows = csv.DictReader(lines)
    if missing := [name for name in columns[:required] if name not in (rows.fieldnames or ())]:
        raise ValueError(f"the first line must name the columns {','.join(columns)}: {missing[0]} is missing")
    while True:
        try:
            row = next(rows)
            made = change({name: (row.get(name) or "").strip() for name in columns})
        except StopIteration:
            return
        except csv.Error:
            on_bad(rows.line_num, "not CSV")
        except ValueError as error:
            on_bad(rows.line_num, str(error))
        else:
            yield made
