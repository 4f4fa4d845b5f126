"""Objects in a local folder or an S3-compatible store, written once and never overwritten (obstore does the work)."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final, Self, cast

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError, NotFoundError
from obstore.store import LocalStore, S3Store

from clearmark.errors import Reject, Retry

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from obstore.store import ClientConfig, RetryConfig, S3Config
    from obstore.store import ObjectStore as _Store

_RETRY: Final[RetryConfig] = {"max_retries": 2, "retry_timeout": timedelta(seconds=10)}
"""Short: the transactor backs off by itself."""


class ObjectMissing(Reject):
    """There is no object under this key."""

    def __init__(self, key: str) -> None:
        super().__init__("object-missing", f"there is no object {key}", internal=True)


class ObjectStore:
    """A folder or bucket, with an optional prefix inside it. Keys are relative, with ``/`` between their parts.

    Args:
        store: an obstore store.
        url: what its keys are relative to, for `uri`.
    """

    def __init__(self, store: _Store, url: str) -> None:
        self._store = store
        self._url = url.rstrip("/")

    @classmethod
    def open(cls, url: str, options: Mapping[str, str] | None = None) -> Self:
        """Open ``file:///FOLDER`` (made when missing) or ``s3://BUCKET/PREFIX``.

        Args:
            url: where.
            options: S3's ``endpoint`` and ``region`` where they are not AWS's; credentials come from the environment.
        """
        if url.startswith("file:"):
            return cls(LocalStore.from_url(url, mkdir=True), url)
        endpoint = (options or {}).get("endpoint", "")
        client: ClientConfig = {"allow_http": endpoint.startswith("http://"), "timeout": "30s"}
        config = {f"aws_{key}": value for key, value in (options or {}).items()}
        store = S3Store.from_url(url, config=cast("S3Config", config), client_options=client, retry_config=_RETRY)
        return cls(store, url)

    def uri(self, key: str) -> str:
        """Return the absolute address of a key."""
        return f"{self._url}/{key}"

    def put_new(self, key: str, data: bytes) -> bool:
        """Write an object that must not exist yet; return False, and write nothing, where it does.

        Raises:
            Retry: the store does not answer.
        """
        try:
            obstore.put(self._store, key, data, mode="create", use_multipart=False)
        except AlreadyExistsError:
            return False
        except (BaseError, OSError) as error:
            raise Retry(f"store: writing failed ({type(error).__name__})") from error
        return True

    def get(self, key: str) -> bytes:
        """Return an object's bytes.

        Raises:
            ObjectMissing: there is none.
            Retry: the store does not answer.
        """
        try:
            return bytes(obstore.get(self._store, key).bytes())
        except (NotFoundError, FileNotFoundError):
            raise ObjectMissing(key) from None
        except (BaseError, OSError) as error:
            raise Retry(f"store: reading failed ({type(error).__name__})") from error

    def get_up_to(self, key: str, limit: int) -> bytes | None:
        """Return an object's bytes, or None, without reading it, when there are more than ``limit``.

        Raises:
            ObjectMissing: there is none.
            Retry: the store does not answer.
        """
        try:
            found = obstore.get(self._store, key)
            return None if found.meta["size"] > limit else bytes(found.bytes())
        except (NotFoundError, FileNotFoundError):
            raise ObjectMissing(key) from None
        except (BaseError, OSError) as error:
            raise Retry(f"store: reading failed ({type(error).__name__})") from error

    def list(self, prefix: str) -> Iterator[str]:
        """Yield the keys below a prefix (whole path parts), in no particular order.

        Raises:
            Retry: the store does not answer.
        """
        try:
            for chunk in obstore.list(self._store, prefix):
                for meta in chunk:
                    yield str(meta["path"])
        except (BaseError, OSError) as error:
            raise Retry(f"store: listing failed ({type(error).__name__})") from error
