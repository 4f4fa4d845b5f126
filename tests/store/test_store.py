"""One contract for the local folder and a real S3 protocol; and what quarantine promises."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import boto3
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from moto.server import ThreadedMotoServer

from clearmark.errors import Retry
from clearmark.ids import DecisionId
from clearmark.kafka.node import free_ports
from clearmark.store.objects import ObjectMissing, ObjectStore
from clearmark.store.quarantine import Quarantine, QuarantineDamaged

if TYPE_CHECKING:
    from collections.abc import Iterator

KEY, OTHER = bytes(range(32)), bytes(32)
ID = DecisionId.of("c", "t", 0, 0)


@pytest.fixture(scope="session")
def s3() -> Iterator[str]:
    port = free_ports(1)[0]
    server = ThreadedMotoServer("127.0.0.1", port, verbose=False)
    server.start()
    endpoint = f"http://127.0.0.1:{port}"
    client = boto3.client(
        "s3", endpoint_url=endpoint, region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="x"
    )
    client.create_bucket(Bucket="objects")
    yield endpoint
    server.stop()


@pytest.fixture(params=["folder", "s3"])
def store(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ObjectStore:
    if request.param == "folder":
        return ObjectStore.open(f"file://{tmp_path}/objects")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "x")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
    options = {"endpoint": request.getfixturevalue("s3"), "region": "us-east-1"}
    return ObjectStore.open(f"s3://objects/{tmp_path.name}", options)


def test_an_object_is_written_once_and_never_overwritten(store: ObjectStore) -> None:
    assert store.put_new("a/b/1", b"first")
    assert not store.put_new("a/b/1", b"second")
    assert store.get("a/b/1") == b"first"


def test_a_missing_object_is_named(store: ObjectStore) -> None:
    with pytest.raises(ObjectMissing, match="a/none"):
        store.get("a/none")


def test_keys_are_listed_below_a_prefix(store: ObjectStore) -> None:
    for key in ("a/1", "a/b/2", "ab/3"):
        store.put_new(key, b"")
    assert sorted(store.list("a")) == ["a/1", "a/b/2"]


def test_an_unreachable_store_is_a_retry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "x")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
    gone = ObjectStore.open("s3://objects", {"endpoint": f"http://127.0.0.1:{free_ports(1)[0]}", "region": "x"})
    with pytest.raises(Retry):
        gone.put_new("a", b"")


def test_held_content_is_opened_again_and_stored_once(store: ObjectStore) -> None:
    quarantine = Quarantine(store, KEY, "k1")
    ref = quarantine.seal("screen", ID, b"held")
    assert quarantine.seal("screen", ID, b"held") == ref
    assert quarantine.open("screen", ID, ref.sha256) == b"held"
    assert len(list(store.list("screen"))) == 1


def test_nothing_in_clear_lies_in_the_store(tmp_path: Path) -> None:
    Quarantine(ObjectStore.open(f"file://{tmp_path}"), KEY, "k1").seal("screen", ID, b"a secret text")
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(files) == 1
    assert b"secret" not in files[0].read_bytes()


def test_another_key_or_another_decision_opens_nothing(tmp_path: Path) -> None:
    store = ObjectStore.open(f"file://{tmp_path}")
    ref = Quarantine(store, KEY, "k1").seal("screen", ID, b"held")
    with pytest.raises(QuarantineDamaged):
        Quarantine(store, OTHER, "k2").open("screen", ID, ref.sha256)
    moved = DecisionId.of("c", "t", 0, 1)
    store.put_new(f"screen/{moved}/{ref.sha256}", store.get(f"screen/{ID}/{ref.sha256}"))
    with pytest.raises(QuarantineDamaged):
        Quarantine(store, KEY, "k1").open("screen", moved, ref.sha256)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
@given(content=st.binary(max_size=50), data=st.data())
def test_any_changed_byte_is_noticed(tmp_path: Path, content: bytes, data: st.DataObject) -> None:
    folder = Path(tempfile.mkdtemp(dir=tmp_path))
    store = ObjectStore.open(f"file://{folder}")
    ref = Quarantine(store, KEY, "k1").seal("screen", ID, content)
    file = next(path for path in folder.rglob("*") if path.is_file())
    blob = bytearray(file.read_bytes())
    blob[data.draw(st.integers(0, len(blob) - 1))] ^= data.draw(st.integers(1, 255))
    file.write_bytes(blob)
    with pytest.raises(QuarantineDamaged):
        Quarantine(store, KEY, "k1").open("screen", ID, ref.sha256)
