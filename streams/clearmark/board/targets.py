"""Where Prometheus finds the workers: a file that its ``file_sd_configs`` reads, and reads again when it changes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from clearmark.board.workers import Worker


def write(file: Path, workers: Iterable[Worker]) -> None:
    """Replace the file in one step. A worker is known by its name: its port is another one after each start."""
    groups = [{"targets": [f"127.0.0.1:{w.port}"], "labels": {"instance": w.name}} for w in workers]
    scratch = file.with_suffix(".part")
    scratch.write_bytes(orjson.dumps(groups, option=orjson.OPT_INDENT_2))
    scratch.replace(file)
