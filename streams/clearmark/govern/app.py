"""The Faust application of govern, built from explicit arguments: no web server, no leader, no topics created."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import faust

from clearmark.govern.governor import Governor
from clearmark.govern.security import credentials
from clearmark.govern.shelf import ConductTable
from clearmark.govern.transport import Transport
from clearmark.topology import Topic

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from clearmark.govern.rules import ConductRule
    from clearmark.topology import Topology

_FETCH_BYTES: Final = 256 * 1024
"""Of one partition at a time: behind by much, no partition runs far ahead of another (see `conduct.compact`)."""

_COMMIT_S: Final = 1.0


class App(faust.App):
    """Keeps nothing on disk."""

    def _create_directories(self) -> None:
        """Make no folders: tables live in memory and in their changelog."""


def build(
    settings: Mapping[str, Any],
    topology: Topology,
    rules: Sequence[ConductRule],
    *,
    on_poll: Callable[[], None],
    count: Callable[[str, int], None],
    end: Callable[[], None],
) -> App:
    """Return the application; it runs from ``start`` to ``stop`` in the event loop of its caller.

    Args:
        settings: librdkafka properties of a group member; Faust is given those of them that it has.
        topology: names the topics, which must be there.
        rules: the policy's conduct rules.
        on_poll: called whenever records were asked for, with the table recovered.
        count: see `clearmark.govern.governor.Governor`.
        end: ends the process at once.

    Raises:
        Stop: a security property has no counterpart.
    """
    session_s = int(settings.get("session.timeout.ms", 10_000)) / 1000
    app = App(
        str(settings["group.id"]),
        broker=[f"kafka://{server.strip()}" for server in str(settings["bootstrap.servers"]).split(",")],
        broker_client_id=str(settings.get("client.id", "clearmark")),
        broker_credentials=credentials(settings),
        broker_session_timeout=session_s,
        broker_heartbeat_interval=session_s / 5,
        broker_commit_interval=_COMMIT_S,
        consumer_auto_offset_reset="earliest",
        consumer_max_fetch_size=_FETCH_BYTES,
        producer_acks=-1,
        store="memory://",
        stream_wait_empty=False,
        table_standby_replicas=0,
        topic_allow_declare=False,
        topic_disable_leader=True,
        web_enabled=False,
        autodiscover=False,
    )
    app.finalize()
    app.transport = app.producer_transport = Transport(app, on_poll)

    def topic(which: Topic, **options: Any) -> Any:  # noqa: ANN401 - Faust's own type is an interface without much
        # Raw, even where a value is no JSON or null: what a record means is ours to say, record by record.
        raw: Any = {"key_type": bytes, "value_type": bytes, "key_serializer": "raw", "value_serializer": "raw"}
        return app.topic(topology.name(which), **raw, allow_empty=True, **options)

    table = ConductTable(app, name="conduct", changelog_topic=topic(Topic.CONDUCT_TABLE, acks=False, internal=True))
    app.tables.add(table)
    governor = Governor(app, topology, rules, table, count, end)
    app.agent(topic(Topic.AUDIT), name="forward")(governor.forward)
    app.agent(topic(Topic.CONDUCT), name="judge")(governor.judge)
    app.agent(topic(Topic.STANDING), name="read-back")(governor.read_back)
    return app
