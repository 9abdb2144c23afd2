"""The tables that the rules wrote for a network, read together and checked."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from sparebits.bit_classes import network_free_bits
from sparebits.campaign.held import independent_flips
from sparebits.choices import Choice, thesis_choice
from sparebits.errors import InputError
from sparebits.formats import FORMATS, FloatFormat, format_named
from sparebits.outcomes import SchemeOutcome, scheme_outcome
from sparebits.statistics.intervals import wilson_interval

_OUTCOME = ["images", "hits", "accuracy", "low", "high", "drop_pp", "lost", "gained", "p_value"]
TABLES = {
    "golden": ["image_id", "predicted", "label", "hit"],
    "bits": ["kind", "bit", "zeros", "ones"],
    "exponents": ["kind", "exponent", "count"],
    "tensors": ["tensor", "kind", "layer_type", "values", "min_exponent", "max_exponent", "group", "format"],
    "lsb": ["mode", "kind", "bit", *_OUTCOME],
    "rounding": ["floor", "tensors", "modified_tensors", "values", "modified_values", *_OUTCOME],
    "combined": ["choice", "floor", "bit", "spare_bits", *_OUTCOME],
    "bit_classes": ["tensor", "kind", "bit", "class", "thesis_class"],
    "ecc": ["group", "rule", "forced_bits", "irrelevant_bits", "spare_bits", "data_bits", "hamming_n", "secded_n"],
    "frontier": ["scheme", "layout_loss_pp", "ber_held"],
    "campaign": [
        "scheme",
        "fault_model",
        "target",
        "ber",
        "trial",
        "flips",
        "corrected",
        "detected",
        "miscorrected",
        "policy",
        "stored_bits",
        "extra_bytes",
        *_OUTCOME,
    ],
    "comparison": ["scheme", "ber", "trials", "difference_pp", "low", "high", "p_value", "p_holm"],
    "ablation": ["scheme", "layout_part", "code_part", "policy_part", "fault_model", "target", "ber", "drop_pp"],
    "word_counts": ["scheme", "ber", "trials", "code_words", "outcome", "observed", "expected", "p_value"],
    "restoration": [
        *("scheme", "ber", "trial", "words", "restored_words", "stored_bits", "extra_bytes"),
        *_OUTCOME,
    ],
    "attack": ["scheme", "attack", "knowledge", "seed", "flips", "at_chance"],
    "costs": [
        *("scheme", "layout", "code", "extra_bytes", "extra_percent", "encoder_gates", "read_gates"),
        *("gates_ratio", "depth", "dirty_operations", "expected_operations", "at_ber"),
    ],
    "faults": [
        *("trial", "tensor", "index", "bit", "outcome", "injection", "where"),
        *("fault_model", "target", "strata", "layer_type", "image", "images"),
    ],
}
"""The tables of a network and the columns that the report uses."""
OF_EXTENT = ("campaign", "comparison", "ablation", "word_counts", "restoration")
"""Those that the full campaign writes too, under names that end in its extent, "_full"."""
MAY_BE_EMPTY = ("word_counts", "comparison")
"""Where no scheme has exact probabilities, there is nothing to count; where the chosen scheme costs too much without
faults to be measured under any, nothing to compare."""
_ANSWERS = {"outcome": ("masked", "sdc", "critical", "nan"), "where": ("parameters", "activations")}
"""All that these columns of faults.csv may hold."""
_TEXTS = (
    *("tensor", "kind", "image_id", "choice", "group", "rule", "scheme", "injection", "where"),
    *("fault_model", "target", "strata", "layer_type", "outcome"),
    *("policy", "layout", "code", "layout_part", "code_part", "policy_part", "attack", "knowledge"),
)
SELECTION = ["ber", "tolerance_pp", "within_tolerance", "calibration", "tensors", "thesis"]
"""The entries of selection.json that it uses."""


@dataclass(frozen=True)
class NetworkResults:
    """What was measured of one network: its tables and its selection.json, by their file names.

    Of campaign.csv, `campaign` holds the bit error rates over the whole network and `other_faults` the rest; of
    ablation.csv there is only the first.
    """

    name: str
    golden: pd.DataFrame
    bits: pd.DataFrame
    exponents: pd.DataFrame
    tensors: pd.DataFrame
    lsb: pd.DataFrame
    rounding: pd.DataFrame
    combined: pd.DataFrame
    bit_classes: pd.DataFrame
    ecc: pd.DataFrame
    frontier: pd.DataFrame
    campaign: pd.DataFrame
    other_faults: pd.DataFrame
    comparison: pd.DataFrame
    ablation: pd.DataFrame
    word_counts: pd.DataFrame
    restoration: pd.DataFrame
    attack: pd.DataFrame
    costs: pd.DataFrame
    faults: pd.DataFrame
    selection: dict

    @property
    def fmt(self) -> FloatFormat:
        return format_named(self.tensors["format"].iloc[0])

    @property
    def parameters(self) -> int:
        """Values of all parameter tensors."""
        return int(self.tensors["values"].sum())

    @property
    def images(self) -> int:
        """Images of the golden run."""
        return len(self.golden)

    @property
    def accuracy(self) -> float:
        """Of the golden run."""
        return float(self.golden["hit"].mean())

    @property
    def accuracy_interval(self) -> tuple[float, float]:
        """Wilson 95 % interval of the golden run's accuracy."""
        low, high = wilson_interval(self.golden["hit"].sum(), self.images)
        return float(low), float(high)

    @property
    def is_at_chance(self) -> bool:
        """Whether always answering the most frequent label may be as good as the golden run (by its Wilson interval).

        Then no alteration can cost hits, and what the sweeps find says nothing about the network.
        """
        return self.accuracy_interval[0] <= self.golden["label"].value_counts(normalize=True).iloc[0]

    @property
    def choice(self) -> Choice:
        """The thesis' floor and depth."""
        return thesis_choice(self.combined)

    @property
    def free_bits(self) -> int:
        """Leading exponent bits that the largest exponent leaves free (thesis Table 18)."""
        return network_free_bits(self.tensors, self.fmt)

    @property
    def kinds(self) -> list[str]:
        """Kinds of parameters that occur, in the order of the tables."""
        return [kind for kind in self.bits["kind"].unique() if kind != "all"]

    def outcome(self, scheme: str) -> SchemeOutcome | None:
        """What a scheme of the campaign came to; None if it is not in it."""
        return scheme_outcome(self.campaign, scheme)

    def entries(self, scheme: str) -> list[dict]:
        """Layout and code of each tensor, as "chosen" or by the "thesis"; none where its code does not fit."""
        return self.selection["tensors"] if scheme == "chosen" else self.selection["thesis"].get("tensors", [])

    def combined_row(self, choice: str) -> pd.Series | None:
        """The row of combined.csv with this choice, or None."""
        rows = self.combined[self.combined["choice"] == choice]
        return None if rows.empty else rows.iloc[0]

    def ecc_row(self, group: str, rule: str) -> pd.Series:
        return self.ecc[(self.ecc["group"] == group) & (self.ecc["rule"] == rule)].iloc[0]


def read_results(folder: str | Path, network: str, extent: str = "") -> NetworkResults:
    """Read the tables of a network from `folder`/`network`.

    Args:
        extent: "_full" reads what the full campaign wrote, of the tables OF_EXTENT.

    Raises:
        InputError: if a file is missing or empty or lacks a column, or the format or a fault's outcome, place or tensor
            is unknown.
    """
    tables = {}
    for table, columns in TABLES.items():
        path = Path(folder) / network / f"{table}{extent if table in OF_EXTENT else ''}.csv"
        remedy = f"run snakemake, or leave {network} out of --networks"
        tables[table] = read_table(path, columns, remedy, may_be_empty=table in MAY_BE_EMPTY)
    found = tables["tensors"]["format"].iloc[0]
    known = [fmt.name for fmt in FORMATS.values()]
    if found not in known:
        raise InputError(f"{network}/tensors.csv has the format {found}, which is none of {', '.join(known)}")
    _check_faults(tables["faults"], tables["tensors"], Path(folder) / network / "faults.csv")
    whole = tables["campaign"]
    tables["campaign"] = independent_flips(whole)
    tables["other_faults"] = whole.drop(tables["campaign"].index)
    tables["ablation"] = independent_flips(tables["ablation"])
    return NetworkResults(network, **tables, selection=_read_selection(Path(folder) / network / "selection.json"))


def read_table(path: Path, columns: Sequence[str], remedy: str, may_be_empty: bool = False) -> pd.DataFrame:
    """A table that the report needs.

    Args:
        columns: that it must have.
        remedy: what to do where it is missing.
        may_be_empty: whether it needs no rows.

    Raises:
        InputError: it is missing or empty or lacks a column.
    """
    if not path.is_file():
        raise InputError(f"{path} is missing; {remedy}")
    try:
        # A name such as "NA" is a name, and "nan" is an outcome.
        blanks = {column: ["", "nan", "NaN"] for column in columns if column not in _TEXTS}
        table = pd.read_csv(path, dtype=dict.fromkeys(_TEXTS, str), keep_default_na=False, na_values=blanks)
    except pd.errors.EmptyDataError:
        raise InputError(f"{path} is empty; delete it and run snakemake again") from None
    missing = [column for column in columns if column not in table]
    if missing:
        raise InputError(f"{path} lacks the columns {', '.join(missing)}; delete it and run snakemake again")
    if table.empty and not may_be_empty:
        raise InputError(f"{path} has no rows; delete it and run snakemake again")
    return table


def _check_faults(faults: pd.DataFrame, tensors: pd.DataFrame, path: Path) -> None:
    for column, known in _ANSWERS.items():
        for name in faults.loc[~faults[column].isin(known), column].head(1):
            told = f"{path} has the {column} {name}, which is none of {', '.join(known)}"
            raise InputError(f"{told}; delete it and run snakemake again")
    struck = faults.loc[faults["where"] == "parameters", "tensor"]
    for name in struck[~struck.isin(tensors["tensor"])].head(1):
        raise InputError(
            f"{path} has the tensor {name}, which tensors.csv has not; delete both and run snakemake again"
        )


def _read_selection(path: Path) -> dict:
    if not path.is_file():
        raise InputError(f"{path} is missing; run snakemake")
    try:
        selection = json.loads(path.read_text(encoding="utf-8"))
    except json.JSONDecodeError as error:
        raise InputError(f"{path} is not JSON ({error}); delete it and run snakemake again") from None
    missing = [key for key in SELECTION if key not in selection]
    if missing:
        raise InputError(f"{path} lacks {', '.join(missing)}; delete it and run snakemake again")
    return selection
