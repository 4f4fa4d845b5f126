"""Builds what a configuration describes."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

import structlog

from clearmark.archive.archiver import Archiver
from clearmark.extract.pool import Extractor
from clearmark.govern.worker import GovernWorker
from clearmark.identify import Identifier, bind_epoch
from clearmark.ids import ContentIdCipher
from clearmark.kafka import admin as kafka_admin
from clearmark.kafka import clients
from clearmark.kafka.tail import Tail
from clearmark.keys import Keys, read
from clearmark.mark.marker import Marker
from clearmark.mark.metadata import provider
from clearmark.mark.stage import MarkStage
from clearmark.models.nsfw import NsfwModel
from clearmark.models.text import TextModel
from clearmark.observe.metrics import ARCHIVED, CONDUCT, EXTRACTION, PROVIDER, READ_BACK, VIEW_KEYS, Metrics
from clearmark.observe.worker import WorkerObserver
from clearmark.outcomes import Writer
from clearmark.records import StageName
from clearmark.screen import policy
from clearmark.screen.library import Library
from clearmark.screen.picture import extract_limits
from clearmark.screen.screening import Screening
from clearmark.screen.stage import ScreenStage
from clearmark.state.views import Views
from clearmark.store.claim import Claims
from clearmark.store.objects import ObjectStore
from clearmark.store.quarantine import Quarantine
from clearmark.topology import TOPICS, Topic
from clearmark.transactor.kafka import KafkaConsumer, KafkaProducer
from clearmark.transactor.loop import Transactor
from clearmark.transactor.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from clearmark.config import Config
    from clearmark.mark.metadata.provider import Provider
    from clearmark.screen.policy import Policy
    from clearmark.stage import Stage


def load_policy(config: Config) -> Policy:
    """Return the policy that the configuration names.

    Raises:
        Stop: it cannot be used.
    """
    return policy.load(config.folder / config.policy.file if config.policy.file else None)


def watermark_key(config: Config, env: Mapping[str, str]) -> bytes:
    """Return the key of invisible marks alone: offline commands need no other.

    Raises:
        Stop: it is missing, open to others or malformed.
    """
    return read("watermark", config.folder / config.keys.watermark, env)


def screening(config: Config, watermark_key: bytes) -> Screening:
    """Return the screening of a configuration, with the packaged words alone.

    Raises:
        Stop: policy, words or a model cannot be used.
    """
    rules = load_policy(config)
    extractor = Extractor(extract_limits(rules.limits), config.worker.extractors)
    return Screening(rules, Library(), TextModel.open(), NsfwModel.open(), extractor, watermark_key)


@contextmanager
def marker(config: Config, watermark_key: bytes) -> Iterator[Marker]:
    """Yield what marks and reads marks; its sandbox ends with the block.

    Raises:
        Stop: policy or provider file cannot be used.
    """
    rules = load_policy(config)
    with Extractor(extract_limits(rules.limits), config.worker.extractors) as extractor:
        yield Marker(rules.marks, watermark_key, load_provider(config), extractor)


def load_provider(config: Config) -> Provider:
    """Return the provider that the configuration names; without one, the demonstration's.

    Raises:
        Stop: it cannot be used.
    """
    return provider.load(config.folder / config.provider.file if config.provider.file else None)


def views(config: Config, topics: Sequence[Topic], digest_key: bytes) -> Views:
    """Return views of state topics; nothing is read yet."""
    tail = Tail(clients.reader(config), clients.admin(config))
    return Views(tail, config.topics.topology(), topics, digest_key)


def open_store(config: Config) -> ObjectStore:
    """Return the object store of a configuration."""
    return ObjectStore.open(config.store_url(), config.store.options())


def open_quarantine(store: ObjectStore, keys: Keys) -> Quarantine:
    """Return the quarantine within the store."""
    return Quarantine(store, keys.quarantine, keys.quarantine_id)


def _utc() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a stage is built from: the cluster has been checked against the table of topics, the epoch is ours."""

    config: Config
    keys: Keys
    store: ObjectStore
    cluster_id: str
    ingress_id: str

    @property
    def quarantine(self) -> Quarantine:
        """The quarantine, with the operator's key."""
        return open_quarantine(self.store, self.keys)

    def writer(self, stage: StageName, rules: Policy) -> Writer:
        """Return the stage's writer of records."""
        return Writer(self.config.topics.topology(), stage, rules.version, self.keys.digests, _utc)

    def identifier(self) -> Identifier:
        """Return the ids of ingress."""
        cipher = ContentIdCipher(self.keys.content_id)
        return Identifier(self.cluster_id, self.ingress_id, self.config.ids.epoch, cipher)


def surroundings(config: Config, env: Mapping[str, str]) -> Surroundings:
    """Check everything that a stage relies on, before it takes a record.

    Raises:
        Stop: keys, topics or epoch are not as they must be.
        Retry: the cluster or the store does not answer.
    """
    keys = config.load_keys(env)
    topology = config.topics.topology()
    admin = clients.admin(config)
    kafka_admin.require(admin, topology, [spec.topic for spec in TOPICS])
    ingress = topology.name(Topic.INGRESS)
    cluster_id, ingress_id = kafka_admin.cluster_id(admin), kafka_admin.topic_ids(admin, [ingress])[ingress]
    store = open_store(config)
    bind_epoch(store, config.ids.epoch, cluster_id, ingress_id)
    return Surroundings(config, keys, store, cluster_id, ingress_id)


def screen_stage(around: Surroundings, metrics: Metrics) -> ScreenStage:
    """Return the screen stage, its views complete, its sandbox and models warm.

    Raises:
        Stop: policy, words or a model cannot be used.
        Retry: the cluster or the sandbox does not answer.
    """
    config = around.config
    judge = screening(config, around.keys.watermark)
    _watch_extractor(judge.extractor, StageName.SCREEN, metrics)
    for model in judge.models_in_use:
        metrics.set(PROVIDER, 1, model.card.name, model.provider)
        structlog.get_logger("clearmark.models").info("model", name=model.card.name, provider=model.provider)
    claims = Claims(config.ingress.dataref_prefixes, config.store.options())
    writer = around.writer(StageName.SCREEN, judge.policy)
    known = _complete(
        around, (Topic.IDENTITIES, Topic.CONSENTS, Topic.STANDING, Topic.FEATURES), StageName.SCREEN, metrics
    )
    return ScreenStage(judge, known, around.identifier(), writer, around.quarantine, claims)


def _complete(around: Surroundings, topics: Sequence[Topic], stage: StageName, metrics: Metrics) -> Views:
    """Return views that know everything that is committed now: before that, a worker is not ready."""
    known = views(around.config, topics, around.keys.digests)
    known.catch_up()
    for topic in topics:
        metrics.follow(VIEW_KEYS, partial(known.count, topic), stage, topic)
    return known


def _watch_extractor(extractor: Extractor, stage: StageName, metrics: Metrics) -> None:
    """Start the sandbox, and tell what protects it and how often it is lost."""
    protections = sorted(extractor.protections)
    structlog.get_logger("clearmark.extract").info("sandbox", stage=stage, protections=protections)
    metrics.follow(EXTRACTION, lambda: extractor.lost, stage)


def mark_stage(around: Surroundings, metrics: Metrics) -> MarkStage:
    """Return the mark stage, its views complete, its sandbox warm.

    Raises:
        Stop: policy or provider file cannot be used.
        Retry: the cluster or the sandbox does not answer.
    """
    config, rules = around.config, load_policy(around.config)
    extractor = Extractor(extract_limits(rules.limits), config.worker.extractors)
    _watch_extractor(extractor, StageName.MARK, metrics)
    return MarkStage(
        rules,
        Marker(rules.marks, around.keys.watermark, load_provider(config), extractor),
        _complete(around, (Topic.IDENTITIES, Topic.CONSENTS, Topic.STANDING), StageName.MARK, metrics),
        around.writer(StageName.MARK, rules),
        around.store,
        around.quarantine,
        around.cluster_id,
        lambda name: metrics.count(READ_BACK, name),
    )


def transactor(around: Surroundings, name: StageName, slot: str, metrics: Metrics) -> Transactor:
    """Return the transactor of one stage's worker."""
    config, worker = around.config, around.config.worker
    topology = config.topics.topology()
    if name is StageName.SCREEN:
        stage: Stage = screen_stage(around, metrics)
        source = Topic.INGRESS
    else:
        stage = mark_stage(around, metrics)
        source = Topic.SCREENED
    return Transactor(
        stage,
        KafkaConsumer(clients.member(config, name), [topology.name(source)]),
        KafkaProducer(
            clients.settings(config),
            f"{config.topics.prefix}.{name}.{slot}",
            transaction_timeout_ms=worker.transaction_timeout_ms,
        ),
        settings=Settings(
            max_batch_records=worker.max_batch_records,
            max_batch_bytes=worker.max_batch_bytes,
            probation_records=2 * worker.max_batch_records,
            dead_letter_limit=worker.dead_letter_limit,
            dead_letter_window=worker.dead_letter_window,
        ),
        observer=WorkerObserver(name, metrics),
    )


def governor(config: Config, metrics: Metrics) -> GovernWorker:
    """Return govern's worker, once the topics are as they must be.

    Raises:
        Stop: topics or policy cannot be used.
        Retry: the cluster does not answer.
    """
    topology = config.topics.topology()
    kafka_admin.require(clients.admin(config), topology, [spec.topic for spec in TOPICS])
    return GovernWorker(
        clients.member(config, StageName.GOVERN),
        topology,
        load_policy(config).conduct,
        lambda what, by: metrics.count(CONDUCT, what, by=by),
    )


def archiver(around: Surroundings, metrics: Metrics) -> Archiver:
    """Return the archive's worker."""
    config = around.config
    return Archiver(
        around.store,
        KafkaConsumer(clients.member(config, StageName.ARCHIVE), [config.topics.topology().name(Topic.AUDIT)]),
        config.archive.max_records,
        config.archive.max_age_s,
        lambda records: metrics.count(ARCHIVED, by=records),
    )
