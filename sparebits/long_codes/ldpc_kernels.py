"""Kernels of quasi-cyclic LDPC codes: bits as bytes, rotated blocks as two straight runs, so that loops are vectorised.

Checks and bits are numbered as in base_graph: entry e of the base matrix joins check z of its row to bit
(z + shift) mod Z of its column. `graph` arguments are starts, columns and shifts of a BaseGraph.
"""

import numba
import numpy as np

CHANNEL = 12
"""Reliability of a stored bit; all bits of a memory have the same. That of bits known to be lost is 0."""
KNOWN = 8192
"""Reliability of bits that are zero by agreement."""
MOST = 1000
"""Minima are cut off here: 30 messages, as many as a bit has, and KNOWN stay within 16 bits."""


@numba.njit(cache=True, nogil=True)
def copy(target, source):
    """target = source, of equal length. NumPy's assignment of slices is slower, as it provides for overlaps."""
    for i in range(target.size):
        target[i] = source[i]


@numba.njit(cache=True, nogil=True)
def add(total, bits):
    """total ^= bits; uint8, of equal length."""
    for i in range(total.size):
        total[i] ^= bits[i]


@numba.njit(cache=True, nogil=True)
def add_rotated(total, bits, shift):
    """total[z] ^= bits[(z + shift) mod Z]; uint8 (Z,) both."""
    head = bits.size - shift
    add(total[:head], bits[shift:])
    add(total[head:], bits[:shift])


@numba.njit(cache=True, nogil=True)
def unrotated(out, total, shift):
    """out[(z + shift) mod Z] = total[z]; uint8 (Z,) both: solves `add_rotated` for the bits."""
    head = out.size - shift
    copy(out[shift:], total[:head])
    copy(out[:shift], total[head:])


@numba.njit(cache=True, nogil=True)
def row_sum(bits, starts, columns, shifts, row, without, total):
    """total (Z,) = sum of a row's checks over all its columns but `without` (-1: over all); bits: uint8 (68, Z)."""
    total[:] = 0
    for e in range(starts[row], starts[row + 1]):
        if columns[e] != without:
            add_rotated(total, bits[columns[e]], shifts[e])


@numba.njit(cache=True, nogil=True)
def shift_at(starts, columns, shifts, row, column):
    """Shift of a row's entry in a column, -1 where it has none."""
    for e in range(starts[row], starts[row + 1]):
        if columns[e] == column:
            return shifts[e]
    return np.int64(-1)


@numba.njit(cache=True, nogil=True)
def encode_block(bits, starts, columns, shifts, rows, scratch):
    """Fill in the parity columns, 22 to 22 + rows - 1, of a block whose data columns are there.

    The core's parity columns 23..25 are a double diagonal and add up to nothing, column 22 stands in rows 0 and 3 with
    equal shifts: so rows 0..3 added up give column 22, and from it each row the next one.

    Args:
        bits: uint8 (68, Z).
        rows: of the base matrix in use, 4 to 46.
        scratch: uint8 (2, Z).
    """
    total, part = scratch[0], scratch[1]
    data = 22
    bits[data : data + 4] = 0
    total[:] = 0
    for row in range(4):
        row_sum(bits, starts, columns, shifts, row, -1, part)
        total ^= part
    unrotated(bits[data], total, shift_at(starts, columns, shifts, 1, data))
    # Row 0 has columns 22 and 23, row 1 also 24, row 3 has 22 and 25; all but column 22 with shift 0.
    row_sum(bits, starts, columns, shifts, 0, data + 1, bits[data + 1])
    row_sum(bits, starts, columns, shifts, 1, data + 2, bits[data + 2])
    row_sum(bits, starts, columns, shifts, 3, data + 3, bits[data + 3])
    for row in range(4, rows):
        row_sum(bits, starts, columns, shifts, row, data + row, bits[data + row])


@numba.njit(cache=True, nogil=True)
def satisfies(bits, starts, columns, shifts, rows, total):
    """Whether all checks of the rows in use are zero. bits: uint8 (68, Z)."""
    for row in range(rows):
        row_sum(bits, starts, columns, shifts, row, -1, total)
        for i in range(total.size):
            if total[i]:
                return False
    return True


@numba.njit(cache=True, nogil=True)
def _gather(messages, values, minima, seconds, signs):
    """What an entry brings into its row: its old messages leave the values, the rest goes by size and sign.

    All int16 (Z,); the values, rotated to the row's checks, are changed in place.
    """
    for i in range(values.size):
        value = np.int16(values[i] - messages[i])
        values[i] = value
        size = np.int16(abs(value))
        signs[i] ^= value
        seconds[i] = min(seconds[i], max(minima[i], size))
        minima[i] = min(minima[i], size)


@numba.njit(cache=True, nogil=True)
def _weaken(minima, weak):
    """3/4 of the minima less 1, not below 0: normalised and offset min-sum together (Chen et al. 2005)."""
    for i in range(minima.size):
        weak[i] = max(np.int16((np.int16(3) * minima[i] - np.int16(4)) >> np.int16(2)), np.int16(0))


@numba.njit(cache=True, nogil=True)
def _spread(messages, values, minima, least, second, signs):
    """An entry's new messages, from the minima and signs of its row; they enter the values that `_gather` left."""
    for i in range(values.size):
        value = values[i]
        size = second[i] if np.int16(abs(value)) == minima[i] else least[i]
        # The sign of all others: that of the product with the own one divided out.
        flip = np.int16((signs[i] ^ value) >> np.int16(15))
        message = np.int16((size ^ flip) - flip)
        messages[i] = message
        values[i] = np.int16(value + message)


@numba.njit(cache=True, nogil=True)
def iterate(values, messages, starts, columns, shifts, rows, scratch):
    """One iteration of layered min-sum (Hocevar 2004): row after row, each with what the rows before it found.

    Columns are rotated to a row's checks and back, so that all loops run straight through Z numbers.

    Args:
        values: int16 (68, Z), reliabilities, negative for ones.
        messages: int16 (316, Z), of entries to bits; zeros before the first iteration.
        scratch: int16 (24, Z).
    """
    minima, seconds, signs, weak, weak_seconds = scratch[0], scratch[1], scratch[2], scratch[3], scratch[4]
    for row in range(rows):
        start, stop = starts[row], starts[row + 1]
        minima[:] = MOST
        seconds[:] = MOST
        signs[:] = 0
        for e in range(start, stop):
            column, rotated, shift = values[columns[e]], scratch[5 + e - start], shifts[e]
            copy(rotated[: rotated.size - shift], column[shift:])
            copy(rotated[rotated.size - shift :], column[:shift])
            _gather(messages[e], rotated, minima, seconds, signs)
        _weaken(minima, weak)
        _weaken(seconds, weak_seconds)
        for e in range(start, stop):
            column, rotated, shift = values[columns[e]], scratch[5 + e - start], shifts[e]
            _spread(messages[e], rotated, minima, weak, weak_seconds, signs)
            copy(column[shift:], rotated[: rotated.size - shift])
            copy(column[:shift], rotated[rotated.size - shift :])


@numba.njit(cache=True, nogil=True)
def decide(values, bits):
    """bits uint8 = 1 where values int16 are negative; the same shape."""
    for c in range(values.shape[0]):
        row, out = values[c], bits[c]
        for i in range(row.size):
            out[i] = np.uint8(row[i] < 0)


@numba.njit(cache=True, nogil=True)
def violated(bits, starts, columns, shifts, rows, total):
    """Which of eight blocks violate a check, as bits of a byte. bits: uint8 (68, Z), bit j of each byte of block j."""
    seen = np.zeros_like(total)
    for row in range(rows):
        row_sum(bits, starts, columns, shifts, row, -1, total)
        for i in range(total.size):
            seen[i] |= total[i]
    found = np.uint8(0)
    for i in range(seen.size):
        found |= seen[i]
    return found


@numba.njit(cache=True, nogil=True)
def undecided(values):
    """Whether a bit is as likely 0 as 1. Where most of a block is lost, zeros that satisfy all checks mean nothing."""
    zeros = 0
    for i in range(values.size):
        zeros += values[i] == 0
    return zeros > 0


@numba.njit(cache=True, nogil=True)
def complete(bits, starts, columns, shifts, rows, known, scratch):
    """Find the bits that are not stored of a block without errors: the first two columns, and the end of the parity.

    Row 1 has the first column and not the second, row 0 both.

    Args:
        bits: uint8 (68, Z), whose stored bits are there.
        known: stored bits of the last parity column.
        scratch: uint8 (1 or more, Z).
    """
    total = scratch[0]
    for column in range(2):
        row = 1 - column
        row_sum(bits, starts, columns, shifts, row, column, total)
        unrotated(bits[column], total, shift_at(starts, columns, shifts, row, column))
    last = 22 + rows - 1
    if known < total.size:
        row_sum(bits, starts, columns, shifts, rows - 1, last, total)
        copy(bits[last][known:], total[known:])


@numba.njit(cache=True, nogil=True)
def correct(bits, lost, starts, columns, shifts, rows, data_bits, parity_bits, iterations, values, messages, scratch):
    """Decode a block in place.

    Args:
        bits: uint8 (68, Z), receives the code word; if there is none, what it holds is of no use.
        lost: uint8 (68, Z), 1 for stored bits that nothing is known of.
        data_bits, parity_bits: that the code has; those beyond are zero by agreement, or not stored.
        iterations: at most.
        values: int16 (68, Z); messages: int16 (316, Z); scratch: int16 (24, Z), all of any content.

    Returns:
        iterations that it took, -1 if there is no code word.
    """
    z = bits.shape[1]
    received, gone, reliable = bits.reshape(-1), lost.reshape(-1), values.reshape(-1)
    reliable[:] = 0
    for i in range(2 * z, data_bits):
        reliable[i] = (CHANNEL - 2 * CHANNEL * received[i]) * (1 - gone[i])
    for i in range(data_bits, 22 * z):
        reliable[i] = KNOWN
    for i in range(22 * z, 22 * z + parity_bits):
        reliable[i] = (CHANNEL - 2 * CHANNEL * received[i]) * (1 - gone[i])
    messages[:] = 0
    total = np.empty(z, dtype=np.uint8)
    for iteration in range(iterations):
        iterate(values, messages, starts, columns, shifts, rows, scratch)
        decide(values, bits)
        if satisfies(bits, starts, columns, shifts, rows, total) and not undecided(reliable[: 22 * z]):
            for i in range(data_bits, 22 * z):
                if received[i]:
                    return -1
            return iteration + 1
    return -1
