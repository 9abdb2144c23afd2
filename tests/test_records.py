"""Records of bases and medians: what is stored, every pattern of flips that is repaired, and memory of any content."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from sparebits.codes.catalogue import best_code
from sparebits.codes.linear import LinearCode
from sparebits.errors import InputError
from sparebits.formats import FORMATS
from sparebits.layouts.forced import TENSOR_GROUPS, Forced
from sparebits.layouts.minifloat import Minifloat
from sparebits.protection.records import (
    COPIES,
    OFFSET,
    groups_of_metadata,
    groups_of_text,
    metadata_words,
    records_text,
)
from sparebits.protection.scheme import Group

BINARY32 = FORMATS["float32"]
WIDTHS_OF_MEDIANS = range(6, 18)
GOLDEN = (
    "fb01637061c88646a6925b8707f8ef890d2d9aa3982918585a1428fe35de11a5f1abe9dab6f3fb82cf6f2a7a6c1d438a"
    "abc0d6d5145bfe81c5ba20afb32910b0fa98fae96d6c6a29393c2c29e8133e41cf6f2a7a52c7dc2001990e17a273806d"
    "25e4fefc74e67bb0"
)


@cache
def uncoded(k: int) -> LinearCode:
    """What a group needs in the place of a code; records have their own."""
    return LinearCode(f"uncoded({k},{k})", np.eye(k, dtype=np.uint8), tuple(range(k)), "the data bits alone")


def group_of(layouts, medians, eps=None) -> Group:
    tensors = 4 if eps is not None else len(layouts)
    names = tuple(f"tensor {i}" for i in range(tensors))
    code = uncoded(sum(layout.data_bits for layout in layouts))
    return Group(names, tuple(layouts), code, "bounded distance", "median", tuple(medians), eps)


def highest_base(fmt, exponent_bits: int) -> int:
    """Found by trying."""

    def is_possible(base: int) -> bool:
        try:
            Minifloat(fmt, exponent_bits, 1, base)
        except InputError:
            return False
        return True

    return max(base for base in range(1 << fmt.exponent_bits) if is_possible(base))


def windows(fmt) -> list[Minifloat]:
    """Layouts of every width of the window, with and without sign, of the lowest and the highest base."""
    return [
        Minifloat(fmt, e, m, base, signed)
        for e in range(fmt.exponent_bits + 1)
        for base in {0, highest_base(fmt, e)}
        for m in range(0, fmt.mantissa_bits + 1, 1 + fmt.mantissa_bits // 30)
        for signed in (True, False)
        if e + m + signed >= 1
    ]


def forced(fmt) -> list[Forced]:
    return [
        Forced(fmt, group, "derived", forced_bits, 2, depth)
        for group in TENSOR_GROUPS
        for forced_bits in (0, 3)
        for depth in range(-1, fmt.mantissa_bits)
    ]


def all_kinds(fmt) -> list[Group]:
    """Groups of every kind with the lowest, the highest and some medians."""
    random = np.random.default_rng(fmt.width)
    groups = []
    for layout in (*windows(fmt), *forced(fmt)):
        some = int(random.integers(0, 1 << layout.data_bits, dtype=np.uint64))
        groups += [group_of([layout], [median]) for median in (0, some, (1 << layout.data_bits) - 1)]
    channel = [Minifloat(fmt, 3, 2, base, signed) for base, signed in ((0, True), (3, True), (16, True), (5, False))]
    return [*groups, group_of(channel, (5, 63, 0, 31)), group_of(channel[1:3], (1, 62), eps=1e-5)]


def blank(groups: list[Group]) -> list[Group]:
    """The groups with zeros for what records hold."""
    return [
        replace(
            group,
            layouts=tuple(replace(one, base=0) if isinstance(one, Minifloat) else one for one in group.layouts),
            medians=(0,) * len(group.layouts),
        )
        for group in groups
    ]


def random_records(widths, seed: int) -> list[Group]:
    """Groups of one tensor in binary32, with medians of these widths."""
    random = np.random.default_rng(seed)
    layouts = [Minifloat(BINARY32, 4, width - 5, int(random.integers(0, 240))) for width in widths]
    return [group_of([layout], [int(random.integers(0, 1 << layout.data_bits))]) for layout in layouts]


def flips_of(bits: np.ndarray) -> np.ndarray:
    """Masks uint32 (words,) of Booleans (words, 32)."""
    return np.packbits(bits, axis=1).view(">u4").ravel().astype(np.uint32)


# What is stored


def test_records_are_read_as_they_were_written(fmt):
    groups = all_kinds(fmt)
    words = metadata_words(groups)
    assert words.dtype == np.uint32
    assert words.ndim == 1
    assert np.array_equal(words, np.tile(words[: len(words) // COPIES], COPIES))
    assert groups_of_metadata(words, blank(groups)) == (tuple(groups), 0)
    assert groups_of_text(records_text(groups), blank(groups)) == (tuple(groups), 0)


def test_groups_that_differ_in_nothing_are_the_very_same(fmt):
    groups = all_kinds(fmt)
    words = metadata_words(groups)
    for memory in (words, words ^ np.uint32(1)):
        found, _ = groups_of_metadata(memory, groups)
        assert all(one is other for one, other in zip(found, groups, strict=True))
    blanks = blank(groups)
    found, _ = groups_of_metadata(words, blanks)
    assert all((one is other) == (one == other) for one, other in zip(found, blanks, strict=True))
    assert any(one is other for one, other in zip(found, blanks, strict=True))
    assert any(one is not other for one, other in zip(found, blanks, strict=True))


def test_no_groups_have_empty_records():
    assert groups_of_metadata(metadata_words([]), []) == ((), 0)
    assert groups_of_text(records_text([]), []) == ((), 0)


@pytest.mark.parametrize(
    ("dtype", "exponent_bits", "data_bits", "base_size", "median_size"),
    [
        ("float32", 4, 11, 8, 11),
        ("float32", 0, 1, 8, 6),
        ("float32", 7, 17, 7, 17),
        ("float32", 8, 9, 6, 9),
        ("float16", 3, 6, 6, 6),
        ("bfloat16", 2, 7, 8, 7),
        ("float64", 5, 16, 11, 16),
        ("float64", 10, 14, 10, 14),
    ],
)
def test_base_and_median_are_words_of_the_strongest_codes_that_hold_them(
    dtype, exponent_bits, data_bits, base_size, median_size
):
    fmt = FORMATS[dtype]
    base, median = highest_base(fmt, exponent_bits), (1 << data_bits) - 2 + (data_bits == 1)
    layout = Minifloat(fmt, exponent_bits, data_bits - exponent_bits, base, signed=False)
    expected = [int(best_code(32, k).encode(np.uint32(data))) for k, data in ((base_size, base), (median_size, median))]
    assert (metadata_words([group_of([layout], [median])]) ^ OFFSET).tolist() == expected * COPIES


def test_long_medians_are_split():
    layout = Forced(BINARY32, "mixed", "derived", 4, 8, 4)
    assert layout.data_bits == 24
    words = metadata_words([group_of([layout], [0xABC123])])
    assert (words ^ OFFSET).tolist() == best_code(32, 12).encode(
        np.array([0x123, 0xABC], dtype=np.uint32)
    ).tolist() * COPIES


def test_a_record_has_at_most_8_bytes():
    """In formats of up to 32 bits, but for windows with more data bits than a code of a single word has."""
    for dtype in ("float32", "float16", "bfloat16"):
        for layout in (*windows(FORMATS[dtype]), *forced(FORMATS[dtype])):
            if isinstance(layout, Forced) or layout.data_bits <= 17:
                assert metadata_words([group_of([layout], [0])]).nbytes <= COPIES * 8


def test_files_keep_their_records():
    """Another code or another order would make files of version 2 unreadable."""
    groups = random_records(WIDTHS_OF_MEDIANS, seed=2)
    groups.append(group_of([Forced(BINARY32, "mixed", "derived", 4, 8, 2)], [0x12345]))
    text = records_text(groups)
    assert text == GOLDEN * COPIES


# What is repaired


@pytest.mark.parametrize("width", WIDTHS_OF_MEDIANS)
def test_t_flips_over_the_copies_of_a_word_are_repaired(width):
    groups = random_records([width] * 40, seed=width)
    words = metadata_words(groups)
    random = np.random.default_rng(width)
    t = np.array([(COPIES * best_code(32, k).d - 1) // 2 for k in (8, width)] * 40)
    for _ in range(20):
        # Of the 96 bits of each word and its copies those with the lowest of 96 random numbers.
        order = random.random((len(t), COPIES * 32)).argsort(axis=1).argsort(axis=1)
        flips = (order < t[:, None]).reshape(-1, COPIES, 32).swapaxes(0, 1).reshape(-1, 32)
        found, outvoted = groups_of_metadata(words ^ flips_of(flips), blank(groups))
        assert found == tuple(groups)
        assert outvoted == t.sum()


@pytest.mark.parametrize("width", WIDTHS_OF_MEDIANS)
@pytest.mark.parametrize("content", [0, 0xFFFFFFFF, 0x0000FFFF, "random", "another"])
@pytest.mark.parametrize("copy", range(COPIES))
def test_a_lost_copy_and_further_flips_are_repaired(copy, content, width):
    """Whatever stands in one copy, even another code word, there may be (d - 1) // 2 more flips in the other two."""
    groups = random_records([width] * 40, seed=width)
    copies = metadata_words(groups).reshape(COPIES, -1).copy()
    random = np.random.default_rng(width)
    if content == "another":
        copies[copy] = metadata_words(random_records([width] * 40, seed=width + 1)).reshape(COPIES, -1)[0]
    elif content == "random":
        copies[copy] = random.integers(0, 1 << 32, copies.shape[1], dtype=np.uint32)
    else:
        copies[copy] = content
    more = np.array([(best_code(32, k).d - 1) // 2 for k in (8, width)] * 40)
    order = random.random((len(more), 64)).argsort(axis=1).argsort(axis=1)
    flips = (order < more[:, None]).reshape(-1, 2, 32).swapaxes(0, 1)
    for other, masks in zip([i for i in range(COPIES) if i != copy], flips, strict=True):
        copies[other] ^= flips_of(masks)
    assert groups_of_metadata(copies.ravel(), blank(groups))[0] == tuple(groups)
    text = copies.astype(">u4").tobytes().hex()
    assert groups_of_text(text, blank(groups))[0] == tuple(groups)


def test_at_a_bit_error_rate_of_5e_2_nothing_is_wrong():
    groups = random_records([*WIDTHS_OF_MEDIANS] * 25, seed=5)
    words = metadata_words(groups)
    for seed in range(200):
        flips = np.random.default_rng(seed).random((len(words), 32)) < 5e-2
        found, outvoted = groups_of_metadata(words ^ flips_of(flips), groups)
        assert all(one is other for one, other in zip(found, groups, strict=True))
        assert outvoted == flips.sum()


# Any memory


@pytest.mark.parametrize("content", [0, 0xFFFFFFFF, *range(1, 6)])
def test_any_memory_decodes_to_valid_groups(fmt, content):
    """Groups and layouts refuse impossible bases and medians."""
    groups = all_kinds(fmt)
    words = metadata_words(groups)
    if content in (0, 0xFFFFFFFF):
        words[:] = content
    else:
        words = np.random.default_rng(content).integers(0, 1 << 32, len(words), dtype=np.uint32)
    found, outvoted = groups_of_metadata(words, groups)
    assert blank(found) == blank(groups)
    assert outvoted == np.bitwise_count(words ^ metadata_words(found)).sum()


@pytest.mark.parametrize(
    ("exponent_bits", "data_bits", "base_bits"), [(4, 6, 8), (0, 8, 8), (7, 9, 7), (8, 10, 6), (6, 13, 8)]
)
def test_the_lowest_of_the_nearest_possible_values_is_taken(exponent_bits, data_bits, base_bits):
    layout = Minifloat(BINARY32, exponent_bits, data_bits - exponent_bits, 0, signed=False)
    groups = [group_of([layout], [0])] * 200
    bases = best_code(32, base_bits).codewords()[: highest_base(BINARY32, exponent_bits) + 1]
    medians = best_code(32, data_bits).codewords()
    random = np.random.default_rng(data_bits)
    copies = random.integers(0, 1 << 32, (COPIES, len(groups), 2), dtype=np.uint32)
    found, outvoted = groups_of_metadata(copies.ravel(), groups)
    total = ties = 0
    for group, record in zip(found, copies.swapaxes(0, 1), strict=True):
        for value, codewords, words in zip(
            (group.layouts[0].base, group.medians[0]), (bases, medians), record.T, strict=True
        ):
            distances = np.bitwise_count(words[:, None] ^ OFFSET ^ codewords).sum(axis=0)
            assert value == distances.argmin()
            ties += np.count_nonzero(distances == distances.min()) > 1
            total += distances.min()
    assert outvoted == total
    assert ties > 20


# Text of files


@pytest.mark.parametrize("copy", range(COPIES))
@pytest.mark.parametrize("content", ["0", "f", "z", " ", "\x7f", "\xff", "€"])
def test_records_survive_whatever_happens_to_one_copy(copy, content):
    groups = random_records(WIDTHS_OF_MEDIANS, seed=3)
    text = records_text(groups)
    length = len(text) // COPIES
    damaged = text[: copy * length] + content * length + text[(copy + 1) * length :]
    found, outvoted = groups_of_text(damaged, blank(groups))
    assert found == tuple(groups)
    assert outvoted > 0


def test_every_damaged_character_counts_even_where_it_says_the_same():
    groups = random_records([11], seed=4)
    text = records_text(groups)
    assert groups_of_text(text.upper(), groups) == (tuple(groups), sum(character in "abcdef" for character in text))
    zero = text.index("0")
    assert groups_of_text(f"{text[:zero]}p{text[zero + 1 :]}", groups) == (tuple(groups), 1)


def test_flips_in_all_copies_are_repaired_and_counted():
    groups = random_records(WIDTHS_OF_MEDIANS, seed=6)
    text = bytearray(records_text(groups).encode())
    # A character in each copy of each word: at most 3 x 4 bits, of which the weakest code corrects 11.
    flips = [(8 * word + word % 8, word % 3) for word in range(len(text) // 8)]
    for position, bit in flips:
        text[position] ^= 1 << bit
    assert groups_of_text(text.decode(), blank(groups)) == (tuple(groups), len(flips))


@pytest.mark.parametrize("width", WIDTHS_OF_MEDIANS)
def test_a_file_is_not_guessed_at(width):
    """As many flips as are corrected for certain, towards another code word, and one more elsewhere."""
    group = random_records([width], seed=width)[0]
    code = best_code(32, width)
    other = next(int(word) for word in code.codewords() if int(word).bit_count() == code.d)
    towards, elsewhere = ([bit for bit in range(32) if other >> bit & 1 == is_set] for is_set in (1, 0))
    copies = metadata_words([group]).reshape(COPIES, 2).copy()
    for flip in range((COPIES * code.d - 1) // 2):
        copies[flip % COPIES, 1] ^= np.uint32(1 << towards[flip // COPIES])
    assert groups_of_text(copies.astype(">u4").tobytes().hex(), blank([group]))[0] == (group,)
    copies[0, 1] ^= np.uint32(1 << elsewhere[0])
    with pytest.raises(InputError, match="damaged beyond repair; protect the original again"):
        groups_of_text(copies.astype(">u4").tobytes().hex(), blank([group]))


@pytest.mark.parametrize("width", WIDTHS_OF_MEDIANS)
@pytest.mark.parametrize("character", "0f#")
def test_wiped_text_is_refused(character, width):
    """In whole, or a word of it in every copy."""
    groups = random_records([width], seed=width)
    for spared in (slice(0), slice(8), slice(8, 16)):
        copy = [character] * 16
        copy[spared] = records_text(groups)[spared]
        with pytest.raises(InputError, match="damaged beyond repair"):
            groups_of_text("".join(copy) * COPIES, groups)


@pytest.mark.parametrize("change", [-1, 1, -8, 24])
def test_text_of_another_length_is_refused(change):
    groups = random_records([11], seed=4)
    text = records_text(groups)
    changed = text[:change] if change < 0 else text + "0" * change
    with pytest.raises(InputError, match=f"its records have {len(changed)} characters, expected {len(text)}"):
        groups_of_text(changed, groups)
