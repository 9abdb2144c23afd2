"""How often blocks fail: formulas against sums over all cases and against blocks that were hit; the measured tables."""

from itertools import pairwise, product
from math import factorial, isclose, log2, prod

import numpy as np
import pytest

from sparebits.faults.ber import PARAMETERS, ber_mask
from sparebits.long_codes.block_failures import block_table, inner_table
from sparebits.long_codes.inner import InnerRates, inner_code
from sparebits.long_codes.nested import NestedStorage, NestedWordStorage
from sparebits.long_codes.probabilities import capacity_ber, nested_failure, nested_word_failure

RATES = (InnerRates(0.6, 0.3, 0.1), InnerRates(0.97, 0.02, 0.01), InnerRates(0.2, 0.1, 0.7))
COSTS = (0, 1, 2)
"""Of a word that is restored, erased, wrong."""


def probability(outcomes, rates):
    """Of words of which each is restored (0), erased (1) or wrong (2)."""
    return prod((rates.restored, rates.erased, rates.wrong)[outcome] for outcome in outcomes)


def failures(storage, ber, trials):
    """How many single blocks of a storage are reported."""
    failed = 0
    for seed in range(trials):
        data = np.random.default_rng(seed).integers(0, 1 << storage.data_bits, storage.words).astype(storage.dtype)
        failed += len(storage.repair(storage.encode(data) ^ ber_mask(seed, PARAMETERS, storage.words, 32, ber)).failed)
    return failed


@pytest.mark.parametrize("rates", RATES)
@pytest.mark.parametrize(("units", "bearable"), [(0, 0), (1, 0), (1, 1), (1, 2), (6, 0), (6, 3), (7, 5), (40, 12)])
def test_a_block_fails_as_the_multinomial_distribution_says(units, bearable, rates):
    expected = 0.0
    for erased in range(units + 1):
        for wrong in range(units + 1 - erased):
            if erased + 2 * wrong > bearable:
                numbers = (units - erased - wrong, erased, wrong)
                ways = factorial(units) // prod(map(factorial, numbers))
                chances = zip((rates.restored, rates.erased, rates.wrong), numbers, strict=True)
                expected += ways * prod(chance**number for chance, number in chances)
    assert nested_failure(units, bearable, rates) == pytest.approx(expected, rel=1e-9)


def test_rare_failures_keep_their_digits():
    # Only one case fails, 1000 erasures: 1e-300.
    rates = InnerRates(1 - 10**-0.3, 10**-0.3, 0.0)
    assert isclose(nested_failure(1000, 999, rates), 1e-300, rel_tol=1e-9)


@pytest.mark.parametrize("ber", [0.105, 0.115, 0.12])
def test_blocks_fail_as_often_as_computed(ber):
    storage, trials = NestedStorage(300, 32, 10), 600
    expected = nested_failure(300, storage.bearable(300), inner_code().rates(ber))
    assert 0.02 < expected < 0.98
    rate = failures(storage, ber, trials) / trials
    assert abs(rate - expected) < 5 * np.sqrt(expected * (1 - expected) / trials)


@pytest.mark.parametrize("rates", RATES)
@pytest.mark.parametrize(("words", "shares", "bearable"), [(4, 4, 2), (6, 4, 3), (7, 3, 2), (3, 4, 1), (9, 4, 4)])
def test_words_that_share_check_symbols_fail_as_the_sum_over_all_cases_says(words, shares, bearable, rates):
    grouped = words // shares * shares
    expected = 0.0
    for outcomes in product(range(3), repeat=words):
        cost = sum(COSTS[outcome] for outcome in outcomes)
        cost += sum(max(outcomes[start : start + shares]) for start in range(0, grouped, shares))
        expected += probability(outcomes, rates) * (cost > bearable)
    assert nested_word_failure(words, shares, bearable, rates) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("ber", [0.08, 0.09, 0.1])
def test_blocks_of_a_value_a_word_fail_no_more_often_than_computed(ber):
    storage, trials = NestedWordStorage(202, 32, 10), 600
    bound = nested_word_failure(202, 4, storage.bearable(202), inner_code().rates(ber))
    rate = failures(storage, ber, trials) / trials
    assert rate < bound + 5 * np.sqrt(bound * (1 - bound) / trials)
    # What the bound counts in vain is little.
    assert rate > bound / 2 - 5 * np.sqrt(bound * (1 - bound) / trials)
    assert 0.01 < bound < 1


def test_failures_grow_with_the_bit_error_rate():
    rates = [inner_code().rates(ber) for ber in (0.08, 0.09, 0.1, 0.105, 0.11, 0.115)]
    for of in (lambda rate: nested_failure(8190, 1886, rate), lambda rate: nested_word_failure(3276, 4, 815, rate)):
        found = [of(rate) for rate in rates]
        assert found == sorted(found)
        assert found[0] < 1e-20
        assert found[-1] > 0.9


@pytest.mark.parametrize(("rate", "expected"), [(11 / 32, 0.1694), (10 / 32, 0.1834), (0.5, 0.1100)])
def test_the_capacity_of_the_channel_is_the_published_one(rate, expected):
    ber = capacity_ber(rate)
    assert round(ber, 4) == expected
    assert 1 + ber * log2(ber) + (1 - ber) * log2(1 - ber) == pytest.approx(rate)


def test_codes_of_less_data_may_bear_more():
    bers = [capacity_ber(bits / 32) for bits in range(1, 32)]
    assert all(0 < less < more < 0.5 for more, less in pairwise(bers))


# Tables


@pytest.mark.parametrize(
    ("mode", "data_bits", "length", "low"),
    [("block", 11, 768, 0.12), ("block", 10, 768, 0.12), ("nested", 10, 8190, 0.1), ("nested-word", 10, 3276, 0.08)],
)
def test_blocks_are_restored_at_a_low_rate_and_none_at_a_high_one(mode, data_bits, length, low):
    table = block_table(mode, data_bits, [0.0, low, 0.3], 2 * length - 1, seed=1)
    assert list(table) == [
        *["mode", "code", "words_per_block", "data_bits", "ber", "capacity_ber", "words", "blocks"],
        *["failed", "wrong", "wrong_words", "rate", "low", "high"],
    ]
    assert (table["mode"] == mode).all()
    assert (table["words_per_block"] == length).all()
    assert (table["words"] == 2 * length).all()
    assert table["failed"].tolist() == [0, 0, 2]
    assert table["rate"].tolist() == [0, 0, 1]
    assert not table[["wrong", "wrong_words"]].to_numpy().any()
    assert (table["low"] <= table["rate"]).all()
    assert (table["rate"] <= table["high"]).all()
    # Clopper and Pearson's interval of 0 of 2.
    assert table["high"][0] == pytest.approx(1 - 0.025**0.5)
    assert table["capacity_ber"][0] == capacity_ber(data_bits / 32)


def test_the_same_seed_gives_the_same_table(monkeypatch):
    monkeypatch.setattr("sparebits.long_codes.block_failures.CHUNK_WORDS", 1000)
    near_the_limit = [0.145, 0.15]
    one, again, other = (block_table("block", 11, near_the_limit, 30 * 768, seed) for seed in (1, 1, 2))
    assert one.equals(again)
    assert not one.equals(other)
    assert 0 < one["failed"][1] < 30


def test_measured_inner_words_agree_with_the_exact_rates(monkeypatch):
    monkeypatch.setattr("sparebits.long_codes.block_failures.CHUNK_WORDS", 30_000)
    words = 200_000
    table = inner_table([0.0, 0.05, 0.1, 0.12], words, seed=1)
    assert (table["inner_words"] == words).all()
    for what in ("erased", "wrong"):
        exact = table[f"exact_{what}"]
        assert (table[f"{what}_rate"] == table[what] / words).all()
        assert (table[f"{what}_low"] <= table[f"{what}_rate"]).all()
        assert (table[f"{what}_rate"] <= table[f"{what}_high"]).all()
        assert ((table[f"{what}_rate"] - exact).abs() <= 5 * np.sqrt(exact * (1 - exact) / words)).all()
    assert table[["erased", "wrong"]].to_numpy()[0].tolist() == [0, 0]
    rates = inner_code().rates(0.12)
    assert table["exact_erased"][3] == rates.erased
    assert table["exact_wrong"][3] == rates.wrong


def test_failures_of_blocks_follow_from_the_inner_words():
    table = inner_table([0.1, 0.11], 100_000, seed=1)
    for row in table.itertuples():
        exact = inner_code().rates(row.ber)
        assert row.nested_exact == nested_failure(8190, 1886, exact)
        assert row.nested_word_exact == nested_word_failure(3276, 4, 815, exact)
        found = InnerRates(1 - row.erased_rate - row.wrong_rate, row.erased_rate, row.wrong_rate)
        assert row.nested_measured == pytest.approx(nested_failure(8190, 1886, found), rel=1e-6)
        assert row.nested_measured < row.nested_upper


def test_how_many_words_are_hit_at_a_time_changes_nothing(monkeypatch):
    """Codes are linear: data, which differ then, do not matter, and every address has faults of its own."""
    tables = []
    for chunk in (1 << 20, 4000):
        monkeypatch.setattr("sparebits.long_codes.block_failures.CHUNK_WORDS", chunk)
        tables.append((inner_table([0.1], 50_000, seed=1), block_table("nested-word", 10, [0.096], 16 * 3276, seed=1)))
    (inner, blocks), (inner_by_parts, blocks_by_parts) = tables
    assert inner.equals(inner_by_parts)
    assert blocks.equals(blocks_by_parts)
    assert 0 < blocks["failed"][0] < 16


def test_the_same_seed_gives_the_same_inner_words():
    one = inner_table([0.1], 50_000, seed=1)
    assert one.equals(inner_table([0.1], 50_000, seed=1))
    assert not one.equals(inner_table([0.1], 50_000, seed=2))
