"""The operator's four secret keys: read from files of mode 600, or from the environment."""

from __future__ import annotations

import hashlib
import os
import re
import stat
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from clearmark.errors import Stop

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

NAMES: Final = ("quarantine", "content_id", "watermark", "digests")
_HEX: Final = re.compile(r"[0-9a-fA-F]{64}")


@dataclass(frozen=True, slots=True, repr=False)
class Keys:
    """Four 32-byte keys. They do not print."""

    quarantine: bytes
    content_id: bytes
    watermark: bytes
    digests: bytes

    @property
    def quarantine_id(self) -> str:
        """Name of the quarantine key, kept beside what it seals: 8 bytes of a one-way hash."""
        return hashlib.sha256(b"clearmark quarantine key id" + self.quarantine).hexdigest()[:16]


def environment_name(name: str) -> str:
    """Return the environment variable that holds a key in hex, instead of its file."""
    return f"CLEARMARK_KEYS_{name.upper()}_HEX"


def read(name: str, file: Path, env: Mapping[str, str]) -> bytes:
    """Return one key.

    Raises:
        Stop: the file is missing, readable by others, or does not hold 64 hex digits.
    """
    if text := env.get(environment_name(name)):
        return _parse(text, environment_name(name))
    try:
        mode = file.stat().st_mode
        text = file.read_text("ascii")
    except (OSError, UnicodeDecodeError) as error:
        raise Stop(
            f"the {name} key {file} cannot be read ({type(error).__name__})",
            remedy=f"make one with 'openssl rand -hex 32', or set {environment_name(name)}",
        ) from None
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise Stop(f"the {name} key {file} is open to others", remedy=f"chmod 600 {file}")
    return _parse(text, str(file))


def _parse(text: str, where: str) -> bytes:
    if not _HEX.fullmatch(text.strip()):
        raise Stop(f"{where} does not hold a key", remedy="a key is 64 hex digits, as made by 'openssl rand -hex 32'")
    return bytes.fromhex(text.strip())


def create(file: Path, random: Callable[[int], bytes] = os.urandom) -> None:
    """Write a fresh key with mode 600.

    Raises:
        FileExistsError: the file is there already; it is left as it is.
    """
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as stream:
        stream.write(random(32).hex() + "\n")
