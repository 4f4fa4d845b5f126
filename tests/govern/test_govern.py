"""Govern on real Kafka, in processes of its own."""

from __future__ import annotations

import json
import random
import sys
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

from clearmark.cli.standing import command
from clearmark.config import Config, load
from clearmark.digests import user_digest
from clearmark.govern.desk import StandingDesk
from clearmark.govern.rules import ConductRule
from clearmark.govern.worker import EXIT
from clearmark.ids import ContentId, DecisionId
from clearmark.init import init
from clearmark.kafka.node import EmbeddedKafka, free_ports
from clearmark.kafka.tail import Tail
from clearmark.operate.desk import StateDesk
from clearmark.outcomes import Subject, Writer
from clearmark.records import StageName, TopicName
from clearmark.schemas.cloudevents import Origin
from clearmark.schemas.events import Reason, Standing, dump
from clearmark.topology import Topic
from clearmark.transactor.kafka import KafkaConsumer, KafkaProducer
from tests.govern.plain import plain
from tests.govern.town import T0, Lifted, Said, Town, Worker, digest, until_ms
from tests.govern.worker import STARTING, STOPPED

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from clearmark.kafka.node import EmbeddedKafka

RULES = (
    ConductRule(violations=1, within_hours=0.05, then="warned", for_hours=0.05),
    ConductRule(violations=4, within_hours=0.1, then="limited", for_hours=0.2),
    ConductRule(in_a_row=3, then="suspended", for_hours=0.3),
)
"""A town lives fast: everything happens within the hour in which a violation may come late."""


@pytest.fixture(scope="module")
def town(kafka: EmbeddedKafka) -> Iterator[Town]:
    made = Town(kafka.bootstrap, RULES)
    made.start().wait_ready()
    yield made
    made.close()


def level(town: Town, user: str) -> str | None:
    return town.standings().get(user, {}).get("level")


@pytest.mark.kafka
def test_aborted_records_are_not_seen(town: Town) -> None:
    ghost, real = digest("ghost"), digest("real")
    town.publish([Said(ghost, 1), Said(ghost, 2), Said(ghost, 3)], abort=True, partition=1)
    town.publish([Said(real, 4)], partition=1)
    town.wait(lambda: level(town, real) == "warned")
    users = {(m.key() or b"").decode() for m in town.read(Topic.CONDUCT)}
    assert real in users
    assert ghost not in users


@pytest.mark.kafka
def test_what_says_nothing_of_conduct_counts_for_nothing(town: Town) -> None:
    user, last = digest("careful"), digest("last")
    town.publish([Said(user, i, codes=("too-large", "identity-missing")) for i in range(4)])
    town.publish([Said(user, i, verdict="hold") for i in range(4)])
    town.publish([Said(user, i, stage="mark") for i in range(4)])
    town.publish([Said(user, i, resolution="released") for i in range(4)])
    town.publish([Said(last, 9)])
    town.wait(lambda: level(town, last) == "warned" and town.settled())
    assert level(town, user) is None


@pytest.mark.kafka
def test_malformed_records_are_skipped(town: Town) -> None:
    after = digest("after")
    for topic in (Topic.AUDIT, Topic.CONDUCT, Topic.STANDING):
        for value in (None, b"", b"{}", b"\xff", b'{"offset":1}', b'{"time_ms":1,"id":"x","kind":"lift"}'):
            town.put(topic, value, b"\xff")
            town.put(topic, value)
    bad = Said(after, 5)
    bad.user = "not a digest"
    town.publish([bad, Said(after, 6)])
    town.wait(lambda: level(town, after) == "warned" and town.settled())


@pytest.mark.kafka
def test_each_change_of_standing_is_audited_and_govern_ignores_its_own_actions(town: Town) -> None:
    user = digest("climber")
    town.publish([Said(user, i) for i in range(3)])
    town.wait(lambda: level(town, user) == "suspended" and town.settled())
    written = [s for s in town.standing_records() if s["user"] == user]
    actions = [a for m in town.read(Topic.AUDIT) if (a := as_action(m)) and a["subject"] == user]
    assert sorted((f"standing.{s['level']}", s["rule"], s["at"], ",".join(s["because"])) for s in written) == sorted(
        (a["action"], a["reason"], a["at"], a["details"]["because"]) for a in actions
    )
    assert {a["actor"] for a in actions} == {"govern"}


def as_action(message: Any) -> dict[str, Any] | None:
    if dict(message.headers() or []).get("ce_type") != b"clearmark.audit.action.v1":
        return None
    loaded: dict[str, Any] = json.loads(message.value())
    return loaded


@pytest.mark.kafka
def test_a_standing_that_another_worker_writes_late_is_corrected(town: Town) -> None:
    user = digest("corrected")
    town.publish([Said(user, i) for i in range(3)])
    town.wait(lambda: level(town, user) == "suspended" and town.settled())
    right = town.standings()[user]
    late = {"user": user, "level": "warned", "at": right["at"], "until": right["until"], "rule": "", "because": []}
    town.put(Topic.STANDING, json.dumps(late).encode(), user.encode())
    town.wait(lambda: town.standings()[user] == right)


@pytest.mark.kafka
def test_what_the_transactor_writes_is_read(town: Town) -> None:
    """Its own producer and writer of records: lz4, transactions, CloudEvents attributes."""
    key, settings = b"k" * 32, {"bootstrap.servers": town.bootstrap, "log_level": 0}
    producer = KafkaProducer(settings, f"{town.prefix}.screen")
    producer.init()
    writer = Writer(town.topology, StageName.SCREEN, "p", key, lambda: datetime.now(UTC))
    outcome = writer.blocked(
        Subject(DecisionId("ab" * 16), ContentId(1), Origin("in", 0, 0, time_ms=T0), user_id="writer's"),
        (Reason("A.2.i", "", ""),),
    )
    member = KafkaConsumer({**settings, "group.id": f"{town.prefix}.screen"}, [TopicName(town.name(Topic.INGRESS))])
    producer.transact(outcome.outputs, {}, member.generation())
    user = user_digest(key, "writer's")
    town.wait(lambda: level(town, user) == "warned")
    assert facts(town.standings()[user])[3] == ("ab" * 16,)
    member.close()


@pytest.fixture
def config(town: Town, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Config:
    init(tmp_path)
    for name, value in {"BOOTSTRAP_SERVERS": town.bootstrap, "TOPICS_PREFIX": town.prefix}.items():
        monkeypatch.setenv(f"CLEARMARK_{name}", value)
    monkeypatch.setenv("CLEARMARK_CONFIG", str(tmp_path / "clearmark.toml"))
    return load()


def standing(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(command, arguments)
    return result.exit_code, result.output


@pytest.mark.kafka
def test_a_person_sees_and_lifts_a_standing(town: Town, config: Config) -> None:
    user = user_digest(config.load_keys({}).digests, "mallory")
    lift = ("lift", "mallory", "--reviewer", "anna", "--reason", "appeal")
    assert standing("show", "mallory") == (0, "mallory is in good standing\n")
    assert standing(*lift)[0] == 1
    # Just now: a suspension that has run out would be shown as such.
    now = time.time() - T0 / 1000
    decisions = [Said(user, now + i) for i in range(3)]
    town.publish(decisions)
    town.wait(lambda: level(town, user) == "suspended")
    status, said = standing("show", "mallory")
    assert status == 0
    assert all(text in said for text in ("suspended until", "in_a_row:3", *(d.name for d in decisions)))
    assert json.loads(standing("show", "mallory", "--json")[1]) == town.standings()[user]
    assert standing(*lift) == (0, "mallory is in good standing\n")
    town.wait(town.settled)
    assert plain(events_of(town)[user], RULES) == facts(town.standings()[user]) == ("good", 0, "lifted", ())
    actions = [a for m in town.read(Topic.AUDIT) if (a := as_action(m)) and a["subject"] == user]
    assert [a["actor"] for a in actions if a["action"] == "standing.lifted"] == ["anna"]
    assert standing(*lift)[0] == 1
    assert standing("lift", "mallory", "--reviewer", " ", "--reason", "x")[0] == 2


@pytest.mark.kafka
def test_a_lift_that_nobody_follows_is_told(kafka: EmbeddedKafka, monkeypatch: pytest.MonkeyPatch) -> None:
    town, user = Town(kafka.bootstrap, RULES), digest("waiting")
    record = Standing(user, "suspended", "2025-01-01T00:00:00.000Z", "2999-01-01T00:00:00.000Z", "in_a_row:3")
    town.put(Topic.STANDING, dump(record), user.encode())
    settings = {"bootstrap.servers": kafka.bootstrap, "log_level": 0}
    tail = Tail({**settings, "group.id": "x", "enable.partition.eof": True}, town.admin)
    ticks = iter(range(0, 100, 10))
    desk = StandingDesk(
        tail,
        town.topology,
        lambda reviewer, at: StateDesk(settings, town.admin, town.topology, reviewer, at),
        lambda: datetime(2024, 1, 1, tzinfo=UTC),
        lambda _: None,
        lambda: next(ticks),
    )
    assert desk.lift(user, "anna", "appeal") is None
    assert events_of(town)[user] == {(1735689600001, "", "lift")}  # the operator's clock was a year behind
    tail.close()


@pytest.mark.kafka
def test_a_worker_that_is_told_to_stop_while_it_starts_stops(town: Town) -> None:
    worker = town.start()
    worker.wait_for(STARTING)
    assert worker.stop() == {}


def test_a_worker_without_brokers_says_so(tmp_path: Path) -> None:
    arguments = [f"127.0.0.1:{free_ports(1)[0]}", "none", "1", "[]", "-"]
    worker = Worker([sys.executable, "-m", "tests.govern.worker", *arguments])
    assert worker.wait() == STOPPED


@pytest.mark.kafka
def test_nothing_comes_again_after_a_restart_and_loss_of_local_state(kafka: EmbeddedKafka) -> None:
    """Each transaction has a record or two, and an aborted one follows: markers everywhere, and at the end."""
    town, user, ghost = Town(kafka.bootstrap, RULES, partitions=1), digest("once"), digest("ghost")
    try:
        worker = town.start()
        worker.wait_ready()
        for i in range(4):
            town.publish([Said(user, i), Said(user, i + 0.5, verdict="allow")][: 1 + i % 2])
            town.publish([Said(ghost, 1), Said(ghost, 2)], abort=True)
        town.wait(lambda: level(town, user) == "limited" and town.settled())
        assert worker.stop()["forwarded"] == 6
        town.publish([Said(user, 100)])
        worker = town.start()
        worker.wait_ready()
        town.wait(town.settled)
        assert plain(events_of(town)[user], RULES) == facts(town.standings()[user])
        counted = worker.stop()
        assert counted["forwarded"] == 1
        assert counted["judged"] == 2  # the record, and the standing that followed from it
    finally:
        town.close()


class Town50:
    """Fifty users, who publish a record a second in all; some are forgiven now and then."""

    def __init__(self, town: Town, r: random.Random) -> None:
        self._town, self._r, self._now = town, r, 0.0
        self._users = [digest(f"citizen {i}") for i in range(50)]

    def live(self, records: int) -> None:
        """Publish so many records in transactions of some dozens, and among them some that are aborted."""
        while records > 0:
            size = min(records, self._r.randrange(1, 60))
            aborted = self._r.random() < 0.2
            if aborted:
                self._town.publish([self._said(0.9) for _ in range(size)], abort=True)
            else:
                self._town.publish([self._said(0.3) for _ in range(size)])
                records -= size

    def _said(self, bad: float) -> Said | Lifted:
        self._now += 1
        user, chance = self._r.choice(self._users), self._r.random()
        if chance < bad:
            return Said(user, self._now)
        if chance < 0.8:
            return Said(user, self._now, verdict="allow", codes=())
        if chance < 0.97:
            return self._r.choice(
                [
                    Said(user, self._now, codes=("too-large",)),
                    Said(user, self._now, verdict="hold"),
                    Said(user, self._now, stage="mark", verdict="approve"),
                    Said(user, self._now, resolution="rejected"),
                ]
            )
        return Lifted(user, self._now)


def events_of(town: Town) -> dict[str, set[tuple[int, str, str]]]:
    """Read audit as anybody could: the events of each user."""
    found: dict[str, set[tuple[int, str, str]]] = {}
    for m in town.read(Topic.AUDIT):
        headers: dict[str, Any] = dict(m.headers() or [])
        if not headers:
            continue
        value = json.loads(m.value() or b"")
        if headers["ce_type"] == b"clearmark.audit.action.v1":
            if value["action"] != "standing.lifted":
                continue
            user, time = value["subject"], round(datetime.fromisoformat(value["at"]).timestamp() * 1000)
            event = (time, "", "lift")
        elif value["stage"] == "screen" and value["resolution"] is None and value["verdict"] in ("allow", "block"):
            if value["verdict"] == "block" and not any(r["code"].startswith("A.") for r in value["reasons"]):
                continue
            kind = "fine" if value["verdict"] == "allow" else "violation"
            user, event = value["user"], (int(headers["ce_origintime"]), value["decision_id"], kind)
        else:
            continue
        found.setdefault(user, set()).add(event)
    return found


def facts(standing: dict[str, Any] | None) -> tuple[str, int, str, tuple[str, ...]]:
    if standing is None:
        return "good", 0, "", ()
    return standing["level"], until_ms(standing), standing["rule"], tuple(standing["because"])


@pytest.mark.kafka
@pytest.mark.slow
@pytest.mark.timeout(300)
def test_no_event_is_lost(kafka: EmbeddedKafka, tmp_path: Path) -> None:
    """An exception in an agent, two SIGKILLs, a second worker that joins and leaves: equal to a plain fold."""
    town, r = Town(kafka.bootstrap, RULES), random.Random(7)
    city = Town50(town, r)
    try:
        worker = town.start(str(tmp_path / "broken"))
        city.live(600)
        assert worker.wait() == EXIT
        worker = town.start(str(tmp_path / "broken"))
        city.live(300)
        worker.wait_ready()
        city.live(300)
        time.sleep(r.random())
        worker.kill()
        city.live(300)
        worker, second = town.start(), town.start()
        worker.wait_ready()
        second.wait_ready()
        city.live(600)
        time.sleep(r.random())
        worker.kill()
        city.live(300)
        worker = town.start()
        worker.wait_ready()
        city.live(300)
        second.stop()
        city.live(300)
        town.wait(town.settled)
        expected = {user: plain(events, RULES) for user, events in events_of(town).items()}
        standings = town.standings()
        assert {user: facts(standings.get(user)) for user in expected} == expected
        assert len({level for level, *_ in expected.values()}) >= 3
        assert worker.stop()["judged"] > 0
    finally:
        town.close()
