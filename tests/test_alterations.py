"""Alterations against a slow version that works on strings of binary digits, one word at a time."""

from fractions import Fraction

import numpy as np
import pytest

from sparebits.alterations import MODES, alter_low_bits, is_below, round_exponents
from sparebits.census import count_exponents
from sparebits.formats import FORMATS


def digits_of(word: int, fmt) -> str:
    return f"{word:0{fmt.width}b}"


def obviously_altered(word: int, bit: int, mode: str, fmt) -> int:
    digits = digits_of(word, fmt)
    position = len(digits) - 1 - bit
    fill = {"alteration": {"0": "1", "1": "0"}[digits[position]], "truncation": "0", "all_ones": "1"}[mode]
    return int(digits[:position] + fill * (bit + 1), 2)


def obviously_rounded(word: int, floor: int, fmt) -> int:
    digits = digits_of(word, fmt)
    exponent = digits[1 : 1 + fmt.exponent_bits]
    if int(exponent, 2) >= floor:
        return word
    return int(digits[0] + f"{floor:0{fmt.exponent_bits}b}" + "0" * fmt.mantissa_bits, 2)


@pytest.mark.parametrize("mode", ["alteration", "truncation", "all_ones"])
def test_altered_words_are_the_obvious_ones(fmt, words, mode):
    for bit in range(fmt.width):
        expected = [obviously_altered(word, bit, mode, fmt) for word in words.tolist()]
        altered = alter_low_bits(words, bit, fmt, mode)
        assert altered.dtype == words.dtype
        assert altered.tolist() == expected, bit


def test_alteration_is_the_default(fmt, words):
    assert np.array_equal(alter_low_bits(words, 5, fmt), alter_low_bits(words, 5, fmt, "alteration"))


def test_alteration_moves_by_at_least_2_to_the_bit_and_less_than_twice_that(fmt, words):
    sign = 1 << (fmt.width - 1)
    for bit in range(fmt.width - 1):
        for before, after in zip(words.tolist(), alter_low_bits(words, bit, fmt).tolist(), strict=True):
            assert before & sign == after & sign
            assert 2**bit <= abs((after & ~sign) - (before & ~sign)) < 2 ** (bit + 1)


def test_altered_mantissas_move_the_value_by_as_many_units_in_the_last_place():
    fmt = FORMATS["float32"]
    values = np.random.default_rng(5).standard_normal(100).astype(np.float32)
    _, exponents = np.frexp(values)
    for bit in range(fmt.mantissa_bits):
        altered = alter_low_bits(values.view(np.uint32), bit, fmt).view(np.float32)
        for before, after, exponent in zip(values.tolist(), altered.tolist(), exponents.tolist(), strict=True):
            moved = abs(Fraction(after) - Fraction(before)) / Fraction(2) ** (exponent - 24)
            assert 2**bit <= moved < 2 ** (bit + 1)


def test_alteration_at_the_sign_bit_gives_one_of_two_words(fmt, words):
    altered = alter_low_bits(words, fmt.width - 1, fmt)
    assert set(altered.tolist()) == {0, 2**fmt.width - 1}


@pytest.mark.parametrize("mode", MODES)
def test_bits_above_stay(fmt, words, mode):
    for bit in range(fmt.width - 1):
        above = [word >> (bit + 1) for word in words.tolist()]
        assert [word >> (bit + 1) for word in alter_low_bits(words, bit, fmt, mode, seed=3).tolist()] == above


def test_random_fill_is_reproducible_by_seed_and_differs_between_seeds_and_bits(fmt):
    words = np.zeros(2000, dtype=fmt.word_dtype)
    first = alter_low_bits(words, fmt.width - 1, fmt, "random", seed=1)
    assert np.array_equal(first, alter_low_bits(words, fmt.width - 1, fmt, "random", seed=1))
    assert not np.array_equal(first, alter_low_bits(words, fmt.width - 1, fmt, "random", seed=2))
    low = np.uint64(0xF)
    assert not np.array_equal(first & low, alter_low_bits(words, fmt.width - 2, fmt, "random", seed=1) & low)


def test_random_fill_sets_each_altered_bit_in_half_of_the_words(fmt):
    words = np.zeros(20_000, dtype=fmt.word_dtype)
    filled = alter_low_bits(words, fmt.width - 1, fmt, "random", seed=1)
    for bit in range(fmt.width):
        # 6 standard deviations of the share of 20,000 fair coins.
        assert abs(((filled >> fmt.word_dtype.type(bit)) & 1).mean() - 0.5) < 6 * 0.5 / 20_000**0.5


@pytest.mark.parametrize("mode", MODES)
def test_alteration_leaves_its_input_and_takes_read_only_arrays_of_any_shape(fmt, words, mode):
    before = words.copy()
    block = words[:24].reshape(2, 3, 4)
    block.flags.writeable = False
    altered = alter_low_bits(block, 3, fmt, mode, seed=1)
    assert altered.shape == block.shape
    assert np.array_equal(words, before)


@pytest.mark.parametrize("outside", [-1, "width", 64])
def test_a_bit_outside_the_word_is_refused(fmt, words, outside):
    bit = fmt.width if outside == "width" else outside
    with pytest.raises(ValueError, match=f"bit {bit} lies outside a {fmt.width}-bit word"):
        alter_low_bits(words, bit, fmt)


def test_an_unknown_mode_is_refused_and_the_known_ones_named(words, fmt):
    with pytest.raises(ValueError, match=r"'zeros'.*alteration, truncation, all_ones, random"):
        alter_low_bits(words, 3, fmt, "zeros")


def floors_of(fmt) -> list[int]:
    """Every floor of a format with few exponents, otherwise the published ones and the ends."""
    if fmt.exponent_bits <= 5:
        return list(range(2**fmt.exponent_bits))
    return [0, 1, *fmt.forced_bits_of_floor, fmt.leading_exponent, 2**fmt.exponent_bits - 1]


def test_rounded_words_are_the_obvious_ones(fmt, words):
    for floor in floors_of(fmt):
        rounded = round_exponents(words, floor, fmt)
        assert rounded.dtype == words.dtype
        assert rounded.tolist() == [obviously_rounded(word, floor, fmt) for word in words.tolist()], floor


def test_rounding_modifies_exactly_the_words_with_a_smaller_exponent(fmt, words):
    # Table 11 of the thesis counts modified values, Table 8 the exponents: both tell the same number.
    counts = count_exponents(words, fmt)
    for floor in floors_of(fmt):
        modified = round_exponents(words, floor, fmt) != words
        assert np.array_equal(modified, is_below(words, floor, fmt))
        assert modified.sum() == counts[:floor].sum()


def test_rounding_is_a_lower_bound_on_the_magnitude():
    fmt = FORMATS["float32"]
    values = (np.random.default_rng(2).standard_normal(3000) * 10.0 ** np.linspace(-44, 4, 3000)).astype(np.float32)
    values = np.concatenate([values, np.float32([0, -0.0, np.inf, -np.inf])])
    for floor, power in {0x60: -31, 0x70: -15, 0x78: -7, 0x7C: -3}.items():
        rounded = round_exponents(values.view(np.uint32), floor, fmt).view(np.float32)
        assert np.array_equal(rounded, np.copysign(np.maximum(np.abs(values), np.float32(2.0**power)), values))


def test_rounding_again_or_to_a_lower_floor_changes_nothing(fmt, words):
    floors = list(fmt.forced_bits_of_floor)
    for floor in floors:
        rounded = round_exponents(words, floor, fmt)
        for lower in [lower for lower in floors if lower <= floor]:
            assert np.array_equal(round_exponents(rounded, lower, fmt), rounded)


def test_rounding_leaves_its_input_and_takes_read_only_arrays_of_any_shape(fmt, words):
    before = words.copy()
    block = words[:24].reshape(2, 3, 4)
    block.flags.writeable = False
    assert round_exponents(block, fmt.leading_exponent, fmt).shape == block.shape
    assert np.array_equal(words, before)
