"""Create the topics of the table, and tell where a cluster differs from it."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from confluent_kafka import KafkaError, KafkaException, TopicCollection
from confluent_kafka.admin import AdminClient, ConfigResource, NewTopic, ResourceType

from clearmark.errors import Retry, Stop
from clearmark.topology import TOPICS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from clearmark.records import TopicName
    from clearmark.topology import Topic, TopicSpec, Topology

_CALL_S: Final = 20.0
_CHECKED: Final = ("cleanup.policy", "max.message.bytes", "message.timestamp.type")
"""What a stage relies on. Retention is the operator's to lengthen."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One way in which a topic on the cluster is not what the table says."""

    topic: TopicName
    what: str
    wanted: str
    found: str

    def __str__(self) -> str:
        return f"{self.topic}: {self.what} is {self.found}, not {self.wanted}"


def cluster_id(admin: AdminClient) -> str:
    """Return the cluster's id.

    Raises:
        Retry: the cluster does not answer.
    """
    try:
        return str(admin.describe_cluster(request_timeout=_CALL_S).result().cluster_id)
    except KafkaException as error:
        raise Retry(f"describe cluster: {_name(error)}") from None


def topic_ids(admin: AdminClient, names: Iterable[TopicName]) -> dict[TopicName, str]:
    """Return the id of each topic that exists: a re-created topic has another.

    Raises:
        Retry: the cluster does not answer.
    """
    return {name: str(found.topic_id) for name, found in _describe(admin, list(names)).items()}


def apply(admin: AdminClient, topology: Topology) -> list[TopicName]:
    """Create the topics that are missing and return their names; existing ones are left as they are.

    Returns when the cluster shows the topics to clients, which can be later than their creation.

    Raises:
        Stop: the cluster refuses.
        Retry: the cluster does not answer, or does not show the topics within 20 s.
    """
    specs = {topology.name(spec.topic): spec for spec in TOPICS}
    missing = [name for name in specs if name not in _describe(admin, list(specs))]
    if not missing:
        return []
    new = [
        NewTopic(
            name,
            num_partitions=topology.partition_count(specs[name]),
            replication_factor=topology.replication,
            config=topology.config(specs[name]),
        )
        for name in missing
    ]
    created = []
    for name, future in zip(missing, admin.create_topics(new, operation_timeout=_CALL_S).values(), strict=True):
        try:
            future.result()
        except KafkaException as error:
            if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                raise Stop(f"topic {name} could not be created: {_name(error)}", remedy="check ACLs") from None
        else:
            created.append(name)
    _await(admin, missing)
    return created


def _await(admin: AdminClient, names: list[TopicName]) -> None:
    deadline = time.monotonic() + _CALL_S
    while len(_describe(admin, names)) < len(names):
        if time.monotonic() > deadline:
            raise Retry("the cluster does not show the topics that were just created")
        time.sleep(0.05)


def check(admin: AdminClient, topology: Topology, topics: Iterable[Topic]) -> list[Difference]:
    """Return where the cluster differs from the table in what a stage relies on; empty when all is well.

    Raises:
        Retry: the cluster does not answer.
    """
    specs = [topology.spec(topic) for topic in topics]
    names = [topology.name(spec.topic) for spec in specs]
    found = _describe(admin, names)
    configs = _configs(admin, [name for name in names if name in found])
    differences = []
    for name, spec in zip(names, specs, strict=True):
        if name not in found:
            differences.append(Difference(name, "the topic", "there", "missing"))
            continue
        wanted, actual = topology.config(spec), configs[name]
        pairs = [("partitions", str(topology.partition_count(spec)), str(len(found[name].partitions)))]
        pairs += [(key, wanted[key], actual[key]) for key in _CHECKED]
        differences += [Difference(name, what, want, have) for what, want, have in pairs if want != have]
    return differences


def require(admin: AdminClient, topology: Topology, topics: Sequence[Topic]) -> None:
    """Refuse to go on with a cluster that differs from the table.

    Raises:
        Stop: names every difference.
        Retry: the cluster does not answer.
    """
    if differences := check(admin, topology, topics):
        raise Stop("; ".join(map(str, differences)), remedy="run 'clearmark topics apply', or alter the topic")


def table(topology: Topology) -> list[tuple[TopicSpec, TopicName, int]]:
    """Return each row of the table with its full name and partition count."""
    return [(spec, topology.name(spec.topic), topology.partition_count(spec)) for spec in TOPICS]


def _name(error: KafkaException) -> str:
    return str(error.args[0].name())


def _describe(admin: AdminClient, names: list[TopicName]) -> dict[TopicName, Any]:
    found = {}
    futures = admin.describe_topics(TopicCollection(list(names)), request_timeout=_CALL_S)
    for name, future in zip(names, futures.values(), strict=True):
        try:
            found[name] = future.result()
        except KafkaException as error:
            if error.args[0].code() != KafkaError.UNKNOWN_TOPIC_OR_PART:
                raise Retry(f"describe topics: {_name(error)}") from None
    return found


def _configs(admin: AdminClient, names: list[TopicName]) -> dict[TopicName, dict[str, str]]:
    resources = [ConfigResource(ResourceType.TOPIC, name) for name in names]
    if not resources:
        return {}
    try:
        futures = admin.describe_configs(resources, request_timeout=_CALL_S)
        return {
            name: {key: str(entry.value) for key, entry in future.result().items()}
            for name, future in zip(names, futures.values(), strict=True)
        }
    except KafkaException as error:
        raise Retry(f"describe configs: {_name(error)}") from None
