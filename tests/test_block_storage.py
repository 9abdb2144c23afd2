"""Words stored in LDPC blocks: round trips, what is corrected, what is reported."""

import numba
import numpy as np
import pytest

from sparebits.errors import InputError
from sparebits.faults.ber import PARAMETERS, ber_mask
from sparebits.long_codes.bit_planes import from_planes, to_planes
from sparebits.long_codes.block import BlockStorage
from sparebits.long_codes.partition import Partition

SIZES = ((32, 11), (32, 10), (16, 7), (16, 6), (64, 22))
LENGTHS = (0, 1, 2, 3, 5, 8, 17, 100, 767, 768, 769, 2500)
NONE = np.empty(0, dtype=np.int64)


def random_data(storage, seed=0):
    return np.random.default_rng(seed).integers(0, 1 << storage.data_bits, storage.words).astype(storage.dtype)


def hit(stored, ber, seed=1):
    return stored ^ ber_mask(seed, PARAMETERS, len(stored), 8 * stored.dtype.itemsize, ber)


@pytest.mark.parametrize(("width", "data_bits"), SIZES)
@pytest.mark.parametrize("words", LENGTHS)
def test_what_is_stored_comes_back(width, data_bits, words):
    storage = BlockStorage(words, width, data_bits)
    data = random_data(storage)
    stored = storage.encode(data)
    assert (stored.shape, stored.dtype) == (data.shape, np.dtype(f"uint{width}"))
    untouched = stored.copy()
    report = storage.repair(stored)
    assert (report.corrected_bits, report.corrected_blocks, len(report.failed)) == (0, 0, 0)
    assert report.blocks == storage.partition.blocks
    assert np.array_equal(stored, untouched)
    read, lost = storage.data_of(stored, report.failed)
    assert np.array_equal(read, data)
    assert not len(lost)


@pytest.mark.parametrize(("width", "data_bits", "ber"), [(32, 11, 0.12), (32, 10, 0.12), (16, 6, 0.1), (16, 7, 0.08)])
def test_flips_are_undone_and_counted(width, data_bits, ber):
    storage = BlockStorage(6000, width, data_bits)
    stored = storage.encode(random_data(storage))
    damaged = hit(stored, ber)
    flips = int(np.bitwise_count(damaged ^ stored).sum())
    report = storage.repair(damaged)
    assert np.array_equal(damaged, stored)
    assert (report.corrected_bits, report.corrected_blocks, len(report.failed)) == (flips, storage.partition.blocks, 0)


def test_a_block_that_bears_too_much_is_reported_and_left_alone():
    storage = BlockStorage(768 * 12, 32, 11)
    stored = storage.encode(random_data(storage))
    damaged = stored.copy()
    spoilt = slice(3 * 768, 5 * 768)
    damaged[spoilt] = hit(damaged[spoilt], 0.25)
    before = damaged.copy()
    report = storage.repair(damaged)
    assert report.failed.tolist() == [3, 4]
    assert np.array_equal(damaged, before)
    data, lost = storage.data_of(damaged, report.failed)
    assert lost.tolist() == list(range(3 * 768, 5 * 768))
    assert np.array_equal(np.delete(data, lost), np.delete(random_data(storage), lost))


@pytest.mark.parametrize("ber", [0.16, 0.2, 0.3, 0.5])
def test_whole_blocks_are_never_silently_wrong(ber):
    storage = BlockStorage(768 * 60, 32, 11)
    data = random_data(storage)
    damaged = hit(storage.encode(data), ber)
    report = storage.repair(damaged)
    read, lost = storage.data_of(damaged, report.failed)
    assert np.array_equal(np.delete(read, lost), np.delete(data, lost))


@pytest.mark.parametrize("wiped", [186, 256])
@pytest.mark.parametrize("content", [0, 0xFFFFFFFF])
def test_wiped_words_are_seen_and_recovered(wiped, content):
    storage = BlockStorage(768 * 20, 32, 11)
    stored = storage.encode(random_data(storage))
    damaged = hit(stored, 0.02)
    for block in range(20):
        first = 768 * block + 17 * block
        damaged[first : first + wiped] = content
    report = storage.repair(damaged)
    assert not len(report.failed)
    assert np.array_equal(damaged, stored)


@pytest.mark.parametrize("left", [0, 100, 200])
def test_what_little_is_left_of_a_block_is_not_taken_for_it(left):
    storage = BlockStorage(768 * 10, 32, 11)
    damaged = storage.encode(random_data(storage)).reshape(10, 768)
    damaged[:, left:] = 0
    report = storage.repair(damaged.reshape(-1))
    assert len(report.failed) == 10


@pytest.mark.parametrize("content", [0, 0xFFFFFFFF])
def test_a_wiped_memory_is_no_code_word(content):
    storage = BlockStorage(1600, 32, 11)
    report = storage.repair(np.full(1600, content, dtype=np.uint32))
    assert len(report.failed) == storage.partition.blocks


def test_constant_data_are_no_constant_memory():
    storage = BlockStorage(768, 32, 11)
    assert not np.isin(storage.encode(np.zeros(768, dtype=np.uint32)), [0, 0xFFFFFFFF]).any()


def test_blocks_can_be_repaired_a_few_at_a_time():
    storage = BlockStorage(768 * 9 + 5, 32, 11)
    stored = storage.encode(random_data(storage))
    damaged = hit(stored, 0.1)
    starts = storage.partition.starts
    for first, last in ((0, 1), (1, 6), (6, storage.partition.blocks)):
        part = damaged[starts[first] : starts[last]].copy()
        report = storage.repair(part, first, last)
        assert report.blocks == last - first
        assert np.array_equal(part, stored[starts[first] : starts[last]])


def test_failed_blocks_keep_their_numbers_in_a_part():
    storage = BlockStorage(768 * 6, 32, 11)
    stored = storage.encode(random_data(storage))
    stored[4 * 768 : 5 * 768] = hit(stored[4 * 768 : 5 * 768], 0.4)
    assert storage.repair(stored[3 * 768 :].copy(), 3, 6).failed.tolist() == [4]


def test_results_do_not_depend_on_threads(monkeypatch):
    storage = BlockStorage(768 * 40, 32, 11)
    damaged = hit(storage.encode(random_data(storage)), 0.15)
    found = []
    for threads in (1, 2):
        monkeypatch.setattr(numba.config, "NUMBA_NUM_THREADS", threads)
        words = damaged.copy()
        report = storage.repair(words)
        found.append((words.tolist(), report.corrected_bits, report.failed.tolist()))
    assert found[0] == found[1]
    assert 0 < len(found[0][2]) < 40


def test_exact_blocks_are_those_of_the_base_graph():
    assert BlockStorage(768 * 3, 32, 11).code == "5g-ldpc(24576,8448)"
    assert BlockStorage(768 * 3, 32, 10).code == "5g-ldpc(24576,7680)"


def test_layouts_that_no_block_holds_are_refused():
    with pytest.raises(InputError, match="has no code of"):
        BlockStorage(1000, 32, 31)


@pytest.mark.parametrize("words", [1, 7, 768, 769, 1537, 43006])
@pytest.mark.parametrize("step", [1, 2])
def test_blocks_are_nearly_equal_and_cover_the_memory(words, step):
    partition = Partition.of(words, 768, step)
    lengths = np.diff(partition.starts)
    assert (partition.starts[0], partition.starts[-1]) == (0, words)
    assert lengths.max() <= 768
    assert lengths.max() - lengths.min() <= 2 * step
    assert not (partition.starts[:-1] % step).any()
    covered = [(first, span, length) for first, span, length in partition.runs(0, partition.blocks)]
    assert covered[0][1].start == 0
    assert covered[-1][1].stop == words
    assert all((span.stop - span.start) % length == 0 for _, span, length in covered)


@pytest.mark.parametrize("dtype", [np.uint16, np.uint32, np.uint64])
def test_planes_hold_one_bit_of_every_word(dtype):
    words = np.random.default_rng(3).integers(0, 1 << 16, 50).astype(dtype)
    bits = np.empty(11 * 50, dtype=np.uint8)
    to_planes(words, bits)
    assert np.array_equal(bits.reshape(11, 50), words >> np.arange(11, dtype=dtype)[:, None] & dtype(1))
    back = np.empty_like(words)
    from_planes(bits, back)
    assert np.array_equal(back, words & dtype(0x7FF))
