"""From an ingress record's position to its decision id and content id."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clearmark.errors import Stop
from clearmark.ids import ContentId, ContentIdCipher, DecisionId, Position

if TYPE_CHECKING:
    from clearmark.store.objects import ObjectStore


class Identifier:
    """Gives ids for one ingress topic.

    Args:
        cluster_id: the cluster's id.
        topic_id: the ingress topic's id: a re-created topic has another.
        epoch: part of each content id, 0 to 255.
        cipher: the keyed permutation behind content ids.
    """

    def __init__(self, cluster_id: str, topic_id: str, epoch: int, cipher: ContentIdCipher) -> None:
        self._cluster_id, self._topic_id, self._epoch, self._cipher = cluster_id, topic_id, epoch, cipher

    def of(self, partition: int, offset: int) -> tuple[DecisionId, ContentId]:
        """Return the ids of one record."""
        decision_id = DecisionId.of(self._cluster_id, self._topic_id, partition, offset)
        return decision_id, self._cipher.encrypt(Position(self._epoch, partition, offset))


def bind_epoch(store: ObjectStore, epoch: int, cluster_id: str, topic_id: str) -> None:
    """Make sure that an epoch belongs to one ingress topic for ever, so that content ids never repeat.

    Raises:
        Stop: the epoch was used with another topic.
        Retry: the store does not answer.
    """
    key, owner = f"epochs/{epoch}", f"{cluster_id}/{topic_id}".encode()
    if store.put_new(key, owner) or store.get(key) == owner:
        return
    raise Stop(
        f"epoch {epoch} belongs to another ingress topic: content ids would repeat",
        remedy="raise ids.epoch by one in clearmark.toml, for all workers",
    )
