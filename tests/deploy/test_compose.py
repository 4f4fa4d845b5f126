"""The compose file by the specification's types, and by what matters here. There is no Docker engine in a test."""

from __future__ import annotations

import http.server
import os
import subprocess
import sys
import threading
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

import click
import compose_spec
import pytest
import yaml

from clearmark.cli import cli
from clearmark.config import SECTIONS, Config, load
from clearmark.records import StageName
from tests.deploy.conftest import DEPLOY

if TYPE_CHECKING:
    from collections.abc import Iterator

TEXT = (DEPLOY / "compose.yaml").read_text("utf-8")
FILE: dict[str, Any] = yaml.safe_load(TEXT)
SERVICES: dict[str, dict[str, Any]] = FILE["services"]
OURS = {name: service for name, service in SERVICES.items() if service["image"] == "clearmark:local"}
WORKERS = {name: service for name, service in OURS.items() if "healthcheck" in service}
METRICS_PORT = "9100"


def volumes(service: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    for volume in service.get("volumes", ()):
        source, target, *mode = volume.split(":")
        yield source, target, mode[0] if mode else "rw"


def read(text: str) -> compose_spec.PyCompose:
    """Read a compose file strictly, its merge keys resolved."""
    return compose_spec.PyCompose.from_yaml(yaml.safe_dump(yaml.safe_load(text)))


def test_it_is_a_compose_file() -> None:
    found = read(TEXT)
    found.validate()
    assert set(found.service_names()) == set(SERVICES)


@pytest.mark.parametrize(
    ("right", "wrong"), [("read_only:", "readonly:"), ("service_healthy", "healthy"), ("9092:9092", "x:9092")]
)
def test_a_mistake_is_not_a_compose_file(right: str, wrong: str) -> None:
    with pytest.raises(ValueError, match=wrong.partition(":")[0]):
        read(TEXT.replace(right, wrong))


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_is_hardened(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["pids_limit"] > 0
    assert not {"privileged", "cap_add", "devices", "pid", "ipc", "user"} & set(service)
    assert service.get("network_mode") in (None, "none")
    assert service["tmpfs"] == (["/tmp:exec"] if name == "kafka" else ["/tmp"])
    assert not any("docker.sock" in source for source, _, _ in volumes(service))
    assert service["image"].partition(":")[2] not in ("", "latest")


@pytest.mark.parametrize("name", SERVICES)
def test_ports_are_published_on_loopback_alone(name: str) -> None:
    assert all(port.startswith("127.0.0.1:") for port in SERVICES[name].get("ports", ()))


@pytest.mark.parametrize("name", SERVICES)
def test_what_is_mounted_is_there(name: str) -> None:
    for source, target, mode in volumes(SERVICES[name]):
        assert PurePosixPath(target).is_absolute()
        if source.startswith("."):
            assert (DEPLOY / source).exists()
            assert mode == "ro"
        else:
            assert source in FILE["volumes"]
    used = {source for service in SERVICES.values() for source, _, _ in volumes(service)}
    assert set(FILE["volumes"]) <= used


def test_services_wait_for_what_they_need() -> None:
    done: set[str] = set()
    while waiting := [
        name for name, s in SERVICES.items() if name not in done and set(s.get("depends_on", ())) <= done
    ]:
        done.update(waiting)
    assert done == set(SERVICES), "a circle"
    for service in SERVICES.values():
        for needed, how in service.get("depends_on", {}).items():
            once = SERVICES[needed]["restart"] == "no"
            assert how["condition"] == ("service_completed_successfully" if once else "service_healthy")
            assert once or "healthcheck" in SERVICES[needed]


def parsed(arguments: list[str]) -> click.Context:
    """Parse a command line as `clearmark` does, without running it."""
    command: click.Command | None = cli
    while isinstance(command, click.Group):
        command = command.get_command(click.Context(command), arguments.pop(0))
    assert command is not None, "no such command"
    return command.make_context("", arguments)


@pytest.mark.parametrize("name", [name for name, service in OURS.items() if "entrypoint" not in service])
def test_every_command_is_one_of_clearmarks(name: str) -> None:
    context = parsed(list(OURS[name]["command"]))
    if name in WORKERS:
        assert context.params["metrics_port"] == int(METRICS_PORT)
        assert context.params["metrics_host"] == "0.0.0.0"
    assert context.params.get("stage", name) == name


def test_each_stage_and_the_ledger_have_a_worker_that_prometheus_finds() -> None:
    assert set(WORKERS) == {*(stage.value for stage in StageName), "ledger"}
    assert "--follow" in WORKERS["ledger"]["command"]
    settings = yaml.safe_load((DEPLOY / "prometheus" / "prometheus-compose.yml").read_text("utf-8"))
    (source,) = settings["scrape_configs"][0]["dns_sd_configs"]
    assert set(source["names"]) == set(WORKERS)
    assert str(source["port"]) == METRICS_PORT


def test_the_environment_is_known_settings() -> None:
    known = {
        f"CLEARMARK_{section}_{key}".upper()
        for section in SECTIONS
        for key in type(Config.model_fields[section].default).model_fields
    }
    for service in OURS.values():
        variables = service["environment"]
        assert set(variables) <= {*known, "CLEARMARK_CONFIG", "CLEARMARK_BOOTSTRAP_SERVERS"}
        config = load(None, {k: v for k, v in variables.items() if k != "CLEARMARK_CONFIG"})
        assert config.kafka.bootstrap_servers == "kafka:19092"
        folders = {target for _, target, _ in volumes(service)}
        assert config.store_url().removeprefix("file://") in folders or service["network_mode"] == "none"


def test_init_makes_keys_once(tmp_path: Path) -> None:
    (script,) = SERVICES["init"]["command"]
    script = script.replace("/etc/clearmark", str(tmp_path / "etc")).replace("$$", "$")
    path = os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))
    for _ in range(2):
        subprocess.run([*SERVICES["init"]["entrypoint"], script], env={"PATH": path}, check=True, timeout=60)
        key = (tmp_path / "etc" / "keys" / "watermark").read_text()
    assert (tmp_path / "etc" / "keys" / "watermark").read_text() == key


@pytest.mark.parametrize(("status", "healthy"), [(200, True), (503, False)])
def test_the_healthcheck_tells_healthy_from_not(status: int, healthy: bool) -> None:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status if self.path == "/healthz" else 404)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.handle_request, daemon=True).start()
        kind, program, *arguments = WORKERS["screen"]["healthcheck"]["test"]
        assert (kind, program) == ("CMD", "python")
        command = [a.replace(f":{METRICS_PORT}", f":{server.server_port}") for a in arguments]
        done = subprocess.run([sys.executable, *command], capture_output=True, timeout=30, check=False)
    assert (done.returncode == 0) == healthy


def test_grafana_finds_the_dashboard_and_its_source() -> None:
    folder = DEPLOY / "grafana"
    (provider,) = yaml.safe_load((folder / "provisioning/dashboards/clearmark.yaml").read_text())["providers"]
    (source,) = yaml.safe_load((folder / "provisioning/datasources/prometheus.yaml").read_text())["datasources"]
    mounted = {target: where for where, target, _ in volumes(SERVICES["grafana"])}
    assert (DEPLOY / mounted[provider["options"]["path"]] / "clearmark.json").is_file()
    assert (DEPLOY / mounted["/etc/grafana/provisioning"]).resolve() == folder / "provisioning"
    assert source["url"] == "http://prometheus:9090"
    home = SERVICES["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    assert home == f"{provider['options']['path']}/clearmark.json"
