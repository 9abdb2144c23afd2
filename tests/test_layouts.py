"""Layouts against slow versions in exact fractions, published small floats, and torch's own conversions."""

import json
from bisect import bisect_left
from fractions import Fraction

import numpy as np
import pytest
import torch

from sparebits.alterations import round_exponents
from sparebits.bit_classes import choose_ecc, free_bits
from sparebits.census import count_exponents, tensor_census
from sparebits.choices import Choice
from sparebits.codes.packing import packed_dtype
from sparebits.errors import InputError
from sparebits.formats import FORMATS
from sparebits.layouts.forced import Forced
from sparebits.layouts.layout import layout_from_dict
from sparebits.layouts.minifloat import Minifloat

BINARY32 = FORMATS["float32"]


def value_of(word: int, fmt) -> Fraction:
    """The value of a finite word, by IEEE 754's definition."""
    exponent = word >> fmt.mantissa_bits & (1 << fmt.exponent_bits) - 1
    mantissa = Fraction(word & fmt.mantissa_mask, 1 << fmt.mantissa_bits)
    bias = (1 << fmt.exponent_bits - 1) - 1
    scale = Fraction(2) ** (max(exponent, 1) - bias)
    return (-1) ** (word >> fmt.sign_bit) * scale * (mantissa + (exponent > 0))


def defined_value(data: int, layout) -> Fraction:
    """The value of a minifloat's data word, by the definition of the layout."""
    e, m, fmt = layout.exponent_bits, layout.mantissa_bits, layout.fmt
    offset, mantissa = data >> m & (1 << e) - 1, Fraction(data & (1 << m) - 1, 1 << m)
    bias = (1 << fmt.exponent_bits - 1) - 1
    scale = Fraction(2) ** (layout.base + max(offset, 1) - bias)
    return (-1) ** (data >> e + m) * scale * (mantissa + (offset > 0))


def finite(words: np.ndarray, fmt) -> np.ndarray:
    return words[fmt.exponents(words) < (1 << fmt.exponent_bits) - 1]


def layouts_of(fmt, signed: bool = True):
    """Small layouts, fixed-point and mantissa-free ones too, at subnormals, about 1 and at the largest values."""
    bias = (1 << fmt.exponent_bits - 1) - 1
    for e, longest in ((4, 4), (2, 5), (1, 2), (0, 5), (5, 0), (3, 3)):
        m = min(longest, fmt.mantissa_bits)
        highest = max(0, (1 << fmt.exponent_bits) - 1 - (1 << e))
        for base in sorted({min(base, highest) for base in (0, 1, 3, bias - 3, highest)}):
            yield Minifloat(fmt, e, m, base, signed)


def near_the_window(layout, words: np.ndarray) -> np.ndarray:
    """The words, and words at and beside every data word's value and every midpoint between two."""
    fmt = layout.fmt
    values = layout.restore(np.arange(1 << layout.exponent_bits + layout.mantissa_bits, dtype=np.uint64))
    values = values.astype(np.uint64)
    middles = (values[:-1] + values[1:]) // 2
    magnitudes = np.concatenate([values, middles])
    beside = np.concatenate([magnitudes, magnitudes + 1, np.maximum(magnitudes, 1) - 1]).astype(fmt.word_dtype)
    return finite(np.concatenate([words, beside, beside | fmt.word_dtype.type(1 << fmt.sign_bit)]), fmt)


def test_restored_values_are_those_of_the_definition(fmt):
    infinity = (1 << fmt.exponent_bits) - 1
    for layout in layouts_of(fmt):
        data = np.arange(1 << layout.data_bits, dtype=packed_dtype(layout.data_bits))
        words = layout.restore(data)
        assert words.dtype == fmt.word_dtype
        for one, word in zip(data.tolist(), words.tolist(), strict=True):
            if layout.base + (one >> layout.mantissa_bits) % (1 << layout.exponent_bits) < infinity:
                assert value_of(word, fmt) == defined_value(one, layout), (layout, one)
            assert word >> fmt.sign_bit == one >> layout.data_bits - 1


def test_words_become_the_nearest_data_word_and_ties_the_even_one(fmt, words):
    for layout in layouts_of(fmt):
        magnitudes = range(1 << layout.exponent_bits + layout.mantissa_bits)
        values = [defined_value(magnitude, layout) for magnitude in magnitudes]
        if layout.exponent_bits == fmt.exponent_bits:
            values = values[: -(1 << layout.mantissa_bits)]
        chosen = near_the_window(layout, words)
        for word, data in zip(chosen.tolist(), layout.quantise(chosen).tolist(), strict=True):
            value = abs(value_of(word, fmt))
            above = min(bisect_left(values, value), len(values) - 1)
            nearest = min((above, max(above - 1, 0)), key=lambda one: (abs(values[one] - value), one & 1))
            expected = nearest | word >> fmt.sign_bit << layout.data_bits - 1
            assert data == expected, (layout, hex(word))


def test_quantise_inverts_restore_and_order_is_by_value(fmt):
    for signed in (True, False):
        for layout in layouts_of(fmt, signed):
            order = layout.order()
            assert sorted(order.tolist()) == list(range(1 << layout.data_bits))
            words = layout.restore(order.astype(packed_dtype(layout.data_bits)))
            values = [value_of(word, fmt) for word in words.tolist()]
            assert values == sorted(values)
            if signed:
                zero = values.index(0)
                assert words[zero] == 1 << fmt.sign_bit
                assert words[zero + 1] == 0
            if layout.exponent_bits < fmt.exponent_bits:
                assert len(set(values)) == len(values) - signed
                assert np.array_equal(layout.quantise(words), order)


def test_quantising_twice_changes_nothing_and_keeps_the_order(fmt, words):
    ordered = np.array(sorted(finite(words, fmt).tolist(), key=lambda word: value_of(word, fmt)), fmt.word_dtype)
    for layout in layouts_of(fmt):
        data = layout.quantise(ordered)
        restored = layout.restore(data)
        assert np.array_equal(layout.quantise(restored), data)
        values = [value_of(word, fmt) for word in restored.tolist()]
        assert values == sorted(values)


def test_the_window_of_all_exponents_with_the_whole_mantissa_is_the_identity(fmt, words):
    layout = Minifloat(fmt, fmt.exponent_bits, fmt.mantissa_bits, base=0)
    kept = finite(words, fmt)
    assert layout.data_bits == fmt.width
    assert np.array_equal(layout.quantise(kept), kept)
    assert np.array_equal(layout.restore(kept), kept)
    # A corrupted data word restores a finite value all the same.
    infinities = np.array([fmt.exponent_mask, fmt.exponent_mask | 1 << fmt.sign_bit], fmt.word_dtype)
    assert layout.restore(infinities).tolist() == [word - 1 for word in infinities.tolist()]


@pytest.mark.parametrize("spread", [1, 4, 20])
@pytest.mark.parametrize(("e", "m"), [(4, 6), (3, 4), (2, 2), (1, 7), (0, 7), (5, 5), (4, 0)])
def test_no_value_of_a_fitted_tensor_is_off_by_more_than_half_a_step(fmt, e, m, spread):
    m = min(m, fmt.mantissa_bits)
    generator = np.random.default_rng([e, m, spread])
    bias = (1 << fmt.exponent_bits - 1) - 1
    exponents = generator.integers(max(0, bias - spread), bias + 1, 300)
    mantissas = generator.integers(0, 1 << fmt.mantissa_bits, 300)
    # The largest value is just below a power of two, so that it carries into the next binade.
    exponents[0], mantissas[0] = bias + 1, fmt.mantissa_mask
    words = (generator.integers(0, 2, 300) << fmt.exponent_bits | exponents).astype(fmt.word_dtype)
    words = words << fmt.word_dtype.type(fmt.mantissa_bits) | mantissas.astype(fmt.word_dtype)
    layout = Minifloat.fitting(words, fmt, e, m)
    restored = layout.restore(layout.quantise(words))
    smallest_step = defined_value(1, layout)
    for before, after in zip(words.tolist(), restored.tolist(), strict=True):
        value = value_of(before, fmt)
        exponent = max(before >> fmt.mantissa_bits & (1 << fmt.exponent_bits) - 1, 1)
        step = max(Fraction(2) ** (exponent - bias - m), smallest_step)
        assert abs(value_of(after, fmt) - value) <= step / 2
    # One window lower, the largest value would no longer fit.
    if layout.base:
        lower = Minifloat(fmt, e, m, layout.base - 1)
        assert defined_value((1 << e + m) - 1, lower) < abs(value_of(int(restored[0]), fmt))


def test_a_full_mantissa_loses_nothing_inside_the_window(fmt):
    mantissas = np.random.default_rng(3).integers(0, 1 << fmt.mantissa_bits, 200).astype(fmt.word_dtype)
    bias = (1 << fmt.exponent_bits - 1) - 1
    words = mantissas | fmt.word_dtype.type(bias << fmt.mantissa_bits)
    layout = Minifloat.fitting(words, fmt, 2, fmt.mantissa_bits)
    assert not layout.signed
    assert layout.base == bias - 3
    assert np.array_equal(layout.restore(layout.quantise(words)), words)


@pytest.mark.parametrize(
    ("e", "m", "bias", "smallest", "smallest_normal", "largest"),
    [
        (2, 1, 1, 0.5, 1.0, 6.0),  # FP4 E2M1
        (2, 3, 1, 0.125, 1.0, 7.5),  # FP6 E2M3
        (3, 2, 3, 0.0625, 0.25, 28.0),  # FP6 E3M2
    ],
)
def test_the_small_floats_of_the_ocp_standard_are_layouts(e, m, bias, smallest, smallest_normal, largest):
    """OCP Microscaling Formats (MX) Specification 1.0, tables 2 and 5: floats without infinity and NaN."""
    layout = Minifloat(BINARY32, e, m, base=127 - bias)
    data = np.array([1, 1 << m, (1 << e + m) - 1], dtype=np.uint8)
    assert layout.restore(data).view(np.float32).tolist() == [smallest, smallest_normal, largest]


@pytest.mark.parametrize(
    ("wide", "narrow", "e", "m", "bias"),
    [
        ("float32", torch.float16, 5, 10, 15),
        ("float32", torch.bfloat16, 8, 7, 127),
        ("float64", torch.float32, 8, 23, 127),
        ("float32", torch.float8_e4m3fn, 4, 3, 7),
        ("float32", torch.float8_e5m2, 5, 2, 15),
    ],
)
def test_rounding_is_that_of_torch_conversions(wide, narrow, e, m, bias):
    fmt = FORMATS[wide]
    generator = np.random.default_rng(11)
    # Five octaves below the smallest subnormal to just below the highest binade, which torch uses for NaN.
    exponents = generator.integers(max(-bias - m - 5, 1 - (1 << fmt.exponent_bits - 1) + 1), bias, 20_000)
    values = np.ldexp(generator.uniform(1, 2, 20_000) * generator.choice([-1, 1], 20_000), exponents).astype(wide)
    layout = Minifloat(fmt, e, m, base=(1 << fmt.exponent_bits - 1) - 1 - bias)
    data = layout.quantise(values.view(fmt.word_dtype))
    converted = torch.from_numpy(values).to(narrow)
    assert np.array_equal(layout.restore(data).view(wide), converted.to(getattr(torch, wide)).numpy())
    bits = converted.view({8: torch.uint8, 16: torch.uint16, 32: torch.uint32}[1 + e + m]).numpy()
    assert np.array_equal(data, bits)


def test_the_sign_is_dropped_where_no_word_has_one(fmt):
    one = np.array([((1 << fmt.exponent_bits - 1) - 1) << fmt.mantissa_bits], fmt.word_dtype)
    negative = one | fmt.word_dtype.type(1 << fmt.sign_bit)
    m = min(4, fmt.mantissa_bits)
    unsigned = Minifloat.fitting(one, fmt, 3, m)
    assert unsigned.title == f"0-3-{m}"
    assert Minifloat.fitting(negative, fmt, 3, m).title == f"1-3-{m}"
    assert Minifloat.fitting(one, fmt, 3, m, signed=True).title == f"1-3-{m}"
    zero = np.array([1 << fmt.sign_bit], fmt.word_dtype)
    for words in (negative, zero):
        with pytest.raises(InputError, match="sign bit"):
            unsigned.quantise(words)
        with pytest.raises(InputError, match="sign bit"):
            Minifloat.fitting(words, fmt, 3, m, signed=False)


def test_infinities_and_nan_have_no_place(fmt):
    m = min(4, fmt.mantissa_bits)
    layout = Minifloat(fmt, 3, m, base=0)
    for word in (fmt.exponent_mask, fmt.exponent_mask | 1, fmt.exponent_mask | 1 << fmt.sign_bit):
        words = np.array([0, word], fmt.word_dtype)
        with pytest.raises(InputError, match="infinite or NaN"):
            layout.quantise(words)
        with pytest.raises(InputError, match="infinite or NaN"):
            Minifloat.fitting(words, fmt, 3, m)
        with pytest.raises(InputError, match="infinite or NaN"):
            Forced(fmt, "mixed", "thesis", 0, 1, 0).quantise(words)


def test_values_above_the_window_become_the_largest(fmt):
    m = min(3, fmt.mantissa_bits)
    layout = Minifloat(fmt, 2, m, base=3)
    ones = (1 << 2 + m) - 1
    largest_finite = np.array([fmt.exponent_mask - 1], fmt.word_dtype)
    assert layout.quantise(largest_finite).tolist() == [ones]
    # So does a value that would round to infinity in the highest window of all.
    fitted = Minifloat.fitting(largest_finite, fmt, 2, m)
    restored = layout.restore(layout.quantise(largest_finite))
    assert fitted.quantise(largest_finite).tolist() == [ones]
    assert fmt.exponents(fitted.restore(fitted.quantise(largest_finite))) == (1 << fmt.exponent_bits) - 2
    assert fmt.exponents(restored) == 6


def test_tensors_of_any_shape_and_size_keep_it(fmt):
    most = fmt.word_dtype.type(min(1000, fmt.exponent_mask))
    words = np.arange(70_000, dtype=np.uint32).astype(fmt.word_dtype) % most
    layout = Minifloat.fitting(words, fmt, 4, min(6, fmt.mantissa_bits))
    folded = words.reshape(100, 700).T
    assert np.array_equal(layout.quantise(folded), layout.quantise(words).reshape(100, 700).T)
    assert layout.quantise(words[:0]).shape == (0,)
    assert layout.quantise(words[7]).shape == ()
    assert Minifloat.fitting(words[:0], fmt, 4, layout.mantissa_bits).base == 0


def test_bits_have_names():
    assert Minifloat(BINARY32, 2, 3, 0).bit_names() == [
        "sign", "exponent 1", "exponent 0", "mantissa 2", "mantissa 1", "mantissa 0",
    ]  # fmt: skip
    assert len(Minifloat(BINARY32, 4, 7, 0, signed=False).bit_names()) == 11
    names = Forced(BINARY32, "mixed", "derived", forced_bits=3, free_bits=8, depth=20).bit_names()
    assert names == ["bit 31", "bit 30", "bit 27", "bit 26", "bit 25", "bit 24", "bit 23", "bit 22", "bit 21"]


def test_layouts_survive_json(fmt):
    for layout in (
        Minifloat(fmt, 4, min(6, fmt.mantissa_bits), 9),
        Minifloat(fmt, 3, min(4, fmt.mantissa_bits), 0, signed=False),
        Forced(fmt, "mixed", "derived", 3, 4, 1),
        Forced(fmt, "below", "thesis", 4, 5, -1),
    ):
        assert layout_from_dict(json.loads(json.dumps(layout.as_dict())), fmt) == layout
    with pytest.raises(InputError, match="'posit'"):
        layout_from_dict({"kind": "posit"}, fmt)
    with pytest.raises(InputError, match="mantissa_bits"):
        layout_from_dict({"kind": "minifloat", "exponent_bits": 3, "base": 0}, fmt)


@pytest.mark.parametrize(("e", "m", "base"), [(9, 3, 0), (3, 24, 0), (-1, 3, 0), (4, 6, 240), (4, 6, -1), (8, 6, 1)])
def test_a_window_that_does_not_fit_the_format_is_refused(e, m, base):
    with pytest.raises(InputError, match="binary32"):
        Minifloat(BINARY32, e, m, base)


# The thesis' layouts.


def network_words(fmt, group: str, largest: int) -> np.ndarray:
    """Random words of all exponents that a tensor of the group can have, in a network with that largest exponent."""
    lowest = fmt.leading_exponent if group == "above" else 0
    highest = fmt.leading_exponent - 1 if group == "below" else largest
    generator = np.random.default_rng(5)
    exponents = generator.integers(lowest, highest + 1, 2000)
    exponents[:2] = lowest, highest
    high = (generator.integers(0, 2, 2000) << fmt.exponent_bits | exponents).astype(fmt.word_dtype)
    mantissas = generator.integers(0, 1 << fmt.mantissa_bits, 2000).astype(fmt.word_dtype)
    return high << fmt.word_dtype.type(fmt.mantissa_bits) | mantissas


@pytest.mark.parametrize("beyond", [0, 3])
@pytest.mark.parametrize("rule", ["thesis", "derived"])
@pytest.mark.parametrize("group", ["below", "above", "mixed"])
def test_forced_layouts_restore_rounded_words_to_half_a_step(fmt, group, rule, beyond):
    largest = fmt.leading_exponent + beyond
    words = network_words(fmt, group, largest)
    for floor, forced in {0: 0, **fmt.forced_bits_of_floor}.items():
        rounded = round_exponents(words, floor, fmt)
        for depth in (-1, 0, 1, fmt.mantissa_bits // 2, fmt.mantissa_bits - 1):
            layout = Forced(fmt, group, rule, forced, free_bits(largest, fmt), depth)
            data = layout.quantise(words)
            restored = layout.restore(data)
            # Steps are those of the integers, as sign and exponent stay.
            off = np.abs(restored.astype(object) - rounded.astype(object)).max()
            assert off <= (1 << depth if depth >= 0 else 0)
            assert np.array_equal(layout.quantise(restored), data)
            assert int(data.max()) >> layout.data_bits == 0


@pytest.mark.parametrize("group", ["below", "above", "mixed"])
def test_data_words_of_forced_layouts_are_finite_and_in_order(fmt, group):
    for forced in (0, 3):
        layout = Forced(fmt, group, "derived", forced, free_bits=2, depth=fmt.mantissa_bits - 3)
        words = layout.restore(layout.order().astype(packed_dtype(layout.data_bits)))
        values = [value_of(word, fmt) for word in words.tolist()]
        assert fmt.exponents(words).max() < (1 << fmt.exponent_bits) - 1
        assert values == sorted(values)


def test_layouts_of_shufflenet_in_the_thesis():
    """Thesis 3.8: forced 01111 or 10000, bits 16..0 given up (Table 22) leave 10 data bits; mixed tensors keep 16."""
    small, large = np.array([0.0711], np.float32), np.array([-2.75], np.float32)
    below = Forced(BINARY32, "below", "thesis", forced_bits=5, free_bits=5, depth=16)
    above = Forced(BINARY32, "above", "thesis", forced_bits=5, free_bits=5, depth=16)
    mixed = Forced(BINARY32, "mixed", "thesis", forced_bits=5, free_bits=5, depth=15)
    assert (below.data_bits, above.data_bits, mixed.data_bits) == (10, 10, 16)
    assert (below.title, mixed.title) == ("1-3-6 below", "1-8-7 mixed")
    for layout, values, pattern in ((below, small, 0b01111), (above, large, 0b10000)):
        word = int(layout.restore(layout.quantise(values.view(np.uint32)))[0])
        assert word >> 26 & 31 == pattern
        assert word & 0x1FFFF == 0x10000
        assert word >> 17 == int(values.view(np.uint32)[0]) >> 17


@pytest.mark.parametrize("choice", [Choice(0x78, 16), Choice(0x70, 14), Choice(0x7C, 10), Choice(0, -1)])
def test_data_bits_are_those_of_the_table_of_codes(choice, random_network):
    """ecc.csv counts the bits of each group; a layout has exactly these."""
    fmt = random_network.fmt
    floors = {0x60: 0, 0x70: 1, 0x78: 2, 0x7C: 3}
    known = list(fmt.forced_bits_of_floor)
    floor = known[min(floors[choice.floor], len(known) - 1)] if choice.floor else 0
    choice = Choice(floor, min(choice.depth, fmt.mantissa_bits - 2))
    tensors = tensor_census(random_network)
    tensors["max_exponent"] = fmt.leading_exponent + 1
    ecc = choose_ecc(tensors, choice, fmt).set_index(["group", "rule"])
    free = free_bits(fmt.leading_exponent + 1, fmt)
    for group in ("below", "above", "mixed"):
        for rule in ("thesis", "derived"):
            layout = Forced(fmt, group, rule, choice.forced_bits(fmt), free, choice.depth)
            assert layout.data_bits == ecc.loc[(group, rule), "data_bits"] == len(layout.bit_names())


def test_words_of_another_group_have_no_place(fmt):
    above = network_words(fmt, "above", fmt.leading_exponent)
    with pytest.raises(InputError, match="below"):
        Forced(fmt, "below", "thesis", 3, 4, 0).quantise(above)
    with pytest.raises(InputError, match="free_bits"):
        Forced(fmt, "above", "thesis", 3, 0, 0)


def test_count_of_exponents_of_a_rounded_tensor_agrees(fmt):
    """What a layout restores has no exponent below the floor, as in the census."""
    words = network_words(fmt, "mixed", fmt.leading_exponent)
    floor, forced = next(iter(fmt.forced_bits_of_floor.items()))
    layout = Forced(fmt, "mixed", "derived", forced, free_bits(fmt.leading_exponent, fmt), 0)
    assert count_exponents(layout.restore(layout.quantise(words)), fmt)[:floor].sum() == 0
