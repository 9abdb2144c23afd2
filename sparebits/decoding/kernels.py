"""The passes over words that all decoders share: which are clean, and what the corrected ones hold.

Each is compiled for the types that it meets, releases the interpreter's lock, and works on a block of words on one
thread. Words are packed unsigned integers; see `byte_tables` for the tables. Counts are unsigned where they index,
because signed indices are tested for being negative.
"""

import numba
import numpy as np

from sparebits.decoding.byte_tables import image, part_image


@numba.njit(cache=True, nogil=True)
def split_lowest(words, codewords, mask, data_mask, table, out, dirty, found):
    """Restore every word by the data bits it has, and list those that are no codewords: data bits lowest.

    Args:
        words: (N, 1).
        codewords: (2^k,), of the type of the words.
        mask, data_mask: the lowest n and k bits.
        table: (2^k,), what each data word stands for.
        out: (N,), of the type of the table.
        dirty: int32 (N,), receives the indices of the words that equal no codeword.
        found: (N, 1), receives these words.

    Returns:
        how many are dirty.
    """
    count = np.uint64(0)
    for i in range(words.shape[0]):
        word = words[i, 0] & mask
        data = word & data_mask
        out[i] = table[data]
        if codewords[data] != word:
            dirty[count] = i
            found[count, 0] = word
            count += np.uint64(1)
    return count


@numba.njit(cache=True, nogil=True)
def split_scattered(words, codewords, mask, data_tables, table, out, dirty, found):
    """`split_lowest` for data bits anywhere, which `byte_tables` gather."""
    count = np.uint64(0)
    for i in range(words.shape[0]):
        word = words[i, 0] & mask
        data = part_image(data_tables, 0, 0, words[i, 0])
        out[i] = table[data]
        if codewords[data] != word:
            dirty[count] = i
            found[count, 0] = word
            count += np.uint64(1)
    return count


@numba.njit(cache=True, nogil=True)
def split_by_syndrome(words, syndrome_tables, data_tables, out, dirty, found):
    """`split_lowest` for codes with too many codewords to list: words and found (N, limbs), out receives data words."""
    count = np.uint64(0)
    for i in range(words.shape[0]):
        out[i] = image(data_tables, words, i, 0)
        syndrome = np.uint64(0)
        for limb in range(syndrome_tables.shape[0]):
            syndrome |= image(syndrome_tables, words, i, limb)
        if syndrome:
            dirty[count] = i
            for limb in range(words.shape[1]):
                found[count, limb] = words[i, limb]
            count += np.uint64(1)
    return count


@numba.njit(cache=True, nogil=True)
def settle(found, errors, weights, dirty, data_tables, table, out, detected):
    """Write what corrected words stand for to their places, and list the others.

    Args:
        found: the dirty words (M, limbs).
        errors: (M, limbs).
        weights: of the errors, int16 (M,), -1 where the word is beyond the code.
        dirty: int32 (M,), where the words stand in out.
        table: (2^k,), what each data word stands for, or None for itself.
        out: (N,).
        detected: int32 (M,), receives the places of words that are beyond the code.

    Returns:
        corrected bits and detected words.
    """
    bits = 0
    count = np.uint64(0)
    for i in range(weights.size):
        place = np.uint64(dirty[i])
        if weights[i] < 0:
            detected[count] = place
            count += np.uint64(1)
            continue
        bits += weights[i]
        data = np.uint64(0)
        for limb in range(found.shape[1]):
            data ^= part_image(data_tables, 0, limb, found.dtype.type(found[i, limb] ^ errors[i, limb]))
        if table is None:
            out[place] = data
        else:
            out[place] = table[data]
    return bits, count


@numba.njit(cache=True, nogil=True)
def look_up(data, codewords, out):
    """The codeword (N, 1) of each data word (N,); True if a data word has none. There are a power of two of them."""
    mask = np.uint64(codewords.size - 1)
    seen = np.uint64(0)
    for i in range(data.size):
        word = np.uint64(data[i])
        seen |= word
        out[i, 0] = codewords[word & mask]
    return seen > mask
