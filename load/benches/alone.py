"""Screen and mark without Kafka: the pure functions in a plain loop, and then the stages, on the same inputs."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Final

from clearmark import wiring
from clearmark.identify import Identifier
from clearmark.ids import ContentIdCipher
from clearmark.models.nsfw import NsfwModel
from clearmark.models.text import TextModel
from clearmark.screen.library import Library
from clearmark.screen.screening import Screening
from load.benches.machine import Speed, processor_s
from load.benches.plain import Plain
from load.benches.stages import Stages

if TYPE_CHECKING:
    from collections.abc import Sequence

    from clearmark.config import Config
    from load.benches.inputs import Item

WARM: Final = 16
"""Artifacts before the clock starts: the sandbox's child, the models' and the filters' first use."""


def alone(config: Config, items: Sequence[Item], batch: int) -> tuple[Speed, Speed]:
    """Return how fast the plain loop and the stages go in one thread, the sandbox's child included."""
    keys, policy = config.load_keys(os.environ), wiring.load_policy(config)
    around = wiring.Surroundings(config, keys, wiring.open_store(config), "bench", "bench")
    with wiring.marker(config, keys.watermark) as marker:
        models = TextModel.open(), NsfwModel.open()
        screening = Screening(policy, Library(), *models, marker.extractor, keys.watermark)
        ids = Identifier("bench", "bench", 0, ContentIdCipher(keys.content_id))
        plain = _timed(Plain(policy, screening, marker, ids), items, batch)
        return plain, _timed(Stages.of(around, policy, screening, marker, ids), items, batch)


def _timed(way: Plain | Stages, items: Sequence[Item], batch: int) -> Speed:
    way.run(items[:WARM], batch)
    begun, used = time.monotonic(), processor_s(os.getpid())
    way.run(items, batch)
    seconds, used = time.monotonic() - begun, processor_s(os.getpid()) - used
    return Speed(len(items) / seconds, used / len(items))
