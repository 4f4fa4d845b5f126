"""What a key draws must never change: marks out there are read with it."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

from clearmark.ids import ContentId
from clearmark.mark.watermark import ecc, payload
from clearmark.mark.watermark.pattern import SIDE, pattern

KEY, OTHER = bytes(range(32)), bytes(32)
CODEWORD = ecc.encode(payload.pack(ContentId(0x0123456789ABCDEF)))
TILE = [[-1690, -2422, -1903, -210, 1416, 1776], [-1056, -2225, -1926, -586, 500, 526]]


def test_a_key_draws_the_same_waves_signs_and_order_for_ever() -> None:
    drawn = pattern(KEY)
    digest = hashlib.sha256()
    for part in (drawn.rows, drawn.columns, drawn.sync, drawn.sync_signs, drawn.data, drawn.data_signs, drawn.place):
        digest.update(np.asarray(part, "<i4").tobytes())
    digest.update(np.asarray(np.rint(drawn.amplitude * 1e4), "<i4").tobytes())
    assert digest.hexdigest() == "f68443a9a48a57f5468b5c10bbb8683de095934049062fa7cb1168526b96677c"


def test_the_tile_is_the_same_for_ever() -> None:
    tile = pattern(KEY).tile(CODEWORD)
    assert tile.shape == (SIDE, SIDE)
    assert np.rint(tile[:2, :6] * 1000).astype(int).tolist() == TILE
    assert tile.mean() == pytest.approx(0, abs=1e-5)
    assert tile.std() == pytest.approx(1, abs=1e-5)


def test_every_wave_stands_for_itself_and_has_one_task() -> None:
    drawn = pattern(KEY)
    waves = set(zip(drawn.rows.tolist(), drawn.columns.tolist(), strict=True))
    mirrored = {(-row % SIDE, -column % SIDE) for row, column in waves}
    assert len(waves) == 1536
    assert not waves & mirrored
    assert sorted([*drawn.sync.tolist(), *drawn.data.tolist()]) == list(range(1536))


def test_each_sign_of_the_codeword_has_a_chip_in_every_band() -> None:
    bands = pattern(KEY).place.reshape(8, ecc.CODED)
    assert all(sorted(band.tolist()) == list(range(ecc.CODED)) for band in bands)


def test_keys_draw_independently() -> None:
    one, other = pattern(KEY), pattern(OTHER)
    for a, b in ((one.data_signs, other.data_signs), (one.sync_signs, other.sync_signs)):
        assert abs(float(np.mean(a * b))) < 4 / np.sqrt(a.size)
    assert abs(float(np.mean(one.tile(CODEWORD) * other.tile(CODEWORD)))) < 0.1


@pytest.mark.parametrize("length", [0, 16, 31, 33])
def test_a_key_of_another_length_is_refused(length: int) -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        pattern(bytes(length))
