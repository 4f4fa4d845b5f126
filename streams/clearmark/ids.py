"""Deterministic ids: the same ingress record gets the same decision id and content id, however often it is read.

A decision id is a hash of (cluster id, topic id, partition, offset): a re-created topic repeats offsets, not ids.
A content id is 64 bits, a keyed permutation of (epoch, partition, offset): it cannot collide, it looks random, and
the watermark that carries it leads back to the ingress record without an index.
"""

from __future__ import annotations

import hashlib
import re
import struct
from dataclasses import dataclass
from typing import Self

EPOCH_BITS, PARTITION_BITS, OFFSET_BITS = 8, 14, 42
_ROUNDS = 8
_HALF = 0xFFFFFFFF
_HEX16, _HEX32 = re.compile(r"[0-9a-f]{16}"), re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True, slots=True, order=True)
class DecisionId:
    """128 bits in 32 lower-case hex digits."""

    value: str

    def __post_init__(self) -> None:
        if not _HEX32.fullmatch(self.value):
            raise ValueError(f"a decision id is 32 hex digits, not {self.value[:40]!r}")

    @classmethod
    def of(cls, cluster_id: str, topic_id: str, partition: int, offset: int) -> Self:
        """Derive the id of one ingress record."""
        digest = hashlib.sha256(f"{cluster_id}\n{topic_id}\n{partition}\n{offset}".encode()).hexdigest()
        return cls(digest[:32])

    def __str__(self) -> str:
        return self.value


@dataclass(frozen=True, slots=True, order=True)
class ContentId:
    """64 bits; written as 16 lower-case hex digits."""

    value: int

    def __post_init__(self) -> None:
        if not 0 <= self.value < 1 << 64:
            raise ValueError("a content id has 64 bits")

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read 16 hex digits.

        Raises:
            ValueError: anything else.
        """
        if not _HEX16.fullmatch(text):
            raise ValueError(f"a content id is 16 hex digits, not {text[:40]!r}")
        return cls(int(text, 16))

    def to_bytes(self) -> bytes:
        """Return the 8 bytes, big-endian."""
        return self.value.to_bytes(8, "big")

    def __str__(self) -> str:
        return f"{self.value:016x}"


@dataclass(frozen=True, slots=True)
class Position:
    """What a content id decodes to: the ingress record's epoch, partition and offset."""

    epoch: int
    partition: int
    offset: int


class ContentIdCipher:
    """The keyed permutation between `Position` and `ContentId`: an 8-round Feistel network over BLAKE2b.

    Luby and Rackoff (1988) show that four rounds of a good keyed function already give a strong
    pseudo-random permutation; eight cost microseconds and leave a margin for the small block.

    Args:
        key: 16 to 64 secret bytes.
    """

    def __init__(self, key: bytes) -> None:
        if not 16 <= len(key) <= 64:  # noqa: PLR2004
            raise ValueError("the content-id key has 16 to 64 bytes")
        self._rounds = tuple(
            hashlib.blake2b(key=key, digest_size=4, person=b"clearmark-cid", salt=bytes([i])) for i in range(_ROUNDS)
        )

    def _f(self, i: int, half: int) -> int:
        h = self._rounds[i].copy()
        h.update(struct.pack(">I", half))
        return int.from_bytes(h.digest(), "big")

    def encrypt(self, position: Position) -> ContentId:
        """Return the content id of an ingress position.

        Raises:
            ValueError: a field does not fit its bits (epoch 8, partition 14, offset 42).
        """
        fields = (
            (position.epoch, EPOCH_BITS),
            (position.partition, PARTITION_BITS),
            (position.offset, OFFSET_BITS),
        )
        block = 0
        for value, bits in fields:
            if not 0 <= value < 1 << bits:
                raise ValueError(f"{position} does not fit into a content id")
            block = block << bits | value
        left, right = block >> 32, block & _HALF
        for i in range(_ROUNDS):
            left, right = right, left ^ self._f(i, right)
        return ContentId(left << 32 | right)

    def decrypt(self, content_id: ContentId) -> Position:
        """Return the ingress position that a content id stands for. Any 64 bits decode to some position."""
        left, right = content_id.value >> 32, content_id.value & _HALF
        for i in reversed(range(_ROUNDS)):
            left, right = right ^ self._f(i, left), left
        block = left << 32 | right
        offset = block & (1 << OFFSET_BITS) - 1
        block >>= OFFSET_BITS
        return Position(block >> PARTITION_BITS, block & (1 << PARTITION_BITS) - 1, offset)
