"""The ledger's account for the board, made in this process."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from clearmark import wiring
from clearmark.errors import Retry
from clearmark.kafka import admin as kafka_admin
from clearmark.kafka import clients
from clearmark.ledger.checkpoint import Checkpoints
from clearmark.ledger.ledger import Ledger
from clearmark.topology import Topic

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from clearmark.config import Config
    from clearmark.schemas.events import LedgerReport


@contextmanager
def accounts(config: Config) -> Iterator[Callable[[], LedgerReport]]:
    """Yield a function that brings the account up to date; it reads on from the last checkpoint and writes none.

    The function raises Retry while the cluster or the store does not answer, and starts over the next time.
    """
    opened: list[Ledger] = []

    def report() -> LedgerReport:
        try:
            if not opened:
                opened.append(_open(config))
            opened[0].update()
            return opened[0].report(config.ledger.age_s)
        except Retry:
            while opened:
                opened.pop().close()  # a half-read topic is read again
            raise

    try:
        yield report
    finally:
        while opened:
            opened.pop().close()


def _open(config: Config) -> Ledger:
    topology, admin = config.topics.topology(), clients.admin(config)
    ingress = topology.name(Topic.INGRESS)
    topic_ids = kafka_admin.topic_ids(admin, [ingress])
    if ingress not in topic_ids:
        raise Retry(f"there is no topic {ingress}")
    state = Checkpoints(wiring.open_store(config), topic_ids[ingress]).load()
    return Ledger(clients.reader(config), admin, topology, state)
