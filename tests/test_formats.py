"""Formats: fields of published values, and the floors of the rounding experiments."""

import math
import struct

import numpy as np
import pytest
import torch

from sparebits.formats import FORMATS, format_named

# Exponent bits, mantissa bits and bias: IEEE 754-2019, Table 3.5; bfloat16 is the upper half of binary32,
# float8_e5m2 that of binary16 (OCP 8-bit Floating Point Specification 1.0, table 1).
PUBLISHED = {
    "binary64": (11, 52, 1023),
    "binary32": (8, 23, 127),
    "binary16": (5, 10, 15),
    "bfloat16": (8, 7, 127),
    "float8_e5m2": (5, 2, 15),
}


def words_of_values(values: list[float], fmt) -> np.ndarray:
    """Bit patterns as torch stores the values, widened to Python's integers first."""
    tensor = torch.tensor(values, dtype=torch.float64).to(getattr(torch, fmt.dtype))
    return tensor.view(getattr(torch, f"int{fmt.width}")).numpy().view(f"uint{fmt.width}")


def test_each_format_has_the_published_widths(fmt):
    exponent_bits, mantissa_bits, _ = PUBLISHED[fmt.name]
    assert (fmt.exponent_bits, fmt.mantissa_bits) == (exponent_bits, mantissa_bits)
    assert fmt.width == fmt.sign_bit + 1 == fmt.word_dtype.itemsize * 8
    assert fmt.word_dtype.itemsize == torch.empty(0, dtype=getattr(torch, fmt.dtype)).element_size()


def test_the_fields_partition_the_word(fmt):
    sign = 1 << fmt.sign_bit
    assert sign | fmt.exponent_mask | fmt.mantissa_mask == (1 << fmt.width) - 1
    assert sign & fmt.exponent_mask == sign & fmt.mantissa_mask == fmt.exponent_mask & fmt.mantissa_mask == 0


def test_fields_of_known_values(fmt):
    exponent_bits, mantissa_bits, bias = PUBLISHED[fmt.name]
    top = 2**exponent_bits - 1
    smallest = 2.0 ** (1 - bias - mantissa_bits)
    expected = [
        (1.0, (0, bias, 0)),
        (-1.0, (1, bias, 0)),
        (2.0, (0, bias + 1, 0)),
        (-2.5, (1, bias + 1, 2 ** (mantissa_bits - 2))),
        (0.75, (0, bias - 1, 2 ** (mantissa_bits - 1))),
        (0.0, (0, 0, 0)),
        (-0.0, (1, 0, 0)),
        (smallest, (0, 0, 1)),
        (-smallest, (1, 0, 1)),
        (math.inf, (0, top, 0)),
        (-math.inf, (1, top, 0)),
    ]
    for value, fields in expected:
        found = fmt.fields(words_of_values([value], fmt))
        assert tuple(int(field[0]) for field in found) == fields, value


def test_fields_of_nan(fmt):
    _, exponent, mantissa = fmt.fields(words_of_values([math.nan], fmt))
    assert exponent[0] == 2**fmt.exponent_bits - 1
    assert mantissa[0] != 0


def test_fields_of_the_largest_half():
    assert [int(field[0]) for field in FORMATS["float16"].fields(np.array([65504.0], "f2").view("u2"))] == [0, 30, 1023]


def test_fields_keep_dtype_and_shape(fmt, words):
    block = words[:12].reshape(3, 4)
    for field in fmt.fields(block):
        assert field.dtype == block.dtype
        assert field.shape == block.shape


@pytest.mark.parametrize(("name", "code"), [("float64", "d"), ("float32", "f"), ("float16", "e")])
def test_fields_rebuild_finite_values(name, code):
    fmt = FORMATS[name]
    _, mantissa_bits, bias = PUBLISHED[fmt.name]
    words = np.random.default_rng(3).integers(0, 1 << fmt.width, size=300, dtype=fmt.word_dtype)
    for word, sign, exponent, mantissa in zip(words.tolist(), *(f.tolist() for f in fmt.fields(words)), strict=True):
        (value,) = struct.unpack(f"<{code}", word.to_bytes(fmt.width // 8, "little"))
        if not math.isfinite(value):
            assert exponent == 2**fmt.exponent_bits - 1
            continue
        hidden = 0 if exponent == 0 else 2**mantissa_bits
        assert value == (-1) ** sign * math.ldexp(hidden + mantissa, max(exponent, 1) - bias - mantissa_bits)


def test_bfloat16_is_the_upper_half_of_binary32():
    words = np.arange(1 << 16, dtype=np.uint16)
    short = FORMATS["bfloat16"].fields(words)
    long = FORMATS["float32"].fields(words.astype(np.uint32) << np.uint32(16))
    assert np.array_equal(short[0], long[0])
    assert np.array_equal(short[1], long[1])
    assert np.array_equal(short[2], long[2] >> 16)


def test_the_leading_exponent_is_that_of_two(fmt):
    assert fmt.exponents(words_of_values([2.0], fmt))[0] == fmt.leading_exponent


def test_floors_of_binary32_are_the_thesis():
    assert FORMATS["float32"].forced_bits_of_floor == {0x60: 3, 0x70: 4, 0x78: 5, 0x7C: 6}


def test_floors_are_a_zero_and_two_to_five_ones(fmt):
    patterns = ["0" + "1" * ones for ones in (2, 3, 4, 5)]
    expected = {int(p.ljust(fmt.exponent_bits, "0"), 2): len(p) for p in patterns if len(p) <= fmt.exponent_bits}
    assert list(fmt.forced_bits_of_floor.items()) == sorted(expected.items())


def test_floors_of_binary16_are_those_that_exist():
    assert FORMATS["float16"].forced_bits_of_floor == {0b01100: 3, 0b01110: 4, 0b01111: 5}


def test_every_exponent_from_a_floor_to_the_leading_one_shares_the_forced_bits(fmt):
    for floor, forced in fmt.forced_bits_of_floor.items():
        shared = {exponent >> (fmt.exponent_bits - forced) for exponent in range(floor, fmt.leading_exponent)}
        assert shared == {2 ** (forced - 1) - 1}
        assert (floor - 1) >> (fmt.exponent_bits - forced) not in shared


def test_formats_are_found_by_name():
    assert [format_named(name).name for name in PUBLISHED] == list(PUBLISHED)
