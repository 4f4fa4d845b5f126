"""The AsyncAPI 3.0 document of the topics, from the table: ``python -m clearmark.asyncapi [--check]``.

It is written to ``schemas/asyncapi.json``; clients in other languages are generated from it.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, Final

import orjson

from clearmark.schemas import cloudevents as ce
from clearmark.topology import TOPICS, Topic, TopicSpec, Topology

FILE: Final = Path(__file__).resolve().parents[2] / "schemas" / "asyncapi.json"
_BINDING: Final = "0.5.0"
_REQUIRED: Final = ("ce_specversion", "ce_id", "ce_source", "ce_type", "ce_userid", "content-type")
_ARTIFACT: Final = "the artifact's bytes, or empty with ce_dataref and ce_datasha256"
_MESSAGES: Final[dict[Topic, tuple[tuple[str, str], ...]]] = {
    Topic.INGRESS: ((ce.SUBMITTED, _ARTIFACT),),
    Topic.SCREENED: ((ce.SCREENED, _ARTIFACT),),
    Topic.APPROVED: ((ce.APPROVED, "the marked bytes, or empty with ce_dataref and ce_datasha256"),),
    Topic.BLOCKED: ((ce.BLOCKED, "notice"),),
    Topic.REVIEW: ((ce.HELD, "notice"),),
    Topic.REVIEWS: ((ce.AUDIT_ACTION, "review"),),
    Topic.DEAD_LETTER: ((ce.DEAD_LETTERED, "dead-letter"),),
    Topic.AUDIT: ((ce.AUDIT_DECISION, "audit-decision"), (ce.AUDIT_ACTION, "audit-action")),
    Topic.IDENTITIES: ((ce.IDENTITY, "identity"),),
    Topic.CONSENTS: ((ce.CONSENT, "consent"),),
    Topic.STANDING: ((ce.STANDING, "standing"),),
    Topic.FEATURES: ((ce.FEATURE, "feature"),),
    Topic.CONDUCT: ((ce.CONDUCT, "internal"),),
    Topic.CONDUCT_TABLE: ((ce.CONDUCT, "internal"),),
}
"""Each topic's event types with their value: the name of a JSON Schema beside the document, or words."""


def document() -> dict[str, Any]:
    """Return the document, with topic names of the default prefix."""
    topology = Topology()
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Clearmark",
            "version": "1",
            "description": "Artifacts go in as CloudEvents 1.0, in binary mode or (ingress only) structured mode.",
            "license": {"name": "Apache-2.0"},
        },
        "channels": {spec.topic.value: _channel(topology, spec) for spec in TOPICS},
        "operations": {
            f"{'receive' if spec.topic is Topic.INGRESS else 'send'}-{spec.topic.value}": {
                "action": "receive" if spec.topic is Topic.INGRESS else "send",
                "channel": {"$ref": f"#/channels/{spec.topic.value}"},
            }
            for spec in TOPICS
        },
    }


def _channel(topology: Topology, spec: TopicSpec) -> dict[str, Any]:
    config = topology.config(spec)
    topic = {
        "topic": topology.name(spec.topic),
        "partitions": spec.partitions,
        "topicConfiguration": {
            "cleanup.policy": [config["cleanup.policy"]],
            "retention.ms": int(config["retention.ms"]),
            "max.message.bytes": int(config["max.message.bytes"]),
        },
        "bindingVersion": _BINDING,
    }
    return {
        "address": topology.name(spec.topic),
        "description": f"{spec.holds}; written by {', '.join(spec.writers)}, read by {', '.join(spec.readers)}",
        "messages": {kind: _message(spec, kind, value) for kind, value in _MESSAGES[spec.topic]},
        "bindings": {"kafka": topic},
    }


def _message(spec: TopicSpec, kind: str, value: str) -> dict[str, Any]:
    schema = FILE.parent / "json" / f"{value}.schema.json"
    payload = {"$ref": f"json/{schema.name}"} if schema.exists() else {"description": value}
    headers = {name: {"type": "string"} for name in _REQUIRED} | {"ce_type": {"const": kind}}
    return {
        "name": kind,
        "headers": {"type": "object", "required": list(_REQUIRED), "properties": headers},
        "payload": payload,
        "bindings": {"kafka": {"key": {"type": "string", "description": spec.key}, "bindingVersion": _BINDING}},
    }


def main() -> int:
    """Write the document, or with ``--check`` say whether it is stale; return the exit status."""
    wanted = orjson.dumps(document(), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
    if "--check" in sys.argv[1:]:
        stale = not FILE.exists() or FILE.read_bytes() != wanted
        if stale:
            sys.stderr.write("schemas/asyncapi.json is stale: run 'make generate' and commit the result\n")
        return int(stale)
    FILE.write_bytes(wanted)
    return 0


if __name__ == "__main__":
    sys.exit(main())
