"""``clearmark.toml``: every setting, checked; an error names the line and what to do.

Each value can also be set by the environment as ``CLEARMARK_<SECTION>_<KEY>``; ``CLEARMARK_BOOTSTRAP_SERVERS``
names the cluster. Relative paths are relative to the file's folder.
"""

from __future__ import annotations

import os
import re
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import orjson
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from clearmark.errors import Stop
from clearmark.keys import NAMES, Keys, read
from clearmark.topology import Topology

if TYPE_CHECKING:
    from collections.abc import Mapping

DEFAULT_FILE: Final = "clearmark.toml"
_Positive = Annotated[int, Field(gt=0)]


def _object(value: object) -> object:
    """Read a JSON object where the environment gave one as text."""
    if not isinstance(value, str):
        return value
    try:
        return orjson.loads(value)
    except orjson.JSONDecodeError:
        raise ValueError('in the environment this is a JSON object, such as {"security.protocol": "SSL"}') from None


def _list(value: object) -> object:
    """Read a comma-separated list where the environment gave one as text."""
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


class ConfigError(Stop):
    """The configuration cannot be used."""


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class KafkaSection(_Section):
    """Which cluster. ``client`` holds librdkafka properties, passed through (SASL, TLS, ...)."""

    bootstrap_servers: str = "127.0.0.1:9092"
    client: Annotated[dict[str, str], BeforeValidator(_object)] = {}


class TopicsSection(_Section):
    """How the table of topics is applied to the cluster."""

    prefix: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,99}$")] = "clearmark"
    replication: _Positive = 1
    partitions: Annotated[int, Field(ge=0, lt=1 << 14)] = 0

    def topology(self) -> Topology:
        """Return the table under this prefix."""
        return Topology(self.prefix, self.replication, self.partitions)


class StoreSection(_Section):
    """Where objects lie: ``file:///FOLDER`` or ``s3://BUCKET/PREFIX``; credentials come from the environment."""

    url: Annotated[str, Field(pattern=r"^(file:///.+|s3://[^/]+.*)$")] | None = None
    endpoint: str = ""
    region: str = ""

    def options(self) -> dict[str, str]:
        """Return what `clearmark.store.objects.ObjectStore.open` takes."""
        return {name: value for name in ("endpoint", "region") if (value := getattr(self, name))}


class KeysSection(_Section):
    """Files of the keys."""

    quarantine: Path = Path("keys/quarantine")
    content_id: Path = Path("keys/content_id")
    watermark: Path = Path("keys/watermark")
    digests: Path = Path("keys/digests")


class IdsSection(_Section):
    """``epoch`` is part of every content id: raise it by one whenever ingress is re-created."""

    epoch: Annotated[int, Field(ge=0, le=255)] = 0


class WorkerSection(_Section):
    """Bounds of a worker."""

    max_batch_records: _Positive = 1000
    max_batch_bytes: _Positive = 8 * 1024 * 1024
    transaction_timeout_ms: _Positive = 10_000
    session_timeout_ms: _Positive = 10_000
    max_poll_interval_ms: _Positive = 60_000
    extractors: Annotated[int, Field(gt=0, le=64)] = 1
    dead_letter_limit: Annotated[int, Field(ge=0)] = 20
    dead_letter_window: _Positive = 1000


class PolicySection(_Section):
    """``file``: the operator's policy; without it the packaged one holds."""

    file: Path | None = None


class ProviderSection(_Section):
    """``file``: who the operator is (R-META-3); without it the demonstration's provider stands in the metadata."""

    file: Path | None = None


class IngressSection(_Section):
    """``dataref_prefixes``: where a publisher's ``ce_dataref`` may point; none by default."""

    dataref_prefixes: Annotated[
        list[Annotated[str, Field(pattern=r"^(file:///|s3://[^/]+/)")]], BeforeValidator(_list)
    ] = []


class ArchiveSection(_Section):
    """When a Parquet file is closed: after so many records, or when its first one is so old."""

    max_records: _Positive = 5000
    max_age_s: Annotated[float, Field(gt=0)] = 10.0


class LedgerSection(_Section):
    """``age_s``: older records without an outcome are unaccounted; ``checkpoint_s``: how often the count is kept."""

    age_s: Annotated[float, Field(gt=0)] = 30.0
    checkpoint_s: Annotated[float, Field(gt=0)] = 60.0


class Config(_Section):
    """All settings. ``folder`` is what relative paths are relative to."""

    folder: Path
    kafka: KafkaSection = KafkaSection()
    topics: TopicsSection = TopicsSection()
    store: StoreSection = StoreSection()
    keys: KeysSection = KeysSection()
    ids: IdsSection = IdsSection()
    worker: WorkerSection = WorkerSection()
    policy: PolicySection = PolicySection()
    provider: ProviderSection = ProviderSection()
    ingress: IngressSection = IngressSection()
    archive: ArchiveSection = ArchiveSection()
    ledger: LedgerSection = LedgerSection()

    def store_url(self) -> str:
        """Return where objects lie; without a setting, ``data/objects`` beside the file."""
        return self.store.url or f"file://{(self.folder / 'data' / 'objects').resolve()}"

    def load_keys(self, env: Mapping[str, str]) -> Keys:
        """Read the keys.

        Raises:
            Stop: one is missing, open to others or malformed.
        """
        return Keys(**{name: read(name, self.folder / getattr(self.keys, name), env) for name in NAMES})


SECTIONS: Final = tuple(name for name in Config.model_fields if name != "folder")


def load(path: Path | None = None, env: Mapping[str, str] = os.environ) -> Config:
    """Read the configuration: the given file, else ``CLEARMARK_CONFIG``, else ``./clearmark.toml`` if it is there.

    Raises:
        ConfigError: a file that was named is missing, is not TOML, or holds an unknown key or a bad value.
    """
    named = path or (Path(env["CLEARMARK_CONFIG"]) if env.get("CLEARMARK_CONFIG") else None)
    file = named or Path(DEFAULT_FILE)
    text = ""
    if named or file.exists():
        try:
            text = file.read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            remedy = "name an existing file by --config or CLEARMARK_CONFIG"
            raise ConfigError(f"{file} cannot be read ({type(error).__name__})", remedy=remedy) from None
    try:
        values: dict[str, Any] = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{file} is not TOML: {error}", remedy="mend that line") from None
    origin = _override(values, env)
    try:
        return Config(**{**values, "folder": file.resolve().parent})
    except ValidationError as error:
        raise _explain(file, text, origin, error) from None


def _override(values: dict[str, Any], env: Mapping[str, str]) -> dict[tuple[str, str], str]:
    """Put the environment's values over the file's; return the variable that each such value came from."""
    origin = {}
    for section in SECTIONS:
        for key in Config.model_fields[section].default.__class__.model_fields:
            variable = f"CLEARMARK_{section}_{key}".upper()
            if (section, key) == ("kafka", "bootstrap_servers") and variable not in env:
                variable = "CLEARMARK_BOOTSTRAP_SERVERS"
            if variable in env and isinstance(values.setdefault(section, {}), dict):
                values[section][key] = env[variable]
                origin[section, key] = variable
    return origin


def _explain(file: Path, text: str, origin: Mapping[tuple[str, str], str], error: ValidationError) -> ConfigError:
    """Name the line (or variable) of the first thing that is wrong, and what is allowed there."""
    first = error.errors(include_url=False, include_input=False)[0]
    section, key = (*map(str, first["loc"]), "", "")[:2]
    where = origin.get((section, key)) or f"{file}:{_line(text, section, key)}"
    name = f"{section}.{key}" if key else section
    if first["type"] == "extra_forbidden":
        known = Config.model_fields[section].default.__class__.model_fields if key else SECTIONS
        return ConfigError(f"{where}: there is no setting {name}", remedy=f"known are: {', '.join(known)}")
    return ConfigError(f"{where}: {name}: {first['msg']}", remedy="see clearmark.config for what is allowed")


def _line(text: str, section: str, key: str) -> int:
    """Return the line number of ``[section]`` or of its key (1 where it cannot be found)."""
    inside, found = False, 1
    for number, line in enumerate(text.splitlines(), 1):
        if header := re.match(r"\s*\[+\s*([\w.-]+)", line):
            inside = header.group(1).split(".")[0] == section
            if inside and (not key or header.group(1) == f"{section}.{key}"):
                return number
            found = number if inside else found
        elif re.match(rf"\s*[\"']?{re.escape(key if inside else section)}[\"']?\s*[=.]", line):
            return number
    return found
