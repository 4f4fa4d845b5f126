"""The published JSON Schemas describe what is really written, and staleness is noticed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import jsonschema
import orjson
import pytest

from clearmark.schemas.events import (
    DeadLetter,
    MalformedValue,
    Notice,
    OriginRef,
    QuarantineRef,
    Reason,
    dump,
    load,
)
from clearmark.schemas.generate import FOLDER, generated, stale

if TYPE_CHECKING:
    from pathlib import Path

NOTICE = Notice(
    "0" * 32,
    "0" * 16,
    "u1",
    "0" * 64,
    "text",
    "text/plain",
    (Reason("A.1.f", "暴力、淫秽色情", "violence or obscenity"),),
    "sha256:0",
    "2026-01-01T00:00:00Z",
    QuarantineRef("file:x", "0" * 64, "k1"),
)
DEAD_LETTER = DeadLetter("0" * 32, OriginRef("clearmark.ingress.v1", 0, 0), "screen", "malformed-event", 1)


@pytest.mark.parametrize(("name", "value"), [("notice", NOTICE), ("dead-letter", DEAD_LETTER)])
def test_real_values_satisfy_the_published_schema(name: str, value: Notice | DeadLetter) -> None:
    schema = orjson.loads((FOLDER / f"{name}.schema.json").read_bytes())
    jsonschema.Draft202012Validator(schema).validate(orjson.loads(dump(value)))
    assert load(type(value), dump(value)) == value


def test_a_field_of_the_wrong_type_is_refused() -> None:
    with pytest.raises(MalformedValue):
        load(DeadLetter, dump(DEAD_LETTER).replace(b'"attempt":1', b'"attempt":"x"'))


def test_stale_missing_and_surplus_files_are_named(tmp_path: Path) -> None:
    for name, content in generated().items():
        (tmp_path / name).write_bytes(content)
    assert stale(tmp_path) == []
    (tmp_path / "notice.schema.json").write_text("{}")
    (tmp_path / "verify.schema.json").unlink()
    (tmp_path / "old.schema.json").write_text("{}")
    assert stale(tmp_path) == ["notice.schema.json", "old.schema.json", "verify.schema.json"]
