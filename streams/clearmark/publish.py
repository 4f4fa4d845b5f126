"""Put artifacts on ingress, as any publisher would."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from confluent_kafka import KafkaException, Producer

from clearmark.errors import Stop
from clearmark.schemas.cloudevents import SPECVERSION, SUBMITTED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from typing import Any

    from confluent_kafka import KafkaError, Message


@dataclass(frozen=True, slots=True)
class Upload:
    """One artifact to publish. ``attributes`` add to or replace the CloudEvents attributes; empty ones are left out."""

    data: bytes | None
    content_type: str
    user_id: str
    id: str = ""
    attributes: Mapping[str, str] = field(default_factory=dict)


def publish(
    settings: Mapping[str, Any], topic: str, uploads: Iterable[Upload], done: Callable[[], None], largest: int
) -> int:
    """Publish artifacts and wait until each is on the log; return how many.

    Args:
        settings: librdkafka properties.
        topic: the ingress topic's full name.
        uploads: the artifacts.
        done: called for each that is on the log.
        largest: bytes of the largest record that the topic takes.

    Raises:
        Stop: the cluster refuses one.
    """
    failed: list[str] = []

    def delivered(error: KafkaError | None, _: Message) -> None:
        if error is not None:
            failed.append(error.name())
        else:
            done()

    producer = Producer({"compression.type": "lz4", "linger.ms": 5, "message.max.bytes": largest, **settings})
    count = 0
    for upload in uploads:
        while True:
            try:
                key = upload.user_id.encode()
                producer.produce(topic, upload.data, key, headers=_headers(upload), on_delivery=delivered)
                break
            except BufferError:
                producer.poll(0.1)
            except KafkaException as error:
                remedy = f"a record holds up to {largest} bytes: pass larger content by ce_dataref"
                raise Stop(f"not published: {error.args[0].name()}", remedy=remedy) from None
        producer.poll(0)
        count += 1
    producer.flush()
    if failed:
        raise Stop(f"{len(failed)} of {count} were not published: {failed[0]}", remedy="look at topics and brokers")
    return count


def _headers(upload: Upload) -> list[tuple[str, str | bytes | None]]:
    attributes = {
        "specversion": SPECVERSION,
        "id": upload.id or uuid.uuid4().hex,
        "source": "clearmark-publish",
        "type": SUBMITTED,
        "userid": upload.user_id,
        **upload.attributes,
    }
    pairs = [(f"ce_{name}", value.encode()) for name, value in attributes.items() if value]
    return [*pairs, ("content-type", upload.content_type.encode())]
