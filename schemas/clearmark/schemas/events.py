"""The contract's JSON values as types: what notices, audit records and command-line reports hold.

Written with ``dump``; read with ``load``, which checks. ``schemas/json/`` is generated from these types.
Field names are the contract's (``contracts.md``); fields may be added, never changed within a version.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

import orjson
from pydantic import TypeAdapter, ValidationError

from clearmark.errors import Reject

T = TypeVar("T")

MediaName = Literal["text", "image", "audio", "video", "other"]
MarkState = Literal["valid", "invalid", "absent", "waived", "unsupported"]


@dataclass(frozen=True, slots=True)
class Reason:
    """Why: a code of R-TAX-1 or one of Clearmark's own, in Chinese and English."""

    code: str
    zh: str
    en: str


@dataclass(frozen=True, slots=True)
class QuarantineRef:
    """Where held content lies, encrypted. ``sha256`` is the digest of the clear content."""

    uri: str
    sha256: str
    key_id: str


@dataclass(frozen=True, slots=True)
class Notice:
    """Value of ``blocked`` and ``review``: never the content."""

    decision_id: str
    content_id: str
    user_id: str
    sha256: str
    media: MediaName
    content_type: str
    reasons: tuple[Reason, ...]
    policy: str
    decided_at: str
    quarantine: QuarantineRef | None = None


@dataclass(frozen=True, slots=True)
class OriginRef:
    """Topic, partition and offset of a record."""

    topic: str
    partition: int
    offset: int


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """Value of ``dead-letter``: never an exception's text."""

    decision_id: str
    origin: OriginRef
    stage: str
    error_class: str
    attempt: int
    sha256: str | None = None


@dataclass(frozen=True, slots=True)
class ModelRef:
    """The model that gave a score: ``sha256`` is that of its file."""

    name: str
    version: str
    sha256: str


@dataclass(frozen=True, slots=True)
class MarkReport:
    """What was found when one mark was read back.

    ``faults`` say what does not comply. Of a picture's label: ``glyph_height`` in pixels, ``contrast`` as WCAG has it.
    """

    state: MarkState
    text: str | None = None
    content_id: str | None = None
    false_alarm: float | None = None
    aigc: dict[str, Any] | None = None
    faults: tuple[str, ...] = ()
    glyph_height: int | None = None
    contrast: float | None = None


@dataclass(frozen=True, slots=True)
class Marks:
    """The four marks of an artifact."""

    label: MarkReport
    metadata: MarkReport
    watermark: MarkReport
    signature: MarkReport


@dataclass(frozen=True, slots=True)
class AuditDecision:
    """One decision of one stage about one artifact. ``user`` is a keyed digest, never an id in clear.

    ``verdict`` is the stage's: ``allow | block | hold`` of screen, ``approve | hold`` of mark, ``dead-letter`` of both.
    """

    decision_id: str
    content_id: str
    user: str
    origin: OriginRef
    stage: str
    verdict: str
    media: MediaName
    content_type: str
    sha256: str | None
    reasons: tuple[Reason, ...]
    policy: str
    decided_at: str
    categories: dict[str, float] = field(default_factory=dict)
    detectors: dict[str, dict[str, float]] = field(default_factory=dict)
    models: tuple[ModelRef, ...] = ()
    product: str | None = None
    marked_sha256: str | None = None
    marks: Marks | None = None
    resolution: str | None = None
    views: dict[str, tuple[int, ...]] = field(default_factory=dict)
    """By state topic, the position of each partition up to which its records were known."""


@dataclass(frozen=True, slots=True)
class AuditAction:
    """Something a person did. ``actor`` is the reviewer's or operator's name (staff, by the operator's choice)."""

    action: str
    actor: str
    subject: str
    reason: str
    at: str
    details: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Review:
    """Value of ``reviews``: what a reviewer decided about a held artifact."""

    decision_id: str
    resolution: Literal["released", "rejected"]
    reviewer: str
    reason: str
    at: str


@dataclass(frozen=True, slots=True)
class Identity:
    """Value of ``identities``: a user whose real identity was verified (R-DS-9).

    ``user`` and ``number`` are keyed digests: the number itself is never kept. ``expires`` is the first moment at
    which the record no longer holds.
    """

    user: str
    method: Literal["mobile", "resident-id", "uscc", "network-id", "passport"]
    number: str
    state: Literal["verified", "revoked"]
    at: str
    expires: str | None = None


Scope = Literal["face", "voice", "likeness"]


@dataclass(frozen=True, slots=True)
class Consent:
    """Value of ``consents``: what a person agreed to (R-DS-14, R-PI-1). The last record of a subject counts.

    ``subject`` and ``guardian`` are keyed digests, ``evidence`` the SHA-256 of the signed form. Empty ``products`` or
    ``purposes`` mean all. The consent holds from ``since`` up to ``until``.
    """

    subject: str
    state: Literal["granted", "revoked"]
    at: str
    scope: tuple[Scope, ...] = ()
    products: tuple[str, ...] = ()
    purposes: tuple[str, ...] = ()
    since: str | None = None
    until: str | None = None
    evidence: str | None = None
    guardian: str | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    """Value of ``standing``: how a user stands after violations (R-DS-10, R-GA-14).

    ``user`` is a keyed digest. ``rule`` says which rule led there and ``because`` holds the decision ids of the
    violations; from ``until`` on the user is in good standing again.
    """

    user: str
    level: Literal["good", "warned", "limited", "suspended"]
    at: str
    until: str | None = None
    rule: str = ""
    because: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Feature:
    """Value of ``features``: one entry of the feature library (R-DS-10).

    ``value`` is a word or phrase, or a picture's PDQ hash in 64 hex digits; ``distance`` is the largest number of
    differing bits that still counts as the same picture.
    """

    id: str
    kind: Literal["word", "image"]
    value: str
    category: str
    level: Literal["hold", "block"]
    state: Literal["active", "removed"]
    at: str
    distance: int | None = None


@dataclass(frozen=True, slots=True)
class ScanReport:
    """One line of ``clearmark scan``."""

    id: str
    media: MediaName
    content_type: str
    sha256: str
    verdict: Literal["allow", "hold", "block"]
    reasons: tuple[Reason, ...]
    categories: dict[str, float]
    detectors: dict[str, dict[str, float]]
    policy: str
    schema: Literal["clearmark.scan/1"] = "clearmark.scan/1"


@dataclass(frozen=True, slots=True)
class VerifyReport:
    """One line of ``clearmark verify --json``. ``record`` is filled by ``--audit``."""

    file: str
    sha256: str
    media: MediaName
    verdict: Literal["confirmed", "possible", "suspected", "none"]
    content_id: str | None
    consistent: bool
    marks: Marks
    record: dict[str, Any] | None = None
    schema: Literal["clearmark.verify/1"] = "clearmark.verify/1"


@dataclass(frozen=True, slots=True)
class LedgerRow:
    """One ingress partition's account. ``committed`` is its read_committed end, ``end`` its log end."""

    partition: int
    first: int
    committed: int
    end: int
    received: int
    approved: int
    blocked: int
    held: int
    dead_lettered: int
    in_flight: int
    unaccounted: int
    duplicated: int


@dataclass(frozen=True, slots=True)
class LedgerReport:
    """What ``clearmark ledger --json`` prints."""

    topic: str
    age_s: float
    ok: bool
    partitions: tuple[LedgerRow, ...]
    total: dict[str, int]
    examples: dict[str, list[tuple[int, int]]]
    schema: Literal["clearmark.ledger/1"] = "clearmark.ledger/1"


PUBLIC: dict[str, type] = {
    "notice": Notice,
    "dead-letter": DeadLetter,
    "audit-decision": AuditDecision,
    "audit-action": AuditAction,
    "review": Review,
    "identity": Identity,
    "consent": Consent,
    "standing": Standing,
    "feature": Feature,
    "scan": ScanReport,
    "verify": VerifyReport,
    "ledger": LedgerReport,
}
"""The types of the public contract by the name of their JSON Schema."""


class MalformedValue(Reject):
    """A value that is not the JSON its topic's contract asks for."""

    def __init__(self, kind: str) -> None:
        super().__init__("malformed-value", f"not a {kind}", internal=True)


_adapters: dict[type, TypeAdapter[Any]] = {}


def _adapter(kind: type[T]) -> TypeAdapter[T]:
    if kind not in _adapters:
        _adapters[kind] = TypeAdapter(kind)  # costly to build, the same for ever
    return _adapters[kind]


def dump(value: object) -> bytes:
    """Return a value's JSON, fields in the order of its type."""
    return orjson.dumps(value)


def load(kind: type[T], data: bytes | None) -> T:
    """Read and check a value.

    Raises:
        MalformedValue: it is not JSON of this type.
    """
    try:
        return _adapter(kind).validate_json(data or b"")
    except ValidationError as error:
        raise MalformedValue(kind.__name__) from error


def json_schema(kind: type) -> dict[str, Any]:
    """Return the type's JSON Schema (draft 2020-12)."""
    schema = _adapter(kind).json_schema()
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}
