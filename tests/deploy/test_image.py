"""The image and the broker that compose starts, as far as they can be tried without Docker."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from typing import TYPE_CHECKING

import pytest
from confluent_kafka.admin import AdminClient

from clearmark.kafka import admin as kafka_admin
from clearmark.kafka.jars import KAFKA_VERSION, jars, java
from clearmark.kafka.node import free_ports
from clearmark.topology import Topology
from deploy import locked
from tests.deploy.conftest import DEPLOY, ROOT, guarded

if TYPE_CHECKING:
    from pathlib import Path

DOCKERFILE = (DEPLOY / "Dockerfile").read_text("utf-8").replace("\\\n", " ")
STAGES = re.split(r"^FROM ", DOCKERFILE, flags=re.MULTILINE)[1:]
LOCK = (ROOT / "requirements.lock").read_text("utf-8")
PYPROJECT = (ROOT / "pyproject.toml").read_text("utf-8")


def packages(text: str) -> set[str]:
    return set(re.findall(r"^([a-z0-9._-]+)==", text, re.MULTILINE))


def test_the_last_stage_runs_as_nobody_of_weight() -> None:
    assert len(STAGES) == 2
    users = re.findall(r"^USER (\S+)", STAGES[-1], re.MULTILINE)
    assert users == ["10001:10001"]
    assert re.search(r'^ENTRYPOINT \["clearmark"\]', STAGES[-1], re.MULTILINE)
    assert "pip" not in STAGES[-1]


def test_every_package_comes_by_its_hash() -> None:
    installs = re.findall(r"pip install ([^&\n]*)", DOCKERFILE)
    assert installs
    assert all("--require-hashes" in i or i.split() == ["--no-deps", "/wheels/*.whl"] for i in installs)
    assert "--no-build-isolation" in DOCKERFILE


def test_what_is_copied_is_there_and_not_ignored() -> None:
    allowed = {line.removeprefix("!") for line in (DEPLOY / "Dockerfile.dockerignore").read_text().splitlines()}
    for line in re.findall(r"^COPY (?!--from)(.*)$", DOCKERFILE, re.MULTILINE):
        for source in line.split()[:-1]:
            assert (ROOT / source).exists(), source
            assert source.partition("/")[0] in allowed


def test_the_locked_part_is_what_the_project_needs_to_run() -> None:
    part = locked.needed(LOCK, locked.dependencies(PYPROJECT))
    wanted = tomllib.loads(PYPROJECT)["project"]["dependencies"]
    assert len(wanted) == len(locked.dependencies(PYPROJECT))
    found = packages(part)
    assert {name.lower() for name in locked.dependencies(PYPROJECT)} <= found
    assert {"cffi", "pydantic-core", "typing-extensions"} <= found, "what they need in turn"
    assert not {"pytest", "mypy", "ruff", "hypothesis", "flask", "matplotlib", "scikit-image"} & found
    assert part.count("--hash=sha256:") >= len(re.findall(r"^[a-z0-9._-]+==", part, re.MULTILINE))


def test_the_build_tool_is_locked_too() -> None:
    assert {"hatchling", "pathspec", "pluggy"} <= packages(locked.needed(LOCK, ["hatchling"]))
    assert 'build-backend = "hatchling.build"' in PYPROJECT


def test_both_entries_of_a_package_that_differs_by_python_are_kept() -> None:
    lock = """\
a==1 ; python_version < '3.12' \\
    --hash=sha256:0
    # via clearmark (pyproject.toml)
a==2 ; python_version >= '3.12' \\
    --hash=sha256:1
    # via
    #   clearmark (pyproject.toml)
    #   b
b==1 \\
    --hash=sha256:2
    # via clearmark (pyproject.toml:dev)
c==1 \\
    --hash=sha256:3
    # via a
"""
    assert re.findall(r"^\w==\d", locked.needed(lock, ["A"]), re.MULTILINE) == ["a==1", "a==2", "c==1"]
    with pytest.raises(ValueError, match="lacks missing: add it"):
        locked.needed(lock, ["a", "missing"])


def test_a_missing_package_ends_the_build_with_one_line(tmp_path: Path) -> None:
    (tmp_path / "lock").write_text(LOCK)
    command = [sys.executable, str(DEPLOY / "locked.py"), "lock", "no-such-package"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("requirements.lock lacks no-such-package")


def test_compose_runs_the_kafka_that_the_tests_run() -> None:
    assert f"apache/kafka:{KAFKA_VERSION}\n" in (DEPLOY / "compose.yaml").read_text()


@pytest.mark.kafka
def test_the_broker_of_compose_starts_and_takes_the_topics(tmp_path: Path) -> None:
    inside, host, controller = free_ports(3)
    text = (DEPLOY / "compose" / "kafka.properties").read_text()
    replaced = {
        ":19092": f":{inside}",
        ":9092": f":{host}",
        ":29093": f":{controller}",
        "/var/lib/kafka": str(tmp_path),
    }
    for old, new in replaced.items():
        text = text.replace(old, new)
    # Here the port is for this machine alone; in the container it is Docker that publishes it so.
    text = text.replace(f"HOST://:{host},", f"HOST://127.0.0.1:{host},").replace(
        f"INTERNAL://:{inside}", f"INTERNAL://127.0.0.1:{inside}"
    )
    file = tmp_path / "kafka.properties"
    file.write_text(text)
    compose = (DEPLOY / "compose.yaml").read_text()
    (cluster,) = re.findall(r"--ignore-formatted --cluster-id (\S+)", compose)
    run = [java(), "-Xmx512m", "-cp", f"{jars()}/*"]
    command = [*run, "kafka.tools.StorageTool", "format", "--ignore-formatted", "-t", cluster, "-c", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    with guarded([*run, "kafka.Kafka", str(file)], tmp_path / "broker.log"):
        admin = AdminClient({"bootstrap.servers": f"127.0.0.1:{host}", "log_level": 0})
        assert len(kafka_admin.apply(admin, Topology("image"))) > 5
        assert kafka_admin.cluster_id(admin) == cluster
