"""Everything on one machine: Kafka (unless a cluster is named), topics, one worker a stage, the ledger."""

from __future__ import annotations

import os
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from clearmark.config import Config, load
from clearmark.init import init
from clearmark.kafka import admin as kafka_admin
from clearmark.kafka import clients
from clearmark.kafka.node import EmbeddedKafka, free_ports
from clearmark.records import StageName
from clearmark.up.supervisor import Supervisor

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

SLOT: Final = "up-0"


@dataclass(frozen=True, slots=True)
class Machine:
    """What is running."""

    config: Config
    supervisor: Supervisor
    environment: Mapping[str, str]


@contextmanager
def machine(
    folder: Path, env: Mapping[str, str], say: Callable[[str], None], settings: Mapping[str, str]
) -> Iterator[Machine]:
    """Start everything and stop it with the block.

    Args:
        folder: keys, configuration, Kafka's data, objects and logs; made when missing.
        env: names a cluster by ``CLEARMARK_BOOTSTRAP_SERVERS``, or Kafka is started too.
        say: told each event, one line.
        settings: values over the configuration, by their environment names.

    Raises:
        Stop: Kafka cannot be started, or the topics differ from the table.
    """
    file = folder / "clearmark.toml"
    if not file.exists():
        init(folder)
        say(f"wrote {file} and fresh keys")
    with ExitStack() as stack:
        environment = {**os.environ, **env, **settings, "CLEARMARK_CONFIG": str(file.resolve())}
        if not env.get("CLEARMARK_BOOTSTRAP_SERVERS"):
            say("Kafka starts (the first time, Maven fetches it)")
            kafka = stack.enter_context(EmbeddedKafka((folder / "kafka").resolve()))
            environment["CLEARMARK_BOOTSTRAP_SERVERS"] = kafka.bootstrap
            say(f"Kafka is ready at {kafka.bootstrap} (pid {kafka.pid()})")
        config = load(None, environment)
        admin, topology = clients.admin(config), config.topics.topology()
        if created := kafka_admin.apply(admin, topology):
            say(f"created {len(created)} topics, {topology.prefix}.*")
        supervisor = Supervisor(folder / "logs", environment, say)
        stack.callback(supervisor.close)
        ports = free_ports(len(StageName) + 1)
        for stage, port in zip(StageName, ports, strict=False):
            supervisor.add(stage.value, ("worker", stage, "--slot", SLOT, "--metrics-port", str(port)), port)
        supervisor.add("ledger", ("ledger", "--follow", "--metrics-port", str(ports[-1])), ports[-1])
        yield Machine(config, supervisor, environment)
