"""What a govern worker lets its libraries say."""

from __future__ import annotations

import logging

from clearmark.govern.worker import _SELDOM_S, _Seldom


def test_a_library_that_repeats_itself_is_heard_once_in_a_while() -> None:
    now = [0.0]
    seldom = _Seldom(lambda: now[0])

    def heard(name: str, message: str) -> bool:
        return seldom.filter(logging.LogRecord(name, logging.ERROR, "", 0, message, ("x",), None))

    assert [heard("aiokafka.client", "no node %s") for _ in range(3)] == [True, False, False]
    assert heard("aiokafka.client", "another %s")
    assert all(heard("clearmark.govern", "no node %s") for _ in range(3))
    now[0] = _SELDOM_S
    assert heard("aiokafka.client", "no node %s")
