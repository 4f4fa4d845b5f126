"""Keyed digests that stand for personal data in audit records and logs."""

from __future__ import annotations

import hashlib
import hmac

UNKNOWN_USER = "unknown"
"""Stands where a malformed event names no user."""


def user_digest(key: bytes, user_id: str) -> str:
    """Return 32 hex digits of HMAC-SHA256: the same user gives the same digest, and only the key's holder can tell."""
    return hmac.new(key, b"user\0" + user_id.encode(), hashlib.sha256).hexdigest()[:32]
