"""``clearmark topics`` on real Kafka."""

from __future__ import annotations

import time
import uuid
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, ResourceType

from clearmark.cli import cli
from clearmark.errors import Stop
from clearmark.kafka import admin as kafka_admin
from clearmark.topology import Topic, Topology

if TYPE_CHECKING:
    from click.testing import Result

    from clearmark.kafka.node import EmbeddedKafka


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["topics", *arguments])


def test_the_table_is_shown_without_a_cluster() -> None:
    result = run("--prefix", "acme", "show")
    assert result.exit_code == 0
    assert "acme" in result.output


def test_apply_without_a_cluster_says_what_to_give() -> None:
    result = run("apply")
    assert result.exit_code == 2
    assert "CLEARMARK_BOOTSTRAP_SERVERS" in result.output


@pytest.mark.kafka
def test_topics_are_created_once_and_differences_are_named(kafka: EmbeddedKafka) -> None:
    prefix = f"t{uuid.uuid4().hex[:8]}"
    cluster = ("--bootstrap-servers", kafka.bootstrap, "--prefix", prefix, "--partitions", "2")
    assert run(*cluster, "show").exit_code == 1
    first = run(*cluster, "apply")
    assert (first.exit_code, first.output.count("created")) == (0, len(Topic))
    again = run(*cluster, "apply")
    assert (again.exit_code, again.output.count("created")) == (0, 0)

    admin, topology = AdminClient({"bootstrap.servers": kafka.bootstrap, "log_level": 0}), Topology(prefix, 1, 2)
    audit = topology.name(Topic.AUDIT)
    change = ConfigEntry("message.timestamp.type", "CreateTime", incremental_operation=AlterConfigOpType.SET)
    resource = ConfigResource(ResourceType.TOPIC, audit, incremental_configs=[change])
    for future in admin.incremental_alter_configs([resource]).values():
        future.result()
    kafka_admin.require(admin, topology, [Topic.INGRESS])
    deadline = time.monotonic() + 20
    while not kafka_admin.check(admin, topology, [Topic.AUDIT]) and time.monotonic() < deadline:
        time.sleep(0.05)  # brokers learn of a change a moment after it is made
    with pytest.raises(Stop, match=r"message\.timestamp\.type is CreateTime, not LogAppendTime"):
        kafka_admin.require(admin, topology, [Topic.AUDIT])


@pytest.mark.kafka
def test_a_recreated_topic_has_another_id(kafka: EmbeddedKafka) -> None:
    topology = Topology(f"t{uuid.uuid4().hex[:8]}", 1, 1)
    admin = AdminClient({"bootstrap.servers": kafka.bootstrap, "log_level": 0})
    name = topology.name(Topic.INGRESS)
    kafka_admin.apply(admin, topology)
    before = kafka_admin.topic_ids(admin, [name])
    for future in admin.delete_topics([name], operation_timeout=20).values():
        future.result()
    while kafka_admin.topic_ids(admin, [name]):
        pass
    kafka_admin.apply(admin, topology)
    assert kafka_admin.topic_ids(admin, [name]) != before
    assert kafka_admin.cluster_id(admin)
