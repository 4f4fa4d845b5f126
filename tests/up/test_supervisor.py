"""The supervisor restarts what ends and kills what hangs."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

import pytest

from clearmark.up import supervisor as module
from clearmark.up.supervisor import Supervisor

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def supervisor(tmp_path: Path, said: list[str], clock: Clock) -> Iterator[Supervisor]:
    environment = {**os.environ, "CLEARMARK_BOOTSTRAP_SERVERS": "127.0.0.1:1"}
    made = Supervisor(tmp_path, environment, said.append, clock)
    yield made
    made.close()


def until_ended(supervisor: Supervisor) -> None:
    process = supervisor.children[0].process
    assert process is not None
    process.wait(30)


def test_a_worker_that_ends_is_started_again_after_a_growing_wait(
    supervisor: Supervisor, said: list[str], clock: Clock
) -> None:
    supervisor.add("broken", ("no-such-command",), 1)
    for wait in ("0.5", "1", "2"):
        until_ended(supervisor)
        supervisor.tend()
        assert f"it starts again in {wait} s" in said[-1]
        supervisor.tend()
        assert supervisor.children[0].process is None
        clock.now += float(wait)
        supervisor.tend()
        assert said[-1].startswith("broken starts")


def test_a_worker_that_hangs_is_killed_and_started_again(
    supervisor: Supervisor, said: list[str], clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    healthy = True
    monkeypatch.setattr(module, "answers", lambda _port, _path: healthy)
    supervisor.add("ledger", ("ledger", "--follow"), 1)
    first = supervisor.children[0].pid
    supervisor.tend()
    assert "is ready" in said[-1]
    healthy = False
    for _ in range(5):
        clock.now += 6
        supervisor.tend()
    assert "is ready" in said[-1]  # thirty seconds are borne
    clock.now += 6
    supervisor.tend()
    assert "has not been healthy for 36 s" in said[-1]
    until_ended(supervisor)
    supervisor.tend()
    clock.now += 1
    supervisor.tend()
    assert supervisor.children[0].pid != first
    deadline = time.monotonic() + 10
    while os.path.exists(f"/proc/{first}"):  # noqa: PTH110 - a process, not a file
        assert time.monotonic() < deadline
        time.sleep(0.05)
