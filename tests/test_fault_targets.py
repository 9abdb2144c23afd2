"""Targets mean the bits they say, one to one; draws from them are uniform and without repetition."""

import tracemalloc
from types import SimpleNamespace

import numpy as np
import pytest
from scipy.stats import chisquare

from sparebits.errors import InputError
from sparebits.faults.draws import draw_bits, draw_by_strata
from sparebits.faults.sites import STRATA, Region, activation_regions, whole_memory
from sparebits.faults.targets import Target, target_from_dict
from sparebits.formats import FORMATS
from sparebits.parameters import named_tensors

FLOAT32 = FORMATS["float32"]
TENSORS = named_tensors(
    {
        "scale": (),
        "conv1.weight": (4, 3),
        "conv1.bias": (4,),
        "layer1.0.conv1.weight": (5,),
        "layer1.0.norm.weight": (3,),
        "layer1.0.norm.running_var": (3,),
        "layer1.1.conv1.weight": (7, 1),
        "layer10.conv1.weight": (2,),
        "empty": (0,),
    },
    {
        "conv1.weight": "Conv2d",
        "conv1.bias": "Conv2d",
        "layer1.0.conv1.weight": "Conv2d",
        "layer1.0.norm.weight": "BatchNorm2d",
        "layer1.0.norm.running_var": "BatchNorm2d",
        "layer1.1.conv1.weight": "DepthwiseConv2d",
        "layer10.conv1.weight": "Conv2d",
    },
)
WORDS_OF = {tensor.name: list(range(tensor.start, tensor.start + tensor.values)) for tensor in TENSORS}


@pytest.mark.parametrize(
    ("entry", "names", "text"),
    [
        ({}, list(WORDS_OF), "all"),
        ("all", list(WORDS_OF), "all"),
        ({"kind": "all"}, list(WORDS_OF), "all"),
        ({"kind": "bias"}, ["conv1.bias"], "kind bias"),
        ({"kind": "other"}, ["scale", "empty"], "kind other"),
        ({"layer": "conv1"}, ["conv1.weight", "conv1.bias"], "layer conv1"),
        ({"layer": "conv1.bias"}, ["conv1.bias"], "layer conv1.bias"),
        ({"layer": "scale"}, ["scale"], "layer scale"),
        (
            {"layer": "layer1"},
            [
                "layer1.0.conv1.weight",
                "layer1.0.norm.weight",
                "layer1.0.norm.running_var",
                "layer1.1.conv1.weight",
            ],
            "layer layer1",
        ),
        ({"layer": "layer1.0.norm"}, ["layer1.0.norm.weight", "layer1.0.norm.running_var"], "layer layer1.0.norm"),
        ({"layer_type": "DepthwiseConv2d"}, ["layer1.1.conv1.weight"], "layer type DepthwiseConv2d"),
        (
            {"kind": "weight", "layer": "layer1", "layer_type": "Conv2d", "bits": [23, 30]},
            ["layer1.0.conv1.weight"],
            "kind weight, layer layer1, layer type Conv2d, bits 23-30",
        ),
        ({"bits": [31, 31]}, list(WORDS_OF), "bit 31"),
    ],
)
def test_a_target_is_the_tensors_and_bits_it_says(entry, names, text):
    target = target_from_dict(entry)
    site = target.resolve(TENSORS, FLOAT32)
    low, high = target.bits or (0, 31)
    expected = [(index, bit) for name in names for index in WORDS_OF[name] for bit in range(low, high + 1)]
    indices, bits = site.locate(np.arange(site.bits_count))
    assert (indices.dtype, bits.dtype) == (np.int64, np.uint8)
    assert list(zip(indices.tolist(), bits.tolist(), strict=True)) == expected
    assert (site.words, site.bits_count) == (len(expected) // (high - low + 1), len(expected))
    assert [index for span in site.spans for index in range(37)[span]] == sorted({index for index, _ in expected})
    assert target.name == site.name == text
    assert int(site.mask_of_bits) == sum(1 << bit for bit in range(low, high + 1))
    assert site.mask_of_bits.dtype == np.uint32


def test_neighbouring_tensors_are_one_span():
    assert Target().resolve(TENSORS, FLOAT32).spans == [slice(0, 37)]
    # Before layer1.1.conv1.weight lies a running_var, behind it the weight of layer10.
    assert Target(kind="weight").resolve(TENSORS, FLOAT32).spans == [slice(1, 13), slice(17, 25), slice(28, 37)]


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_a_mask_is_restricted_to_the_target(dtype):
    fmt = FORMATS[dtype]
    site = Target(layer="conv1", bits=(3, fmt.width - 1)).resolve(TENSORS, fmt)
    mask = np.random.default_rng(1).integers(0, 1 << fmt.width, 37, dtype=fmt.word_dtype)
    restricted = site.restrict(mask)
    expected = np.zeros_like(mask)
    expected[1:17] = mask[1:17] >> fmt.word_dtype.type(3) << fmt.word_dtype.type(3)
    assert np.array_equal(restricted, expected)
    assert restricted.dtype == mask.dtype


def test_activations_are_targets_too():
    regions = activation_regions([("input", "Input", 6), ("layer1.0.conv1", "Conv2d", 10), ("fc", "Linear", 3)])
    assert Target(layer="layer1").resolve(regions, FLOAT32).spans == [slice(6, 16)]
    assert Target(layer="layer1.0.conv1").resolve(regions, FLOAT32).spans == [slice(6, 16)]
    assert Target(layer_type="Linear", kind="activation").resolve(regions, FLOAT32).spans == [slice(16, 19)]
    assert list(Target().resolve(regions, FLOAT32).strata("layer")) == ["input", "layer1.0.conv1", "fc"]
    # Anything with these five attributes is a tensor, in any order.
    bare = [SimpleNamespace(name=r.name, kind=r.kind, layer_type=r.layer_type, start=r.start, values=r.values)
            for r in reversed(regions)]  # fmt: skip
    assert Target(layer="fc").resolve(bare, FLOAT32).spans == [slice(16, 19)]


def test_locating_takes_no_memory_by_the_population():
    huge = [Region("a", "weight", "a", "Linear", 0, 2**33), Region("b", "weight", "b", "Linear", 2**34, 2**33)]
    site = Target().resolve(huge, FORMATS["float64"])
    assert site.bits_count == 2**40
    tracemalloc.start()
    indices, bits = site.locate(np.array([0, 2**39 - 1, 2**39, 2**40 - 1]))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert indices.tolist() == [0, 2**33 - 1, 2**34, 2**34 + 2**33 - 1]
    assert bits.tolist() == [0, 63, 0, 63]
    assert peak < 1e5


@pytest.mark.parametrize("by", STRATA)
def test_strata_divide_a_site(by):
    site = Target(bits=(20, 27)).resolve(TENSORS, FLOAT32)
    strata = site.strata(by)
    places = [place for part in strata.values() for place in zip(*part.locate(np.arange(part.bits_count)), strict=True)]
    assert len(places) == len(set(places)) == site.bits_count
    assert sum(part.bits_count for part in strata.values()) == site.bits_count
    members = {
        "kind": ["other", "weight", "bias", "running_var"],
        "layer": ["scale", "conv1", "layer1.0.conv1", "layer1.0.norm", "layer1.1.conv1", "layer10.conv1"],
        "layer_type": ["unknown", "Conv2d", "BatchNorm2d", "DepthwiseConv2d"],
        "bit": [str(bit) for bit in range(20, 28)],
    }
    assert list(strata) == members[by]


def test_strata_have_names():
    site = Target(kind="weight").resolve(TENSORS, FLOAT32)
    assert site.strata("layer_type")["Conv2d"].name == "kind weight: layer type Conv2d"
    assert Target().resolve(TENSORS, FLOAT32).strata("bit")["3"].name == "bit 3"
    with pytest.raises(InputError, match=r"strata are by kind, layer, layer_type, bit, not by 'word'"):
        site.strata("word")


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        (
            {"kind": "wieght"},
            r"kind wieght: there is no kind wieght; there are weight, bias, .*; did you mean weight\?",
        ),
        ({"kind": "running_mean"}, "there are weight, bias, running_var, other"),
        ({"layer_type": "Linear"}, "no layer type Linear; there are unknown, Conv2d, BatchNorm2d, DepthwiseConv2d"),
        ({"layer": "layer1.0.conv2"}, r"no layer or tensor layer1.0.conv2; did you mean layer1.0.conv1"),
        ({"layer": "layr1"}, r"did you mean .*layer1\b"),
        ({"layer": "zzz"}, "no layer or tensor zzz; there are the layers scale, conv1, layer1.0.conv1"),
        ({"layer": "conv"}, "no layer or tensor conv; did you mean conv1"),
        (
            {"kind": "running_var", "layer": "conv1"},
            r"no tensor is all of this; layer conv1 has conv1.weight \(kind weight, layer type Conv2d\), conv1.bias",
        ),
        ({"kind": "bias", "layer_type": "BatchNorm2d"}, r"kind bias has conv1.bias \(kind bias, layer type Conv2d\)$"),
        ({"bits": [23, 32]}, "target bits 23-32: binary32 has 32-bit words, whose bits are 0 to 31"),
        ({"bits": [30, 23]}, r"\[30, 23\] is reversed"),
        ({"bits": [-1, 3]}, r"such as \[23, 30\], got \[-1, 3\]"),
        ({"bits": 5}, "got 5"),
        ({"bits": [1, 2, 3]}, r"got \[1, 2, 3\]"),
        ({"bits": [0.0, 3]}, r"got \[0.0, 3\]"),
        ({"bits": [True, 3]}, r"got \[True, 3\]"),
        ({"kind": 3}, "kind: expected a name, got 3"),
        ({"layer": ""}, "layer: expected a name, got ''"),
        ({"layer_typ": "Conv2d"}, r"unknown key layer_typ; known keys are kind, .*, bits; did you mean layer_type"),
        ("everything", "target: expected a mapping of keys to values, got 'everything'"),
        (None, "got None"),
    ],
)
def test_a_wrong_target_is_told(entry, message):
    with pytest.raises(InputError, match=message):
        target_from_dict(entry).resolve(TENSORS, FLOAT32)


def test_what_a_site_is_asked_is_checked():
    with pytest.raises(InputError, match="target all: there is no tensor with a value to hit"):
        Target().resolve(TENSORS[-1:], FLOAT32)
    site = Target(kind="bias").resolve(TENSORS, FLOAT32)
    for wrong in ([-1], [0, 128]):
        with pytest.raises(InputError, match="target kind bias: its bits have the numbers 0 to 127, not"):
            site.locate(np.array(wrong))
    for wrong in (np.zeros(36, np.uint32), np.zeros(37, np.uint16), np.zeros((37, 1), np.uint32)):
        with pytest.raises(InputError, match="was resolved for 37 words of uint32, got uint"):
            site.check(wrong)


@pytest.mark.parametrize(
    ("population", "count"),
    [(1, 1), (10, 0), (10, 1), (10, 5), (10, 6), (10, 10), (1000, 500), (1000, 999), (2**40, 5000), (10**6, 499_999)],
)
def test_draws_do_not_repeat(population, count):
    drawn = draw_bits(population, count, np.random.default_rng(1))
    assert drawn.dtype == np.int64
    assert len(np.unique(drawn)) == len(drawn) == count
    assert not count or 0 <= drawn.min() <= drawn.max() < population
    assert np.array_equal(drawn, draw_bits(population, count, np.random.default_rng(1)))


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5])
def test_every_sequence_is_equally_likely(count):
    random = np.random.default_rng(2)
    sequences: dict[tuple, int] = {}
    for _ in range(6000):
        drawn = tuple(draw_bits(5, count, random).tolist())
        sequences[drawn] = sequences.get(drawn, 0) + 1
    assert len(sequences) == [5, 20, 60, 120, 120][count - 1]
    assert chisquare(list(sequences.values())).pvalue > 1e-4


def test_large_draws_are_uniform():
    drawn = draw_bits(2**40, 200_000, np.random.default_rng(3))
    assert chisquare(np.bincount(drawn >> 34, minlength=64)).pvalue > 1e-4
    assert chisquare(np.bincount(drawn & 63, minlength=64)).pvalue > 1e-4
    # Not ordered either: the first half is like the second.
    assert chisquare(np.bincount(drawn[:100_000] >> 34, minlength=64)).pvalue > 1e-4


def test_a_draw_of_fewer_begins_one_of_more():
    longest = draw_bits(10_000, 5_000, np.random.default_rng(4))
    for count in (1, 2, 100, 4_999):
        assert np.array_equal(draw_bits(10_000, count, np.random.default_rng(4)), longest[:count])


@pytest.mark.parametrize("population", [2**22, 2**26, 2**40])
def test_memory_goes_by_the_count(population):
    tracemalloc.start()
    draw_bits(population, 2**20, np.random.default_rng(5))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 100 * 2**20


def test_more_than_there_are_cannot_be_drawn():
    with pytest.raises(InputError, match=r"^11 different bits cannot be drawn from 10$"):
        draw_bits(10, 11, np.random.default_rng(0))
    with pytest.raises(InputError, match="bits to draw: expected a whole number of at least 0, got -1"):
        draw_bits(10, -1, np.random.default_rng(0))
    with pytest.raises(InputError, match=r"population of a draw: .* got 10.0"):
        draw_bits(10.0, 1, np.random.default_rng(0))


def test_single_faults_are_uniform_over_words_and_bits():
    site = Target(kind="weight", bits=(8, 31)).resolve(TENSORS, FLOAT32)
    random = np.random.default_rng(6)
    indices, bits = site.locate(np.concatenate([draw_bits(site.bits_count, 50, random) for _ in range(400)]))
    words = [count for index, count in enumerate(np.bincount(indices, minlength=37)) if _is_weight(index)]
    assert sum(words) == 20_000
    assert chisquare(words).pvalue > 1e-4
    assert chisquare(np.bincount(bits, minlength=32)[8:]).pvalue > 1e-4


def _is_weight(index: int) -> bool:
    return any(index in WORDS_OF[tensor.name] for tensor in TENSORS if tensor.kind == "weight")


@pytest.mark.parametrize("by", STRATA)
def test_each_stratum_gets_as_many_faults(by):
    strata = Target().resolve(TENSORS, FLOAT32).strata(by)
    drawn = draw_by_strata(strata, 50, np.random.default_rng(7))
    sizes = [part.bits_count for part in strata.values()]
    assert drawn.strata == tuple(strata)
    assert drawn.populations.tolist() == sizes
    assert drawn.counts.tolist() == [min(50, size) for size in sizes]
    assert len(set(zip(drawn.indices.tolist(), drawn.bits.tolist(), strict=True))) == len(drawn.stratum)
    for number, part in enumerate(strata.values()):
        inside = np.zeros((37, 32), dtype=bool)
        inside[part.locate(np.arange(part.bits_count))] = True
        mine = drawn.stratum == number
        assert inside[drawn.indices[mine], drawn.bits[mine]].all()


def test_a_stratum_is_drawn_from_uniformly_and_never_exceeded():
    strata = Target(layer="conv1").resolve(TENSORS, FLOAT32).strata("kind")
    random = np.random.default_rng(8)
    draws = [draw_by_strata(strata, 40, random) for _ in range(500)]
    for number, (words, start) in enumerate([(12, 1), (4, 13)]):
        indices = np.concatenate([draw.indices[draw.stratum == number] for draw in draws]) - start
        bits = np.concatenate([draw.bits[draw.stratum == number] for draw in draws])
        assert len(bits) == 20_000
        assert chisquare(np.bincount(indices, minlength=words)).pvalue > 1e-4
        assert chisquare(np.bincount(bits, minlength=32)).pvalue > 1e-4
    everything = draw_by_strata(strata, 10_000, random)
    assert everything.counts.tolist() == [12 * 32, 4 * 32]


def test_a_stratified_draw_needs_strata_and_trials():
    with pytest.raises(InputError, match="needs a stratum"):
        draw_by_strata({}, 5, np.random.default_rng(0))
    with pytest.raises(InputError, match="trials of a stratum: expected a whole number of at least 1, got 0"):
        draw_by_strata(Target().resolve(TENSORS, FLOAT32).strata("bit"), 0, np.random.default_rng(0))


@pytest.mark.parametrize(
    ("entry", "is_whole"),
    [
        ("all", True),
        ({"kind": "all"}, True),
        ({"bits": [0, 31]}, True),
        ({"bits": [1, 31]}, False),
        ({"bits": [0, 30]}, False),
        ({"kind": "weight"}, False),
        ({"layer": "conv1"}, False),
        ({"layer_type": "Conv2d"}, False),
    ],
)
def test_a_site_is_the_whole_memory_if_it_has_every_bit(entry, is_whole):
    site = target_from_dict(entry).resolve(TENSORS, FLOAT32)
    assert site.is_whole_memory == is_whole
    assert site.is_whole_memory == (site.bits_count == 32 * site.memory_words)


def test_strata_of_a_whole_memory_are_parts_of_it():
    site = Target().resolve(TENSORS, FLOAT32)
    for by in STRATA:
        assert not any(part.is_whole_memory for part in site.strata(by).values())
    only = [tensor for tensor in TENSORS if tensor.name == "scale"]
    (part,) = Target().resolve(only, FLOAT32).strata("kind").values()
    assert part.is_whole_memory


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "uint32", "uint64"])
def test_a_memory_without_tensors_is_a_site_of_all_its_bits(dtype):
    words = np.zeros(37, dtype=dtype)
    site, width = whole_memory(words), 8 * words.itemsize
    assert site.is_whole_memory
    assert (site.words, site.width, site.bits_count) == (37, width, 37 * width)
    assert site.word_dtype == words.dtype
    site.check(words)
    indices, bits = site.locate(np.arange(site.bits_count))
    assert len(set(zip(indices.tolist(), bits.tolist(), strict=True))) == 37 * width
    everything = ~words
    assert np.array_equal(site.restrict(everything), everything)


def test_a_memory_may_be_empty():
    site = whole_memory(np.empty(0, dtype=np.uint32))
    assert site.bits_count == 0
    assert site.is_whole_memory
