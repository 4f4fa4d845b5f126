"""Apache Kafka as KRaft nodes on free loopback ports: for the demo, the tests, the benchmarks and the chaos run."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from base64 import urlsafe_b64encode
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

from clearmark.errors import Stop
from clearmark.kafka.jars import jars, java, resources

if TYPE_CHECKING:
    from types import TracebackType

_START_S: Final = 60.0
_LARGEST_RECORD: Final = 9 * 1024 * 1024


def free_ports(count: int) -> list[int]:
    """Return loopback ports that nobody listens on now."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for s in sockets:
            s.bind(("127.0.0.1", 0))
        return [int(s.getsockname()[1]) for s in sockets]


class EmbeddedKafka:
    """One or three brokers, each also a controller; with three, replication 3 and at least 2 in sync.

    Use as a context manager. The brokers end with the block, and also when this process is killed.

    Args:
        folder: where the data lies and stays; None for a temporary folder that goes with the brokers.
        nodes: 1 or 3.
    """

    def __init__(self, folder: Path | None = None, nodes: int = 1) -> None:
        self._nodes = nodes
        self._temporary = folder is None
        self._folder = folder or Path(tempfile.mkdtemp(prefix="clearmark-kafka-"))
        self._processes: dict[int, subprocess.Popen[str]] = {}
        self._pids: dict[int, int] = {}
        ports = free_ports(2 * nodes)
        self._broker_ports, self._controller_ports = ports[:nodes], ports[nodes:]

    @property
    def bootstrap(self) -> str:
        """``bootstrap.servers`` of the cluster."""
        return ",".join(f"127.0.0.1:{port}" for port in self._broker_ports)

    def __enter__(self) -> Self:
        try:
            cluster = self._cluster_id()
            for node in range(self._nodes):
                self._format(node, cluster)
            for node in range(self._nodes):
                self._launch(node)
            for node in range(self._nodes):
                self._await(node)
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stop every broker; remove a temporary folder."""
        for node in list(self._processes):
            self.stop(node)
        if self._temporary:
            shutil.rmtree(self._folder, ignore_errors=True)

    def pid(self, node: int = 0) -> int:
        """Return the broker's process id."""
        return self._pids[node]

    def stop(self, node: int = 0) -> None:
        """Stop one broker cleanly."""
        process = self._processes.pop(node)
        assert process.stdin is not None
        process.stdin.close()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()

    def kill(self, node: int = 0) -> None:
        """Kill one broker with SIGKILL; `start` brings it back with its data."""
        os.kill(self._pids[node], signal.SIGKILL)
        self.stop(node)

    def start(self, node: int = 0) -> None:
        """Start a stopped broker again on its port, and wait until it answers."""
        self._launch(node)
        self._await(node)

    def _home(self, node: int) -> Path:
        return self._folder / f"node{node + 1}"

    def _cluster_id(self) -> str:
        file = self._folder / "cluster.id"
        if not file.exists():
            self._folder.mkdir(parents=True, exist_ok=True)
            # The first bits are cleared: an id that begins with "-" would read as an option of Kafka's tool.
            bits = uuid.uuid4().int & (1 << 122) - 1
            file.write_text(urlsafe_b64encode(bits.to_bytes(16, "big")).decode().rstrip("="))
        return file.read_text()

    def _java(self, *arguments: str) -> list[str]:
        log4j = resources() / "log4j2.properties"
        return [java(), "-cp", f"{jars()}/*", f"-Dlog4j2.configurationFile={log4j}", *arguments]

    def _format(self, node: int, cluster: str) -> None:
        home = self._home(node)
        home.mkdir(parents=True, exist_ok=True)
        properties = home / "server.properties"
        properties.write_text("".join(f"{k}={v}\n" for k, v in self._properties(node).items()))
        if (home / "data" / "meta.properties").exists():
            return
        done = subprocess.run(
            self._java("kafka.tools.StorageTool", "format", "-t", cluster, "-c", str(properties)),
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise Stop(f"Kafka's storage could not be formatted: {(done.stdout + done.stderr)[-2000:]}")

    def _properties(self, node: int) -> dict[str, str]:
        broker, controller = self._broker_ports[node], self._controller_ports[node]
        voters = ",".join(f"{i + 1}@127.0.0.1:{port}" for i, port in enumerate(self._controller_ports))
        copies, in_sync = str(self._nodes), str(min(2, self._nodes))
        return {
            "process.roles": "broker,controller",
            "node.id": str(node + 1),
            "controller.quorum.voters": voters,
            "listeners": f"BROKER://127.0.0.1:{broker},CONTROLLER://127.0.0.1:{controller}",
            "advertised.listeners": f"BROKER://127.0.0.1:{broker}",
            "listener.security.protocol.map": "BROKER:PLAINTEXT,CONTROLLER:PLAINTEXT",
            "controller.listener.names": "CONTROLLER",
            "inter.broker.listener.name": "BROKER",
            "log.dirs": str(self._home(node) / "data"),
            "default.replication.factor": copies,
            "min.insync.replicas": in_sync,
            "offsets.topic.replication.factor": copies,
            "offsets.topic.num.partitions": "1",
            "transaction.state.log.replication.factor": copies,
            "transaction.state.log.min.isr": in_sync,
            "transaction.state.log.num.partitions": "1",
            "share.coordinator.state.topic.replication.factor": copies,
            "share.coordinator.state.topic.min.isr": in_sync,
            "group.initial.rebalance.delay.ms": "0",
            "group.min.session.timeout.ms": "1000",
            "auto.create.topics.enable": "false",
            "message.max.bytes": str(_LARGEST_RECORD),
            "replica.fetch.max.bytes": str(_LARGEST_RECORD),
        }

    def _launch(self, node: int) -> None:
        home = self._home(node)
        with (home / "broker.log").open("a") as log:
            process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "clearmark.kafka.guard"),
                    *self._java(
                        "-Xms128m", "-Xmx512m", "-XX:+UseSerialGC", "kafka.Kafka", str(home / "server.properties")
                    ),
                ],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                start_new_session=True,  # Ctrl-C is for the parent: it stops the brokers last
            )
        self._processes[node] = process
        assert process.stdout is not None
        self._pids[node] = int(process.stdout.readline())

    def _await(self, node: int) -> None:
        deadline = time.monotonic() + _START_S
        while time.monotonic() < deadline:
            if self._processes[node].poll() is not None:
                break
            with socket.socket() as s:
                if s.connect_ex(("127.0.0.1", self._broker_ports[node])) == 0:
                    return
            time.sleep(0.05)
        log = (self._home(node) / "broker.log").read_text()
        raise Stop(f"Kafka did not start: {log[-2000:]}", remedy=f"see {self._home(node) / 'broker.log'}")
