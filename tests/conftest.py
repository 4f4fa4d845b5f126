"""One real Kafka for the whole session, started by the first test that asks for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from clearmark.kafka.node import EmbeddedKafka

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def kafka() -> Iterator[EmbeddedKafka]:
    with EmbeddedKafka() as running:
        yield running
