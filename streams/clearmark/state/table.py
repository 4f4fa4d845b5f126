"""The content of one compacted topic: the last value of each key, in a dict while small, in RocksDB when large."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

from rocksdict import AccessType, Options, Rdict, WriteBatch

if TYPE_CHECKING:
    from collections.abc import Iterator

SPILL_AT: Final = 250_000
"""Keys from which on a table moves to disk: some 100 MB of memory."""
_BATCH: Final = 10_000


class Table:
    """Keys and values are bytes, as on the topic. A table on disk is scratch: it is read anew at each start.

    Args:
        spill_at: keys from which on the table lies on disk.
        folder: where; None for the system's temporary folder.
    """

    def __init__(self, spill_at: int = SPILL_AT, folder: Path | None = None) -> None:
        self._spill_at, self._parent = spill_at, folder
        self._values: dict[bytes, bytes] = {}
        self._rocks: Rdict | None = None
        self._folder: Path | None = None
        self._fresh: dict[bytes, bytes | None] = {}
        self._count = 0

    def __len__(self) -> int:
        """Return how many keys there are (for a table on disk, an upper bound)."""
        return len(self._values) if self._rocks is None else self._count + len(self._fresh)

    @property
    def on_disk(self) -> bool:
        """Whether the table has moved to RocksDB."""
        return self._rocks is not None

    def put(self, key: bytes, value: bytes | None) -> None:
        """Set a key, or remove it where the value is None (a tombstone)."""
        if self._rocks is not None:
            self._fresh[key] = value
            if len(self._fresh) >= _BATCH:
                self._flush(self._rocks)
        elif value is None:
            self._values.pop(key, None)
        else:
            self._values[key] = value
            if len(self._values) > self._spill_at:
                self._spill()

    def get(self, key: bytes) -> bytes | None:
        """Return the value of a key, or None."""
        if self._rocks is None:
            return self._values.get(key)
        if key in self._fresh:
            return self._fresh[key]
        found: bytes | None = self._rocks.get(key)
        return found

    def values(self) -> Iterator[bytes]:
        """Yield the values in no particular order."""
        if self._rocks is None:
            yield from self._values.values()
            return
        self._flush(self._rocks)
        for value in self._rocks.values():
            assert isinstance(value, bytes)
            yield value

    def close(self) -> None:
        """Remove what lies on disk."""
        if self._rocks is not None and self._folder is not None:
            self._rocks.close()
            self._rocks = None
            shutil.rmtree(self._folder, ignore_errors=True)

    def _spill(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="clearmark-view-", dir=self._parent))
        options = Options(raw_mode=True)
        options.create_if_missing(create_if_missing=True)
        self._rocks = Rdict(str(self._folder), options, access_type=AccessType.read_write())
        self._fresh, self._values = dict(self._values), {}
        self._flush(self._rocks)

    def _flush(self, rocks: Rdict) -> None:
        batch = WriteBatch(raw_mode=True)
        for key, value in self._fresh.items():
            if value is None:
                batch.delete(key)
            else:
                batch.put(key, value)
        rocks.write(batch)
        self._count += len(self._fresh)
        self._fresh = {}
