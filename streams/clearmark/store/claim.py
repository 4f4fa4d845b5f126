"""The claim check: content that an ingress record only points to (R-CE-5), fetched once and pinned by its digest."""

from __future__ import annotations

import hashlib
import time
from typing import TYPE_CHECKING, Final

from clearmark.errors import Reject, Retry
from clearmark.store.objects import ObjectMissing, ObjectStore

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

_ATTEMPTS: Final = 3


class Claims:
    """Fetches content by ``ce_dataref``.

    Args:
        prefixes: where it may lie, each ``file:///FOLDER/`` or ``s3://BUCKET/...``.
        options: the store's endpoint and region.
        sleep: waits so many seconds between attempts.
    """

    def __init__(
        self, prefixes: Sequence[str], options: Mapping[str, str], sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self._prefixes = [prefix if prefix.endswith("/") else f"{prefix}/" for prefix in prefixes]
        self._options, self._sleep = options, sleep
        self._stores: dict[str, ObjectStore] = {}

    def fetch(self, dataref: str, sha256: str, limit: int) -> bytes | None:
        """Return the content; None when it is longer than ``limit`` bytes.

        Raises:
            Reject: ``dataref-forbidden`` (no allowed prefix), ``dataref-unreachable`` (after three attempts) or
                ``dataref-digest`` (other bytes than the publisher named).
        """
        prefix = next((p for p in self._prefixes if dataref.startswith(p)), None)
        key = dataref[len(prefix) :] if prefix else ""
        if prefix is None or not key or ".." in key.split("/") or any(c in key for c in "\\?#%") or "//" in key:
            raise Reject("dataref-forbidden", "ce_dataref is outside the allowed prefixes")
        data = self._get(prefix, key, limit)
        if data is not None and hashlib.sha256(data).hexdigest() != sha256:
            raise Reject("dataref-digest", "the content is not the one that ce_datasha256 names")
        return data

    def _get(self, prefix: str, key: str, limit: int) -> bytes | None:
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                if prefix not in self._stores:
                    self._stores[prefix] = ObjectStore.open(prefix, self._options)
                return self._stores[prefix].get_up_to(key, limit)
            except ObjectMissing:
                break
            except Retry:
                if attempt < _ATTEMPTS:
                    self._sleep(0.2 * attempt)
        raise Reject("dataref-unreachable", "the content behind ce_dataref cannot be fetched")
