"""The table knows how much of its changelog it holds: all, up to the first record of another worker."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

from faust.types import TP

from clearmark.govern.conduct import Event, Kind
from clearmark.govern.messages import event_key
from clearmark.govern.shelf import Shelf
from tests.govern.town import T0

NAME = "0" * 32
OURS, OTHERS = TP("t", 1), TP("t", 0)


class Bare(Shelf):
    """A shelf without Faust around it."""

    def __init__(self) -> None:
        self.__post_init__()


def record(offset: int, key: bytes | None = None) -> Any:
    key = key or event_key(NAME, Event(T0 + offset, NAME, Kind.FINE))
    return SimpleNamespace(message=SimpleNamespace(topic="t", partition=1, offset=offset, key=key, value=b"1"))


def apply(shelf: Shelf, *records: Any) -> None:
    shelf.apply_changelog_batch(records, str, str)


def complete(shelf: Shelf) -> int | None:
    return shelf.persisted_offset(OURS)


def test_own_records_follow_what_was_read() -> None:
    shelf = Bare()
    assert complete(shelf) is None
    apply(shelf, record(3), record(7))
    for offset in (8, 9):
        shelf.wrote(1, offset)
    assert complete(shelf) == 9
    assert len(shelf.users.get(1, NAME).events) == 2


def test_a_record_of_another_worker_is_not_passed() -> None:
    shelf = Bare()
    shelf.wrote(1, 0)
    for offset in (2, 3):
        shelf.wrote(1, offset)
    assert complete(shelf) == 0
    apply(shelf, record(1), record(2), record(3))
    shelf.wrote(1, 4)
    assert complete(shelf) == 4


def test_what_another_worker_has_is_read_from_the_beginning_when_it_comes_back() -> None:
    shelf = Bare()
    apply(shelf, record(0))
    asyncio.run(shelf.on_recovery_completed({OTHERS}, set()))
    assert complete(shelf) is None
    assert not shelf.users.get(1, NAME).events


def test_a_record_that_govern_did_not_write_is_skipped() -> None:
    shelf = Bare()
    apply(shelf, record(0, b"\xff"), record(1))
    assert complete(shelf) == 1
    assert len(shelf.users.get(1, NAME).events) == 1
