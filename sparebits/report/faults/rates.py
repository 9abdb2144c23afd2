"""Shares of trials that fail, by bit, layer or layer type, with their intervals."""

from collections.abc import Sequence

import pandas as pd

from sparebits.report.results import NetworkResults
from sparebits.statistics.intervals import wilson_interval

PERSISTENCE = {"parameters": "persistent", "activations": "transient"}
"""What a fault is, by where it strikes."""
OUTCOMES = {"masked": "masked", "sdc": "SDC", "critical": "critical", "nan": "NaN"}
"""What a trial comes to, as the reader sees it."""
MEASURES = {"changed": "any prediction changed", "critical": "critical"}
"""What is counted: trials that are not masked; trials that are critical or give NaN."""

_UNIFORM_WITHIN = {
    "bit": {"none", "bit"},
    "layer": {"none", "layer_type", "layer"},
    "layer_type": {"none", "layer_type"},
}
"""Strata whose trials are uniform over the bits of one bit position, one layer, one layer type."""


def single_faults(network: NetworkResults, where: str, by: str | None = None) -> pd.DataFrame:
    """The trials of one flipped bit that strike parameters or activations alike, a row each.

    A fault that two injections drew is one trial, so that all of them together are drawn without replacement too.

    Args:
        where: a key of PERSISTENCE.
        by: "bit", "layer" or "layer_type": with the stratified injections that are uniform within each; None: only
            those that are uniform over all bits.
    """
    faults = network.faults
    strata = _UNIFORM_WITHIN[by] if by else {"none"}
    alike = (faults["fault_model"] == "single_bit") & (faults["target"] == "all") & faults["strata"].isin(strata)
    return faults[alike & (faults["where"] == where)].drop_duplicates(["tensor", "index", "bit", "image"])


def failures(trials: pd.DataFrame, by: str) -> pd.DataFrame:
    """How many trials of each group there are, how many changed a prediction and how many were critical.

    Args:
        trials: a row each, with their outcome and the column `by`.

    Returns:
        `by`, trials, changed, critical (or NaN), nan; groups in the order of their first trial.
    """
    counted = trials.assign(
        changed=trials["outcome"] != "masked",
        critical=trials["outcome"].isin(["critical", "nan"]),
        nan=trials["outcome"] == "nan",
    )
    sums = counted.groupby(by, sort=False)[["changed", "critical", "nan"]].sum()
    sums.insert(0, "trials", counted.groupby(by, sort=False).size())
    return sums.reset_index()


def by_bit(network: NetworkResults, where: str) -> pd.DataFrame:
    """`failures` by bit, the most significant first."""
    return failures(single_faults(network, where, "bit"), "bit").sort_values("bit", ascending=False, ignore_index=True)


def by_layer(network: NetworkResults) -> pd.DataFrame:
    """`failures` of parameters by layer in the network's order, with its `layer_type` and its `place`, from 1.

    Layers that no trial struck have a place too, but no row.
    """
    trials = single_faults(network, "parameters", "layer")
    trials = trials.assign(layer=trials["tensor"].map(_layer_of))
    places = {name: place for place, name in enumerate(network_layers(network), 1)}
    types = trials.drop_duplicates("layer").set_index("layer")["layer_type"]
    found = failures(trials, "layer")
    found = found.assign(layer_type=found["layer"].map(types), place=found["layer"].map(places))
    return found.sort_values("place", ignore_index=True)


def by_layer_type(network: NetworkResults, where: str) -> pd.DataFrame:
    """`failures` by layer type, or by the operation's type in activations; in the order of `layer_types`."""
    found = failures(single_faults(network, where, "layer_type"), "layer_type")
    order = layer_types(network)
    return found.sort_values("layer_type", key=lambda names: names.map(order.index), ignore_index=True)


def network_layers(network: NetworkResults) -> list[str]:
    """All layers with parameters in the network's order; a parameter outside any module is a layer by itself."""
    return list(dict.fromkeys(map(_layer_of, network.tensors["tensor"])))


def layer_types(network: NetworkResults) -> list[str]:
    """Layer types in the order of the network's parameters, then those of operations without any."""
    return list(dict.fromkeys([*network.tensors["layer_type"], *network.faults["layer_type"]]))


def with_intervals(groups: pd.DataFrame, names: Sequence[str]) -> pd.DataFrame:
    """A row for each group and measure: `names` as they are, trials, measure, failures, share, low, high in percent."""
    parts = []
    for measure, words in MEASURES.items():
        low, high = wilson_interval(groups[measure], groups["trials"])
        shares = 100 * groups[measure] / groups["trials"]
        part = groups[[*names, "trials"]].assign(measure=words, failures=groups[measure], share=shares)
        parts.append(part.assign(low=100 * low, high=100 * high))
    return pd.concat(parts, ignore_index=True)


def _layer_of(tensor: str) -> str:
    return tensor.rpartition(".")[0] or tensor
