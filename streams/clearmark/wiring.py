"""Builds what a configuration describes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clearmark.keys import read
from clearmark.models.text import TextModel
from clearmark.screen import policy
from clearmark.screen.match import WordList
from clearmark.screen.screening import Screening

if TYPE_CHECKING:
    from collections.abc import Mapping

    from clearmark.config import Config
    from clearmark.screen.policy import Policy


def load_policy(config: Config) -> Policy:
    """Return the policy that the configuration names.

    Raises:
        Stop: it cannot be used.
    """
    return policy.load(config.folder / config.policy.file if config.policy.file else None)


def watermark_key(config: Config, env: Mapping[str, str]) -> bytes:
    """Return the key of invisible marks alone: offline commands need no other.

    Raises:
        Stop: it is missing, open to others or malformed.
    """
    return read("watermark", config.folder / config.keys.watermark, env)


def screening(config: Config, watermark_key: bytes) -> Screening:
    """Return the text screening of a configuration.

    Raises:
        Stop: policy, words or model cannot be used.
    """
    return Screening(load_policy(config), WordList.load(), TextModel.open(), watermark_key)
