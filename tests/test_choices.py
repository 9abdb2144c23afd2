"""Depth, floor, bit classes and codes: the thesis' choices follow from the thesis' measurements."""

from itertools import pairwise

import pandas as pd
import pytest

from sparebits.bit_classes import (
    choose_ecc,
    classify_bits,
    forced_positions,
    free_bits,
    invariant_bits,
    network_free_bits,
)
from sparebits.choices import Choice, find_depth, find_floor, pairs_by_spare_bits, thesis_choice
from sparebits.codes.sizes import hamming_check_bits
from sparebits.formats import FORMATS

BINARY32 = FORMATS["float32"]
TOLERANCE = 1.2

NETWORKS = (
    "GoogLeNet",
    "InceptionV3",
    "MobileNet V2",
    "MobileNet V3 Small",
    "MobileNet V3 Large",
    "ResNet50V1",
    "ResNet50V2",
    "ShuffleNetV2_2.0",
)

# Table 16: deviation from the golden run, in percentage points, with bits 0 to the given one altered.
TABLE_16 = {
    22: (-69.668, -69.420, -71.894, -67.580, -75.204, -76.036, -80.756, -76.094),
    21: (-69.662, -69.436, -71.908, -67.576, -75.178, -75.986, -80.754, -76.094),
    20: (-69.606, -69.392, -71.882, -67.560, -75.188, -52.982, -77.708, -75.928),
    19: (-54.152, -65.086, -71.170, -67.450, -74.690, -5.710, -22.030, -52.204),
    18: (-15.304, -25.092, -37.992, -52.636, -38.276, -1.358, -5.094, -23.178),
    17: (-2.572, -5.016, -7.468, -11.122, -4.234, -0.334, -0.730, -4.588),
    16: (-0.508, -1.192, -1.396, -4.462, -0.930, -0.200, -0.296, -0.936),
    15: (-0.086, -0.456, -0.162, -2.170, -0.394, -0.034, -0.050, -0.376),
    14: (0.010, -0.176, -0.132, -0.398, -0.010, -0.060, -0.044, 0.022),
    13: (0.018, -0.072, 0.008, -0.086, 0.040, -0.038, -0.058, 0.018),
    12: (0.010, -0.054, -0.024, -0.070, -0.002, 0.004, -0.024, 0.000),
}

# Table 20: deviation with exponents rounded to each floor.
TABLE_20 = {
    0x60: (0, 0, 0, 0, 0, 0, 0, 0),
    0x70: (0, 0, 0, 0.002, 0, 0, 0, 0.006),
    0x78: (-0.792, -4.462, -1.752, -7.004, -20.010, -75.896, -4.074, -0.176),
    0x7C: (-69.672, -69.426, -71.900, -67.564, -75.206, -76.056, -80.758, -76.112),
}

# Table 18: the largest exponent field and how many leading bits are free to fix.
TABLE_18 = {
    "GoogLeNet": ("10000011", 6),
    "InceptionV3": ("10000011", 6),
    "MobileNet V2": ("10000110", 5),
    "MobileNet V3 Small": ("10000101", 5),
    "MobileNet V3 Large": ("10001000", 4),
    "ResNet50V1": ("10000010", 6),
    "ResNet50V2": ("10000111", 5),
    "ShuffleNetV2_2.0": ("10000111", 5),
}

# Table 22: the choices, as the highest altered bit and the power of two to which exponents are rounded. The thesis'
# "16 bits" is the row bit_16 of Table 16. (For MobileNet V2 it prints the accuracy of bit_14 beside its "15 bits".)
TABLE_22 = {
    "GoogLeNet": (16, -7),
    "InceptionV3": (16, -15),
    "MobileNet V2": (15, -15),
    "MobileNet V3 Small": (14, -15),
    "MobileNet V3 Large": (16, -15),
    "ResNet50V1": (17, -15),
    "ResNet50V2": (17, -15),
    "ShuffleNetV2_2.0": (16, -7),
}

# Table 21: spare bits and bits to protect. Its rows of InceptionV3 (20, 12) and MobileNet V3 Small (18, 14) do not
# follow from the choices of Table 22, which give one spare bit more each: 17 + 4 and 15 + 4.
SPARE_AND_DATA_BITS = {
    "GoogLeNet": (22, 10),
    "InceptionV3": (21, 11),
    "MobileNet V2": (20, 12),
    "MobileNet V3 Small": (19, 13),
    "MobileNet V3 Large": (21, 11),
    "ResNet50V1": (22, 10),
    "ResNet50V2": (22, 10),
    "ShuffleNetV2_2.0": (22, 10),
}


def lsb_table(network: str) -> pd.DataFrame:
    """Table 16 as lsb.csv, in its printed order."""
    column = NETWORKS.index(network)
    rows = [("alteration", "all", bit, -deviations[column]) for bit, deviations in TABLE_16.items()]
    return pd.DataFrame(rows, columns=["mode", "kind", "bit", "drop_pp"])


def rounding_table(network: str) -> pd.DataFrame:
    """Table 20 as rounding.csv."""
    column = NETWORKS.index(network)
    rows = [(floor, -deviations[column]) for floor, deviations in TABLE_20.items()]
    return pd.DataFrame(rows, columns=["floor", "drop_pp"])


def chosen(network: str) -> Choice:
    return Choice(
        floor=find_floor(rounding_table(network), TOLERANCE), depth=find_depth(lsb_table(network), BINARY32, TOLERANCE)
    )


@pytest.mark.parametrize("network", NETWORKS)
def test_depths_of_the_thesis(network):
    assert find_depth(lsb_table(network), BINARY32, TOLERANCE) == TABLE_22[network][0]


@pytest.mark.parametrize("network", NETWORKS)
def test_floors_of_the_thesis(network):
    power = find_floor(rounding_table(network), TOLERANCE) - 127
    assert power == TABLE_22[network][1]


@pytest.mark.parametrize("network", NETWORKS)
def test_free_bits_of_the_thesis(network):
    largest, free = TABLE_18[network]
    assert free_bits(int(largest, 2), BINARY32) == free


@pytest.mark.parametrize("network", NETWORKS)
def test_spare_and_data_bits_follow_from_the_thesis_choices(network):
    spare, data = SPARE_AND_DATA_BITS[network]
    assert chosen(network).spare_bits(BINARY32, TABLE_18[network][1]) == spare
    tensors = tensor_table([("weight", 0, int(TABLE_18[network][0], 2), "mixed"), ("bias", 0, 0x7F, "below")])
    row = ecc_row(choose_ecc(tensors, chosen(network), BINARY32), "network", "thesis")
    assert (row["spare_bits"], row["data_bits"]) == (spare, data)


@pytest.mark.parametrize("largest", ["00000000", "01111111", "10000000", "10000001", "10111111", "11111111"])
def test_free_bits_at_the_ends(largest):
    expected = 8 if largest[0] == "0" else {"10000000": 8, "10000001": 7, "10111111": 2, "11111111": 1}[largest]
    assert free_bits(int(largest, 2), BINARY32) == expected


def test_free_bits_are_the_leading_ones_that_all_large_exponents_share(fmt):
    for largest in range(2**fmt.exponent_bits):
        smallest_large = "1".ljust(fmt.exponent_bits, "0")
        digits = max(f"{largest:0{fmt.exponent_bits}b}", smallest_large)
        shared = fmt.exponent_bits
        while digits[:shared] != smallest_large[:shared]:
            shared -= 1
        assert free_bits(largest, fmt) == shared


# --- depth and floor --------------------------------------------------------------------------------------------------


def drops(values: dict[int, float], column: str) -> pd.DataFrame:
    return pd.DataFrame({"mode": "alteration", "kind": "all", column: list(values), "drop_pp": list(values.values())})


@pytest.mark.parametrize(
    ("values", "depth"),
    [
        ({0: 1.2, 1: 1.2}, 1),
        ({0: 1.3, 1: 0.0}, -1),
        ({0: 0, 1: 0, 2: 1.21, 3: 0}, 1),
        ({3: 0, 1: 9, 0: 0, 2: 0}, 0),
        ({2: -5, 5: 0, 8: 2}, 5),
        (dict.fromkeys(range(32), 0), 22),
        ({}, -1),
    ],
)
def test_the_depth_ends_before_the_first_bit_beyond_the_tolerance(values, depth):
    assert find_depth(drops(values, "bit"), BINARY32, TOLERANCE) == depth


def test_the_depth_goes_by_the_alteration_of_all_parameters_only():
    table = drops({0: 0, 1: 5}, "bit")
    others = [drops({0: 9, 1: 0}, "bit").assign(kind="weight"), drops({0: 9, 1: 0}, "bit").assign(mode="random")]
    assert find_depth(pd.concat([*others, table]), BINARY32, TOLERANCE) == 0


def test_the_depth_stays_in_the_mantissa_of_each_format(fmt):
    table = drops(dict.fromkeys(range(fmt.width), 0), "bit")
    assert find_depth(table, fmt, TOLERANCE) == fmt.mantissa_bits - 1


@pytest.mark.parametrize(
    ("values", "floor"),
    [
        ({0x60: 0, 0x70: 1.2, 0x78: 1.2, 0x7C: 1.2}, 0x7C),
        ({0x60: 0, 0x70: 5, 0x78: 0, 0x7C: 0}, 0x60),
        ({0x7C: 5, 0x60: 0, 0x78: 0, 0x70: 0}, 0x78),
        ({0x60: 2, 0x70: 0}, 0),
    ],
)
def test_the_floor_ends_before_the_first_beyond_the_tolerance(values, floor):
    assert find_floor(drops(values, "floor"), TOLERANCE) == floor


def test_the_thesis_choice_is_read_from_its_row():
    rows = [("best", 0x78, 18), ("none", 0x78, 17), ("thesis", 0x70, -1)]
    combined = pd.DataFrame(rows, columns=["choice", "floor", "bit"])
    choice = thesis_choice(combined)
    assert choice == Choice(floor=0x70, depth=-1)
    assert choice.irrelevant_bits == 0
    assert choice.spare_bits(BINARY32, free_bits=5) == 4
    assert Choice(floor=0, depth=3).spare_bits(BINARY32, free_bits=5) == 4


@pytest.mark.parametrize("free", [1, 4, 8])
def test_pairs_are_every_pair_once_by_falling_spare_bits(fmt, free):
    free = min(free, fmt.exponent_bits)
    groups = list(pairs_by_spare_bits(fmt, free))
    assert all(more > fewer for (more, _), (fewer, _) in pairwise(groups))
    assert groups[-1] == (0, [(0, -1)])
    forced = {0: 0, **fmt.forced_bits_of_floor}
    for spare, pairs in groups:
        assert {min(forced[floor], free) + bit + 1 for floor, bit in pairs} == {spare}
    found = [pair for _, pairs in groups for pair in pairs]
    assert sorted(found) == sorted((floor, bit) for floor in forced for bit in range(-1, fmt.mantissa_bits))


# --- bit classes ------------------------------------------------------------------------------------------------------


def tensor_table(rows) -> pd.DataFrame:
    """tensors.csv of tensors given as kind, smallest and largest exponent, and group; 10 values each."""
    return pd.DataFrame(
        [(f"{i}.{kind}", kind, 10, low, high, group) for i, (kind, low, high, group) in enumerate(rows)],
        columns=["tensor", "kind", "values", "min_exponent", "max_exponent", "group"],
    )


def bits_table(invariant: dict[str, set[int]], width: int = 32) -> pd.DataFrame:
    """bits.csv in which the given bits of each kind are always 0; those of `all` would be if that counted."""
    rows = [("all", bit, 100, 0) for bit in range(width)]
    for kind, bits in invariant.items():
        rows += [(kind, bit, 20, 0 if bit in bits else 5) for bit in range(width)]
    return pd.DataFrame(rows, columns=["kind", "bit", "zeros", "ones"])


def ecc_row(table: pd.DataFrame, group: str, rule: str) -> pd.Series:
    (row,) = [row for _, row in table.iterrows() if (row["group"], row["rule"]) == (group, rule)]
    return row


def class_string(classes: pd.DataFrame, tensor: str, column: str) -> str:
    """Initials of the classes of a tensor's bits, from the sign downwards."""
    rows = classes[classes["tensor"] == tensor].sort_values("bit", ascending=False)
    return "".join(name[0].upper() if name == "invariant" else name[0] for name in rows[column])


def test_invariant_bits_are_those_with_one_value_in_a_whole_kind():
    table = bits_table({"weight": {28, 29, 30}, "bias": set(), "running_var": {31}})
    table.loc[(table["kind"] == "bias") & (table["bit"] == 29), ["zeros", "ones"]] = (0, 25)
    assert invariant_bits(table) == {"weight": {28, 29, 30}, "bias": {29}, "running_var": {31}}


def test_bit_classes_of_shufflenet_are_figure_6():
    # Figure 6: the sign of variances is invariant, 01111xxx and 10000xxx are forced, then 3 bits of exponent and 7 of
    # mantissa are protected; the thesis protects whole exponents in mixed tensors.
    tensors = tensor_table(
        [
            ("weight", 0x41, 0x7F, "below"),
            ("running_var", 0x80, 0x87, "above"),
            ("bias", 0x60, 0x82, "mixed"),
            ("running_var", 0, 0x7F, "below"),
        ]
    )
    bits = bits_table({"weight": set(), "bias": set(), "running_var": {31}})
    classes = classify_bits(tensors, bits, Choice(floor=0x78, depth=15), BINARY32)
    for column in ("class", "thesis_class"):
        assert class_string(classes, "0.weight", column) == "p" + "fffff" + "ppp" + "p" * 7 + "i" * 16
        assert class_string(classes, "1.running_var", column) == "I" + "fffff" + "ppp" + "p" * 7 + "i" * 16
        assert class_string(classes, "3.running_var", column) == "I" + "fffff" + "ppp" + "p" * 7 + "i" * 16
    assert class_string(classes, "2.bias", "thesis_class") == "p" + "pppppppp" + "p" * 7 + "i" * 16
    assert class_string(classes, "2.bias", "class") == "p" + "pffff" + "ppp" + "p" * 7 + "i" * 16


def test_the_first_class_that_applies_wins():
    tensors = tensor_table([("weight", 0x70, 0x7F, "below")])
    bits = bits_table({"weight": {30, 29, 28, 3}})
    classes = classify_bits(tensors, bits, Choice(floor=0x78, depth=5), BINARY32)
    assert class_string(classes, "0.weight", "class") == "p" + "IIIff" + "ppp" + "p" * 17 + "iiIiii"


def test_every_word_is_partitioned(fmt):
    forced_floor = max(fmt.forced_bits_of_floor)
    groups = [
        ("weight", 0, fmt.leading_exponent - 1, "below"),
        ("bias", fmt.leading_exponent, fmt.leading_exponent + 1, "above"),
        ("running_var", 1, fmt.leading_exponent, "mixed"),
    ]
    tensors = tensor_table(groups)
    bits = bits_table({"weight": set(), "bias": {1}, "running_var": {fmt.width - 1}}, fmt.width)
    for floor, depth in ((0, -1), (0, 3), (forced_floor, -1), (forced_floor, fmt.mantissa_bits - 1)):
        classes = classify_bits(tensors, bits, Choice(floor, depth), fmt)
        assert len(classes) == 3 * fmt.width
        assert not classes.duplicated(["tensor", "bit"]).any()
        assert set(classes["class"]) <= {"invariant", "forced", "irrelevant", "protected"}
        assert set(classes["format"]) == {fmt.name}
        mantissa = classes[classes["bit"] < fmt.mantissa_bits]
        assert (mantissa["class"] != "forced").all()
        irrelevant = classes[classes["class"] == "irrelevant"]
        assert (irrelevant["bit"] <= depth).all()


def test_forced_positions_by_hand():
    def positions(group, rule, forced, free):
        return forced_positions(group, rule, forced, free, BINARY32)

    for rule in ("thesis", "derived"):
        assert positions("below", rule, 5, 4) == {30, 29, 28, 27, 26}
        assert positions("above", rule, 5, 6) == {30, 29, 28, 27, 26}
        assert positions("above", rule, 5, 4) == {30, 29, 28, 27}
        assert positions("below", rule, 0, 8) == set()
    assert positions("mixed", "thesis", 5, 6) == set()
    assert positions("mixed", "derived", 5, 6) == {29, 28, 27, 26}
    assert positions("mixed", "derived", 5, 4) == {29, 28, 27}
    assert positions("mixed", "derived", 0, 4) == set()


def test_derived_bits_can_be_told_from_the_leading_exponent_bit():
    # After rounding, bits 29 to 31 - min(j, u) of each word are the complement of bit 30.
    for floor, forced in BINARY32.forced_bits_of_floor.items():
        for largest in range(0x80, 0x100):
            free = free_bits(largest, BINARY32)
            derived = forced_positions("mixed", "derived", forced, free, BINARY32)
            for exponent in range(floor, largest + 1):
                digits = dict(zip(range(30, 22, -1), f"{exponent:08b}", strict=True))
                assert all(digits[bit] != digits[30] for bit in derived)


def test_the_networks_free_bits_go_by_its_largest_exponent():
    tensors = tensor_table([("weight", 0, 0x7F, "below"), ("bias", 0x70, 0x88, "mixed")])
    assert network_free_bits(tensors, BINARY32) == 4
    assert network_free_bits(tensors.iloc[:1], BINARY32) == 8


# --- codes ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "hamming", "secded"),
    [(10, 14, 15), (11, 15, 16), (12, 17, 18), (14, 19, 20), (16, 21, 22), (4, 7, 8), (26, 31, 32), (57, 63, 64)],
)
def test_published_hamming_and_secded_codes(data, hamming, secded):
    # Thesis 3.8.4 and 4.6.3; Hamming 1950.
    assert data + hamming_check_bits(data) == hamming
    depth = 32 - data - 1
    if 0 <= depth < 23:
        tensors = tensor_table([("weight", 0, 0x7F, "below")])
        row = ecc_row(choose_ecc(tensors, Choice(floor=0, depth=depth), BINARY32), "below", "thesis")
        assert (row["data_bits"], row["hamming_n"], row["secded_n"]) == (data, hamming, secded)


def test_hamming_codes_are_the_shortest_that_tell_every_single_error():
    for data in range(1, 65):
        check = hamming_check_bits(data)
        assert 2**check > data + check
        assert 2 ** (check - 1) <= data + check - 1


def test_codes_by_group_and_rule():
    tensors = tensor_table(
        [("weight", 0x41, 0x7F, "below"), ("running_var", 0x80, 0x87, "above"), ("bias", 0x60, 0x82, "mixed")]
    )
    table = choose_ecc(tensors, Choice(floor=0x78, depth=16), BINARY32)
    assert len(table) == 8
    found = {(row.group, row.rule): (row.forced_bits, row.spare_bits, row.data_bits) for row in table.itertuples()}
    assert found == {
        ("below", "thesis"): (5, 22, 10),
        ("below", "derived"): (5, 22, 10),
        ("above", "thesis"): (5, 22, 10),
        ("above", "derived"): (5, 22, 10),
        ("mixed", "thesis"): (0, 17, 15),
        ("mixed", "derived"): (4, 21, 11),
        ("network", "thesis"): (5, 22, 10),
        ("network", "derived"): (4, 21, 11),
    }
    assert (table["irrelevant_bits"] == 17).all()
    assert (table["spare_bits"] + table["data_bits"] == 32).all()


def test_mixed_tensors_of_shufflenet_need_the_code_that_the_thesis_names():
    # Section 3.8.4 protects 16 bits of mixed tensors with (21, 16): sign, exponent and 7 bits of mantissa, so bits
    # 15 to 0 are altered. The row bit_16 of Table 16, chosen in Table 22, leaves 6 bits of mantissa: 15 data bits and
    # (20, 15).
    tensors = tensor_table([("bias", 0x60, 0x87, "mixed")])
    section_3 = ecc_row(choose_ecc(tensors, Choice(floor=0x78, depth=15), BINARY32), "mixed", "thesis")
    assert (section_3["forced_bits"], section_3["data_bits"], section_3["hamming_n"]) == (0, 16, 21)
    table_22 = ecc_row(choose_ecc(tensors, Choice(floor=0x78, depth=16), BINARY32), "mixed", "thesis")
    assert (table_22["forced_bits"], table_22["data_bits"], table_22["hamming_n"]) == (0, 15, 20)


def test_the_network_can_bear_what_each_of_its_tensors_bears():
    below = tensor_table([("weight", 0x41, 0x7F, "below")])
    above = tensor_table([("weight", 0x41, 0x7F, "below"), ("running_var", 0x80, 0x88, "above")])
    choice = Choice(floor=0x78, depth=16)
    assert ecc_row(choose_ecc(below, choice, BINARY32), "network", "derived")["forced_bits"] == 5
    assert ecc_row(choose_ecc(above, choice, BINARY32), "network", "derived")["forced_bits"] == 4


def test_codes_count_the_tensors_and_values_of_their_group():
    tensors = tensor_table([("weight", 0, 0x7F, "below"), ("bias", 0, 0x7F, "below"), ("bias", 0, 0x82, "mixed")])
    table = choose_ecc(tensors, Choice(floor=0x70, depth=3), BINARY32)
    counts = table.drop_duplicates("group").set_index("group")[["tensors", "values"]]
    assert counts.loc["below"].tolist() == [2, 20]
    assert counts.loc["above"].tolist() == [0, 0]
    assert counts.loc["mixed"].tolist() == [1, 10]
    assert counts.loc["network"].tolist() == [3, 30]


def test_spare_bits_of_a_group_are_those_classified_as_spare(fmt):
    rows = [
        ("weight", 0, fmt.leading_exponent - 1, "below"),
        ("bias", fmt.leading_exponent, fmt.leading_exponent + 3, "above"),
        ("running_mean", 1, fmt.leading_exponent + 2, "mixed"),
    ]
    tensors = tensor_table(rows)
    bits = bits_table({"weight": set(), "bias": set(), "running_mean": set()}, fmt.width)
    choice = Choice(floor=max(fmt.forced_bits_of_floor), depth=min(4, fmt.mantissa_bits - 1))
    classes, codes = classify_bits(tensors, bits, choice, fmt), choose_ecc(tensors, choice, fmt)
    for row in tensors.itertuples():
        of_tensor = classes[classes["tensor"] == row.tensor]
        for rule, column in (("thesis", "thesis_class"), ("derived", "class")):
            spare = (of_tensor[column] != "protected").sum()
            assert spare == ecc_row(codes, row.group, rule)["spare_bits"]
