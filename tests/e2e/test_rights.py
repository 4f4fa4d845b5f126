"""Pictures, identities, consents, features and standing, end to end, through the command line and the contract."""

from __future__ import annotations

import hashlib
import io
import json
import re
import time
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image
from skimage import data as photographs

from clearmark import wiring

if TYPE_CHECKING:
    from tests.e2e.conftest import Client

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(180)]
TEXT = "山谷里的溪水绕过磨坊，午后有人在桥上钓鱼。风吹过麦田，远处传来钟声。" * 3


def photograph(kind: str, **options: int) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(photographs.astronaut()).save(stream, kind, **options)
    return stream.getvalue()


def done(client: Client, *arguments: str, status: int = 0) -> str:
    finished = client.run(*arguments)
    assert finished.returncode == status, finished.stdout + finished.stderr
    return finished.stdout


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_a_picture_comes_out_marked_and_leads_home(client: Client, kind: str) -> None:
    client.publish(f"picture-{kind}", photograph(kind), headers={"content-type": f"image/{kind.lower()}"})
    out = client.outcome(f"picture-{kind}")
    assert (out.topic, out.headers["content-type"]) == ("approved", f"image/{kind.lower()}")
    assert out.value is not None
    assert hashlib.sha256(out.value).hexdigest() == out.headers["ce_datasha256"]
    file = client.uploads / f"out.{kind.lower()}"
    file.write_bytes(out.value)
    report = json.loads(done(client, "verify", str(file), "--json"))
    assert report["content_id"] == out.headers["ce_contentid"]
    assert [report["marks"][name]["state"] for name in ("label", "metadata", "watermark")] == ["valid"] * 3
    assert report["marks"]["metadata"]["aigc"]["ProduceID"] == out.headers["ce_contentid"]
    decision = out.headers["ce_decisionid"]
    audits = client.wait(lambda f: f.topic == "audit" and f.headers["ce_decisionid"] == decision, 2)
    screened, marked = sorted((a.json for a in audits), key=lambda a: a["stage"], reverse=True)
    assert screened["models"][0]["name"] == "image-nsfw"
    assert set(screened["views"]) == {"identities", "consents", "standing", "features"}
    assert set(marked["views"]) == {"identities", "consents", "standing"}
    assert marked["marks"]["label"]["glyph_height"] >= 26


def test_a_picture_beyond_the_inline_limit_goes_out_by_reference(client: Client) -> None:
    noise = np.random.default_rng(1).integers(0, 255, (700, 900, 3), np.uint8)
    stream = io.BytesIO()
    Image.fromarray(noise).save(stream, "PNG")
    assert len(stream.getvalue()) > 1024 * 1024
    client.publish("large-picture", stream.getvalue(), headers={"content-type": "image/png"})
    out = client.outcome("large-picture")
    assert (out.topic, out.value or b"") == ("approved", b"")
    store = wiring.open_store(client.machine.config)
    stored = store.get(out.headers["ce_dataref"].removeprefix(f"{client.machine.config.store_url()}/"))
    assert hashlib.sha256(stored).hexdigest() == out.headers["ce_datasha256"]


def test_a_revoked_identity_stops_the_next_artifact(client: Client) -> None:
    number = ("--method", "mobile", "--number", "13800138000")
    assert "verified by mobile" in done(client, "identities", "add", "carol", *number)
    client.publish("carol-1", TEXT.encode(), headers={"ce_userid": "carol"})
    assert client.outcome("carol-1").topic == "approved"
    done(client, "identities", "revoke", "carol", "--reason", "asked for it")
    client.publish("carol-2", TEXT.encode(), headers={"ce_userid": "carol"})
    assert client.outcome("carol-2").json["reasons"][0]["code"] == "identity-missing"
    done(client, "identities", "revoke", "carol", status=1)
    done(client, "identities", "add", "carol", "--method", "mobile", "--number", "12", status=2)
    actions = client.wait(lambda f: f.topic == "audit" and f.json.get("action", "").startswith("identity."), 2)
    assert all("carol" not in json.dumps(a.json) + json.dumps(a.headers) for a in actions)


def test_a_consent_covers_what_it_says_until_it_is_taken_back(client: Client) -> None:
    likeness = {"content-type": "image/jpeg", "ce_likenesses": "model-7", "ce_product": "story"}
    file = photograph("JPEG", quality=80)

    def published(name: str, **more: str) -> str:
        client.publish(name, file, headers={**likeness, **more})
        out = client.outcome(name)
        return out.topic if out.topic == "approved" else str(out.json["reasons"][0]["code"])

    assert published("model-1") == "consent-missing"
    done(client, "consents", "grant", "model-7", "--scope", "face,likeness", "--product", "story")
    assert published("model-2") == "approved"
    assert published("model-3", ce_product="games") == "consent-missing"
    done(client, "consents", "revoke", "model-7")
    assert published("model-4") == "consent-revoked"
    done(client, "consents", "grant", "kid", "--scope", "face", "--born", "2020-01-01", status=2)


def test_features_are_live_at_once_and_gone_at_once(client: Client) -> None:
    file = client.uploads / "known.png"
    file.write_bytes(photograph("PNG"))
    picture = done(client, "features", "add", "--image", str(file), "--category", "A.1.d", "--level", "hold").strip()
    word = done(client, "features", "add", "--word", "溪水绕过磨坊", "--category", "A.1.g", "--level", "hold").strip()
    assert {picture, word} <= set(re.findall(r"[0-9a-f]{16}", done(client, "features", "list", "--json")))
    again = io.BytesIO()
    Image.fromarray(photographs.astronaut()).resize((300, 300)).save(again, "JPEG", quality=60)
    client.publish("known-picture", again.getvalue(), headers={"content-type": "image/jpeg"})
    client.publish("known-word", f"Ａ{TEXT}".encode())
    for name, code in (("known-picture", "A.1.d"), ("known-word", "A.1.g")):
        out = client.outcome(name)
        assert (out.topic, out.json["reasons"][0]["code"]) == ("review", code)
    for feature in (picture, word):
        done(client, "features", "remove", feature)
    client.publish("known-picture-2", again.getvalue(), headers={"content-type": "image/jpeg"})
    client.publish("known-word-2", TEXT.encode())
    assert client.outcome("known-picture-2").topic == client.outcome("known-word-2").topic == "approved"
    done(client, "features", "remove", "0" * 16, status=1)


def test_three_violations_suspend_until_a_person_lifts_it(client: Client) -> None:
    user = {"ce_userid": "repeater"}
    for i in range(3):
        client.publish(f"repeat-{i}", "出售枪支".encode(), headers=user)
    deadline = time.monotonic() + 60
    while json.loads(done(client, "standing", "show", "repeater", "--json"))["level"] != "suspended":
        assert time.monotonic() < deadline
        client.machine.supervisor.tend()
    client.publish("suspended", TEXT.encode(), headers=user)
    assert client.outcome("suspended").json["reasons"][0]["code"] == "user-suspended"
    by = ("--reviewer", "Wang Fang", "--reason", "a mistake of ours")
    done(client, "standing", "lift", "repeater", *by)
    client.publish("lifted", TEXT.encode(), headers=user)
    assert client.outcome("lifted").topic == "approved"
    actions = client.wait(lambda f: f.topic == "audit" and f.json.get("action", "").startswith("standing."), 2)
    assert {"standing.suspended", "standing.lifted"} <= {a.json["action"] for a in actions}
