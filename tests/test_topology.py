from __future__ import annotations

import re

import pytest

from clearmark import asyncapi
from clearmark.topology import STATE, TOPICS, Cleanup, TimestampType, Topic, Topology


def test_each_topic_has_one_row() -> None:
    assert sorted(s.topic for s in TOPICS) == sorted(Topic)


@pytest.mark.parametrize("topic", Topic)
def test_names_are_lower_case_with_a_version_and_lead_back(topic: Topic) -> None:
    topology = Topology(prefix="acme.moderation")
    name = topology.name(topic)
    assert re.fullmatch(r"acme\.moderation\.[a-z-]+\.v1", name)
    assert topology.topic(name) is topic


def test_a_foreign_name_is_no_topic_of_ours() -> None:
    assert Topology().topic("other.ingress.v1") is None


@pytest.mark.parametrize("topic", [Topic.INGRESS, Topic.AUDIT])
def test_a_publishers_clock_is_a_claim(topic: Topic) -> None:
    assert Topology().spec(topic).timestamp is TimestampType.LOG_APPEND


def test_records_without_a_value_do_not_fall_prey_to_compaction() -> None:  # R-CE-4
    compacted = {s.topic for s in TOPICS if s.cleanup is Cleanup.COMPACT}
    assert compacted == {*STATE, Topic.CONDUCT_TABLE}
    assert all("retention.ms" in Topology().config(s) for s in TOPICS)


def test_govern_finds_a_users_changelog_in_the_partition_of_the_user() -> None:
    for topology in (Topology(), Topology(partitions=12)):
        both = (topology.spec(topic) for topic in (Topic.CONDUCT, Topic.CONDUCT_TABLE))
        assert len({topology.partition_count(spec) for spec in both}) == 1


def test_a_full_batch_of_small_records_fits_every_topic() -> None:
    assert all(s.max_message_bytes > 1_000_000 for s in TOPICS)


def test_partition_counts_are_overridden_only_where_order_allows_it() -> None:
    topology = Topology(partitions=12)
    counts = {s.topic: topology.partition_count(s) for s in TOPICS}
    assert counts[Topic.INGRESS] == 12
    assert counts[Topic.REVIEWS] == 1


def test_only_stages_named_in_the_table_write() -> None:
    writers = {s.topic: s.writers for s in TOPICS}
    assert writers[Topic.BLOCKED] == ("screen", "mark")
    assert writers[Topic.STANDING] == ("govern",)
    assert "screen" not in writers[Topic.APPROVED]


def test_the_asyncapi_document_shows_each_topic_as_it_is_created() -> None:
    channels = asyncapi.document()["channels"]
    assert list(channels) == [spec.topic.value for spec in TOPICS]
    for spec in TOPICS:
        binding = channels[spec.topic.value]["bindings"]["kafka"]
        assert (binding["topic"], binding["partitions"]) == (Topology().name(spec.topic), spec.partitions)
        for message in channels[spec.topic.value]["messages"].values():
            reference = message["payload"].get("$ref")
            assert reference is None or (asyncapi.FILE.parent / reference).exists()
