"""From the client's messages to our records."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from clearmark.records import Record

if TYPE_CHECKING:
    from confluent_kafka import Message

    from clearmark.records import Headers


def record_of(message: Message) -> Record:
    """Return the record that a message without an error holds."""
    return Record(
        message.topic(),  # type: ignore[arg-type] # a message without an error has a topic,
        message.partition(),  # type: ignore[arg-type] # a partition
        message.offset(),  # type: ignore[arg-type] # and an offset
        message.timestamp()[1],
        message.key(),
        message.value(),
        cast("Headers", tuple(message.headers() or ())),
    )
