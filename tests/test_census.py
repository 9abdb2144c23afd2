"""Counts of bits and exponents against slow versions that look at one word at a time."""

from collections import Counter

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from sparebits import census
from sparebits.census import (
    bit_census,
    count_exponents,
    count_ones,
    exponent_census,
    exponent_group,
    tensor_census,
)
from sparebits.formats import FORMATS
from sparebits.parameters import FlatParameters


def obvious_ones(words, fmt) -> list[int]:
    return [sum(f"{word:0{fmt.width}b}"[fmt.width - 1 - bit] == "1" for word in words) for bit in range(fmt.width)]


def obvious_exponents(words, fmt) -> Counter:
    return Counter(int(f"{word:0{fmt.width}b}"[1 : 1 + fmt.exponent_bits], 2) for word in words)


@pytest.mark.parametrize("chunk", [1, 7, 1 << 20])
def test_ones_are_the_obvious_ones_whatever_the_chunk(fmt, words, chunk, monkeypatch):
    monkeypatch.setattr(census, "CHUNK", chunk)
    ones = count_ones(words, fmt)
    assert ones.dtype == np.int64
    assert ones.tolist() == obvious_ones(words.tolist(), fmt)


@pytest.mark.parametrize("chunk", [1, 7, 1 << 20])
def test_exponents_are_the_obvious_ones_whatever_the_chunk(fmt, words, chunk, monkeypatch):
    monkeypatch.setattr(census, "CHUNK", chunk)
    counts = count_exponents(words, fmt)
    assert counts.dtype == np.int64
    assert len(counts) == 2**fmt.exponent_bits
    assert {e: int(n) for e, n in enumerate(counts) if n} == obvious_exponents(words.tolist(), fmt)


@pytest.mark.parametrize("beyond", [-1, 0, 1])
def test_no_word_is_lost_at_the_real_chunk_boundary(beyond):
    fmt = FORMATS["float16"]
    words = np.full(census.CHUNK + beyond, 0xFFFF, dtype=np.uint16)
    assert count_ones(words, fmt).tolist() == [len(words)] * 16
    assert count_exponents(words, fmt)[-1] == len(words)


def test_no_words_have_no_ones(fmt):
    nothing = np.array([], dtype=fmt.word_dtype)
    assert count_ones(nothing, fmt).tolist() == [0] * fmt.width
    assert count_exponents(nothing, fmt).sum() == 0


def test_bit_census_of_each_kind_is_the_obvious_one(fmt, random_network):
    table = bit_census(random_network)
    assert list(table.columns[:4]) == ["kind", "bit", "zeros", "ones"]
    assert set(table["format"]) == {fmt.name}
    assert list(table["kind"].unique()) == ["all", "weight", "bias", "running_mean", "running_var", "other"]
    for kind, rows in table.groupby("kind"):
        words = words_of_kind(random_network, kind)
        assert rows["bit"].tolist() == list(range(fmt.width))
        assert rows["ones"].tolist() == obvious_ones(words, fmt)
        assert (rows["zeros"] + rows["ones"] == len(words)).all()


def test_exponent_census_of_each_kind_is_the_obvious_one(fmt, random_network):
    table = exponent_census(random_network)
    assert list(table.columns[:3]) == ["kind", "exponent", "count"]
    assert set(table["format"]) == {fmt.name}
    for kind, rows in table.groupby("kind"):
        expected = obvious_exponents(words_of_kind(random_network, kind), fmt)
        assert rows["exponent"].tolist() == list(range(2**fmt.exponent_bits))
        assert rows["count"].tolist() == [expected[exponent] for exponent in range(2**fmt.exponent_bits)]


def words_of_kind(parameters, kind: str) -> list[int]:
    """Words of the tensors whose name ends in the kind; "other" is the network's only parameter of its own."""
    words = []
    for tensor in parameters.tensors:
        last = tensor.name.split(".")[-1]
        if kind in ("all", last) or (kind == "other" and last == "scale"):
            words += parameters.golden[tensor.start : tensor.start + int(np.prod(tensor.shape))].tolist()
    return words


def test_kinds_sum_up_to_all(random_network):
    for table, columns in (
        (bit_census(random_network), ["zeros", "ones"]),
        (exponent_census(random_network), ["count"]),
    ):
        key = table.columns[1]
        totals = table[table["kind"] == "all"].set_index(key)[columns]
        summed = table[table["kind"] != "all"].groupby(key)[columns].sum()
        pd.testing.assert_frame_equal(totals, summed)


def test_tensor_census_is_the_obvious_one(fmt, random_network):
    table = tensor_census(random_network).set_index("tensor")
    assert list(table.index) == [tensor.name for tensor in random_network.tensors]
    assert table["values"].sum() == len(random_network.golden)
    for tensor in random_network.tensors:
        exponents = sorted(obvious_exponents(random_network.golden[tensor.span].tolist(), fmt))
        row = table.loc[tensor.name]
        assert (row["min_exponent"], row["max_exponent"]) == (exponents[0], exponents[-1])
        assert row["shape"] == "x".join(str(side) for side in tensor.shape)
        assert row["format"] == fmt.name


def test_tensor_census_names_the_group_of_each_tensor():
    model = nn.Sequential(nn.Linear(2, 1), nn.Linear(2, 1, bias=False), nn.Linear(2, 1, bias=False))
    values = {"0.weight": [[0.5, -1.9]], "0.bias": [0.0], "1.weight": [[2.0, -1e30]], "2.weight": [[1.9, 2.0]]}
    parameters = FlatParameters(model, {name: torch.tensor(value) for name, value in values.items()})
    assert tensor_census(parameters)["group"].tolist() == ["below", "below", "above", "mixed"]


def test_a_tensor_without_values_has_no_row():
    class Empty(nn.Module):
        def __init__(self):
            super().__init__()
            self.nothing = nn.Parameter(torch.empty(0))
            self.something = nn.Parameter(torch.ones(2))

    model = Empty()
    assert tensor_census(FlatParameters(model, model.state_dict()))["tensor"].tolist() == ["something"]


@pytest.mark.parametrize(
    ("smallest", "largest", "group"),
    [
        (0x00, 0x7F, "below"),
        (0x7F, 0x7F, "below"),
        (0x7F, 0x80, "mixed"),
        (0x80, 0x80, "above"),
        (0x80, 0xFF, "above"),
        (0x00, 0xFF, "mixed"),
    ],
)
def test_group_by_the_ends(smallest, largest, group):
    assert exponent_group(smallest, largest, FORMATS["float32"]) == group
    assert exponent_group(smallest, largest, FORMATS["bfloat16"]) == group
