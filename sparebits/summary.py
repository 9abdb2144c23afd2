"""The few figures by which experiments are compared: metrics.json, sweeps.csv and campaign.csv."""

import json
from pathlib import Path

import pandas as pd

from sparebits.choices import thesis_choice
from sparebits.outcomes import advantage, campaign_summary, scheme_outcome, scheme_text, shown_held

_IMAGES_OF = {
    "fault_free_drop_pp": "held_out_images",
    "gentle_fault_free_drop_pp": "held_out_images",
    "thesis_fault_free_drop_pp": "held_out_images",
    "worst_drop_pp": "campaign_images",
}
"""Which figure says on how many images a drop was measured; other drops on `images`."""


def network_metrics(results: Path) -> dict:
    """Headline figures of one network, from the tables in its results folder.

    Accuracies lie in 0..1, drops in percentage points. `floor` is an exponent field, 0 if there is none; `depth` is the
    highest altered bit, -1 if there is none. Spare and data bits are those of the thesis' rule (Table 21). What the
    chosen scheme costs without faults was measured on all images that it was not chosen on, which bit error rate it
    holds (outcomes.SchemeOutcome) on the campaign's; `worst_drop_pp` is that of its trials at the rate held, and
    `ber_shown_held` the rate up to which a drop is shown to happen in less than 1 % of fault maps (0: by none). The
    thesis' figures are None where its code does not fit.
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
        **_protection_metrics(results),
    }


def _protection_metrics(results: Path) -> dict:
    selection, gentle = (
        json.loads((results / f"{name}.json").read_text(encoding="utf-8")) for name in ("selection", "selection_gentle")
    )
    campaign = pd.read_csv(results / "campaign.csv")
    chosen, thesis, unprotected = (scheme_outcome(campaign, name) for name in ("chosen", "thesis", "unprotected"))
    gained = advantage(campaign)
    return {
        "chosen_scheme": scheme_text(selection["tensors"]),
        "within_tolerance": selection["within_tolerance"],
        "held_out_images": selection["held_out"]["images"],
        "fault_free_drop_pp": selection["held_out"]["fault_free_drop_pp"],
        "campaign_images": chosen.images,
        "ber_held": chosen.held,
        "ber_held_trials": chosen.trials,
        "worst_drop_pp": chosen.worst_drop_pp,
        "ber_shown_held": shown_held(campaign, "chosen"),
        "gentle_fault_free_drop_pp": gentle["held_out"]["fault_free_drop_pp"],
        "gentle_ber_held": scheme_outcome(campaign, "gentle").held,
        "best_published": gained.rival,
        "best_published_ber_held": gained.rival_held,
        "thesis_fault_free_drop_pp": selection["thesis"]["held_out"]["fault_free_drop_pp"] if thesis else None,
        "thesis_ber_held": thesis.held if thesis else None,
        "unprotected_ber_held": unprotected.held,
    }


def sweep_table(results: dict[str, Path]) -> pd.DataFrame:
    """The LSB sweeps of all networks in one table, for `dvc plots`: network, then the columns of lsb.csv."""
    return _by_network({network: pd.read_csv(folder / "lsb.csv") for network, folder in results.items()})


def campaign_table(results: dict[str, Path], table: str = "campaign") -> pd.DataFrame:
    """The campaigns of all networks in one table: network, then as outcomes.campaign_summary says.

    Args:
        results: folder of tables of each network.
        table: "campaign" or "campaign_full".
    """
    return _by_network(
        {network: campaign_summary(pd.read_csv(folder / f"{table}.csv")) for network, folder in results.items()}
    )


def _by_network(tables: dict[str, pd.DataFrame]) -> pd.DataFrame:
    for network, table in tables.items():
        table.insert(0, "network", network)
    return pd.concat(tables.values(), ignore_index=True)


def metric_differences(committed: dict, measured: dict) -> list[str]:
    """What differs between two metrics.json by more than one hit, a line each.

    An accuracy or a drop may move by one image, a count of hits by one; everything else is equal
    or differs.
    """
    if set(committed) != set(measured):
        return [f"networks are {', '.join(measured)}, committed are {', '.join(committed)}"]
    differences = []
    for network, metrics in committed.items():
        for name in sorted(set(metrics) | set(measured[network])):
            before, now = metrics.get(name), measured[network].get(name)
            if not _agree(before, now, _tolerance(name, metrics)):
                differences.append(f"{network}.{name}: committed {before}, measured {now}")
    return differences


def _tolerance(name: str, metrics: dict) -> float:
    if name.endswith("_drop_pp"):
        return 100 / metrics.get(_IMAGES_OF.get(name, "images"), float("inf"))
    return {"golden_hits": 1, "golden_accuracy": 1 / metrics["images"]}.get(name, 0)


def _agree(before: object, now: object, tolerance: float) -> bool:
    numbers = all(isinstance(value, int | float) and not isinstance(value, bool) for value in (before, now))
    return abs(before - now) <= tolerance * (1 + 1e-9) if numbers else before == now
