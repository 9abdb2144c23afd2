"""The few figures by which experiments are compared: metrics.json, sweeps.csv and params.yaml."""

from pathlib import Path

import pandas as pd

from sparebits.choices import thesis_choice


def network_metrics(results: Path) -> dict:
    """Headline figures of one network, from the tables in its results folder.

    Accuracies lie in 0..1, drops in percentage points. `floor` is an exponent field, 0 if there is none; `depth` is the
    highest altered bit, -1 if there is none. Spare and data bits are those of the thesis' rule (Table 21).
    """
    golden = pd.read_csv(results / "golden.csv")
    combined = pd.read_csv(results / "combined.csv")
    ecc = pd.read_csv(results / "ecc.csv").set_index(["group", "rule"])
    tensors = pd.read_csv(results / "tensors.csv")
    choice = thesis_choice(combined)
    chosen = ecc.loc[("network", "thesis")]
    rows = combined.drop_duplicates("choice").set_index("choice")
    return {
        "parameters": int(tensors["values"].sum()),
        "tensors": len(tensors),
        "images": len(golden),
        "golden_hits": int(golden["hit"].sum()),
        "golden_accuracy": float(golden["hit"].mean()),
        "depth": choice.depth,
        "floor": choice.floor,
        "spare_bits": int(chosen["spare_bits"]),
        "data_bits": int(chosen["data_bits"]),
        "thesis_drop_pp": float(rows.loc["thesis", "drop_pp"]),
        "best_spare_bits": int(rows.loc["best", "spare_bits"]),
        "best_drop_pp": float(rows.loc["best", "drop_pp"]),
    }


def sweep_table(results: dict[str, Path]) -> pd.DataFrame:
    """The LSB sweeps of all networks in one table, for `dvc plots`: network, then the columns of lsb.csv."""
    tables = []
    for network, folder in results.items():
        table = pd.read_csv(folder / "lsb.csv")
        table.insert(0, "network", network)
        tables.append(table)
    return pd.concat(tables, ignore_index=True)


def metric_differences(committed: dict, measured: dict) -> list[str]:
    """What differs between two metrics.json by more than one hit, a line each.

    An accuracy or a drop may move by one image, a count of hits by one; everything else is equal
    or differs.
    """
    if set(committed) != set(measured):
        return [f"networks are {', '.join(measured)}, committed are {', '.join(committed)}"]
    differences = []
    for network, metrics in committed.items():
        one_hit = 1 / metrics["images"]
        for name in sorted(set(metrics) | set(measured[network])):
            before, now = metrics.get(name), measured[network].get(name)
            if before is None or now is None:
                differences.append(f"{network}.{name}: committed {before}, measured {now}")
                continue
            tolerance = {"golden_hits": 1, "golden_accuracy": one_hit}.get(name, 0)
            if name.endswith("_drop_pp"):
                tolerance = 100 * one_hit
            if abs(before - now) > tolerance * (1 + 1e-9):
                differences.append(f"{network}.{name}: committed {before}, measured {now}")
    return differences
