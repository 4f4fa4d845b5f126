"""CloudEvents 1.0 on Kafka: artifacts read from ingress, attributes written on every output (R-CE-1 to R-CE-6)."""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import orjson

from clearmark.errors import Reject
from clearmark.ids import ContentId, DecisionId

if TYPE_CHECKING:
    from collections.abc import Mapping

    from clearmark.records import Headers, Record

SPECVERSION: Final = "1.0"
PREFIX: Final = "ce_"
STRUCTURED: Final = "application/cloudevents"
SUBMITTED: Final = "clearmark.artifact.submitted.v1"
SCREENED: Final = "clearmark.artifact.screened.v1"
APPROVED: Final = "clearmark.artifact.approved.v1"
BLOCKED: Final = "clearmark.artifact.blocked.v1"
HELD: Final = "clearmark.artifact.held.v1"
DEAD_LETTERED: Final = "clearmark.artifact.deadlettered.v1"
AUDIT_DECISION: Final = "clearmark.audit.decision.v1"
AUDIT_ACTION: Final = "clearmark.audit.action.v1"
IDENTITY: Final = "clearmark.identity.v1"
CONSENT: Final = "clearmark.consent.v1"
STANDING: Final = "clearmark.standing.v1"
FEATURE: Final = "clearmark.feature.v1"
CONDUCT: Final = "clearmark.conduct.v1"

ATTRIBUTE_LIMIT: Final = 4096
"""Bytes of the longest attribute value that ingress accepts."""

RESERVED: Final = frozenset(
    {
        "decisionid",
        "contentid",
        "originid",
        "originsource",
        "origintopic",
        "originpartition",
        "originoffset",
        "origintime",
        "policy",
        "resolution",
    }
)
"""Attributes that only Clearmark sets; dropped when a publisher sends them. ``datasha256`` is a publisher's only
beside ``dataref``."""

_NAME = re.compile(r"[a-z0-9]{1,64}")
_SHA256 = re.compile(r"[0-9a-f]{64}")


class MalformedEvent(Reject):
    """A record on ingress that is not the CloudEvent the contract asks for. The message names the attribute only."""

    def __init__(self, message: str) -> None:
        super().__init__("malformed-event", message)


@dataclass(frozen=True, slots=True)
class Artifact:
    """What a publisher submitted. Exactly one of ``data`` and ``dataref`` is set.

    Attributes:
        content_type: the declared media type, lower case, without parameters.
        charset: the declared ``charset`` parameter, lower case, or None.
        sha256: digest claimed for the content behind ``dataref``.
        time: the publisher's clock, a claim.
    """

    id: str
    source: str
    user_id: str
    content_type: str
    charset: str | None = None
    product: str | None = None
    likenesses: tuple[str, ...] = ()
    synthetic: bool = False
    time: str | None = None
    traceparent: str | None = None
    data: bytes | None = None
    dataref: str | None = None
    sha256: str | None = None
    purpose: str | None = None


@dataclass(frozen=True, slots=True)
class Origin:
    """The ingress record that an output goes back to. ``time_ms`` is its log-append time."""

    topic: str
    partition: int
    offset: int
    id: str = ""
    source: str = ""
    time_ms: int = 0


@dataclass(frozen=True, slots=True)
class Envelope:
    """The CloudEvents attributes of an output record.

    Attributes:
        outcome: last part of ``ce_id``, ``DECISION_ID.OUTCOME``.
        user_id: in audit records a keyed digest, elsewhere the operator's account id.
        resolution: set on what follows from a reviewer's decision (``released``): not a second outcome.
    """

    type: str
    outcome: str
    decision_id: DecisionId
    content_id: ContentId
    user_id: str
    origin: Origin
    policy: str = ""
    sha256: str = ""
    content_type: str = "application/json"
    dataref: str | None = None
    product: str | None = None
    likenesses: tuple[str, ...] = ()
    traceparent: str | None = None
    resolution: str | None = None
    purpose: str | None = None

    def headers(self) -> Headers:
        """Return the record headers of binary mode."""
        attributes = {
            "specversion": SPECVERSION,
            "id": f"{self.decision_id}.{self.outcome}",
            "source": "clearmark",
            "type": self.type,
            "decisionid": str(self.decision_id),
            "contentid": str(self.content_id),
            "userid": self.user_id,
            "originid": self.origin.id,
            "originsource": self.origin.source,
            "origintopic": self.origin.topic,
            "originpartition": str(self.origin.partition),
            "originoffset": str(self.origin.offset),
            "origintime": str(self.origin.time_ms),
            "policy": self.policy,
            "datasha256": self.sha256,
            "dataref": self.dataref,
            "product": self.product,
            "purpose": self.purpose,
            "likenesses": ",".join(self.likenesses),
            "traceparent": self.traceparent,
            "resolution": self.resolution,
        }
        pairs = [(PREFIX + name, value.encode()) for name, value in attributes.items() if value]
        return (*pairs, ("content-type", self.content_type.encode()))

    @classmethod
    def parse(cls, record: Record) -> Envelope:
        """Read the attributes back from a record that Clearmark wrote.

        Raises:
            MalformedEvent: an attribute is missing or not of its form.
        """
        a = attributes_of(record.headers)
        try:
            return cls(
                type=a["type"],
                outcome=a["id"].partition(".")[2],
                decision_id=DecisionId(a["decisionid"]),
                content_id=ContentId.parse(a["contentid"]),
                user_id=a["userid"],
                origin=Origin(
                    a["origintopic"],
                    int(a["originpartition"]),
                    int(a["originoffset"]),
                    a.get("originid", ""),
                    a.get("originsource", ""),
                    int(a.get("origintime", "0")),
                ),
                policy=a.get("policy", ""),
                sha256=a.get("datasha256", ""),
                content_type=a.get("content-type", ""),
                dataref=a.get("dataref"),
                product=a.get("product"),
                likenesses=_split(a.get("likenesses", "")),
                traceparent=a.get("traceparent"),
                resolution=a.get("resolution"),
                purpose=a.get("purpose"),
            )
        except (KeyError, ValueError) as error:
            raise MalformedEvent(f"{record.topic} holds a record that Clearmark did not write") from error


def attributes_of(headers: Headers) -> dict[str, str]:
    """Return the CloudEvents attributes of binary mode by name, ``content-type`` among them.

    Raises:
        MalformedEvent: a value is not UTF-8, is null or too long, or a name occurs twice.
    """
    found: dict[str, str] = {}
    for header, raw in headers:
        name = header.removeprefix(PREFIX)
        if name == header and header != "content-type":
            continue
        if name in found:
            raise MalformedEvent(f"header {header[:80]} occurs twice")
        if raw is None or len(raw) > ATTRIBUTE_LIMIT:
            raise MalformedEvent(f"header {header[:80]} is null or longer than {ATTRIBUTE_LIMIT} bytes")
        try:
            found[name] = raw.decode("utf-8")
        except UnicodeDecodeError as error:
            raise MalformedEvent(f"header {header[:80]} is not UTF-8") from error
    return found


def parse_ingress(record: Record) -> Artifact:
    """Read an artifact from an ingress record in binary or structured mode.

    Raises:
        MalformedEvent: the record is not the CloudEvent that the contract asks for.
    """
    content_type = (record.header("content-type") or b"").decode("utf-8", "replace").strip().lower()
    if content_type.startswith(STRUCTURED):
        return _structured(content_type, record.value)
    return _artifact(attributes_of(record.headers), record.value)


def _structured(content_type: str, value: bytes | None) -> Artifact:
    if content_type.partition(";")[0].strip() != f"{STRUCTURED}+json":
        raise MalformedEvent("structured mode is read as application/cloudevents+json only")
    try:
        event = orjson.loads(value or b"")
    except orjson.JSONDecodeError as error:
        raise MalformedEvent("structured mode: the value is not JSON") from error
    if not isinstance(event, dict):
        raise MalformedEvent("structured mode: the value is not a JSON object")
    data = _structured_data(event)
    attributes: dict[str, str] = {}
    for name, attribute in event.items():
        if name in ("data", "data_base64"):
            continue
        text = _attribute_text(attribute)
        if text is None or len(text.encode("utf-8", "surrogatepass")) > ATTRIBUTE_LIMIT:
            raise MalformedEvent(f"attribute {name[:80]} is not a short string, number or boolean")
        attributes[name] = text
    attributes["content-type"] = attributes.pop("datacontenttype", "application/json")
    return _artifact(attributes, data)


def _attribute_text(value: object) -> str | None:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, str | int) else None


def _structured_data(event: Mapping[str, Any]) -> bytes | None:
    if "data" in event and "data_base64" in event:
        raise MalformedEvent("structured mode: data and data_base64 exclude each other")
    if "data_base64" in event:
        try:
            return base64.b64decode(event["data_base64"], validate=True)
        except (binascii.Error, TypeError, ValueError) as error:
            raise MalformedEvent("structured mode: data_base64 is not Base64") from error
    data = event.get("data")
    if data is None:
        return None
    return data.encode() if isinstance(data, str) else orjson.dumps(data)


def _split(likenesses: str) -> tuple[str, ...]:
    return tuple(part for part in (p.strip() for p in likenesses.split(",")) if part)


def _required(attributes: Mapping[str, str], name: str) -> str:
    value = attributes.get(name, "")
    if not value.strip():
        raise MalformedEvent(f"attribute {name} is missing or empty")
    return value


def _artifact(attributes: dict[str, str], data: bytes | None) -> Artifact:
    for name in RESERVED:
        attributes.pop(name, None)
    if bad := [n for n in attributes if n != "content-type" and not _NAME.fullmatch(n)]:
        raise MalformedEvent(f"attribute name {bad[0][:80]!r} is not lower-case letters and digits")
    if _required(attributes, "specversion") != SPECVERSION:
        raise MalformedEvent("specversion is not 1.0")
    if _required(attributes, "type") != SUBMITTED:
        raise MalformedEvent(f"type is not {SUBMITTED}")
    dataref = attributes.get("dataref") or None
    sha256 = attributes.get("datasha256") if dataref else None
    if dataref and not (sha256 and _SHA256.fullmatch(sha256)):
        raise MalformedEvent("dataref needs datasha256, 64 lower-case hex digits")
    if dataref and data:
        raise MalformedEvent("a value and dataref exclude each other")
    if data is None and not dataref:
        raise MalformedEvent("there is neither a value nor a dataref")
    synthetic = attributes.get("synthetic", "false")
    if synthetic not in ("true", "false"):
        raise MalformedEvent("synthetic is neither true nor false")
    media_type, _, parameters = _required(attributes, "content-type").partition(";")
    return Artifact(
        id=_required(attributes, "id"),
        source=_required(attributes, "source"),
        user_id=_required(attributes, "userid"),
        content_type=media_type.strip().lower(),
        charset=_charset(parameters),
        product=attributes.get("product") or None,
        purpose=attributes.get("purpose") or None,
        likenesses=_split(attributes.get("likenesses", "")),
        synthetic=synthetic == "true",
        time=attributes.get("time") or None,
        traceparent=attributes.get("traceparent") or None,
        data=None if dataref else data,
        dataref=dataref,
        sha256=sha256,
    )


def _charset(parameters: str) -> str | None:
    for part in parameters.split(";"):
        name, _, value = part.partition("=")
        if name.strip().lower() == "charset":
            return value.strip().strip('"').lower()
    return None
