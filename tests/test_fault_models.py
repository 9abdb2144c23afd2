"""Fault models: what they flip, how often, and nothing else; each is undone by applying it again."""

from itertools import pairwise

import numba
import numpy as np
import pytest
from scipy.stats import binomtest, chisquare

from sparebits.blocks import BLOCK
from sparebits.errors import InputError
from sparebits.faults.ber import CHECK_WORDS, PARAMETERS, STUCK_VALUES, ber_mask, count_flips, map_hash
from sparebits.faults.flips import Flips
from sparebits.faults.models import MODELS, model_from_dict
from sparebits.faults.rates import hits_every_memory
from sparebits.faults.sites import activation_regions
from sparebits.faults.targets import Target
from sparebits.formats import FORMATS
from sparebits.parameters import named_tensors

TENSORS = named_tensors(
    {"conv1.weight": (3, 2), "conv1.bias": (2,), "conv2.weight": (5,), "norm.running_var": (1,), "fc.weight": (4, 3)},
    {"conv1.weight": "Conv2d", "conv1.bias": "Conv2d", "conv2.weight": "Conv2d", "fc.weight": "Linear"},
)
MEMORY = 26
SPARSE = [
    {"model": "single_bit"},
    {"model": "multiple_bits", "count": 9},
    {"model": "burst", "length": 40},
    {"model": "stuck_at", "count": 30, "value": 0},
    {"model": "stuck_at", "count": 30, "value": 1},
    {"model": "row_cluster", "cells": 50, "row_words": 4},
    {"model": "column_cluster", "cells": 5, "row_words": 4},
    {"model": "wiped_words", "words": 3},
    {"model": "wiped_words", "words": 3, "value": 1},
]
DENSE = [
    {"model": "ber", "ber": 0.1},
    {"model": "asymmetric", "p10": 0.2, "p01": 0.05},
    {"model": "accumulating_stuck_at", "rate": 0.02, "intervals": 12},
]


def label(entry: dict) -> str:
    return model_from_dict(entry).label


def site_of(target: Target, dtype: str = "float32", tensors=TENSORS):
    return target.resolve(tensors, FORMATS[dtype])


def memory(words: int, dtype: str = "float32"):
    """A site of that many words, all of which may be hit, and random content."""
    site = Target().resolve(activation_regions([("all", "Linear", words)]), FORMATS[dtype])
    return site, np.random.default_rng(words).integers(0, 1 << site.width, words, dtype=site.word_dtype)


def bits_of(words: np.ndarray) -> np.ndarray:
    """All bits in the order of their addresses, booleans (words * width,)."""
    return np.unpackbits(words.astype(words.dtype.newbyteorder("<")).view(np.uint8), bitorder="little").astype(bool)


def flipped(model, stored: np.ndarray, site, seed) -> np.ndarray:
    """Addresses of the bits that a model flips."""
    faults = model.mask(stored, site, seed)
    mask = faults.dense() if isinstance(faults, Flips) else faults
    assert mask.dtype == stored.dtype
    return np.flatnonzero(bits_of(mask))


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("entry", SPARSE, ids=label)
def test_sparse_flips_are_undone_by_applying_them_again(entry, dtype):
    site, stored = memory(200, dtype)
    model = model_from_dict(entry)
    for seed in range(5):
        before, words = stored.copy(), stored.copy()
        flips = model.mask(stored, site, seed)
        assert np.array_equal(stored, before)
        flips.apply(words)
        assert np.array_equal(words ^ stored, flips.dense())
        assert count_flips(words ^ stored) == flips.count > 0
        flips.apply(words)
        assert np.array_equal(words, stored)
        assert flips.indices.dtype == np.int64
        assert flips.masks.dtype == stored.dtype
        assert (np.diff(flips.indices) > 0).all()
        assert (flips.masks != 0).all()


@pytest.mark.parametrize("entry", [*SPARSE, *DENSE], ids=label)
def test_the_seed_says_everything(entry):
    site, stored = memory(500)
    model = model_from_dict(entry)
    hashes = []
    for seed in (0, 1, 2**64 - 1, 0, 1, 2**64 - 1):
        faults = model.mask(stored, site, seed)
        hashes.append(faults.hash if isinstance(faults, Flips) else map_hash(faults))
    assert hashes[:3] == hashes[3:]
    assert len(set(hashes)) == 3


@pytest.mark.parametrize("entry", [*SPARSE, *DENSE], ids=label)
def test_planes_have_faults_of_their_own(entry):
    site, stored = memory(500)
    model = model_from_dict(entry)
    faults = [model.mask(stored, site, 1, plane) for plane in (PARAMETERS, CHECK_WORDS)]
    masks = [fault.dense() if isinstance(fault, Flips) else fault for fault in faults]
    assert not np.array_equal(*masks)


@pytest.mark.parametrize("entry", SPARSE, ids=label)
def test_a_generator_goes_on(entry):
    site, stored = memory(500)
    model = model_from_dict(entry)
    random, again = np.random.default_rng(1), np.random.default_rng(1)
    hashes = [model.mask(stored, site, random).hash for _ in range(4)]
    assert len(set(hashes)) == 4
    assert [model.mask(stored, site, again).hash for _ in range(4)] == hashes


TARGETS = [
    Target(),
    Target(kind="weight"),
    Target(layer="conv1"),
    Target(layer_type="Linear"),
    Target(kind="weight", bits=(20, 30)),
    Target(bits=(31, 31)),
]


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
@pytest.mark.parametrize("entry", [*SPARSE, *DENSE], ids=label)
def test_only_the_target_is_hit(entry, target):
    entry = {**entry, **({"row_words": 2, "cells": 3} if "row_words" in entry else {})}
    if "count" in entry:
        entry["count"] = 5
    site, model = site_of(target), model_from_dict(entry)
    stored = np.random.default_rng(0).integers(0, 1 << 32, MEMORY, dtype=np.uint32)
    if target.bits and entry["model"] in ("burst", "row_cluster", "wiped_words"):
        with pytest.raises(InputError, match=f"fault model {model.name}: it hits neighbouring bits and needs a target"):
            model.check(site)
        return
    model.check(site)
    inside = np.zeros((MEMORY, 32), dtype=bool)
    inside[site.locate(np.arange(site.bits_count))] = True
    hit = np.concatenate([flipped(model, stored, site, seed) for seed in range(40)])
    assert len(hit)
    assert inside.reshape(-1)[hit].all()


@pytest.mark.parametrize("count", [1, 2, 30, 400, 416])
def test_exactly_as_many_bits_flip(count):
    site, stored = memory(26, "float16")
    model = model_from_dict({"model": "multiple_bits", "count": count})
    for seed in range(20):
        flips = model.mask(stored, site, seed)
        indices, bits = flips.bits()
        assert flips.count == len(indices) == len(set(zip(indices.tolist(), bits.tolist(), strict=True))) == count
        assert np.array_equal(indices * 16 + bits, flipped(model, stored, site, seed))


def test_bits_are_hit_uniformly():
    site = site_of(Target(kind="weight", bits=(10, 29)))
    stored = np.zeros(MEMORY, dtype=np.uint32)
    for entry in ({"model": "single_bit"}, {"model": "multiple_bits", "count": 40}):
        model = model_from_dict(entry)
        hits = np.concatenate([flipped(model, stored, site, seed) for seed in range(4_000 if len(entry) == 1 else 100)])
        assert len(hits) == 4_000
        words = np.bincount(hits // 32, minlength=MEMORY)
        assert np.flatnonzero(words == 0).tolist() == [6, 7, 13]
        assert chisquare(words[words > 0]).pvalue > 1e-4
        assert chisquare(np.bincount(hits % 32, minlength=32)[10:30]).pvalue > 1e-4


def test_a_higher_count_has_the_bits_of_a_lower_one():
    site, stored = memory(100)
    maps = [model_from_dict({"model": "multiple_bits", "count": n}).mask(stored, site, 3).dense() for n in (1, 20, 900)]
    for lower, higher in pairwise(maps):
        assert not (lower & ~higher).any()


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_a_burst_is_a_stretch_of_the_bit_array(dtype):
    site, stored = memory(7, dtype)
    size = 7 * site.width
    model = model_from_dict({"model": "burst", "length": site.width + 3})
    starts = []
    for seed in range(2_000):
        hit = flipped(model, stored, site, seed)
        assert np.array_equal(hit, np.arange(hit[0], hit[0] + site.width + 3))
        starts.append(hit[0])
    counts = np.bincount(starts, minlength=size)
    assert (counts[size - site.width - 2 :] == 0).all()
    assert chisquare(counts[: size - site.width - 2]).pvalue > 1e-4
    everything = model_from_dict({"model": "burst", "length": size}).mask(stored, site, 0)
    assert (everything.masks == np.iinfo(stored.dtype).max).all()


def test_bursts_cross_neighbouring_tensors_but_not_gaps():
    site = site_of(Target(kind="weight"), "float16")  # words 0-5, 8-12, 14-25
    stored = np.zeros(MEMORY, dtype=np.uint16)
    model = model_from_dict({"model": "burst", "length": 90})
    starts = [flipped(model, stored, site, seed)[0] for seed in range(3_000)]
    # 90 bits fit 7 times into 96 and 103 times into 192, never into 80.
    possible = [*range(7), *range(14 * 16, 14 * 16 + 103)]
    assert chisquare(np.bincount(starts, minlength=416)[possible]).pvalue > 1e-4
    assert set(starts) <= set(possible)
    both = site_of(Target(layer="conv1"), "float16")
    assert len(flipped(model_from_dict({"model": "burst", "length": 128}), stored, both, 0)) == 128


@pytest.mark.parametrize("value", [0, 1])
def test_stuck_cells_flip_only_where_they_differ(value):
    site, stored = memory(300)
    cells = flipped(model_from_dict({"model": "multiple_bits", "count": 700}), stored, site, 5)
    model = model_from_dict({"model": "stuck_at", "count": 700, "value": value})
    hit = flipped(model, stored, site, 5)
    assert np.array_equal(hit, cells[bits_of(stored)[cells] != value])
    assert 0 < len(hit) < 700
    words = stored.copy()
    flips = model.mask(stored, site, 5)
    flips.apply(words)
    assert (bits_of(words)[cells] == value).all()
    # Stuck cells that hold their value already are masked: nothing is left to flip.
    assert model.mask(words, site, 5).count == 0
    assert flips.count == len(hit)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_the_rate_model_is_the_map_of_the_rate(dtype):
    site, stored = memory(3_000, dtype)
    expected = ber_mask(9, CHECK_WORDS, 3_000, site.width, 0.05)
    assert np.array_equal(model_from_dict({"model": "ber", "ber": 0.05}).mask(stored, site, 9, CHECK_WORDS), expected)


@pytest.mark.parametrize("entry", DENSE, ids=label)
def test_maps_nest_in_the_target(entry):
    stored = np.random.default_rng(0).integers(0, 1 << 32, MEMORY, dtype=np.uint32)
    model = model_from_dict({**entry, **{key: 0.4 for key in entry if key in ("ber", "p10", "p01", "rate")}})
    whole = model.mask(stored, site_of(Target()), 2)
    for target in TARGETS:
        site = site_of(target)
        part = model.mask(stored, site, 2)
        assert part.any()
        assert np.array_equal(part, site.restrict(whole))


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize(("p10", "p01"), [(0.3, 0.01), (0.01, 0.3), (0.2, 0.0), (0.0, 0.2), (1, 0.1), (0.1, 1), (1, 0)])
def test_each_direction_has_its_own_rate(p10, p01, dtype):
    site, stored = memory(20_000, dtype)
    mask = model_from_dict({"model": "asymmetric", "p10": p10, "p01": p01}).mask(stored, site, 4)
    ones, zeros = (ber_mask(4, PARAMETERS, len(stored), site.width, p) for p in (p10, p01))
    assert np.array_equal(mask & stored, ones & stored)
    assert np.array_equal(mask & ~stored, zeros & ~stored)
    population = count_flips(stored)
    assert binomtest(count_flips(mask & stored), population, p10).pvalue > 1e-4
    assert binomtest(count_flips(mask & ~stored), len(stored) * site.width - population, p01).pvalue > 1e-4


@pytest.mark.parametrize("rate", [0, 1e-4, 0.1, 1 - 2**-53, 1])
def test_equal_rates_are_the_bit_error_rate(rate):
    site, stored = memory(10_000)
    asymmetric = model_from_dict({"model": "asymmetric", "p10": rate, "p01": rate}).mask(stored, site, 6)
    assert np.array_equal(asymmetric, model_from_dict({"model": "ber", "ber": rate}).mask(stored, site, 6))


def test_maps_nest_in_both_rates():
    site, stored = memory(10_000)
    rates = [(0, 0), (0.001, 0), (0.01, 0.002), (0.01, 0.3), (0.5, 0.3), (1, 0.3), (1, 1)]
    masks = [model_from_dict({"model": "asymmetric", "p10": a, "p01": b}).mask(stored, site, 7) for a, b in rates]
    for lower, higher in pairwise(masks):
        assert not (lower & ~higher).any()
        assert count_flips(lower) < count_flips(higher)


def test_stuck_cells_accumulate():
    site, stored = memory(20_000)
    size = 20_000 * 32
    masks = []
    for intervals in (0, 1, 2, 10, 100, 10**6):
        model = model_from_dict({"model": "accumulating_stuck_at", "rate": 0.01, "intervals": intervals})
        assert model.share == pytest.approx(1 - 0.99**intervals, rel=1e-12)
        masks.append(model.mask(stored, site, 8))
        assert binomtest(count_flips(masks[-1]), size, model.share / 2).pvalue > 1e-4
        # Another content sees the other half of the stuck cells.
        other = model.mask(~stored, site, 8)
        assert not (masks[-1] & other).any()
        assert np.array_equal(masks[-1] | other, ber_mask(8, PARAMETERS, 20_000, 32, model.share))
    for earlier, later in pairwise(masks):
        assert not (earlier & ~later).any()
        assert count_flips(earlier) < count_flips(later)


def test_cells_are_stuck_at_fair_values_for_good():
    words = BLOCK + 1_000
    site, stored = memory(words, "float64")
    model = model_from_dict({"model": "accumulating_stuck_at", "rate": 1, "intervals": 1})
    for plane in (PARAMETERS, CHECK_WORDS):
        values = stored ^ model.mask(stored, site, 9, plane)
        # Whatever is stored, it reads as the same values: a word's first number of the plane of stuck values.
        assert np.array_equal(~stored ^ model.mask(~stored, site, 9, plane), values)
        is_lower = ber_mask(9, STUCK_VALUES + plane, words, 8, 0.5) & 1 == 1
        assert np.array_equal(is_lower, values < 1 << 63)
    counts = bits_of(values).reshape(-1, 64).sum(axis=0)
    assert all(binomtest(int(count), words, 0.5).pvalue > 1e-5 for count in counts)
    # A cell is stuck at a value that says nothing about when it becomes stuck.
    early = ber_mask(9, CHECK_WORDS, words, 64, 0.1)
    assert binomtest(count_flips(early & values), count_flips(early), 0.5).pvalue > 1e-4
    assert model_from_dict({"model": "accumulating_stuck_at", "rate": 1, "intervals": 0}).share == 0


def test_row_clusters_stay_in_a_row():
    site = site_of(Target(), "float16")
    stored = np.zeros(MEMORY, dtype=np.uint16)
    model = model_from_dict({"model": "row_cluster", "cells": 30, "row_words": 4})
    starts = []
    for seed in range(1_500):
        array = np.zeros(28 * 16, dtype=bool)
        array[flipped(model, stored, site, seed)] = True
        rows, columns = np.nonzero(array.reshape(7, 64))
        assert len(set(rows.tolist())) == 1
        assert np.array_equal(columns, np.arange(columns[0], columns[0] + 30))
        starts.append(rows[0] * 64 + columns[0])
    # Six whole rows of 64 bits, and one of 32.
    possible = [*(64 * row + column for row in range(6) for column in range(35)), 384, 385, 386]
    assert set(starts) <= set(possible)
    assert chisquare(np.bincount(starts, minlength=416)[possible]).pvalue > 1e-4


def test_row_clusters_start_wherever_they_lie_in_the_target():
    site = site_of(Target(kind="weight"), "float16")  # words 0-5, 8-12, 14-25
    stored = np.zeros(MEMORY, dtype=np.uint16)
    inside = np.repeat(np.isin(np.arange(30), [*range(6), *range(8, 13), *range(14, 26)]), 16)
    for row_words, cells in ((1, 7), (5, 20), (5, 70), (7, 33), (26, 150), (50, 150)):
        model = model_from_dict({"model": "row_cluster", "cells": cells, "row_words": row_words})
        row = row_words * 16
        possible = [s for s in range(416) if inside[s : s + cells].all() and s // row == (s + cells - 1) // row]
        starts = [flipped(model, stored, site, seed)[0] for seed in range(1_000)]
        assert set(starts) <= set(possible)
        assert chisquare(np.bincount(starts, minlength=416)[possible]).pvalue > 1e-4


def test_column_clusters_stay_in_a_column():
    site = site_of(Target(), "float16")
    stored = np.zeros(MEMORY, dtype=np.uint16)
    model = model_from_dict({"model": "column_cluster", "cells": 5, "row_words": 4})
    starts = []
    for seed in range(1_500):
        array = np.zeros(28 * 16, dtype=bool)
        array[flipped(model, stored, site, seed)] = True
        rows, columns = np.nonzero(array.reshape(7, 64))
        assert len(set(columns.tolist())) == 1
        assert np.array_equal(rows, np.arange(rows[0], rows[0] + 5))
        starts.append(rows[0] * 64 + columns[0])
    # The fifth row from the start still has the word: starts are the words 0 to 9.
    assert chisquare(np.bincount(starts, minlength=160)).pvalue > 1e-4
    assert max(starts) < 160


def test_column_clusters_start_wherever_they_lie_in_the_target():
    target = Target(kind="weight", bits=(4, 9))
    site = site_of(target, "float16")  # words 0-5, 8-12, 14-25
    stored = np.zeros(MEMORY, dtype=np.uint16)
    words = {*range(6), *range(8, 13), *range(14, 26)}
    for cells, row_words in ((1, 1), (2, 8), (3, 6), (5, 2), (3, 7), (6, 1), (11, 1), (7, 2)):
        model = model_from_dict({"model": "column_cluster", "cells": cells, "row_words": row_words})
        possible = [s for s in range(MEMORY) if {s + row * row_words for row in range(cells)} <= words]
        hits = [flipped(model, stored, site, seed) for seed in range(400)]
        assert all(np.array_equal(np.diff(hit), np.full(cells - 1, 16 * row_words)) for hit in hits)
        starts = np.array([hit[0] for hit in hits])
        assert set(starts // 16) <= set(possible)
        assert chisquare(np.bincount(starts // 16, minlength=MEMORY)[possible]).pvalue > 1e-4
        assert chisquare(np.bincount(starts % 16, minlength=16)[4:10]).pvalue > 1e-4
        assert set(starts % 16) == set(range(4, 10))


@pytest.mark.parametrize("value", [0, 1])
def test_wiped_words_are_all_zeros_or_ones(value):
    site, stored = memory(50)
    # What is wiped already has nothing to flip.
    stored[7], stored[8] = 0, 2**32 - 1
    model = model_from_dict({"model": "wiped_words", "words": 3, "value": value})
    outcomes = []
    for start in range(48):
        outcomes.append(stored.copy())
        outcomes[-1][start : start + 3] = 2**32 - 1 if value else 0
    met = set()
    for seed in range(500):
        words = stored.copy()
        flips = model.mask(stored, site, seed)
        flips.apply(words)
        met |= {start for start in range(48) if np.array_equal(words, outcomes[start])}
        assert any(np.array_equal(words, outcome) for outcome in outcomes)
        assert flips.count == count_flips(words ^ stored)
    assert met == set(range(48))


def test_the_start_of_wiped_words_is_uniform():
    site = site_of(Target(kind="weight"))  # words 0-5, 8-12, 14-25
    stored = np.full(MEMORY, 5, dtype=np.uint32)
    model = model_from_dict({"model": "wiped_words", "words": 4})
    starts = [model.mask(stored, site, seed).indices[0] for seed in range(3_000)]
    possible = [0, 1, 2, 8, 9, *range(14, 23)]
    assert set(starts) == set(possible)
    assert chisquare(np.bincount(starts)[possible]).pvalue > 1e-4


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("entry", DENSE, ids=label)
def test_the_number_of_threads_changes_nothing(entry, threads, monkeypatch):
    site, stored = memory(2 * BLOCK + 5, "float16")
    model = model_from_dict(entry)
    several = model.mask(stored, site, 3)
    monkeypatch.setattr(numba.config, "NUMBA_NUM_THREADS", threads)
    assert np.array_equal(model.mask(stored, site, 3), several)


@pytest.mark.parametrize("dtype", ["uint16", "uint32", "uint64"])
@pytest.mark.parametrize("words", [1, 1_000, 2**16, 2**17 + 1])
def test_sparse_and_dense_flips_have_one_hash(words, dtype):
    random = np.random.default_rng(words)
    indices = np.append(random.integers(words, size=20), words - 1)
    bits = random.integers(8 * np.dtype(dtype).itemsize, size=21)
    mask = np.zeros(words, dtype=dtype)
    np.bitwise_or.at(mask, indices, mask.dtype.type(1) << bits.astype(dtype))
    flips = Flips.at(indices, bits, words, mask.dtype)
    assert np.array_equal(flips.dense(), mask)
    assert flips.hash == map_hash(mask) == Flips.of(mask).hash
    other = Flips.at(indices[1:], bits[1:], words, mask.dtype)
    assert (other.hash == flips.hash) == np.array_equal(other.dense(), mask)


def test_no_flips():
    none = Flips.of(np.zeros(70_000, dtype=np.uint16))
    words = np.arange(70_000, dtype=np.uint16)
    none.apply(words)
    assert np.array_equal(words, np.arange(70_000, dtype=np.uint16))
    assert none.count == len(none.bits()[0]) == 0
    assert none.hash == map_hash(np.zeros(70_000, dtype=np.uint16))


def test_flips_are_of_their_memory():
    flips = Flips.at(np.array([3]), np.array([1]), 10, np.dtype(np.uint32))
    for wrong in (np.zeros(9, np.uint32), np.zeros(10, np.uint16), np.zeros((10, 1), np.uint32)):
        with pytest.raises(InputError, match="flips of 10 words of uint32 were to be applied to uint"):
            flips.apply(wrong)


@pytest.mark.parametrize("entry", [*SPARSE, *DENSE], ids=label)
def test_a_model_says_its_entry(entry):
    model = model_from_dict(entry)
    assert model.name == entry["model"]
    assert model_from_dict(model.as_dict()) == model
    assert entry.items() <= model.as_dict().items()
    assert set(MODELS) == {other["model"] for other in [*SPARSE, *DENSE]}


def test_labels():
    assert model_from_dict("single_bit").label == "single_bit"
    assert (
        model_from_dict({"model": "row_cluster", "cells": 3, "row_words": 8}).label
        == "row_cluster, cells 3, row words 8"
    )


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"model": "brust", "length": 8}, r"no fault model brust; there are single_bit, .*; did you mean burst"),
        ({"length": 8}, r"has the key model, one of single_bit, .*; got \{'length': 8\}"),
        (None, "has the key model"),
        ({"model": ["burst"]}, r"no fault model \['burst'\]"),
        ({"model": "burst"}, "fault model burst: the key length is missing"),
        ({"model": "burst", "lenght": 8}, "burst: unknown key lenght; known keys are length; did you mean length"),
        ({"model": "single_bit", "count": 2}, "single_bit: unknown key count; it has no keys of its own"),
        ({"model": "row_cluster"}, "the key cells, row_words is missing"),
        ({"model": "burst", "length": 0}, "burst: length: expected a whole number of at least 1, got 0"),
        ({"model": "burst", "length": 2.0}, "burst: length: .* got 2.0"),
        ({"model": "multiple_bits", "count": True}, "multiple_bits: count: .* got True"),
        ({"model": "row_cluster", "cells": 3, "row_words": -1}, "row_cluster: row_words: .* got -1"),
        ({"model": "column_cluster", "cells": "3", "row_words": 1}, "column_cluster: cells: .* got '3'"),
        ({"model": "wiped_words", "words": 0}, "wiped_words: words: .* got 0"),
        ({"model": "wiped_words", "words": 1, "value": 2}, "wiped_words: value: expected 0 or 1, got 2"),
        ({"model": "stuck_at", "count": 1, "value": True}, "stuck_at: value: expected 0 or 1, got True"),
        ({"model": "ber", "ber": 1.5}, r"ber: ber: expected a probability in 0..1, got 1.5"),
        ({"model": "ber", "ber": "1e-3"}, "got '1e-3'"),
        ({"model": "asymmetric", "p10": -0.1, "p01": 0}, "asymmetric: p10: .* got -0.1"),
        ({"model": "asymmetric", "p10": 0, "p01": float("nan")}, "asymmetric: p01: .* got nan"),
        ({"model": "accumulating_stuck_at", "rate": 2, "intervals": 1}, "rate: .* got 2"),
        ({"model": "accumulating_stuck_at", "rate": 0.5, "intervals": -1}, "intervals: .* at least 0, got -1"),
    ],
)
def test_a_wrong_entry_is_told(entry, message):
    with pytest.raises(InputError, match=message):
        model_from_dict(entry)


@pytest.mark.parametrize(
    ("entry", "target", "message"),
    [
        (
            {"model": "multiple_bits", "count": 65},
            Target(layer="conv1.bias"),
            "multiple_bits: 65 different bits are more than the 64 of target layer conv1.bias",
        ),
        ({"model": "stuck_at", "count": 27, "value": 0}, Target(bits=(31, 31)), "27 .* the 26 of target bit 31"),
        (
            {"model": "burst", "length": 833},
            Target(),
            "burst: 833 adjacent bits do not fit into target all, which has at most 832 in a stretch",
        ),
        ({"model": "burst", "length": 385}, Target(kind="weight"), "385 .* target kind weight, .* at most 384 in"),
        (
            {"model": "burst", "length": 2},
            Target(bits=(0, 30)),
            "burst: it hits neighbouring bits and needs a target without a range of bits, not bits 0-30",
        ),
        (
            {"model": "row_cluster", "cells": 129, "row_words": 4},
            Target(),
            "row_cluster: 129 adjacent bits of a row do not fit into target all, which has at most 128 in a stretch",
        ),
        (
            {"model": "column_cluster", "cells": 8, "row_words": 4},
            Target(),
            "column_cluster: no 8 successive rows of 4 words have a word of target all in the same column; "
            "it has 26 of the 26 words",
        ),
        ({"model": "column_cluster", "cells": 2, "row_words": 20}, Target(kind="bias"), "it has 2 of the 26 words"),
        ({"model": "column_cluster", "cells": 3, "row_words": 10**30}, Target(), "no 3 successive rows of 10000"),
        ({"model": "row_cluster", "cells": 833, "row_words": 10**30}, Target(), "833 adjacent .* at most 832 in"),
        (
            {"model": "wiped_words", "words": 27},
            Target(),
            "wiped_words: 27 neighbouring words do not fit .* at most 26",
        ),
    ],
)
def test_faults_that_do_not_fit_are_told(entry, target, message):
    model, site = model_from_dict(entry), site_of(target)
    with pytest.raises(InputError, match=message):
        model.check(site)
    with pytest.raises(InputError, match=message):
        model.mask(np.zeros(MEMORY, dtype=np.uint32), site, 0)


@pytest.mark.parametrize("entry", [*SPARSE, *DENSE], ids=label)
def test_wrong_words_and_seeds_are_told(entry):
    model, (site, stored) = model_from_dict(entry), memory(500)
    with pytest.raises(InputError, match="resolved for 500 words of uint32, got uint16"):
        model.mask(stored.astype(np.uint16), site, 0)
    for seed in (-1, 2**64, 0.5, None, True):
        with pytest.raises(InputError, match=r"the seed of a trial is a whole number in 0..2\^64 - 1, got"):
            model.mask(stored, site, seed)


@pytest.mark.parametrize("entry", DENSE, ids=label)
def test_models_that_hit_every_memory_do_not_depend_on_its_size(entry):
    """Every bit has a probability of its own, so a memory's faults are those of the first words of a larger one."""
    model = model_from_dict(entry)
    assert hits_every_memory(model)
    large, stored = memory(3_000)
    small, _ = memory(300)
    assert np.array_equal(model.mask(stored[:300], small, 5), model.mask(stored, large, 5)[:300])


@pytest.mark.parametrize("entry", SPARSE, ids=label)
def test_models_of_a_number_of_faults_are_of_one_memory(entry):
    assert not hits_every_memory(model_from_dict(entry))


def test_every_model_is_of_one_kind_or_the_other():
    assert {entry["model"] for entry in (*DENSE, *SPARSE)} == set(MODELS)
