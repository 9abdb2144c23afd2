"""Costs of decoding: published numbers, numbers derived by hand, and circuits that were built gate by gate."""

from itertools import product

import numpy as np
import pytest

from sparebits.codes.catalogue import named_code
from sparebits.costs.expected import cost_table, count, expected_cost, probability_dirty
from sparebits.costs.gates import (
    COPIED_BITS,
    DecodingCost,
    Operation,
    decoding_cost,
    majority_depth,
    majority_gates,
    published_costs,
    tree_depth,
)
from sparebits.errors import InputError
from sparebits.formats import FORMATS
from sparebits.schemes.cep import CHUNK, CHUNKS
from sparebits.schemes.replication import KEPT_MANTISSA_BITS

BOUNDED = "bounded distance"


def cost_of(name: str, policy: str = "keep", decoder: str = BOUNDED) -> DecodingCost:
    return decoding_cost(named_code(name), decoder, policy)


def test_hsiaos_72_64_code_has_216_ones_27_in_every_row():
    """Hsiao 1970: 56 columns of weight 3, 8 of weight 5 and 8 of weight 1."""
    rows = named_code("hsiao(72,64)").parity_check.sum(axis=1)
    assert rows.tolist() == [27] * 8
    assert 56 * 3 + 8 * 5 + 8 == rows.sum() == 216


def test_hsiaos_72_64_code_gate_by_gate():
    cost = cost_of("hsiao(72,64)")
    assert (cost.encoder_gates, cost.encoder_depth) == (8 * 25, 5)
    assert cost.check_gates == 8 * 26 + 7
    # 64 matches of 8 literals, 64 XOR, and a flag: the parity of 8 syndrome bits and an AND.
    assert cost.correct_gates == 64 * 7 + 64 + 7 + 1
    assert (cost.depth, cost.words) == (5 + 3 + 1, 2)
    assert cost.read_gates_a_word == 735 / 2
    assert cost.encoder_gates_a_word == 100


def test_hamming_7_4_by_hand():
    """Each of the three check bits is the sum of three data bits: columns 3, 5, 6, 7."""
    cost = cost_of("hamming(7,4)")
    assert (cost.encoder_gates, cost.encoder_depth) == (3 * 2, 2)
    assert cost.check_gates == 3 * 3 + 2
    assert cost.correct_gates == 4 * 2 + 4
    assert cost.depth == 2 + 2 + 1
    assert not cost.dirty_operations


def test_policies_add_their_choice_to_every_data_bit():
    keep, zero, median = (cost_of("hsiao(72,64)", policy) for policy in ("keep", "zero", "median"))
    assert zero.correct_gates - keep.correct_gates == 64
    assert median.correct_gates - keep.correct_gates == 3 * 64
    assert (zero.depth - keep.depth, median.depth - keep.depth) == (1, 2)


def test_the_clean_test_of_a_long_code_by_hand():
    """RM(1, 5) has the 32 affine functions of 5 bits; 90 ones beyond the identity in the systematic generator."""
    code = named_code("reed-muller(32,6)")
    assert code.generator.sum() - 6 == 90
    cost = cost_of("reed-muller(32,6)")
    assert cost.encoder_gates == 90 - 26
    assert cost.check_gates == cost.encoder_gates + 26 + 25
    assert cost.correct_gates == 3 * 6


def test_first_order_reed_muller_codes_take_160_additions_whoever_built_them():
    for name in ("reed-muller(32,6)", "extended-bch(32,6)"):
        assert cost_of(name).dirty_operations == (Operation("addition", 160, 7), Operation("comparison", 31, 7))
    assert cost_of("reed-muller(16,5)").dirty_operations[0] == Operation("addition", 16 * 4, 6)


def test_the_width_of_additions_holds_every_coefficient():
    """Of +-1 words the coefficients lie in -32..32, which seven bits hold in two's complement."""
    width = cost_of("reed-muller(32,6)").dirty_operations[0].width
    assert -(1 << width - 1) <= -32
    assert (1 << width - 1) - 1 >= 32 > (1 << width - 2) - 1


def test_sequential_operations_by_way():
    name = "extended-bch(32,11)"
    assert cost_of(name).dirty_operations == (Operation("XOR, popcount and comparison", 2048, 32),)
    table = cost_of(name, decoder="leader table")
    assert (count(table.dirty_operations), table.table_bits) == (1, 32 * 2**21)
    # 32 positions x 5 odd power sums, 5 steps of 2 x 5, 32 positions x 5 terms, over GF(32).
    assert cost_of(name, decoder="algebraic").dirty_operations == (
        Operation("multiply-add in the field", 160 + 50 + 160, 5),
    )
    assert cost_of("extended-bch(128,29)").dirty_operations[0].count == 2 * 128 * 21 + 2 * 21**2
    assert cost_of("hamming(21,16)", decoder="maximum likelihood").dirty_operations[0].count == 2**16


def test_the_posterior_mean_is_a_sum_over_all_codewords():
    cost = cost_of("tabulated(32,8)", "posterior mean")
    assert cost.beyond_operations == (Operation("multiply-add", 256, 32),)
    assert cost_of("tabulated(32,8)", "zero").beyond_operations == ()


def test_words_that_a_code_word_protects():
    assert [cost_of(f"hsiao({n},{k})").words for n, k in ((72, 64), (39, 32), (64, 57), (22, 16))] == [2, 1, 2, 1]
    assert [cost_of(f"extended-bch({n},{k})").words for n, k in ((32, 11), (64, 24), (128, 29))] == [1, 2, 4]
    assert decoding_cost(named_code("hsiao(22,16)"), BOUNDED, "keep", words=2).words == 2


@pytest.mark.parametrize("copies", [3, 5, 7])
def test_majority_by_the_network_that_is_counted(copies):
    """The network T(i, j), built and run for all inputs: it votes, with as many gates and levels as stated."""
    needed = (copies + 1) // 2
    inputs = np.array(list(product([False, True], repeat=copies))).T
    gates = 0

    def gate(function, a, b):
        nonlocal gates
        gates += 1
        return function(a[0], b[0]), 1 + max(a[1], b[1])

    known = {}

    def at_least(i, j):
        if (i, j) not in known:
            bit = (inputs[i - 1], 0)
            if i == 1:
                known[i, j] = bit
            elif j == 1:
                known[i, j] = gate(np.logical_or, at_least(i - 1, 1), bit)
            elif j == i:
                known[i, j] = gate(np.logical_and, at_least(i - 1, j - 1), bit)
            else:
                taken = gate(np.logical_and, at_least(i - 1, j - 1), bit)
                known[i, j] = gate(np.logical_or, at_least(i - 1, j), taken)
        return known[i, j]

    voted, depth = at_least(copies, needed)
    np.testing.assert_array_equal(voted, inputs.sum(axis=0) >= needed)
    assert (majority_gates(copies), majority_depth(copies)) == (gates, depth)


def test_majority_of_three_takes_four_gates():
    assert (majority_gates(3), majority_depth(3), majority_gates(1)) == (4, 3, 0)
    cost = cost_of("repetition(30,10)", decoder="majority")
    assert (cost.encoder_gates, cost.check_gates, cost.correct_gates, cost.words) == (0, 0, 40, 1)


def test_published_schemes_by_hand():
    costs = published_costs()
    assert (costs["parity-zero"].encoder_gates, costs["parity-zero"].read_gates) == (30, 31 + 31)
    assert costs["MSET"].read_gates == 4
    assert (CHUNKS, CHUNK) == (8, 3)
    assert (costs["CEP"].encoder_gates, costs["CEP"].check_gates, costs["CEP"].correct_gates) == (16, 24, 24)
    assert FORMATS["float32"].width - FORMATS["float32"].mantissa_bits + KEPT_MANTISSA_BITS == COPIED_BITS
    assert [costs[f"replication c={c}"].read_gates for c in (1, 2, 4)] == [16 + 15, 16 * 4, 16 * 12]
    assert costs["unprotected"] == DecodingCost()
    assert cost_of("uncoded(8,8)") == DecodingCost()


def test_tree_depth_is_the_least_number_of_levels():
    for inputs in range(1, 70):
        depth = tree_depth(inputs)
        assert 2**depth >= inputs
        assert depth == 0 or 2 ** (depth - 1) < inputs


@pytest.mark.parametrize("family", ["hamming", "hsiao", "secded"])
def test_more_data_bits_never_cost_less(family):
    sizes = {"hamming": ((7, 4), (12, 8), (21, 16), (38, 32), (71, 64))}.get(
        family, ((8, 4), (13, 8), (22, 16), (39, 32), (72, 64))
    )
    costs = [cost_of(f"{family}({n},{k})") for n, k in sizes]
    for attribute in ("encoder_gates", "check_gates", "correct_gates", "depth"):
        values = [getattr(cost, attribute) for cost in costs]
        assert values == sorted(values)


def test_hsiaos_code_is_cheaper_to_encode_than_hamming_with_parity():
    """What Hsiao 1970 made it for: fewer ones, and rows equally heavy."""
    for n, k in ((22, 16), (39, 32), (72, 64)):
        assert cost_of(f"hsiao({n},{k})").encoder_gates <= cost_of(f"secded({n},{k})").encoder_gates
        assert cost_of(f"hsiao({n},{k})").encoder_depth <= cost_of(f"secded({n},{k})").encoder_depth


def test_table_of_costs_is_relative_to_72_64():
    table = cost_table(published_costs() | {"[32,6,16]": cost_of("reed-muller(32,6)")}).set_index("scheme")
    assert table.ratio["SEC-DED (72,64)"] == 1
    assert table.ratio["[32,6,16]"] == pytest.approx((115 + 18) / 367.5)
    assert table.dirty_operations["[32,6,16]"] == 191


@pytest.mark.parametrize("ber", [0, 1e-9, 1e-3, 0.2, 1])
def test_probability_dirty_is_that_of_any_flip(ber):
    clean = 1.0
    for _ in range(32):
        clean *= 1 - ber
    assert probability_dirty(32, ber) == pytest.approx(1 - clean, rel=1e-6)
    assert probability_dirty(0, ber) == 0


def test_expected_cost_grows_from_nothing_to_that_of_dirty_words():
    code = named_code("tabulated(32,8)")
    cost = decoding_cost(code, BOUNDED, "posterior mean")
    expected = [expected_cost(code, cost, ber) for ber in (0, 1e-6, 1e-3, 1e-2, 0.1, 0.5)]
    assert expected[0].operations == 0
    assert expected[1].operations == pytest.approx(256 * 32 * 1e-6, rel=1e-4)
    for attribute in ("dirty", "beyond", "operations"):
        values = [getattr(step, attribute) for step in expected]
        assert values == sorted(values)
    assert expected[-1].operations == pytest.approx(512, rel=0.01)


def test_expected_cost_by_simulation():
    """Flips drawn for 200,000 words of 32 bits at a rate of 5 %."""
    code, rng = named_code("reed-muller(32,6)"), np.random.default_rng(1)
    flips = rng.binomial(32, 0.05, 200_000)
    cost = decoding_cost(code, BOUNDED, "posterior mean")
    expected = expected_cost(code, cost, 0.05)
    assert expected.dirty == pytest.approx((flips > 0).mean(), abs=0.004)
    assert expected.beyond == pytest.approx((flips > 7).mean(), abs=1e-4)
    assert expected.operations == pytest.approx(191 * (flips > 0).mean() + 64 * (flips > 7).mean(), abs=1)


def test_expected_cost_is_shared_by_the_words_of_a_code_word():
    code = named_code("extended-bch(128,29)")
    expected = expected_cost(code, decoding_cost(code, BOUNDED, "keep"), 0.01)
    assert expected.operations_a_word == expected.operations / 4


@pytest.mark.parametrize(
    ("name", "decoder", "policy", "message"),
    [
        ("hsiao(72,64)", "magic", "keep", "magic"),
        ("hsiao(72,64)", BOUNDED, "guess", "guess"),
        ("hsiao(72,64)", "majority", "keep", "no repetition code"),
        ("extended-bch(128,29)", BOUNDED, "posterior mean", "k is above 17"),
        ("tabulated(32,8)", "Hadamard transform", "keep", "not of that kind"),
        ("extended-bch(128,29)", "comparison", "keep", "too large"),
        ("tabulated(32,8)", "algebraic", "keep", "not of that kind"),
        ("tabulated(32,8)", "leader table", "keep", "too large"),
    ],
)
def test_what_has_no_cost_is_told(name, decoder, policy, message):
    with pytest.raises(InputError, match=message):
        decoding_cost(named_code(name), decoder, policy)


def test_rates_and_votes_that_are_none_are_told():
    with pytest.raises(InputError, match="odd number"):
        majority_gates(4)
    with pytest.raises(InputError, match=r"0\.\.1"):
        probability_dirty(32, 1.5)
