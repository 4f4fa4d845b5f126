"""A real Prometheus that reads a real pipeline, under a topic prefix of its own."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest
import yaml

from clearmark.board import targets
from clearmark.board.workers import workers
from clearmark.demo.texts import chinese
from clearmark.kafka import clients
from clearmark.kafka.node import free_ports
from clearmark.ledger.ledger import ENDS
from clearmark.publish import Upload, publish
from clearmark.topology import Topic
from clearmark.up.machine import Machine, machine
from clearmark.watch import Follower
from tests.deploy.debian import program, terminal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from clearmark.kafka.node import EmbeddedKafka

ROOT: Final = Path(__file__).resolve().parents[2]
DEPLOY: Final = ROOT / "deploy"
ENDINGS: Final[tuple[tuple[str, dict[str, str]], ...]] = (
    ("本店长期出售枪支，货到付款，诚信经营。", {}),
    ("他在论坛上反复询问自杀方法，朋友们很担心。", {}),
    ("没有用户的内容", {"userid": ""}),
)
"""A text that is blocked, one that is held, one that is malformed."""


@pytest.fixture(scope="session")
def promtool(pytestconfig: pytest.Config) -> str:
    return program("promtool", "prometheus", terminal(pytestconfig))


@pytest.fixture(scope="session")
def prometheus(pytestconfig: pytest.Config) -> str:
    return program("prometheus", "prometheus", terminal(pytestconfig))


@dataclass(frozen=True)
class Watched:
    """The pipeline and the Prometheus that reads it."""

    machine: Machine
    url: str

    def ask(self, path: str, **parameters: str) -> Any:
        """Return the data of an answer of Prometheus' HTTP API."""
        with urllib.request.urlopen(f"{self.url}/api/v1/{path}?{urllib.parse.urlencode(parameters)}") as answer:
            return json.load(answer)["data"]

    def wait(self, what: str, true: Callable[[], bool], timeout_s: float = 90) -> None:
        deadline = time.monotonic() + timeout_s
        while not true():
            assert time.monotonic() < deadline, what
            self.machine.supervisor.tend()
            time.sleep(0.2)

    def publish(self, turn: int) -> None:
        """Publish texts of every outcome and wait until each has come; each time by other offenders."""
        config = self.machine.config
        topology = config.topics.topology()
        uploads = [Upload(t.encode(), "text/plain", "user-1") for t in itertools.islice(chinese(), 30)]
        uploads += [
            Upload(t.encode(), "text/plain", f"offender-{turn}-{i}", attributes=a) for i, (t, a) in enumerate(ENDINGS)
        ]
        follower = Follower(clients.reader(config), topology, list(ENDS), beginning=False)
        came: list[Topic] = []
        ingress, largest = topology.name(Topic.INGRESS), topology.spec(Topic.INGRESS).max_message_bytes
        publish(clients.settings(config), ingress, uploads, lambda: None, largest)

        def all_came() -> bool:
            came.extend(seen.topic for seen in follower.poll())
            return len(came) >= len(uploads)

        self.wait("outcomes", all_came)
        follower.close()
        assert set(came) == set(ENDS)

    def counted(self) -> float:
        """Return how many decisions Prometheus knows of."""
        found = self.ask("query", query="sum(clearmark_decisions_total)")["result"]
        return float(found[0]["value"][1]) if found else 0


@pytest.fixture(scope="module")
def watched(kafka: EmbeddedKafka, prometheus: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    folder = tmp_path_factory.mktemp("watched")
    cluster = {"CLEARMARK_BOOTSTRAP_SERVERS": kafka.bootstrap}
    settings = {**cluster, "CLEARMARK_TOPICS_PREFIX": "watched", "CLEARMARK_ARCHIVE_MAX_AGE_S": "1"}
    said: list[str] = []
    with machine(folder / "machine", cluster, said.append, settings) as running:
        targets.write(folder / "targets.json", workers(running.supervisor.children))
        with _running(prometheus, folder) as url:
            made = Watched(running, url)
            made.wait(f"workers: {said}", lambda: running.supervisor.ready)
            _verify_users(running, folder / "users.csv")
            # Series that begin with their first event rise only with the second: two rounds, seen one by one.
            made.publish(1)
            made.wait("the first round in Prometheus", lambda: made.counted() >= len(ENDINGS) + 60)
            made.publish(2)
            made.wait("the second round in Prometheus", lambda: made.counted() >= 2 * (len(ENDINGS) + 60))
            yield made


def _verify_users(running: Machine, file: Path) -> None:
    """Record identities: of one user whose texts pass, and of offenders enough that none is suspended."""
    users = ["user-1", *(f"offender-{turn}-{i}" for turn in (1, 2, 3) for i in range(len(ENDINGS)))]
    file.write_text("user,method,number\n" + "".join(f"{u},mobile,139{i:08d}\n" for i, u in enumerate(users)))
    command = [sys.executable, "-m", "clearmark.cli", "identities", "import", str(file)]
    subprocess.run(command, env=dict(running.environment), check=True, capture_output=True, timeout=60)


@contextmanager
def _running(path: str, folder: Path) -> Iterator[str]:
    """Run Prometheus with the committed configuration, sped up, on a port of its own."""
    settings = yaml.safe_load((DEPLOY / "prometheus" / "prometheus.yml").read_text("utf-8"))
    settings["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
    settings["rule_files"] = [str(DEPLOY / "prometheus" / name) for name in settings["rule_files"]]
    (job,) = settings["scrape_configs"]
    job["file_sd_configs"][0]["files"] = [str(folder / "targets.json")]
    (folder / "prometheus.yml").write_text(yaml.safe_dump(settings))
    (port,) = free_ports(1)
    options = [
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'tsdb'}",
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    log = folder / "prometheus.log"
    with guarded([path, *options], log) as process:
        url = f"http://127.0.0.1:{port}"
        deadline = time.monotonic() + 60
        while not _ready(url):
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.1)
        yield url


@contextmanager
def guarded(command: list[str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run a program while the block runs; it ends with the tests, however they end."""
    guard = [sys.executable, "-m", "clearmark.kafka.guard", *command]
    with (
        log.open("wb") as errors,
        subprocess.Popen(guard, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors) as process,
    ):
        yield process


def _ready(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/-/ready", timeout=2) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False
