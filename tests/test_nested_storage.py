"""Words stored in an inner and an outer code: round trips, what is corrected, reported, and read on its own."""

import numba
import numpy as np
import pytest

from sparebits.errors import InputError
from sparebits.faults.ber import PARAMETERS, ber_mask, count_flips
from sparebits.long_codes.inner import inner_code
from sparebits.long_codes.nested import NestedStorage, NestedWordStorage

KINDS = {
    "nested 32": (NestedStorage, 32, 10),
    "nested 16": (NestedStorage, 16, 6),
    "nested 64": (NestedStorage, 64, 20),
    "nested-word 32": (NestedWordStorage, 32, 10),
}
BERS = {"nested 32": 0.1, "nested 16": 0.07, "nested 64": 0.1, "nested-word 32": 0.08}
"""At which whole blocks are restored, but for less than one of 10^9."""
LENGTHS = (0, 1, 2, 3, 5, 17, 8190, 8191)
CONTENTS = (0, 0xFFFFFFFF)


@pytest.fixture(params=KINDS)
def kind(request):
    return request.param


def storage_of(kind, words):
    of_kind, width, data_bits = KINDS[kind]
    return of_kind(words, width, data_bits)


def random_data(storage, seed=0):
    return np.random.default_rng(seed).integers(0, 1 << storage.data_bits, storage.words).astype(storage.dtype)


def hit(stored, ber, seed=1):
    return stored ^ ber_mask(seed, PARAMETERS, len(stored), 8 * stored.dtype.itemsize, ber)


def units_in(stored):
    """A view of the whole units of stored words, uint32."""
    return stored[: stored.nbytes // 4 * 4 // stored.itemsize].view("<u4")


def some_other_word(seed, count):
    """What turns a word of the inner code into another, uint32 (count,)."""
    return inner_code().codewords[np.random.default_rng(seed).integers(1, 1 << 13, count)]


def counts(report):
    return report.corrected_bits, report.corrected_blocks, report.failed.tolist()


@pytest.mark.parametrize("words", LENGTHS)
def test_what_is_stored_comes_back(kind, words):
    storage = storage_of(kind, words)
    data = random_data(storage)
    stored = storage.encode(data)
    assert (stored.shape, stored.dtype) == (data.shape, storage.dtype)
    untouched = stored.copy()
    report = storage.repair(stored)
    assert counts(report) == (0, 0, [])
    assert report.blocks == storage.partition.blocks
    np.testing.assert_array_equal(stored, untouched)
    read, lost = storage.data_of(stored, report.failed)
    np.testing.assert_array_equal(read, data)
    assert not len(lost)


@pytest.mark.parametrize("blocks", [2, 2.01])
def test_flips_are_undone_and_counted(kind, blocks):
    storage = storage_of(kind, int(blocks * storage_of(kind, 0).longest))
    stored = storage.encode(random_data(storage))
    damaged = hit(stored, BERS[kind])
    flips = count_flips(damaged ^ stored)
    assert counts(storage.repair(damaged)) == (flips, storage.partition.blocks, [])
    np.testing.assert_array_equal(damaged, stored)


@pytest.mark.parametrize("words", [1, 2, 3, 5, 17, 1000])
def test_up_to_4_flips_a_unit_are_undone_in_blocks_of_any_length(kind, words):
    storage = storage_of(kind, words)
    stored = storage.encode(random_data(storage))
    damaged = stored.copy()
    random = np.random.default_rng(5)
    flips = 0
    for unit in range(len(units_in(damaged))):
        for place in random.choice(32, random.integers(0, 5), replace=False):
            units_in(damaged)[unit] ^= np.uint32(1 << int(place))
            flips += 1
    report = storage.repair(damaged)
    assert (report.corrected_bits, len(report.failed)) == (flips, 0)
    np.testing.assert_array_equal(damaged, stored)


def test_a_block_that_bears_too_much_is_reported_and_left_alone(kind):
    longest = storage_of(kind, 0).longest
    storage = storage_of(kind, 3 * longest)
    data = random_data(storage)
    stored = hit(storage.encode(data), 0.02)
    spoilt = slice(longest, 2 * longest)
    stored[spoilt] = hit(stored[spoilt], 0.3)
    before = stored.copy()
    report = storage.repair(stored)
    assert report.failed.tolist() == [1]
    assert report.corrected_blocks == 2
    np.testing.assert_array_equal(stored[spoilt], before[spoilt])
    read, lost = storage.data_of(stored, report.failed)
    assert longest <= lost.min()
    assert lost.max() < 2 * longest
    np.testing.assert_array_equal(np.delete(read, spoilt), np.delete(data, spoilt))


def test_what_is_lost_with_a_block_are_the_values_in_erased_units(kind):
    storage = storage_of(kind, 600)
    data = random_data(storage)
    stored = hit(storage.encode(data), 0.14)
    report = storage.repair(stored)
    assert report.failed.tolist() == [0]
    read, lost = storage.data_of(stored, report.failed)
    own = [storage.read_value(stored, index) for index in range(600)]
    assert lost.tolist() == [index for index, value in enumerate(own) if not value.is_known]
    kept = np.delete(np.arange(600), lost)
    assert read[kept].tolist() == [own[index].data for index in kept]
    # Of units that are not erased a tenth is taken for another here.
    assert (read[kept] == data[kept]).mean() > 0.7


@pytest.mark.parametrize("ber", [0.1, 0.115, 0.1245, 0.1265, 0.13, 0.16, 0.3, 0.5])
@pytest.mark.parametrize("kind", ["nested 32", "nested-word 32"])
def test_whole_blocks_are_never_silently_wrong(kind, ber):
    storage = storage_of(kind, 20 * storage_of(kind, 0).longest)
    data = random_data(storage)
    damaged = hit(storage.encode(data), ber)
    report = storage.repair(damaged)
    is_right = (storage.data_of(damaged, report.failed)[0] == data).reshape(20, -1).all(axis=1)
    assert np.flatnonzero(~is_right).tolist() == report.failed.tolist()


@pytest.mark.parametrize("erased", [0, 1, 60, 179, 180, 181, 183, 184, 185, 400])
def test_a_block_is_restored_up_to_its_bound_and_reported_beyond(erased):
    """All but 4 of the 184 check symbols are used; the others confirm that the result is right."""
    storage = NestedStorage(800, 32, 10)
    assert storage.outer_of(800).name == "reed-solomon(800,616)"
    stored = storage.encode(random_data(storage))
    places = np.random.default_rng(4).permutation(800)
    bearable = max((180 - erased) // 2, 0)
    for wrong in (bearable, bearable + 1):
        damaged = stored.copy()
        damaged[places[:erased]] = 0
        damaged[places[erased : erased + wrong]] ^= some_other_word(1, wrong)
        before = damaged.copy()
        failed = storage.repair(damaged).failed.tolist()
        if erased + 2 * wrong <= 180:
            assert failed == []
            np.testing.assert_array_equal(damaged, stored)
        else:
            assert failed == [0]
            np.testing.assert_array_equal(damaged, before)


def test_a_word_beyond_the_inner_code_costs_its_symbol_and_that_of_its_group():
    storage = NestedWordStorage(400, 32, 10)
    assert storage.outer_of(400).name == "reed-solomon(500,400)"
    stored = storage.encode(random_data(storage))
    for groups, failed in ((19, []), (20, [0])):  # five symbols each, of 96 that may be erased
        damaged = stored.copy()
        damaged[: 4 * groups] = 0
        assert storage.repair(damaged).failed.tolist() == failed
        assert np.array_equal(damaged, stored) == (not failed)
    for apart, failed in ((48, []), (49, [0])):  # two symbols each
        damaged = stored.copy()
        damaged[: 4 * apart : 4] = 0
        assert storage.repair(damaged).failed.tolist() == failed


def test_what_completes_to_values_of_more_than_10_bits_is_not_believed():
    """With as many erasures as checks, whatever errors there are beside them, some codeword of 12 bits fits."""
    storage = NestedWordStorage(12, 32, 10)
    assert storage.bearable(12) == storage.outer_of(12).checks == 3
    damaged = np.tile(storage.encode(random_data(storage)), (2000, 1))
    damaged[:, [8, 9]] = 0
    damaged[:, 0] ^= some_other_word(2, 2000)
    believed = sum(not len(storage.repair(block).failed) for block in damaged)
    # Two values were erased, each of 10 bits with a probability of a quarter.
    assert abs(believed / 2000 - 1 / 16) < 5 * np.sqrt(1 / 16 * 15 / 16 / 2000)


@pytest.mark.parametrize("wrong", [1, 2, 3, 4])
def test_units_that_are_other_codewords_are_noticed(kind, wrong):
    storage = storage_of(kind, 2000)
    stored = storage.encode(random_data(storage))
    for seed in range(20):
        damaged = stored.copy()
        places = np.random.default_rng(seed).choice(stored.nbytes // 4, wrong, replace=False)
        units_in(damaged)[places] ^= some_other_word(seed, wrong)
        report = storage.repair(damaged)
        assert (report.corrected_blocks, len(report.failed)) == (1, 0)
        np.testing.assert_array_equal(damaged, stored)


@pytest.mark.parametrize(("wiped", "ber"), [(186, 0.08), (186, 0.1), (500, 0.08), (1800, 0.01)])
@pytest.mark.parametrize("content", CONTENTS)
def test_wiped_words_are_seen_and_recovered(wiped, ber, content):
    storage = NestedStorage(2 * 8190, 32, 10)
    stored = storage.encode(random_data(storage))
    damaged = hit(stored, ber)
    for block in range(2):
        first = 8190 * block + 1000 * block
        damaged[first : first + wiped] = content
    assert storage.repair(damaged).failed.tolist() == []
    np.testing.assert_array_equal(damaged, stored)


@pytest.mark.parametrize(("wiped", "ber"), [(186, 0.07), (600, 0.01)])
@pytest.mark.parametrize("content", CONTENTS)
def test_wiped_words_of_one_value_each_are_seen_and_recovered(wiped, ber, content):
    storage = NestedWordStorage(3276, 32, 10)
    stored = storage.encode(random_data(storage))
    damaged = hit(stored, ber)
    damaged[101 : 101 + wiped] = content
    assert storage.repair(damaged).failed.tolist() == []
    np.testing.assert_array_equal(damaged, stored)


@pytest.mark.parametrize("content", CONTENTS)
@pytest.mark.parametrize("words", [1, 2, 6, 4000])
def test_a_wiped_memory_is_lost(kind, words, content):
    storage = storage_of(kind, words)
    wiped = np.full(words * storage.width // 8, content & 0xFF, dtype=np.uint8).view(storage.dtype)
    report = storage.repair(wiped)
    assert report.failed.tolist() == list(range(storage.partition.blocks))
    assert storage.data_of(wiped, report.failed)[1].tolist() == list(range(words))


def test_constant_data_are_no_constant_memory(kind):
    storage = storage_of(kind, 1000)
    assert not np.isin(units_in(storage.encode(np.zeros(1000, dtype=storage.dtype))), CONTENTS).any()


# Values read on their own


@pytest.mark.parametrize("words", [1, 7, 100, 8191])
def test_a_value_is_read_from_a_few_units_at_a_computed_address(kind, words):
    storage = storage_of(kind, words)
    data = random_data(storage)
    stored = storage.encode(data)
    most = {"nested 32": 2, "nested 16": 2, "nested 64": 3, "nested-word 32": 1}[kind]
    random = np.random.default_rng(6)
    for index in {0, words - 1, *random.integers(0, words, 40).tolist()}:
        value = storage.read_value(stored, index)
        assert (value.data, value.is_known) == (int(data[index]), True)
        assert 1 <= len(value.units) <= most
        # The rest of the memory may be anything.
        others = random.integers(0, 256, stored.nbytes, dtype=np.uint8)
        for unit in value.units:
            others[4 * unit : 4 * unit + 4] = stored.view(np.uint8)[4 * unit : 4 * unit + 4]
        assert storage.read_value(others.view(storage.dtype), index) == value


def test_some_values_need_all_these_units():
    for kind, most in (("nested 32", 2), ("nested 16", 2), ("nested 64", 3)):
        storage = storage_of(kind, 100)
        stored = storage.encode(random_data(storage))
        assert {len(storage.read_value(stored, index).units) for index in range(100)} == {most - 1, most}


def test_a_value_of_its_own_word_is_read_from_it():
    storage = NestedWordStorage(5000, 32, 10)
    stored = storage.encode(random_data(storage))
    assert all(storage.read_value(stored, index).units == (index,) for index in (0, 1, 2499, 2500, 4999))


def test_up_to_4_flips_in_each_unit_are_corrected_on_access(kind):
    storage = storage_of(kind, 400)
    data = random_data(storage)
    stored = storage.encode(data)
    units_in(stored)[:] ^= np.uint32(0b10010000000000000001000000100000)
    read = [storage.read_value(stored, index) for index in range(400)]
    assert [value.data for value in read] == data.tolist()
    assert all(value.is_known for value in read)


def test_a_value_in_an_erased_unit_is_not_known(kind):
    storage = storage_of(kind, 400)
    stored = storage.encode(random_data(storage))
    units_in(stored)[[5, 60]] = 0
    for index in range(400):
        value = storage.read_value(stored, index)
        assert value.is_known == (not {5, 60} & set(value.units))


# Parts, threads and sizes


def test_blocks_can_be_repaired_a_few_at_a_time(kind):
    storage = storage_of(kind, 5 * storage_of(kind, 0).longest + 7)
    stored = storage.encode(random_data(storage))
    damaged = hit(stored, 0.05)
    starts = storage.partition.starts
    flips = 0
    for first, last in ((0, 1), (1, 4), (4, storage.partition.blocks), (2, 2)):
        part = damaged[starts[first] : starts[last]].copy()
        report = storage.repair(part, first, last)
        flips += report.corrected_bits
        assert report.blocks == last - first
        np.testing.assert_array_equal(part, stored[starts[first] : starts[last]])
    assert flips == count_flips(damaged ^ stored)


def test_failed_blocks_keep_their_numbers_in_a_part(kind):
    storage = storage_of(kind, 6 * storage_of(kind, 0).longest)
    stored = storage.encode(random_data(storage))
    starts = storage.partition.starts
    stored[starts[4] : starts[5]] = hit(stored[starts[4] : starts[5]], 0.4)
    assert storage.repair(stored[starts[3] :].copy(), 3, 6).failed.tolist() == [4]


def test_results_do_not_depend_on_threads(monkeypatch):
    storage = NestedStorage(10 * 8190, 32, 10)
    damaged = hit(storage.encode(random_data(storage)), 0.1)
    damaged[8190:16380] = hit(damaged[8190:16380], 0.3, seed=2)
    found = []
    for threads in (1, 2):
        monkeypatch.setattr(numba.config, "NUMBA_NUM_THREADS", threads)
        words = damaged.copy()
        found.append((counts(storage.repair(words)), words.tolist()))
    assert found[0] == found[1]
    assert found[0][0][2] == [1]


def test_longest_blocks_are_those_of_the_outer_codes():
    assert NestedStorage(3 * 8190, 32, 10).code == "reed-solomon(8190,6300) over tabulated(32,13)"
    assert NestedStorage(3 * 4095, 64, 20).code == "reed-solomon(8190,6300) over tabulated(32,13)"
    assert NestedStorage(3 * 16380, 16, 6).code == "reed-solomon(8190,7560) over tabulated(32,13)"
    assert NestedWordStorage(3 * 3276, 32, 10).code == "reed-solomon(4095,3276) over tabulated(32,13)"


@pytest.mark.parametrize(("width", "data_bits"), [(32, 14), (16, 7), (64, 27)])
def test_more_data_bits_than_inner_words_hold_are_refused(width, data_bits):
    with pytest.raises(InputError, match=f"holds 13 data bits in 32 bits of memory, not {data_bits} in {width}"):
        NestedStorage(1000, width, data_bits)
    NestedStorage(1000, width, data_bits - 1)


@pytest.mark.parametrize(("width", "data_bits"), [(32, 11), (32, 9), (16, 10), (64, 20)])
def test_words_that_hold_no_value_each_are_refused(width, data_bits):
    with pytest.raises(InputError, match=f"got {data_bits} in {width}: use nested"):
        NestedWordStorage(1000, width, data_bits)


@pytest.mark.parametrize("words", [1, 3, 401, 8191, 2 * 16380 - 1])
def test_16_bit_words_of_an_odd_number_come_back(words):
    storage = NestedStorage(words, 16, 6)
    data = random_data(storage)
    stored = storage.encode(data)
    assert counts(storage.repair(stored.copy())) == (0, 0, [])
    np.testing.assert_array_equal(storage.data_of(stored, np.empty(0, dtype=np.int64))[0], data)
    # No block but the last ends within a unit.
    assert (storage.partition.starts[:-1] % 2 == 0).all()


@pytest.mark.parametrize(("mask", "flips"), [(0x0001, 1), (0x8000, 1), (0xFFFF, 16), ("wiped", None)])
def test_half_a_unit_at_the_end_is_repaired_too(mask, flips):
    storage = NestedStorage(401, 16, 6)
    stored = storage.encode(random_data(storage))
    damaged = hit(stored, 0.01)
    damaged[-1] = 0 if mask == "wiped" else stored[-1] ^ np.uint16(mask)
    expected = count_flips(damaged ^ stored)
    if flips is not None:
        assert count_flips(damaged[-1:] ^ stored[-1:]) == flips
    assert counts(storage.repair(damaged)) == (expected, 1, [])
    np.testing.assert_array_equal(damaged, stored)
