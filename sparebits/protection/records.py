"""What the layouts of a scheme keep beside the words: base and median, as code words that are stored three times.

A layout's record is its base (only of layouts with a window) and the data word of its median, each as a word of 32 bits
in the strongest code of the catalogue that holds it; a median of more than 17 bits is split into several such words.
Records follow each other in the order of groups and their layouts, and the whole is stored three times. The copies of a
word are together one word of a [96,k,3d] code, decoded by maximum likelihood among the values that the layout allows.
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import cache

import numba
import numpy as np

from sparebits.codes.catalogue import best_code, code_sizes
from sparebits.codes.linear import LinearCode
from sparebits.decoding.popcount import popcount
from sparebits.errors import InputError
from sparebits.layouts.layout import Layout
from sparebits.protection.scheme import Group

COPIES = 3
WORD_BITS = 32
DATA_BITS = range(6, 18)
"""Of the codes of records; larger values are split."""
OFFSET = np.uint32(0x9E3779B9)
"""Added to code words, so that memory of zeros alone, or of ones, is beyond repair and no record (golden ratio)."""


def metadata_words(groups: Sequence[Group]) -> np.ndarray:
    """The records of all groups as they are stored: uint32 (COPIES * words,), the copies one after another."""
    data = np.array([part for group in groups for part in _data_words(group)], dtype=np.uint32)
    words = np.empty_like(data)
    for code, places in _places(_limits(groups)).items():
        words[places] = code.encode(data[places])
    return np.tile(words ^ OFFSET, COPIES)


def groups_of_metadata(words: np.ndarray, groups: Sequence[Group]) -> tuple[tuple[Group, ...], int]:
    """The groups with the bases and medians that are likeliest, whatever the memory holds.

    Args:
        words: uint32 (COPIES * words,), as from `metadata_words` but for any flips.
        groups: the same ones with any bases and medians.

    Returns:
        the groups, those that differ in nothing being the very ones given, and how many bits of `words` differ from
        the records of these groups.
    """
    data, distances, _ = _decode(words, groups)
    return _groups_with(data, groups), int(distances.sum())


def records_text(groups: Sequence[Group]) -> str:
    """The records of all groups as text for a file: hexadecimal, 8 digits a word."""
    return metadata_words(groups).astype(">u4").tobytes().hex()


def groups_of_text(text: str, groups: Sequence[Group]) -> tuple[tuple[Group, ...], int]:
    """The groups with the bases and medians of a file's records.

    A character that is no hexadecimal digit counts as 0.

    Args:
        text: as from `records_text`, damaged or not.
        groups: the same ones with any bases and medians.

    Returns:
        the groups, and how many bits of the text, as Latin-1, differ from the records of these groups.

    Raises:
        InputError: the text has another length, or a word is neither within what its three copies together correct,
            nor within what two of them correct whatever became of the third.
    """
    expected = COPIES * len(_limits(groups)) * WORD_BITS // 4
    if len(text) != expected:
        raise InputError(f"its records have {len(text)} characters, expected {expected}")
    characters = _characters(text)
    digits = _DIGITS[characters]
    words = (digits[0::2] << 4 | digits[1::2]).view(">u4").astype(np.uint32)
    data, distances, d = _decode(words, groups)
    flips = distances.sum(axis=0)
    # Two copies tell code words apart by 2d, the third one's word for a wrong one is by d at most.
    is_certain = (flips <= _reach(d)) | (flips - distances.max(axis=0) <= (d - 1) // 2)
    if not is_certain.all():
        raise InputError("its records are damaged beyond repair; protect the original again")
    complete = _groups_with(data, groups)
    return complete, int(np.bitwise_count(characters ^ _characters(records_text(complete))).sum())


def _decode(words: np.ndarray, groups: Sequence[Group]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Data words of the nearest code words (words,), of several the lowest; the bits in which each copy differs from
    these (COPIES, words); minimum distance of the codes (words,). All int64."""
    limits = np.array(_limits(groups), dtype=np.int64)
    copies = words.reshape(COPIES, len(limits)) ^ OFFSET
    data, d, distances = np.zeros_like(limits), np.zeros_like(limits), np.zeros(copies.shape, dtype=np.int64)
    for code, places in _places(limits.tolist()).items():
        codewords = _codewords(code)
        d[places] = code.d
        # The majority of bits is mostly a code word itself. Within reach it is the nearest one.
        a, b, c = copies[:, places]
        data[places] = code.data_of(a & b | a & c | b & c)
        flips = np.bitwise_count(copies[:, places] ^ codewords[data[places]]).sum(axis=0)
        unsure = places[(flips > _reach(code.d)) | (data[places] >= limits[places])]
        data[unsure] = _nearest(copies[:, unsure], limits[unsure], codewords)
        distances[:, places] = np.bitwise_count(copies[:, places] ^ codewords[data[places]])
    return data, distances, d


@numba.njit(cache=True, nogil=True)
def _nearest(copies, limits, codewords):
    """Index below its limit of the code word nearest to the three copies of each word, the lowest of several."""
    nearest = np.empty(limits.size, dtype=np.int64)
    for place in range(limits.size):
        a, b, c = copies[0, place], copies[1, place], copies[2, place]
        # Distance above, index below in one number: its minimum needs no branch, so the loop is vectorised.
        best = np.uint32(0xFFFFFFFF)
        for index in range(limits[place]):
            word = codewords[index]
            distance = np.uint32(popcount(a ^ word) + popcount(b ^ word) + popcount(c ^ word))
            best = min(best, np.uint32(distance << np.uint32(24) | np.uint32(index)))
        nearest[place] = best & np.uint32(0xFFFFFF)
    return nearest


def _reach(d: int | np.ndarray) -> int | np.ndarray:
    """Flips in the copies together that are always corrected, at a minimum distance d of each."""
    return (COPIES * d - 1) // 2


def _groups_with(data: np.ndarray, groups: Sequence[Group]) -> tuple[Group, ...]:
    """The groups with the bases and medians of data words (words,)."""
    words = iter(data.tolist())
    complete = []
    for group in groups:
        layouts, medians = [], []
        for layout in group.layouts:
            base = next(words) if hasattr(layout, "base") else None
            layouts.append(layout if base is None or base == layout.base else replace(layout, base=base))
            medians.append(sum(next(words) << shift for shift, _ in _parts(layout)))
        records = {"layouts": tuple(layouts), "medians": tuple(medians)}
        is_same = (group.layouts, group.medians) == tuple(records.values())
        complete.append(group if is_same else replace(group, **records))
    return tuple(complete)


def _data_words(group: Group) -> list[int]:
    """What the words of a group's records say."""
    data = []
    for layout, median in zip(group.layouts, group.medians, strict=True):
        data += [layout.base] if hasattr(layout, "base") else []
        data += [median >> shift & (1 << bits) - 1 for shift, bits in _parts(layout)]
    return data


def _limits(groups: Sequence[Group]) -> list[int]:
    """What each word of the records of all groups says is below this; (words,)."""
    limits = []
    for group in groups:
        for layout in group.layouts:
            if hasattr(layout, "base"):
                limits.append(layout.base_limit)
            limits += [1 << bits for _, bits in _parts(layout)]
    return limits


def _parts(layout: Layout) -> list[tuple[int, int]]:
    """The lowest bit and the number of bits of the parts of a median, about equally many."""
    parts = -(-layout.data_bits // DATA_BITS[-1])
    bits = -(-layout.data_bits // parts)
    return [(start, min(bits, layout.data_bits - start)) for start in range(0, layout.data_bits, bits)]


def _places(limits: Sequence[int]) -> dict[LinearCode, np.ndarray]:
    """By code the indices of the words that are in it."""
    places: dict[LinearCode, list[int]] = {}
    for place, limit in enumerate(limits):
        places.setdefault(strongest_code((limit - 1).bit_length()), []).append(place)
    return {code: np.array(of_code) for code, of_code in places.items()}


@cache
def strongest_code(bits: int) -> LinearCode:
    """The strongest code that holds so many bits, of equals the smallest."""
    sizes = [k for n, k in code_sizes() if n == WORD_BITS and k in DATA_BITS and k >= bits]
    return max((best_code(WORD_BITS, k) for k in sizes), key=lambda code: code.d)


def _characters(text: str) -> np.ndarray:
    """The characters of a text as Latin-1, uint8 (len(text),)."""
    return np.frombuffer(text.encode("latin-1", errors="replace"), dtype=np.uint8)


_codewords = cache(LinearCode.codewords)
_DIGITS = np.array([int(chr(i), 16) if chr(i) in "0123456789abcdefABCDEF" else 0 for i in range(256)], dtype=np.uint8)
