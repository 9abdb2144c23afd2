"""What was counted and measured of a network, under the names that observations.py gives the thesis' figures."""

from itertools import combinations

import numpy as np
import pandas as pd

from sparebits.bit_classes import invariant_bits, network_free_bits
from sparebits.choices import thesis_choice
from sparebits.formats import FORMATS
from sparebits.published.tables import KINDS
from sparebits.statistics.intervals import wilson_interval
from sparebits.statistics.paired_images import drop_interval

COLUMNS = ["quantity", "kind", "place", "measured", "low", "high", "images"]
BOUNDARIES = (0, 0x60, 0x70, 0x78, 0x7C, 0x80, 0x100)
"""Of the ranges of exponents in Tables 9 and 23 to 30."""
FLOORS = BOUNDARIES[1:5]
_FORMAT = FORMATS["float32"]


def counted_tensors(tensors: pd.DataFrame) -> pd.DataFrame:
    """Numbers of tensors and of their values, with COLUMNS.

    Args:
        tensors: a row a tensor, with its kind and number of values.
    """
    rows = []
    for kind in ("all", *KINDS):
        members = tensors if kind == "all" else tensors[tensors["kind"] == kind]
        rows.append(("tensors", kind, "", len(members)))
        rows.append(("values", kind, "", int(members["values"].sum())))
    trained = tensors.loc[tensors["kind"].isin(["weight", "bias"]), "values"].sum()
    rows.append(("weights and biases", "all", "", int(trained)))
    return _counts(rows)


def counted_words(bits: pd.DataFrame, exponents: pd.DataFrame, tensors: pd.DataFrame) -> pd.DataFrame:
    """What bits.csv, exponents.csv and tensors.csv say of the words of a network, with COLUMNS."""
    rows = []
    for row in bits.itertuples():
        rows += [("zeros", row.kind, f"bit {row.bit}", row.zeros), ("ones", row.kind, f"bit {row.bit}", row.ones)]
    for kind, counts in exponents.groupby("kind", sort=False):
        by_field = counts.set_index("exponent")["count"]
        rows += [("values by exponent", kind, f"exponent {field}", count) for field, count in by_field.items()]
        for low, high in combinations(BOUNDARIES, 2):
            count = int(by_field.loc[low : high - 1].sum())
            rows.append(("values by exponent", kind, f"exponents {low} to {high - 1}", count))
        if kind == "all":
            rows += [
                ("modified values", kind, f"rounding, floor {floor}", int(by_field.loc[: floor - 1].sum()))
                for floor in FLOORS
            ]
    rows += _counted_groups(tensors)
    for floor in FLOORS:
        modified = int((tensors["min_exponent"] < floor).sum())
        rows.append(("modified tensors", "all", f"rounding, floor {floor}", modified))
    rows.append(("largest exponent", "all", "", int(tensors["max_exponent"].max())))
    rows.append(("free exponent bits", "all", "", network_free_bits(tensors, _FORMAT)))
    fixed = invariant_bits(bits)
    rows += [("invariant bits", kind, "", " ".join(map(str, sorted(fixed.get(kind, ())))) or "none") for kind in KINDS]
    with_fixed = [kind for kind, found in fixed.items() if found]
    values = int(tensors.loc[tensors["kind"].isin(with_fixed), "values"].sum())
    rows.append(("values with invariant bits", "all", "", values))
    return _counts(rows)


def _counted_groups(tensors: pd.DataFrame) -> list[tuple]:
    rows = []
    for kind in ("all", *KINDS):
        members = tensors if kind == "all" else tensors[tensors["kind"] == kind]
        for group in ("below", "above", "mixed"):
            those = members[members["group"] == group]
            rows.append(("tensors by group", kind, f"group {group}", len(those)))
            rows.append(("values by group", kind, f"group {group}", int(those["values"].sum())))
    return rows


def measured_runs(
    golden: pd.DataFrame, lsb: pd.DataFrame, rounding: pd.DataFrame, combined: pd.DataFrame, ecc: pd.DataFrame
) -> pd.DataFrame:
    """Accuracies and deviations from the golden run, in percent and percentage points, and the choices, with COLUMNS.

    Intervals are 95 % ones: Wilson's of an accuracy, Agresti and Min's of a difference on the same images.
    """
    swept = lsb[(lsb["mode"] == "alteration") & (lsb["kind"] == "all")]
    runs = [
        swept.assign(place=[f"alteration, bit {bit}" for bit in swept["bit"]]),
        rounding.assign(place=[f"rounding, floor {floor}" for floor in rounding["floor"]]),
        combined.assign(
            place=[f"combined, floor {row.floor}, bit {row.bit}" for row in combined.itertuples()]
        ).drop_duplicates("place"),
    ]
    found = [_accuracy(pd.DataFrame([_golden_run(golden)])), *map(_accuracy, runs), *map(_deviation, runs)]
    choice = thesis_choice(combined)
    network = ecc[(ecc["group"] == "network") & (ecc["rule"] == "thesis")].iloc[0]
    chosen = [
        ("chosen floor", "all", "", choice.floor),
        ("highest altered bit chosen", "all", "", choice.depth),
        ("spare bits", "all", "", int(network["spare_bits"])),
        ("data bits", "all", "", int(network["data_bits"])),
    ]
    return pd.concat([*found, _counts(chosen), _first_images(golden)], ignore_index=True)


def _golden_run(golden: pd.DataFrame) -> dict:
    images, hits = len(golden), int(golden["hit"].sum())
    low, high = wilson_interval(hits, images)
    return {"place": "golden", "images": images, "accuracy": hits / images, "low": float(low), "high": float(high)}


def _accuracy(runs: pd.DataFrame) -> pd.DataFrame:
    columns = {"quantity": "accuracy", "kind": "all", "place": runs["place"], "measured": 100 * runs["accuracy"]}
    return pd.DataFrame(columns | {"low": 100 * runs["low"], "high": 100 * runs["high"], "images": runs["images"]})


def _deviation(runs: pd.DataFrame) -> pd.DataFrame:
    low, high = drop_interval(runs["lost"], runs["gained"], runs["images"])
    columns = {"quantity": "deviation", "kind": "all", "place": runs["place"], "measured": -runs["drop_pp"]}
    return pd.DataFrame(columns | {"low": -high, "high": -low, "images": runs["images"]})


def _first_images(golden: pd.DataFrame) -> pd.DataFrame:
    """Predicted classes of the images that carry their number in the validation set, as ImageNet's files do."""
    numbers = golden["image_id"].astype(str).str.extract(r"ILSVRC2012_val_(\d{8})", expand=False)
    rows = zip(numbers, golden["predicted"], strict=True)
    return _counts([("predicted class", "all", f"image {int(n)}", int(found)) for n, found in rows if pd.notna(n)])


def _counts(rows: list[tuple]) -> pd.DataFrame:
    table = pd.DataFrame(rows, columns=COLUMNS[:4]).astype({"measured": object})
    return table.assign(low=np.nan, high=np.nan, images=np.nan)
