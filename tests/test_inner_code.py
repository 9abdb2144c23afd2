"""The inner code of nested storage: nearest codewords in a look-up, ties told, and probabilities that add up."""

from itertools import combinations, pairwise
from math import comb

import numpy as np
import pytest

from sparebits.codes.catalogue import best_code
from sparebits.codes.packing import pack
from sparebits.decoding.maximum_likelihood import decode_nearest
from sparebits.faults.ber import PARAMETERS, ber_mask
from sparebits.long_codes.inner import TIE, InnerCode, decode_units, inner_code

PATTERN = np.uint32(0x9E3779B9)
BERS = (1e-4, 0.01, 0.05, 0.08, 0.1, 0.13, 0.2, 0.5)


@pytest.fixture(scope="module")
def code() -> InnerCode:
    return inner_code()


def decode(code, units):
    """Symbols and erasures of units to which no pattern was added, and how many of them are no codewords."""
    symbols, erased = np.empty(len(units), dtype=np.uint16), np.empty(len(units), dtype=bool)
    dirty = decode_units(units ^ PATTERN, PATTERN, code.tables, code.leaders, symbols, erased)
    return symbols, erased, dirty


def random_data(code, count, seed=0):
    return np.random.default_rng(seed).integers(0, len(code.codewords), count).astype(np.uint16)


def errors_of(weight):
    """All errors of a weight, uint32 (C(32, weight),)."""
    places = np.array(list(combinations(range(32), weight)), dtype=np.uint32).reshape(comb(32, weight), weight)
    return np.bitwise_or.reduce(np.uint32(1) << places, axis=1, initial=np.uint32(0))


def test_the_code_is_the_one_that_is_published(code):
    assert (code.code.n, code.code.k) == (32, 13)
    assert np.bitwise_count(code.codewords[1:]).min() == 10


def test_any_word_becomes_the_nearest_codeword_and_ties_are_erased(code):
    units = np.random.default_rng(1).integers(0, 1 << 32, 8000, dtype=np.uint32)
    symbols, erased, dirty = decode(code, units)
    nearest = decode_nearest(code.code, units)
    assert np.flatnonzero(erased).tolist() == nearest.detected.tolist()
    # Also of ties, whose data bits are left as they are.
    np.testing.assert_array_equal(symbols, nearest.data)
    assert dirty == len(units) - np.isin(units, code.codewords).sum()


@pytest.mark.parametrize("weight", range(5))
def test_every_error_of_up_to_4_flips_is_corrected(code, weight):
    errors = errors_of(weight)
    data = random_data(code, len(errors))
    symbols, erased, dirty = decode(code, code.codewords[data] ^ errors)
    np.testing.assert_array_equal(symbols, data)
    assert not erased.any()
    assert dirty == (len(errors) if weight else 0)


def test_no_error_of_5_flips_is_taken_for_another(code):
    errors = errors_of(5)
    data = random_data(code, len(errors))
    symbols, erased, _ = decode(code, code.codewords[data] ^ errors)
    np.testing.assert_array_equal(symbols[~erased], data[~erased])
    # 38,283 cosets of weight 5 have a tie of at least two leaders.
    assert erased.sum() >= 2 * 38283


@pytest.mark.parametrize("content", [0, 0xFFFFFFFF])
def test_wiped_units_are_erased(code, content):
    """Even where the pattern makes a codeword of them."""
    for pattern in (PATTERN, code.codewords[77] ^ np.uint32(content)):
        stored = code.codewords[random_data(code, 50)] ^ pattern
        stored[10:30] = content
        symbols, erased = np.empty(50, dtype=np.uint16), np.empty(50, dtype=bool)
        decode_units(stored, pattern, code.tables, code.leaders, symbols, erased)
        assert np.flatnonzero(erased).tolist() == list(range(10, 30))


def test_leaders_are_the_lightest_of_all_cosets(code):
    counts = np.bincount(code.weights)
    assert counts.sum() == 1 << 19
    assert counts[:5].tolist() == [comb(32, weight) for weight in range(5)]
    is_tie = code.leaders == TIE
    assert code.weights[is_tie].min() == 5
    leaders = code.leaders[~is_tie]
    assert (np.bitwise_count(leaders) == code.weights[~is_tie]).all()
    bits = (leaders[:, None] >> np.arange(32, dtype=np.uint32)).astype(np.uint8) & 1
    np.testing.assert_array_equal(pack(bits @ code.code.parity_check.T % 2), np.flatnonzero(~is_tie))


def test_probabilities_of_published_and_of_no_errors(code):
    clean = code.rates(0.0)
    assert (clean.restored, clean.erased, clean.wrong) == (1, 0, 0)
    tenth = code.rates(0.1)
    assert (round(tenth.erased, 4), round(tenth.wrong, 4)) == (0.1214, 0.0186)
    # Of pure noise a word is erased or not as any word is, and a restored one is restored by luck: one leader of 2^13.
    noise = code.rates(0.5)
    assert noise.erased == pytest.approx((code.leaders == TIE).mean())
    assert noise.restored == pytest.approx((code.leaders != TIE).mean() / (1 << 13))


@pytest.mark.parametrize("ber", BERS)
def test_probabilities_add_up_to_1(code, ber):
    rates = code.rates(ber)
    assert rates.restored + rates.erased + rates.wrong == pytest.approx(1, abs=1e-12)
    assert min(rates.restored, rates.erased, rates.wrong) >= 0


def test_more_flips_erase_more_and_restore_less(code):
    rates = [code.rates(ber) for ber in BERS]
    for of in (lambda rate: rate.erased, lambda rate: rate.wrong, lambda rate: -rate.restored):
        assert all(of(one) < of(other) for one, other in pairwise(rates))


@pytest.mark.parametrize("ber", [0.05, 0.1, 0.15])
def test_probabilities_are_those_of_a_simulation(code, ber):
    words = 300_000
    data = random_data(code, words)
    symbols, erased, _ = decode(code, code.codewords[data] ^ ber_mask(3, PARAMETERS, words, 32, ber))
    exact = code.rates(ber)
    for found, rate in ((erased, exact.erased), ((symbols != data) & ~erased, exact.wrong)):
        assert abs(found.mean() - rate) < 5 * np.sqrt(rate * (1 - rate) / words)


@pytest.mark.parametrize(("n", "k"), [(7, 4), (8, 4), (14, 9)])
@pytest.mark.parametrize("ber", [0.0, 0.03, 0.2, 0.5])
def test_probabilities_of_a_small_code_are_sums_over_all_errors(n, k, ber):
    code = best_code(n, k)
    errors = np.arange(1 << n).astype(code.codewords().dtype)
    weights = np.bitwise_count(errors).astype(int)
    syndromes = pack((errors[:, None] >> np.arange(n) & 1).astype(np.uint8) @ code.parity_check.T % 2).astype(int)
    lightest, leaders = np.empty(1 << n - k, dtype=np.uint8), np.empty(1 << n - k, dtype=np.uint32)
    for syndrome in range(1 << n - k):
        coset = np.flatnonzero(syndromes == syndrome)
        lightest[syndrome] = weights[coset].min()
        of_least = coset[weights[coset] == lightest[syndrome]]
        leaders[syndrome] = of_least[0] if len(of_least) == 1 else TIE
    nearest = decode_nearest(code, errors)
    is_tie = np.isin(errors, errors[nearest.detected])
    probability = ber**weights * (1.0 - ber) ** (n - weights)
    rates = InnerCode(code, lightest, leaders).rates(ber)
    assert rates.erased == pytest.approx(probability[is_tie].sum(), abs=1e-15)
    assert rates.restored == pytest.approx(probability[~is_tie & (nearest.data == 0)].sum(), abs=1e-15)
    assert rates.wrong == pytest.approx(probability[~is_tie & (nearest.data != 0)].sum(), abs=1e-15)
