"""The false-alarm bound is a bound: nothing that chance shows may beat it."""

from __future__ import annotations

import math

import numpy as np
import pytest

from clearmark.mark.watermark import detect, ecc, payload
from clearmark.mark.watermark.chance import ACCEPTED, READINGS, agreement, false_alarm
from clearmark.mark.watermark.pattern import pattern
from clearmark.mark.watermark.read import read
from clearmark.mark.watermark.sync import find
from clearmark.mark.watermark.tile import brightness, flatten, spectrum
from tests.mark.watermark.photographs import NAMES, photograph


def test_one_codeword_agrees_with_chance_no_more_often_than_hoeffding_allows() -> None:
    random = np.random.default_rng(2)
    chips = random.standard_normal(2688).astype(np.float32) ** 3  # heavy tails: a few chips lead
    signs = random.choice(np.array([-1, 1], np.float32), (10_000, 2688))
    t = np.array([agreement(chips, row) for row in signs])
    for least in (1.0, 2.0, 3.0, 3.5):
        assert np.mean(t >= least) <= math.exp(-(least**2) / 2)
    assert np.mean(t >= 1.0) > 0.1  # and it is no empty bound


def test_the_best_of_all_codewords_agrees_with_an_unmarked_picture_less_than_the_bound_allows() -> None:
    # The check left out, there are 2**84 codewords to end at: the bound for one reading is then 2**84 * exp(-t**2 / 2).
    spectra = [spectrum(flatten(brightness(photograph(name, 256)))) for name in NAMES]
    readings = []
    for number in range(40):
        drawn = pattern(number.to_bytes(32))
        readings += [read(waves, drawn, find(waves, drawn, range(8), 1)[0]) for waves in spectra]
    assert all(reading.content_id is None for reading in readings)
    bounds = np.array([84 * math.log(2) - reading.agreement**2 / 2 for reading in readings])
    assert np.mean(bounds <= math.log(0.5)) <= 0.02
    assert bounds.min() > math.log(ACCEPTED)
    assert bounds.min() < 20  # the decoder does find what agrees best: chance alone gives an agreement of 9 to 10


def test_the_bound_falls_with_agreement_and_is_never_certain() -> None:
    bounds = [false_alarm(t) for t in (-5, 0, 9, 11, 12, 15, 30, 60)]
    assert bounds == sorted(bounds, reverse=True)
    assert bounds[0] == bounds[2] == 1.0
    assert 0 < bounds[-1] < 1e-300


def test_the_bound_counts_readings_and_ids() -> None:
    t = 13.0
    assert false_alarm(t) == pytest.approx(READINGS * 2.0**payload.FREE_BITS * math.exp(-(t**2) / 2))
    looks = 2 + detect._STRAIGHT + detect._TILTED
    assert looks * detect._SIGHTINGS <= READINGS


def test_no_chips_agree_with_nothing() -> None:
    assert agreement(np.zeros(8, np.float32), np.ones(8, np.float32)) == 0.0
    assert ecc.decode(np.zeros(ecc.CODED, np.float32)).shape == (payload.BITS,)
