"""Fault maps of a bit error rate: nested, independent, the same in any split; flips are as rare as they should be."""

from itertools import pairwise

import numba
import numpy as np
import pytest
from scipy.stats import binom, binomtest, chisquare

from sparebits.blocks import BLOCK
from sparebits.errors import InputError
from sparebits.faults.ber import (
    CHECK_WORDS,
    GAMMA,
    METADATA,
    PARAMETERS,
    ber_mask,
    count_flips,
    flips_of,
    map_hash,
    mix,
    stream_key,
)

# First outputs of the reference implementation (Vigna, splitmix64.c), by seed.
SPLITMIX64 = {
    0: [0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4, 0x06C45D188009454F],
    1234567: [
        6457827717110365317,
        3203168211198807973,
        9817491932198370423,
        4593380528125082431,
        16408922859458223821,
    ],
}
WORDS = 100_000


def uniform_numbers(seed: int, plane: int, count: int, width: int, start: int = 0) -> np.ndarray:
    """U of each bit as the module defines it, uint64 (count, width)."""
    counters = np.arange(start, start + count, dtype=np.uint64)[:, None] * np.uint64(64)
    state = np.uint64(stream_key(seed, plane)) + (counters + np.arange(width, dtype=np.uint64)) * np.uint64(GAMMA)
    state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return state ^ (state >> np.uint64(31))


def bits_of(mask: np.ndarray) -> np.ndarray:
    """A mask as booleans (count, width)."""
    return (mask[:, None] >> np.arange(8 * mask.itemsize, dtype=mask.dtype)) & mask.dtype.type(1) == 1


@pytest.mark.parametrize("seed", SPLITMIX64)
def test_the_hash_is_splitmix64(seed):
    assert [mix(seed + i * GAMMA) for i in range(1, len(SPLITMIX64[seed]) + 1)] == SPLITMIX64[seed]


@pytest.mark.parametrize("width", [8, 16, 32, 64])
@pytest.mark.parametrize("ber", [1e-3, 0.05, 0.5, 1 - 2**-53])
def test_a_bit_flips_if_its_number_is_below_the_rate(width, ber):
    numbers = uniform_numbers(2**64 - 1, CHECK_WORDS, 5_000, width, start=10**12)
    mask = ber_mask(2**64 - 1, CHECK_WORDS, 5_000, width, ber, start=10**12)
    assert mask.dtype == f"uint{width}"
    assert np.array_equal(bits_of(mask), numbers < np.uint64(int(ber * 2**64)))


def test_the_comparison_with_the_rate_is_exact():
    numbers = uniform_numbers(0, PARAMETERS, 1_000, 64)
    # A number whose low bits are zero is a float: one that can be given as the rate itself.
    index, bit = np.argwhere(numbers % np.uint64(1 << 11) == 0)[0]
    ber = float(numbers[index, bit]) / 2**64
    assert not bits_of(ber_mask(0, PARAMETERS, 1_000, 64, ber))[index, bit]
    assert bits_of(ber_mask(0, PARAMETERS, 1_000, 64, np.nextafter(ber, 1)))[index, bit]


def test_maps_nest_in_the_rate():
    masks = [ber_mask(3, PARAMETERS, WORDS, 32, ber) for ber in (0, 1e-5, 1e-4, 1e-3, 0.05, 0.1, 0.5, 0.99, 1)]
    for lower, higher in pairwise(masks):
        assert not (lower & ~higher).any()
        assert count_flips(lower) < count_flips(higher)


def test_rates_of_0_and_1():
    for width in (8, 16, 32, 64):
        assert not ber_mask(1, PARAMETERS, 100, width, 0).any()
        assert (ber_mask(1, PARAMETERS, 100, width, 1) == np.iinfo(f"uint{width}").max).all()
    assert len(ber_mask(1, PARAMETERS, 0, 32, 0.5)) == 0


def test_any_split_gives_the_same_map():
    whole = ber_mask(9, PARAMETERS, WORDS, 32, 0.05, start=17)
    cuts = [0, 1, 2, 1_000, 65_537, WORDS]
    parts = [ber_mask(9, PARAMETERS, b - a, 32, 0.05, start=17 + a) for a, b in pairwise(cuts)]
    assert np.array_equal(np.concatenate(parts), whole)


@pytest.mark.parametrize("threads", [1, 3])
def test_the_number_of_threads_changes_nothing(threads, monkeypatch):
    several = ber_mask(4, METADATA, 3 * BLOCK + 1, 64, 0.1)
    monkeypatch.setattr(numba.config, "NUMBA_NUM_THREADS", threads)
    assert np.array_equal(ber_mask(4, METADATA, 3 * BLOCK + 1, 64, 0.1), several)


def test_narrow_words_meet_the_low_bits_of_wide_ones():
    wide = ber_mask(5, PARAMETERS, 10_000, 64, 0.3)
    for width in (8, 16, 32):
        assert np.array_equal(ber_mask(5, PARAMETERS, 10_000, width, 0.3), wide.astype(f"uint{width}"))


def test_applying_a_map_again_undoes_it(words):
    mask = ber_mask(6, PARAMETERS, len(words), 8 * words.itemsize, 0.05)
    flipped = words ^ mask
    assert count_flips(flipped ^ words) == count_flips(mask) > 0
    assert np.array_equal(flipped ^ mask, words)


@pytest.mark.parametrize("ber", [1e-5, 1e-3, 0.05, 0.5])
def test_the_number_of_flips_is_binomial(ber):
    bits = WORDS * 32
    counts = [count_flips(ber_mask(seed, PARAMETERS, WORDS, 32, ber)) for seed in range(100)]
    # All trials together, each trial, and their spread: their distribution function's values are uniform.
    assert binomtest(sum(counts), 100 * bits, ber).pvalue > 1e-4
    tails = binom.cdf(np.array(counts) - 0.5, bits, ber)
    assert tails.min() > 1e-6
    assert tails.max() < 1 - 1e-6
    assert chisquare(np.histogram(tails, bins=5, range=(0, 1))[0]).pvalue > 1e-4


@pytest.mark.parametrize("ber", [0.01, 0.3])
def test_no_bit_and_no_address_is_preferred(ber):
    flips = bits_of(ber_mask(11, PARAMETERS, WORDS, 64, ber))
    a_bit = flips.sum(axis=0)
    z = (a_bit - WORDS * ber) / np.sqrt(WORDS * ber * (1 - ber))
    assert abs(z).max() < 4.5
    assert abs(z @ z - 64) < 5 * np.sqrt(2 * 64)
    # Words with 0, 1, 2, … flips are as frequent as binomial.
    a_word = np.bincount(flips.sum(axis=1), minlength=65)
    expected = WORDS * binom.pmf(np.arange(65), 64, ber)
    common = expected > 20
    observed = [*a_word[common], WORDS - a_word[common].sum()]
    assert chisquare(observed, [*expected[common], WORDS - expected[common].sum()]).pvalue > 1e-4


def test_neighbours_flip_independently():
    ber = 0.1
    flips = bits_of(ber_mask(12, PARAMETERS, WORDS, 32, ber))
    flat = flips.ravel()
    distances = [1, 2, 3, 5, 8, 16, 31, 32, 33, 64, 128, 1024, 32 * 64, 32 * 4096]
    for distance in distances:
        both = int((flat[distance:] & flat[:-distance]).sum())
        assert binomtest(both, len(flat) - distance, ber**2).pvalue > 1e-4, f"bits at distance {distance}"


@pytest.mark.parametrize(
    ("seed", "plane"),
    [(101, PARAMETERS), (102, PARAMETERS), (100 + 2**32, PARAMETERS), (100, METADATA), (100, CHECK_WORDS)],
)
def test_seeds_and_planes_are_independent(seed, plane):
    ber = 0.1
    one, other = ber_mask(100, PARAMETERS, WORDS, 32, ber), ber_mask(seed, plane, WORDS, 32, ber)
    # Also shifted, lest one stream be a stretch of the other.
    for shift in (0, 1, 2):
        both = count_flips(one[shift:] & other[: WORDS - shift])
        assert binomtest(both, (WORDS - shift) * 32, ber**2).pvalue > 1e-4


def test_the_positions_are_those_of_the_mask():
    mask = ber_mask(13, PARAMETERS, 50_000, 64, 0.01)
    index, bit = flips_of(mask)
    assert (index.dtype, bit.dtype) == (np.int64, np.uint8)
    assert len(index) == count_flips(mask)
    assert (np.diff(index * 64 + bit) > 0).all()
    rebuilt = np.zeros_like(mask)
    np.bitwise_xor.at(rebuilt, index, np.uint64(1) << bit.astype(np.uint64))
    assert np.array_equal(rebuilt, mask)
    assert [len(array) for array in flips_of(np.zeros(5, np.uint16))] == [0, 0]


def test_the_hash_names_the_map():
    mask = ber_mask(7, PARAMETERS, 1_000, 32, 0.01)
    # Pinned: recorded maps must stay what they are.
    assert map_hash(mask) == "418fd1304c54beaf5a2f9874bf0af60af6ac0a9b1f46e85aa75bdc759faa376c"
    assert map_hash(mask.astype(">u4")) == map_hash(mask)
    other = mask.copy()
    other[500] ^= np.uint32(1)
    assert map_hash(other) != map_hash(mask)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"ber": -0.1}, "0..1, got -0.1"),
        ({"ber": 1.5}, "0..1, got 1.5"),
        ({"ber": float("nan")}, "0..1, got nan"),
        ({"width": 24}, "not 24"),
        ({"seed": -1}, "got -1"),
        ({"seed": 2**64}, "got 18446744073709551616"),
        ({"start": -2}, "not negative"),
        ({"plane": -2}, "not negative"),
    ],
)
def test_a_wrong_argument_is_named(changed, message):
    with pytest.raises(InputError, match=message):
        ber_mask(**{"seed": 1, "plane": PARAMETERS, "count": 10, "width": 32, "ber": 0.1, **changed})
