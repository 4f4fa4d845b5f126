from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import orjson
import pytest

from clearmark.board import targets
from clearmark.board.workers import Worker, workers
from clearmark.up.supervisor import Child

if TYPE_CHECKING:
    from pathlib import Path


def test_each_worker_is_a_target_under_its_name(tmp_path: Path) -> None:
    file = tmp_path / "targets.json"
    targets.write(file, [Worker("screen", 1, 9, "ready")])
    targets.write(file, [Worker("screen", 4001, 9, "ready"), Worker("mark", 4002, 9, "down")])
    assert orjson.loads(file.read_bytes()) == [
        {"targets": ["127.0.0.1:4001"], "labels": {"instance": "screen"}},
        {"targets": ["127.0.0.1:4002"], "labels": {"instance": "mark"}},
    ]
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.parametrize(
    ("running", "announced", "state"), [(False, False, "down"), (True, False, "starting"), (True, True, "ready")]
)
def test_the_state_of_a_child(running: bool, announced: bool, state: str) -> None:
    with subprocess.Popen([sys.executable, "-c", ""], text=True) as process:
        child = Child("mark", (), 7, process if running else None, 5, failures=2, announced=announced)
        assert workers([child]) == (Worker("mark", 7, 5, state, 2),)  # type: ignore[arg-type]
