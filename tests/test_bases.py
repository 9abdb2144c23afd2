"""Bases of windows, stored six times as code words."""

import numpy as np
import pytest

from sparebits.errors import InputError
from sparebits.faults.ber import METADATA, ber_mask
from sparebits.formats import FORMATS
from sparebits.long_codes.bases import base_words, bases_of_text, bases_text, read_bases

FMT = FORMATS["float32"]
LIMITS = [240] * 500


def some_bases(count=500):
    return np.random.default_rng(0).integers(0, 240, count).tolist()


@pytest.mark.parametrize("fmt", FORMATS.values(), ids=lambda fmt: fmt.name)
def test_bases_come_back(fmt):
    limits = [(1 << fmt.exponent_bits) - 8] * 20
    bases = list(range(20))
    found, flips = read_bases(base_words(bases, fmt), limits, fmt)
    assert found == bases
    assert not flips.any()


@pytest.mark.parametrize("ber", [0.05, 0.12])
def test_bases_survive_what_blocks_survive(ber):
    bases = some_bases()
    for seed in range(20):
        stored = base_words(bases, FMT)
        mask = ber_mask(seed, METADATA, len(stored), 32, ber)
        found, flips = read_bases(stored ^ mask, LIMITS, FMT)
        assert found == bases
        assert flips.sum() == np.bitwise_count(mask).sum()


def test_bases_cost_24_bytes_a_tensor():
    assert base_words(some_bases(), FMT).nbytes == 24 * 500


def test_no_base_lies_outside_its_limit():
    found, _ = read_bases(np.zeros(6 * 500, dtype=np.uint32), [3] * 500, FMT)
    assert max(found) < 3


def test_a_damaged_text_is_read_and_its_damage_counted():
    text = bases_text(some_bases(10), FMT)
    damaged = "Z" + text[1:20] + "\x7f" + text[21:]
    found, digits = bases_of_text(damaged, [240] * 10, FMT)
    assert found == some_bases(10)
    assert 1 <= digits <= 2


@pytest.mark.parametrize("text", ["", "00", "0" * 481])
def test_a_text_of_another_length_is_refused(text):
    with pytest.raises(InputError, match="characters, expected 480"):
        bases_of_text(text, [240] * 10, FMT)


def test_a_text_beyond_repair_is_refused():
    with pytest.raises(InputError, match="damaged beyond repair"):
        bases_of_text("0" * 480, [240] * 10, FMT)
