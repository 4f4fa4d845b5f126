"""Keyed digests that stand for personal data in audit records and logs."""

from __future__ import annotations

import hashlib
import hmac

UNKNOWN_USER = "unknown"
"""Stands where a malformed event names no user."""


def user_digest(key: bytes, user_id: str) -> str:
    """Return 32 hex digits of HMAC-SHA256: the same user gives the same digest, and only the key's holder can tell."""
    return _digest(key, "user", user_id)


def subject_digest(key: bytes, subject: str) -> str:
    """Return the digest of a person whose likeness or voice is used (``ce_likenesses``), or of their guardian."""
    return _digest(key, "subject", subject)


def number_digest(key: bytes, method: str, number: str) -> str:
    """Return the digest of an identity document's normalised number."""
    return _digest(key, f"number\0{method}", number)


def _digest(key: bytes, kind: str, value: str) -> str:
    return hmac.new(key, f"{kind}\0{value}".encode(), hashlib.sha256).hexdigest()[:32]
