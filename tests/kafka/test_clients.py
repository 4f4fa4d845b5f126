"""The client library's log, made bearable."""

from __future__ import annotations

import logging

from clearmark.kafka.clients import Seldom


def passes(seldom: Seldom, message: str) -> bool:
    return seldom.filter(logging.LogRecord("x", logging.ERROR, "", 0, message, (), None))


def test_the_same_complaint_passes_once_in_ten_seconds() -> None:
    now = [100.0]
    seldom = Seldom(lambda: now[0])
    refused = "FAIL [clearmark#consumer-2] [thrd:127.0.0.1:9092/bootstrap]: 127.0.0.1:9092/bootstrap: Connect failed"
    assert passes(seldom, refused)
    assert not passes(seldom, f"{refused} (after 0ms in state CONNECT)")
    assert passes(seldom, refused.replace("consumer-2", "producer-3"))
    assert passes(seldom, refused.replace("FAIL", "SESSTMOUT"))
    assert passes(seldom, "something else")
    assert passes(seldom, "something else")
    now[0] += 10
    assert passes(seldom, refused)
