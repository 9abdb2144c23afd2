"""The published tables as data, and the audit of them."""

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from workflow import PROJECT, copy_project, snakemake

from sparebits.errors import InputError
from sparebits.published import audit as audits
from sparebits.published import between_tables, bits, percentages, sums, text
from sparebits.published.tables import KINDS, Published, read_published

REFERENCE = PROJECT / "reference" / "silin2024"
PUBLISHED = read_published(REFERENCE)

# Rows that the document prints, times the kinds or networks that a row of it holds.
ROWS = {1: 4, 2: 1, 3: 4, 4: 32, 5: 5, 6: 2 * 32, 7: 3 * 32, 8: 5 * 34, 9: 5 * 4, 10: 5 * 4, 11: 5, 12: 4, 13: 8, 14: 8}
ROWS |= {15: 8 * 12, 16: 8 * 12, 17: 8 * 5, 18: 8, 19: 8 * 5, 20: 8 * 5, 21: 8, 22: 8 * 4}
ROWS |= dict.fromkeys(range(23, 31), 5 * 7) | dict.fromkeys(range(31, 39), 5)
COLUMNS = {1: 6, 2: 6, 3: 6, 4: 7, 5: 5, 6: 10, 7: 8, 8: 7, 9: 7, 10: 7, 11: 14, 12: 10, 13: 6, 14: 4, 15: 5, 16: 6}
COLUMNS |= (
    {17: 7, 18: 4, 19: 5, 20: 7, 21: 4, 22: 8} | dict.fromkeys(range(23, 31), 6) | dict.fromkeys(range(31, 39), 14)
)


@pytest.mark.parametrize("number", ROWS)
def test_every_table_has_the_rows_and_columns_of_the_document(number):
    rows = PUBLISHED.tables[number]
    assert len(rows) == ROWS[number]
    assert {len(row) for row in rows} == {COLUMNS[number]}


def test_every_table_is_in_the_index_with_pages_that_ascend():
    assert [row["table"] for row in PUBLISHED.index] == list(range(1, 39))
    first = [row["page_from"] for row in PUBLISHED.index]
    assert first == sorted(first)
    for row in PUBLISHED.index:
        assert row["page_to"] is None or row["page_from"] <= row["page_to"]
        assert row["title"]
        assert row["section"]
        assert row["units"]


def test_the_tables_of_all_networks_have_all_eight():
    names = {(row["architecture"], row["weights"]) for row in PUBLISHED.networks}
    assert len(names) == 8
    for number in (*range(13, 23),):
        assert {(row["architecture"], row["weights"]) for row in PUBLISHED.tables[number]} == names
    of_one = [{(row["architecture"], row["weights"]) for row in PUBLISHED.tables[number]} for number in range(23, 39)]
    assert all(len(found) == 1 for found in of_one)
    assert set.union(*of_one[:8]) == set.union(*of_one[8:]) == names


@pytest.mark.parametrize(
    ("number", "column", "cells", "printed"),
    [
        (4, "hits_percent", {"bit": 19}, "23.99"),
        (6, "ones", {"kind": "weight", "bit": 30}, "5017"),
        (7, "zeros_percent", {"kind": "running_var", "bit": 31}, "100"),
        (8, "values", {"kind": "running_var", "exponent": 0x86}, "25"),
        (10, "values", {"kind": "bias", "group": "mixed"}, "8930"),
        (12, "hits", {"run": "combined"}, "37116"),
        (14, "parameters", {"architecture": "inception_v3"}, "27161264"),
        (16, "deviation_pp", {"architecture": "mobilenet_v3_large", "altered_bit": 13}, "0.040"),
        (18, "max_exponent", {"architecture": "mobilenet_v3_large"}, str(0b10001000)),
        (20, "deviation_pp", {"architecture": "mobilenet_v3_small", "floor": 0x70}, "0.002"),
        (22, "accuracy_percent", {"architecture": "mobilenet_v2", "run": "alteration"}, "71.874"),
        (24, "values", {"kind": "running_mean", "exponent_from": None, "exponent_below": None}, "6018304"),
        (32, "modified_values", {"floor": 0x7C}, "3285914"),
        (37, "misses_percent", {"floor": 0x7C}, "99.904"),
    ],
)
def test_cells_are_what_the_document_prints_also_where_it_errs(number, column, cells, printed):
    assert str(PUBLISHED.cell(number, column, **cells)) == printed


def test_a_cell_that_is_not_unique_is_refused():
    with pytest.raises(KeyError, match="Table 13 has 8 rows"):
        PUBLISHED.cell(13, "hits")


def test_a_missing_table_and_a_misprint_are_named(tmp_path):
    for file in REFERENCE.glob("*.csv"):
        (tmp_path / file.name).write_bytes(file.read_bytes())
    table = tmp_path / "table_13.csv"
    table.write_text(table.read_text().replace("34886", "34,886 hits".replace(",", "")))
    with pytest.raises(InputError, match=r"table_13.csv, line 2: the hits 34886 hits is no number"):
        read_published(tmp_path)
    table.unlink()
    with pytest.raises(InputError, match=r"table_13.csv is missing"):
        read_published(tmp_path)


# Each verified by hand in the document: where, what is printed, what it should agree with.
FINDINGS = [
    ("Table 24", "total, running_mean", "6,018,304", "18,952"),
    ("Table 32", "InceptionV3, rounding, floor 120", "443,777", "9,723,752"),
    ("Table 32", "InceptionV3, rounding, floor 124", "3,285,914", "27,081,994"),
    ("Table 14", "InceptionV3", "27,161,264", "21,160,232"),
    ("Table 17", "InceptionV3", "27,159,264", "21,161,072"),
    ("Table 32", "rounding, floor 120", "152 / 443,777", "counts of its own"),
    ("Table 32", "rounding, floor 124", "178 / 3,285,914", "counts of its own"),
    ("Table 17", "InceptionV3, weight", "bits 29 30", "no bit"),
    ("Table 12", "label “16 bits” of ShuffleNetV2_2.0", "16", "17"),
    ("Table 22", "MobileNet V2, “15 bits”, accuracy", "71.874", "71.844"),
    ("Table 22", "label “14 bits” of MobileNet V3 Small", "14", "15"),
    ("Table 22", "label “16 bits” of GoogLeNet, InceptionV3, MobileNet V3 Large, ShuffleNetV2_2.0", "16", "17"),
    ("Table 22", "label “17 bits” of ResNet50V1, ResNet50V2", "17", "18"),
    ("Table 21", "InceptionV3, parity", "20", "21"),
    ("Table 21", "MobileNet V3 Small, parity", "18", "19"),
    ("Table 10", "digits of 1000000", "7", "8"),
    ("Table 20", "digits of 0110000, 0111000, 0111100, 0111110", "7", "8"),
    ("section 3.5.3", "bit 26 is 1, all parameters", "79.58", "80.81"),
    ("section 3.6.2", "low mantissa bits identified in ShuffleNet", "10", "16"),
    ("section 3.7.3", "values modified by rounding to 96, first mention", "8,918", "8,917"),
    ("section 3.8.1", "highest low mantissa bit with minimal effect in ShuffleNet", "14", "16"),
    ("section 3.8.3", "accuracy after rounding and alteration", "75.448", "74.232"),
    ("section 3.8.3", "drop after rounding and alteration", "0.746", "1.962"),
    ("section 3.8.4", "bits free for parity in ShuffleNet", "21", "22"),
    ("section 3.8.4", "bits to protect in ShuffleNet", "11", "10"),
    ("section 4.6.3", "bits free for parity, mobilenet_v3_large", "22", "21"),
    ("section 3.4.1", "bits of the mantissa that are swept", "32", "23"),
    ("section 3.7.2", "last floor of Table 11", "120", "124"),
    ("section 3.8.2", "mantissa bits to protect in ShuffleNet", "7", "8"),
    (
        "section 4.3",
        "smallest share of values with invariant bits in MobileNetV2, both MobileNetV3 and ShuffleNet",
        "0.104",
        "0.222",
    ),
]


def test_the_audit_finds_what_was_verified_by_hand_and_nothing_else():
    findings, looked_at = audits.audit(PUBLISHED)
    found = [(row.subject, row.place, row.printed, row.expected) for row in findings.itertuples()]
    assert sorted(found) == sorted(FINDINGS)
    assert sum(looked_at.values()) > 2000
    assert all(looked_at.values())


def test_every_finding_is_in_the_listing():
    findings, looked_at = audits.audit(PUBLISHED)
    listing = audits.listing(findings, looked_at)
    for subject, place, printed, expected in FINDINGS:
        assert f"  {subject}, {place}: {printed}\n" in listing
        assert f": {expected} (" in listing


def altered(number: int, column: str, value, **cells) -> Published:
    """The tables with another value in a cell of the first row that has these cells."""
    row, value = PUBLISHED.rows(number, **cells)[0], Decimal(value) if isinstance(value, int) else value
    rows = [other | {column: value} if other is row else other for other in PUBLISHED.tables[number]]
    return replace(PUBLISHED, tables=PUBLISHED.tables | {number: rows})


def failing(check, published: Published) -> list[str]:
    return [f"{found.subject}: {found.place}" for found in check(published) if not found.holds]


@pytest.mark.parametrize(
    ("check", "number", "column", "value", "cells"),
    [
        (sums.hits_and_misses, 36, "misses", 11928, {"run": "golden"}),
        (sums.zeros_and_ones, 7, "ones", 8794 + 1, {"kind": "bias", "bit": 5}),
        (sums.bits_of_kinds, 7, "zeros", 9064 - 1, {"kind": "bias", "bit": 5}),
        (sums.kinds, 27, "values", 6622, {"kind": "weight", "exponent_from": 0x60}),
        (sums.kinds, 10, "tensors", 34, {"kind": "running_mean", "group": "below"}),
        (sums.ranges, 27, "values", 6622, {"kind": "weight", "exponent_from": 0x60}),
        (sums.groups, 10, "values", 4149, {"kind": "running_var", "group": "below"}),
        (sums.batchnorm, 29, "values", 26561, {"kind": "running_var", "exponent_from": None, "exponent_below": None}),
        (percentages.shares_of_images, 13, "hits_percent", Decimal("69.774"), {"architecture": "googlenet"}),
        (percentages.shares_of_values, 38, "modified_percent", Decimal("19.18"), {"floor": 0x78}),
        (
            percentages.shares_of_values,
            17,
            "percent",
            Decimal("0.483"),
            {"architecture": "mobilenet_v2", "kind": "all"},
        ),
        (percentages.shares_of_values, 6, "ones_percent", Decimal("52.84"), {"kind": "all", "bit": 31}),
        (percentages.whole_images, 15, "accuracy_percent", Decimal("69.263"), {"altered_bit": 16}),
        (percentages.deviations, 16, "deviation_pp", Decimal("-0.510"), {"altered_bit": 16}),
        (percentages.deviations, 20, "deviation_pp", Decimal("-0.790"), {"floor": 0x78}),
        (between_tables.golden_runs, 19, "accuracy_percent", Decimal("69.774"), {"run": "golden"}),
        (between_tables.shufflenet_runs, 5, "zeros", 3712087, {"bit": 0}),
        (between_tables.shufflenet_runs, 4, "hits", 37630, {"bit": 16}),
        (between_tables.shufflenet_runs, 11, "modified_tensors", 74, {"floor": 0x60}),
        (between_tables.shufflenet_runs, 1, "hit", 1, {"image": 2}),
        (between_tables.roundings, 19, "accuracy_percent", Decimal("68.982"), {"floor": 0x78}),
        (between_tables.values_by_exponent, 8, "values", 8, {"kind": "weight", "exponent": 0x82}),
        (between_tables.values_by_exponent, 9, "values", 97, {"kind": "running_var", "exponent_below": 0x78}),
        (between_tables.modified_values, 31, "modified_values", 5507, {"floor": 0x70}),
        (between_tables.parameters, 14, "parameters", 3504873, {"architecture": "mobilenet_v2"}),
        (bits.free_bits, 18, "free_bits", 5, {"architecture": "googlenet"}),
        (bits.free_bits, 18, "max_exponent", 0x88, {"architecture": "shufflenet_v2_x2_0"}),
        (bits.invariant_bits, 17, "bits", "29 30", {"architecture": "googlenet", "kind": "weight"}),
        (bits.altered_bits, 22, "accuracy_percent", Decimal("69.266"), {"run": "alteration"}),
        (bits.parity_bits, 21, "parity_bits", 21, {"architecture": "googlenet"}),
        (bits.parity_bits, 21, "protected_bits", 11, {"architecture": "googlenet"}),
        (text.cells, 18, "free_bits", 5, {"architecture": "googlenet"}),
        (text.derived, 10, "values", 7025, {"kind": "all", "group": "above"}),
    ],
)
def test_a_check_sees_one_wrong_cell(check, number, column, value, cells):
    before = failing(check, PUBLISHED)
    after = failing(check, altered(number, column, value, **cells))
    assert len(after) > len(before)


def test_a_row_copied_between_networks_is_seen():
    copied = PUBLISHED.cell(31, "modified_values", floor=0x70)
    tensors = PUBLISHED.cell(31, "modified_tensors", floor=0x70)
    changed = altered(34, "modified_values", copied, floor=0x70)
    assert len(failing(between_tables.copied_rows, changed)) == 2
    row = changed.rows(34, floor=0x70)[0]
    rows = [other | {"modified_tensors": tensors} if other is row else other for other in changed.tables[34]]
    again = replace(changed, tables=changed.tables | {34: rows})
    assert "Table 31: rounding, floor 112" in failing(between_tables.copied_rows, again)


def test_a_copied_range_of_exponents_is_seen():
    changed = PUBLISHED
    for kind in ("all", *KINDS):
        value = changed.cell(25, "values", kind=kind, exponent_from=0x70)
        row = changed.rows(26, kind=kind, exponent_from=0x70)[0]
        rows = [other | {"values": value} if other is row else other for other in changed.tables[26]]
        changed = replace(changed, tables=changed.tables | {26: rows})
    assert any(found.startswith("Table 25") for found in failing(between_tables.copied_rows, changed))


def test_every_figure_of_the_text_is_held_against_something():
    held = [*text.cells(PUBLISHED), *text.derived(PUBLISHED)]
    assert len(held) == len(PUBLISHED.texts) > 100


def test_the_target_audit_shows_its_findings_and_makes_nothing_else(tmp_path: Path):
    folder = copy_project(tmp_path)
    run = snakemake(folder, "audit")
    assert run.returncode == 0, run.stderr
    shown = run.stdout + run.stderr
    assert f"{len(FINDINGS)} of them do not agree" in shown
    assert "Table 24, total, running_mean: 6,018,304" in shown
    assert "inception_v3, values, running_mean: 6,018,304 in Table 24, counted 18,112" in shown
    made = {path.name for path in (folder / "runs").rglob("*") if path.is_file() and "logs" not in path.parts}
    assert made == {"audit.csv", "audit.txt", "architectures.csv"}
