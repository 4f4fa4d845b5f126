"""One Parquet file of consecutive audit records: the exact bytes of each, and columns to filter by."""

from __future__ import annotations

import hashlib
import io
import struct
from typing import TYPE_CHECKING, Final

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

if TYPE_CHECKING:
    from collections.abc import Sequence

    from clearmark.records import Record

DIGEST: Final = b"clearmark.sha256"
_COLUMNS: Final = ("decision_id", "content_id", "user", "stage", "verdict", "decided_at", "policy")
SCHEMA: Final = pa.schema(
    [
        ("partition", pa.int32()),
        ("offset", pa.int64()),
        ("timestamp_ms", pa.int64()),
        ("key", pa.binary()),
        ("value", pa.binary()),
        ("headers", pa.list_(pa.struct([("name", pa.string()), ("value", pa.binary())]))),
        *((name, pa.string()) for name in _COLUMNS),
    ]
)


def content_digest(records: Sequence[Record]) -> str:
    """Return a hash over every byte of the records, each part with its length, so that no two lists agree."""
    h = hashlib.sha256()
    for r in records:
        h.update(struct.pack(">IQQ", r.partition, r.offset, r.timestamp_ms))
        parts = [r.key, r.value]
        for name, value in r.headers:
            parts += [name.encode(), value]
        for part in parts:
            h.update(struct.pack(">q", -1 if part is None else len(part)))
            h.update(part or b"")
    return h.hexdigest()


def encode(records: Sequence[Record]) -> bytes:
    """Return the file; `content_digest` stands in its metadata."""
    parsed = [_fields(r.value) for r in records]
    columns = {
        "partition": [r.partition for r in records],
        "offset": [r.offset for r in records],
        "timestamp_ms": [r.timestamp_ms for r in records],
        "key": [r.key for r in records],
        "value": [r.value for r in records],
        "headers": [[{"name": n, "value": v} for n, v in r.headers] for r in records],
        **{name: [fields.get(name) for fields in parsed] for name in _COLUMNS},
    }
    schema = SCHEMA.with_metadata({DIGEST: content_digest(records).encode()})
    buffer = io.BytesIO()
    pq.write_table(pa.table(columns, schema), buffer, compression="zstd")
    return buffer.getvalue()


def stored_digest(data: bytes) -> str:
    """Return the digest in a file's metadata; empty when it has none."""
    metadata = pq.read_schema(io.BytesIO(data)).metadata or {}
    return bytes(metadata.get(DIGEST, b"")).decode()


def _fields(value: bytes | None) -> dict[str, str]:
    """Return what can be filtered by; a record that is no JSON is archived all the same, by its bytes."""
    try:
        found = orjson.loads(value or b"")
    except orjson.JSONDecodeError:
        return {}
    return {k: v for k, v in found.items() if k in _COLUMNS and isinstance(v, str)} if isinstance(found, dict) else {}
