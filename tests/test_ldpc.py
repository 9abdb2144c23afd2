"""LDPC codes of 5G NR against their definition, written out densely."""

import numpy as np
import pytest
import torch

from sparebits.errors import InputError
from sparebits.long_codes.base_graph import COLUMNS, LIFTING_SIZES, ROWS, base_graph
from sparebits.long_codes.ldpc import ldpc_code
from sparebits.long_codes.ldpc_gpu import TorchLdpcDecoder
from sparebits.long_codes.ldpc_kernels import CHANNEL, KNOWN, MOST, complete, correct, encode_block, satisfies

SMALL = (2, 3, 7, 13)


def dense_matrix(z):
    """H, uint8 (46 Z, 68 Z), entry by entry."""
    graph = base_graph(z)
    matrix = np.zeros((ROWS * z, COLUMNS * z), dtype=np.uint8)
    for row in range(ROWS):
        for column, shift in graph.row(row).items():
            for check in range(z):
                matrix[row * z + check, column * z + (check + shift) % z] = 1
    return matrix


def random_block(z, rows, seed, data_bits=None):
    """A code word, uint8 (68, Z)."""
    bits = np.zeros((COLUMNS, z), dtype=np.uint8)
    data_bits = 22 * z if data_bits is None else data_bits
    bits.reshape(-1)[:data_bits] = np.random.default_rng(seed).integers(0, 2, data_bits)
    graph = base_graph(z)
    encode_block(bits, graph.starts, graph.columns, graph.shifts, rows, np.empty((2, z), dtype=np.uint8))
    return bits


def layered_min_sum(matrix, values, z, rows, iterations):
    """Layered min-sum by the dense matrix, bit by bit; the bits and the iterations, -1 if no code word was found."""
    values, messages = values.astype(int).copy(), {}
    for iteration in range(1, iterations + 1):
        for row in range(rows):
            for check in range(z):
                line = row * z + check
                places = np.flatnonzero(matrix[line])
                without = {place: values[place] - messages.get((line, place), 0) for place in places}
                for place in places:
                    others = [without[other] for other in places if other != place]
                    size = max((3 * min(MOST, *map(abs, others)) - 4) // 4, 0)
                    sign = -1 if sum(other < 0 for other in others) % 2 else 1
                    messages[line, place] = sign * size
                for place in places:
                    values[place] = without[place] + messages[line, place]
        bits = (values < 0).astype(np.uint8)
        if not (matrix[: rows * z] @ bits % 2).any() and values[: 22 * z].all():
            return bits, iteration
    return bits, -1


def kernel_arguments(code):
    graph = code.graph
    return graph.starts, graph.columns, graph.shifts, code.rows, code.data_bits, code.parity_bits


def run_kernel(code, bits, lost, iterations):
    z = code.z
    bits = bits.copy()
    took = correct(
        bits,
        lost,
        *kernel_arguments(code),
        iterations,
        np.empty((COLUMNS, z), dtype=np.int16),
        np.empty((316, z), dtype=np.int16),
        np.empty((24, z), dtype=np.int16),
    )
    return bits, took


def stored_part(code, bits):
    """The stored bits of blocks (..., 68 Z)."""
    z = code.z
    return np.concatenate([bits[..., 2 * z : code.data_bits], bits[..., 22 * z : 22 * z + code.parity_bits]], axis=-1)


def test_the_base_graph_has_the_published_size():
    graph = base_graph(384)
    assert len(LIFTING_SIZES) == 51
    assert (len(graph.columns), graph.starts[-1]) == (316, 316)
    assert np.diff(graph.starts)[:4].tolist() == [19, 19, 19, 19]
    # Every further row has a parity column of its own, with the identity.
    for row in range(4, ROWS):
        assert graph.row(row)[22 + row] == 0
        assert max(graph.row(row)) == 22 + row


def test_there_is_no_other_lifting_size():
    with pytest.raises(InputError, match="no lifting size 17"):
        base_graph(17)


@pytest.mark.parametrize("z", SMALL)
@pytest.mark.parametrize("rows", [4, 20, 46])
def test_encoded_blocks_satisfy_the_dense_matrix(z, rows):
    matrix = dense_matrix(z)
    for seed in range(5):
        block = random_block(z, rows, seed)
        assert not (matrix[: rows * z] @ block.reshape(-1) % 2).any()


@pytest.mark.parametrize("z", LIFTING_SIZES)
def test_encoder_and_check_agree_at_every_lifting_size(z):
    graph = base_graph(z)
    block, total = random_block(z, ROWS, 1), np.empty(z, dtype=np.uint8)
    assert satisfies(block, graph.starts, graph.columns, graph.shifts, ROWS, total)
    block[30, z // 2] ^= 1
    assert not satisfies(block, graph.starts, graph.columns, graph.shifts, ROWS, total)


def test_the_encoder_is_linear_and_systematic():
    first, second = random_block(7, ROWS, 1), random_block(7, ROWS, 2)
    both = np.zeros_like(first)
    both[:22] = first[:22] ^ second[:22]
    graph = base_graph(7)
    encode_block(both, graph.starts, graph.columns, graph.shifts, ROWS, np.empty((2, 7), dtype=np.uint8))
    assert np.array_equal(both, first ^ second)


@pytest.mark.parametrize("z", SMALL)
def test_what_is_not_stored_follows_from_the_rest(z):
    graph, rows = base_graph(z), 40
    block = random_block(z, rows, 3)
    known = max(1, z // 2)
    missing = block.copy()
    missing[:2] = 0
    missing[22 + rows - 1, known:] = 0
    complete(missing, graph.starts, graph.columns, graph.shifts, rows, known, np.empty((1, z), dtype=np.uint8))
    assert np.array_equal(missing, block)


@pytest.mark.parametrize(("data_bits", "stored_bits"), [(44, 128), (40, 128), (33, 96), (66, 150)])
@pytest.mark.parametrize("ber", [0.02, 0.1, 0.2])
def test_the_decoder_agrees_with_a_dense_one(data_bits, stored_bits, ber):
    code = ldpc_code(data_bits, stored_bits)
    z, matrix = code.z, dense_matrix(code.z)
    random = np.random.default_rng(4)
    for seed in range(3):
        block = random_block(z, code.rows, seed, data_bits)
        hit = block ^ (random.random(block.shape) < ber)
        lost = (random.random(block.shape) < 0.05).astype(np.uint8)
        values = np.where(lost, 0, CHANNEL * (1 - 2 * hit.astype(int))).reshape(-1)
        values[: 2 * z] = 0
        values[data_bits : 22 * z] = KNOWN
        values[22 * z + code.parity_bits :] = 0
        expected, iterations = layered_min_sum(matrix, values, z, code.rows, 6)
        bits, took = run_kernel(code, hit, lost, 6)
        assert took == iterations
        assert np.array_equal(bits.reshape(-1), expected)


@pytest.mark.parametrize("ber", [0.05, 0.12, 0.2])
def test_torch_gives_what_the_kernel_gives(ber):
    code = ldpc_code(2112, 6144)
    random = np.random.default_rng(5)
    blocks = np.stack([random_block(code.z, code.rows, seed, code.data_bits) for seed in range(6)])
    hit = blocks ^ (random.random(blocks.shape) < ber)
    lost = (random.random(blocks.shape) < 0.03).astype(np.uint8)
    flat = hit.reshape(len(hit), -1), lost.reshape(len(lost), -1)
    found, took = TorchLdpcDecoder(code).decode(
        torch.from_numpy(stored_part(code, flat[0])), torch.from_numpy(stored_part(code, flat[1]).astype(bool)), 20
    )
    for row in range(len(hit)):
        bits, iterations = run_kernel(code, hit[row], lost[row], 20)
        assert took[row] == iterations
        if iterations > 0:
            assert np.array_equal(found[row].numpy(), bits.reshape(-1))


@pytest.mark.parametrize(
    ("data_bits", "stored_bits", "z", "rows"),
    [(8448, 24576, 384, 44), (7680, 24576, 384, 46), (11, 32, 2, 13), (10, 32, 2, 13), (7 * 1206, 16 * 1206, 384, 31)],
)
def test_codes_are_cut_from_the_smallest_graph_that_has_room(data_bits, stored_bits, z, rows):
    code = ldpc_code(data_bits, stored_bits)
    assert (code.z, code.rows) == (z, rows)
    assert code.stored_data_bits + code.parity_bits == stored_bits


@pytest.mark.parametrize(("data_bits", "stored_bits"), [(8449, 24576), (8448, 26000), (100, 105), (3, 9)])
def test_sizes_without_a_code_are_refused(data_bits, stored_bits):
    with pytest.raises(InputError, match="has no code of"):
        ldpc_code(data_bits, stored_bits)


def test_messages_stay_within_16_bits():
    # A bit takes part in 30 checks at most.
    degree = np.bincount(base_graph(384).columns).max()
    assert degree * (3 * MOST // 4) + KNOWN < 1 << 15
