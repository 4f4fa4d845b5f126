"""Ids of ingress positions, and the epoch's owner."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from clearmark.digests import user_digest
from clearmark.errors import Stop
from clearmark.identify import Identifier, bind_epoch
from clearmark.ids import ContentIdCipher, Position
from clearmark.store.objects import ObjectStore

if TYPE_CHECKING:
    from pathlib import Path


def test_the_same_position_gives_the_same_ids_and_leads_back() -> None:
    cipher = ContentIdCipher(b"k" * 32)
    identifier = Identifier("cluster", "topic", 3, cipher)
    assert identifier.of(2, 7) == identifier.of(2, 7) != identifier.of(2, 8)
    assert cipher.decrypt(identifier.of(2, 7)[1]) == Position(3, 2, 7)


def test_an_epoch_belongs_to_one_topic(tmp_path: Path) -> None:
    store = ObjectStore.open(f"file://{tmp_path}")
    bind_epoch(store, 0, "cluster", "first")
    bind_epoch(store, 0, "cluster", "first")
    with pytest.raises(Stop, match="epoch 0 belongs to another"):
        bind_epoch(store, 0, "cluster", "second")
    bind_epoch(store, 1, "cluster", "second")


def test_a_user_digest_needs_its_key() -> None:
    assert user_digest(b"a" * 32, "u1") == user_digest(b"a" * 32, "u1")
    assert len({user_digest(b"a" * 32, "u1"), user_digest(b"b" * 32, "u1"), user_digest(b"a" * 32, "u2")}) == 3
