"""Settings from file and environment; each mistake is refused with its line and a remedy."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from clearmark import keys
from clearmark.config import ConfigError, load
from clearmark.errors import Stop

if TYPE_CHECKING:
    from pathlib import Path


def written(folder: Path, text: str) -> Path:
    file = folder / "clearmark.toml"
    file.write_text(text)
    return file


def test_without_a_file_the_defaults_hold(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    config = load(env={})
    assert config.kafka.bootstrap_servers == "127.0.0.1:9092"
    assert config.store_url() == f"file://{tmp_path}/data/objects"


def test_the_environment_wins_over_the_file(tmp_path: Path) -> None:
    file = written(tmp_path, '[topics]\nprefix = "a"\n[kafka.client]\n"security.protocol" = "SASL_SSL"\n')
    env = {"CLEARMARK_TOPICS_PREFIX": "b", "CLEARMARK_BOOTSTRAP_SERVERS": "k:1", "CLEARMARK_IDS_EPOCH": "3"}
    config = load(file, env)
    assert (config.topics.prefix, config.kafka.bootstrap_servers, config.ids.epoch) == ("b", "k:1", 3)
    assert config.kafka.client == {"security.protocol": "SASL_SSL"}


def test_the_file_may_be_named_by_the_environment(tmp_path: Path) -> None:
    file = written(tmp_path, "[ids]\nepoch = 9\n")
    assert load(env={"CLEARMARK_CONFIG": str(file)}).ids.epoch == 9


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("[topics]\nreplicas = 3\n", 2, r"no setting topics\.replicas -> known are: prefix"),
        ("\n[topic]\n", 2, "no setting topic -> known are: kafka"),
        ("[ids]\n\nepoch = 256\n", 3, r"ids\.epoch"),
        ('[topics]\nprefix = "Big Name"\n', 2, r"topics\.prefix"),
        ('[store]\nurl = "http://x"\n', 2, r"store\.url"),
        ("[worker]\nmax_batch_records = 0\n", 2, r"worker\.max_batch_records"),
        ("ids = 3\n", 1, "ids"),
    ],
)
def test_mistakes_are_named_with_their_line(tmp_path: Path, text: str, line: int, says: str) -> None:
    file = written(tmp_path, text)
    with pytest.raises(ConfigError) as caught:
        load(file, {})
    assert re.search(says, caught.value.diagnostics())
    assert f"clearmark.toml:{line}:" in caught.value.message


def test_a_mistake_in_the_environment_is_named_by_its_variable(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"^CLEARMARK_IDS_EPOCH: ids\.epoch"):
        load(written(tmp_path, ""), {"CLEARMARK_IDS_EPOCH": "many"})


def test_a_missing_file_and_broken_toml_say_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read") as missing:
        load(tmp_path / "none.toml", {})
    assert missing.value.remedy
    with pytest.raises(ConfigError, match="line 2"):
        load(written(tmp_path, "[ids]\nepoch 3"), {})


def test_keys_are_read_from_files_of_mode_600(tmp_path: Path) -> None:
    (tmp_path / "keys").mkdir()
    for name in keys.NAMES:
        keys.create(tmp_path / "keys" / name)
    config = load(written(tmp_path, ""), {})
    found = config.load_keys({})
    assert len({found.quarantine, found.content_id, found.watermark, found.digests}) == 4
    assert found.quarantine.hex() not in repr(found) + found.quarantine_id
    with pytest.raises(FileExistsError):
        keys.create(tmp_path / "keys" / "digests")

    (tmp_path / "keys" / "digests").chmod(0o640)
    with pytest.raises(Stop, match="open to others") as caught:
        config.load_keys({})
    assert "chmod 600" in caught.value.remedy
    assert config.load_keys({"CLEARMARK_KEYS_DIGESTS_HEX": "00" * 32}).digests == bytes(32)


def test_a_missing_or_malformed_key_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Stop, match="cannot be read"):
        keys.read("digests", tmp_path / "none", {})
    file = tmp_path / "key"
    file.write_text("short")
    file.chmod(0o600)
    with pytest.raises(Stop, match="does not hold a key"):
        keys.read("digests", file, {})
