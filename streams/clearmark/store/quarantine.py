"""Held content, encrypted: AES-256-GCM under a key of its own, which is wrapped by the operator's key.

Layout of an object: ``CMQ1``, the wrapped data key (40 bytes, AES key wrap, RFC 3394), the nonce (12 bytes), the
ciphertext with its tag. The decision id is associated data, so an object cannot stand in for another's. It is named
``STAGE/DECISION_ID/SHA256`` by the digest of the clear content: sealing the same content again finds it there.
"""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap, aes_key_wrap

from clearmark.errors import Reject
from clearmark.schemas.events import QuarantineRef

if TYPE_CHECKING:
    from collections.abc import Callable

    from clearmark.ids import DecisionId
    from clearmark.store.objects import ObjectStore

_MAGIC: Final = b"CMQ1"
_KEY, _WRAPPED, _NONCE = 32, 40, 12


class QuarantineDamaged(Reject):
    """An object that does not open: another key, another decision's object, or changed bytes."""

    def __init__(self) -> None:
        super().__init__("quarantine-damaged", "the quarantine object does not open with this key", internal=True)


class Quarantine:
    """Seals and opens held content.

    Args:
        store: where the objects lie.
        key: the operator's 32-byte key.
        key_id: name of that key, kept beside each object's address so that keys can be rotated.
        random: gives so many random bytes.
    """

    def __init__(
        self, store: ObjectStore, key: bytes, key_id: str, random: Callable[[int], bytes] = os.urandom
    ) -> None:
        if len(key) != _KEY:
            raise ValueError("the quarantine key has 32 bytes")
        self._store, self._key, self._key_id, self._random = store, key, key_id, random

    def seal(self, stage: str, decision_id: DecisionId, content: bytes) -> QuarantineRef:
        """Encrypt and store content; the same content of the same decision is stored once.

        Raises:
            Retry: the store does not answer.
        """
        digest = hashlib.sha256(content).hexdigest()
        name = f"{stage}/{decision_id}/{digest}"
        key, nonce = self._random(_KEY), self._random(_NONCE)
        sealed = AESGCM(key).encrypt(nonce, content, str(decision_id).encode())
        self._store.put_new(name, b"".join((_MAGIC, aes_key_wrap(self._key, key), nonce, sealed)))
        return QuarantineRef(self._store.uri(name), digest, self._key_id)

    def open(self, stage: str, decision_id: DecisionId, digest: str) -> bytes:
        """Return the content that was sealed under this name.

        Raises:
            ObjectMissing: there is none.
            QuarantineDamaged: it does not open.
            Retry: the store does not answer.
        """
        blob = self._store.get(f"{stage}/{decision_id}/{digest}")
        body = blob[len(_MAGIC) :]
        wrapped, nonce, sealed = body[:_WRAPPED], body[_WRAPPED : _WRAPPED + _NONCE], body[_WRAPPED + _NONCE :]
        try:
            key = aes_key_unwrap(self._key, wrapped)
            content = AESGCM(key).decrypt(nonce, sealed, str(decision_id).encode())
        except (InvalidUnwrap, InvalidTag, ValueError):
            raise QuarantineDamaged from None
        if not blob.startswith(_MAGIC) or hashlib.sha256(content).hexdigest() != digest:
            raise QuarantineDamaged
        return content
