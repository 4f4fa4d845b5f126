"""A first configuration: a commented ``clearmark.toml`` and fresh keys."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from clearmark.errors import Stop
from clearmark.keys import NAMES, create

if TYPE_CHECKING:
    from pathlib import Path

TEMPLATE: Final = """\
# Clearmark. Each value can also be set by the environment: CLEARMARK_<SECTION>_<KEY>.
# Relative paths are relative to this file. What is commented out shows the default.

[kafka]
# bootstrap_servers = "127.0.0.1:9092"     # also CLEARMARK_BOOTSTRAP_SERVERS
# [kafka.client]                           # any property of librdkafka, passed through
# "security.protocol" = "SASL_SSL"
# "sasl.mechanism" = "SCRAM-SHA-512"
# "sasl.username" = "clearmark"            # the password: CLEARMARK_KAFKA_CLIENT, or a file of mode 600

[topics]
# prefix = "clearmark"
# replication = 1                          # 3 in production
# partitions = 0                           # 0: as the table of topics says

[store]                                    # archive, quarantine, artifacts by reference
# url = "file:///var/lib/clearmark"        # or "s3://bucket/prefix"; default: data/objects beside this file
# endpoint = ""
# region = ""

[keys]                                     # 64 hex digits each, mode 600; or CLEARMARK_KEYS_<NAME>_HEX
# quarantine = "keys/quarantine"           # seals held content
# content_id = "keys/content_id"           # makes content ids: losing it breaks the way back from a mark
# watermark = "keys/watermark"             # authenticates invisible marks
# digests = "keys/digests"                 # stands between users and the audit log

[ids]
# epoch = 0                                # raise by one whenever the ingress topic is re-created

[policy]
# file = "policy.yaml"                     # default: the packaged policy

[provider]                                 # who you are: name or code in the metadata of what you publish
# file = "provider.toml"                   # default: a demonstration's, which is plainly named so

[ingress]
# dataref_prefixes = ["s3://uploads/"]     # where ce_dataref may point

[worker]
# max_batch_records = 1000
# max_batch_bytes = 8388608
# transaction_timeout_ms = 10000
# session_timeout_ms = 10000
# max_poll_interval_ms = 60000
# extractors = 1                           # sandboxed children that decode pictures, of each worker
# dead_letter_limit = 20                   # internal failures among the last dead_letter_window records
# dead_letter_window = 1000

[archive]
# max_records = 5000
# max_age_s = 10.0

[ledger]
# age_s = 30.0
# checkpoint_s = 60.0
"""


def init(folder: Path) -> list[Path]:
    """Write ``clearmark.toml`` and the keys into a folder, made when missing; return what was written.

    Raises:
        Stop: one of the files is there already; nothing is written then.
    """
    keys = folder / "keys"
    files = [folder / "clearmark.toml", *(keys / name for name in NAMES)]
    if there := [file for file in files if file.exists()]:
        raise Stop(f"{there[0]} is there already", remedy="choose an empty folder; nothing was written")
    keys.mkdir(parents=True, exist_ok=True, mode=0o700)
    with files[0].open("x", encoding="utf-8") as stream:
        stream.write(TEMPLATE)
    for file in files[1:]:
        create(file)
    return files
