"""Networks in codes over many words, as campaigns hit and read them."""

import numpy as np
import pytest
from stored_schemes import at_rate, changed, hit, trained

from sparebits.faults.ber import METADATA, PARAMETERS, ber_mask
from sparebits.formats import FORMATS
from sparebits.long_codes.bases import COPIES
from sparebits.long_codes.modes import MODES
from sparebits.long_codes.scheme import fit_long_scheme
from sparebits.parameters import doubles_of, named_tensors, nearest_words
from sparebits.schemes.in_blocks import InBlocks

FMT = FORMATS["float32"]
TENSORS = named_tensors(
    {"conv.weight": (60, 50), "conv.bias": (50,), "norm.running_var": (50,), "fc.weight": (40, 100)}
)
"""7,100 values: ten blocks in block mode, one in nested mode, three in nested-word mode."""
BERS = {"block": 0.12, "nested": 0.1, "nested-word": 0.07}
BLOCKS = {"block": 10, "nested": 1, "nested-word": 3}


def words_of_tensors():
    random = np.random.default_rng(2)
    parts = []
    for tensor in TENSORS:
        values = random.normal(0, 0.2, tensor.values)
        parts.append(np.abs(values) + 0.1 if tensor.kind == "running_var" else values)
    return nearest_words(np.concatenate(parts), FMT)


def in_blocks(mode):
    words = words_of_tensors()
    return InBlocks(mode, fit_long_scheme(mode, TENSORS, words, FMT), words, TENSORS)


@pytest.fixture(params=MODES)
def stored(request):
    return in_blocks(request.param)


def spoilt(stored, block):
    """The memory with half of the bits of a block flipped."""
    memory = {plane: words.copy() for plane, words in stored.memory.items()}
    own = np.flatnonzero(stored.code_word_of == block)
    memory[PARAMETERS][own] ^= ber_mask(7, PARAMETERS, len(own), 32, 0.5)
    return memory


def test_without_faults_the_layouts_values_are_read(stored):
    words = words_of_tensors()
    expected = np.empty_like(words)
    for tensor in TENSORS:
        layout = stored.scheme.layouts[tensor.name]
        expected[tensor.span] = layout.restore(layout.quantise(words[tensor.span]))
    reading = stored.read(stored.memory)
    np.testing.assert_array_equal(stored.clean, expected)
    np.testing.assert_array_equal(reading.words, expected)
    assert (reading.corrected_bits, reading.corrected_words, len(reading.detected)) == (0, 0, 0)
    assert stored.count_miscorrected(reading) == 0


@pytest.mark.parametrize("mode", MODES)
def test_a_small_network_is_read_as_the_layouts_keep_it(mode, small_network):
    parameters = trained(small_network())
    scheme = fit_long_scheme(mode, parameters.tensors, parameters.golden, parameters.fmt)
    stored = InBlocks(mode, scheme, parameters.golden, parameters.tensors)
    np.testing.assert_array_equal(
        stored.clean,
        scheme.restore(scheme.quantise(parameters.golden, parameters.tensors), np.array([], int), parameters.tensors),
    )
    memory, _ = at_rate(stored, 0.03)
    assert not len(changed(stored.read(memory), stored))


def test_memory_is_that_of_the_network_and_24_bytes_a_tensor(stored):
    assert stored.memory[PARAMETERS].nbytes == 4 * len(words_of_tensors())
    assert stored.extra_bytes == 24 * len(TENSORS)
    assert stored.stored_bits == 8 * (4 * len(words_of_tensors()) + 24 * len(TENSORS))


def test_names_for_tables_say_what_is_stored(stored):
    assert stored.name in BLOCKS
    assert stored.layout == {"block": "1-4-6 or 0-4-7"}.get(stored.name, "1-4-5 or 0-4-6")
    assert stored.code == stored.scheme.storage(len(stored.clean)).code
    assert (stored.decoder, stored.policy) == ("over many words", "median")
    assert stored.coded_words == []
    assert stored.forgeries(0) == []


def test_code_words_are_the_blocks(stored):
    numbers = stored.code_word_of
    partition = stored.scheme.storage(len(stored.clean)).partition
    assert numbers.shape == stored.clean.shape
    assert int(numbers[-1]) + 1 == partition.blocks == BLOCKS[stored.name]
    for block in range(partition.blocks):
        assert np.flatnonzero(numbers == block).tolist() == list(range(*partition.starts[block : block + 2]))


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_hits_within_reach_read_as_clean(stored, seed):
    memory, _ = at_rate(stored, BERS[stored.name], seed)
    before = {plane: words.copy() for plane, words in memory.items()}
    reading = stored.read(memory)
    np.testing.assert_array_equal(reading.words, stored.clean)
    flips = int(np.bitwise_count(memory[PARAMETERS] ^ stored.memory[PARAMETERS]).sum())
    assert (reading.corrected_bits, reading.corrected_words) == (flips, BLOCKS[stored.name])
    assert len(reading.detected) == 0
    assert stored.count_miscorrected(reading) == 0
    # Reading does not write.
    assert all(np.array_equal(memory[plane], words) for plane, words in before.items())


def test_bases_that_are_hit_are_read_all_the_same(stored):
    for tensor in range(len(TENSORS)):
        # Four flips in each of five copies, and all bits of the sixth.
        flips = [(METADATA, copy * len(TENSORS) + tensor, bit) for copy in range(5) for bit in (1, 9, 20, 31)]
        flips += [(METADATA, 5 * len(TENSORS) + tensor, bit) for bit in range(32)]
        reading = stored.read(hit(stored, flips))
        np.testing.assert_array_equal(reading.words, stored.clean)
    assert COPIES == 6


def test_a_base_that_is_lost_makes_its_tensor_wrong(stored):
    memory = {plane: words.copy() for plane, words in stored.memory.items()}
    memory[METADATA][:] = 0
    wrong = changed(stored.read(memory), stored)
    assert len(wrong) > 0.9 * len(stored.clean)
    assert stored.count_miscorrected(stored.read(memory)) == BLOCKS[stored.name]


def test_a_block_beyond_repair_is_detected_and_the_others_are_right(stored):
    last = BLOCKS[stored.name] - 1
    reading = stored.read(spoilt(stored, last))
    assert reading.detected.tolist() == [last]
    assert (stored.code_word_of[changed(reading, stored)] == last).all()
    assert stored.count_miscorrected(reading) == 0
    # Every value is finite.
    assert np.isfinite(doubles_of(reading.words, FMT)).all()


def test_values_of_a_failed_block_become_the_median_of_their_tensors_others():
    stored = in_blocks("block")
    reading = stored.read(spoilt(stored, 4))
    is_lost = stored.code_word_of == 4
    for tensor in TENSORS:
        lost = is_lost[tensor.span]
        others = np.sort(doubles_of(stored.clean[tensor.span][~lost], FMT))
        found = doubles_of(reading.words[tensor.span], FMT)
        assert (found[lost] == (others[(len(others) - 1) // 2] if len(others) else 0)).all()
        np.testing.assert_array_equal(found[~lost], doubles_of(stored.clean[tensor.span][~lost], FMT))
    # Two small tensors lie in this block altogether.
    assert [is_lost[tensor.span].mean() == 1 for tensor in TENSORS] == [False, True, True, False]
    assert all(is_lost[tensor.span].any() for tensor in TENSORS)


def test_of_a_failed_nested_block_only_erased_units_are_lost():
    stored = in_blocks("nested")
    memory, _ = at_rate(stored, 0.15)
    reading = stored.read(memory)
    assert reading.detected.tolist() == [0]
    # A third of the inner words is erased and 8 % are wrong; three of ten values need two of them.
    assert 0.3 < len(changed(reading, stored)) / len(stored.clean) < 0.7
