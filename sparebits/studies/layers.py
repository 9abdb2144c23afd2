"""Is a layer type, or a place in the network, more fragile than others under one flipped bit?

A place is compared with others at equal bit: bit by bit of exponent and sign, all mantissa bits together. Per bit of
memory, what a place loses under one flip of any of its bits is weighted with how many bits it has.
"""

import numpy as np
import pandas as pd

from sparebits.formats import FloatFormat
from sparebits.statistics.common_odds import common_odds_ratio
from sparebits.statistics.logistic import fit_logistic, indicators, likelihood_ratio_p
from sparebits.statistics.paired_trials import holm
from sparebits.studies.fault_plan import LAYER, PART, POSITION, faults_for
from sparebits.studies.fault_rates import MANTISSA, UPPER, bit_strata, rates_of, strata_of, with_outcomes, word_rates

_BATCHNORM = {"weight": "scale", "bias": "shift", "running_mean": "mean", "running_var": "variance"}
_MEASURES = {"changed": "any_changed", "critical": "is_critical"}


def part_name(layer_type: str, kind: str) -> str:
    """What readers call the tensors of a kind in layers of a type: "Conv2d weight", "BatchNorm2d variance"."""
    return f"{layer_type} {_BATCHNORM.get(kind, kind) if 'BatchNorm' in layer_type else kind}"


def layer_rates(
    faults: pd.DataFrame, tensors: pd.DataFrame, fmt: FloatFormat, tolerance_pp: float, seed: int
) -> pd.DataFrame:
    """How often one flip fails, in the whole network, by layer type, by part and by layer.

    Args:
        faults: study_faults.csv.
        tensors: tensors.csv, whose order is that of the network.
        fmt: of the words.
        tolerance_pp: largest drop that is not critical.
        seed: of the bootstrap.

    Returns:
        by (network, layer type, part, layer), name, layer_type, kind, depth (0 the first layer, 1 the last), bit (all;
        of a part also a number or mantissa; of a layer sign and exponent), memory_bits (of these), and the columns of
        `word_rates`, seed, images, format.
    """
    random = np.random.default_rng(seed)
    trials = with_outcomes(faults[faults["where"] == "parameters"], tolerance_pp)
    trials = trials.assign(
        field=bit_strata(trials["bit"], fmt), part=list(map(part_name, trials["layer_type"], trials["kind"]))
    )
    tensors = tensors.assign(
        part=list(map(part_name, tensors["layer_type"], tensors["kind"])),
        layer=[name.rpartition(".")[0] or name for name in tensors["tensor"]],
        bits=tensors["values"] * fmt.width,
    )
    rows = [{"by": "network", "name": "network", **_of_network(trials, tensors, fmt, random)}]
    of_parts = faults_for(trials, PART)
    for layer_type, group in of_parts.groupby("layer_type", sort=False):
        memory = tensors[tensors["layer_type"] == layer_type]
        rows.append(
            {"by": "layer type", "name": layer_type, "layer_type": layer_type, **_rates(group, memory, fmt, random)}
        )
    for part, group in of_parts.groupby("part", sort=False):
        memory = tensors[tensors["part"] == part]
        what = {"by": "part", "name": part, "layer_type": memory["layer_type"].iloc[0], "kind": memory["kind"].iloc[0]}
        rows.append({**what, **_rates(group, memory, fmt, random)})
        for field, of_field in group.groupby("field", sort=False):
            share = strata_of(fmt)[field] / fmt.width
            rows.append({**what, "bit": field, "memory_bits": int(memory["bits"].sum() * share), **rates_of(of_field)})
    depths = depth_of(tensors)
    of_layers = faults_for(trials, LAYER)
    for layer, group in of_layers.groupby("layer", sort=False):
        memory = tensors[tensors["layer"] == layer]
        what = {"by": "layer", "name": layer, "layer_type": memory["layer_type"].iloc[0], "depth": depths[layer]}
        upper = fmt.width - fmt.mantissa_bits
        rows.append({**what, "bit": UPPER, "memory_bits": int(memory["values"].sum() * upper), **rates_of(group)})
    table = pd.DataFrame(rows)
    return table.assign(seed=seed, images=int(trials["images"].iloc[0]), format=fmt.name)


def compare_layers(faults: pd.DataFrame, tensors: pd.DataFrame, fmt: FloatFormat, tolerance_pp: float) -> pd.DataFrame:
    """Layer types and parts against all others, and deep layers against early ones, at equal bit.

    Returns:
        by (layer type, part, depth), name, measure (changed, critical), odds_ratio, low, high (95 %), p_value, p_holm
        (over the names of one `by` and measure), strata (of bits that tell anything), trials, other_trials, format. By
        depth the ratio is that of the last layer's odds to the first one's, at equal bit and part, and p_alike is the
        p-value of its being the same in all parts.
    """
    trials = with_outcomes(faults[faults["where"] == "parameters"], tolerance_pp)
    trials = trials.assign(
        field=bit_strata(trials["bit"], fmt), part=list(map(part_name, trials["layer_type"], trials["kind"]))
    )
    of_parts = faults_for(trials, PART)
    rows = []
    for by, column in (("layer type", "layer_type"), ("part", "part")):
        for measure, outcome in _MEASURES.items():
            names = list(of_parts[column].unique())
            if len(names) < 2:
                continue
            found = [_against_others(of_parts, of_parts[column] == name, outcome) for name in names]
            adjusted = holm([row["p_value"] for row in found])
            what = {"by": by, "measure": measure}
            rows += [
                {**what, "name": name, **row, "p_holm": p} for name, row, p in zip(names, found, adjusted, strict=True)
            ]
    layers = tensors.assign(layer=[name.rpartition(".")[0] or name for name in tensors["tensor"]])
    of_layers = faults_for(trials, LAYER)
    of_layers = of_layers.assign(depth=of_layers["layer"].map(depth_of(layers)))
    rows += [
        {"by": "depth", "name": "last against first layer", "measure": measure, **_by_depth(of_layers, outcome)}
        for measure, outcome in _MEASURES.items()
    ]
    return pd.DataFrame(rows).assign(format=fmt.name)


def depth_of(tensors: pd.DataFrame) -> dict[str, float]:
    """Where each layer stands between the first, 0, and the last, 1; of tensors with their `layer`, in order."""
    layers = list(dict.fromkeys(tensors["layer"]))
    return {layer: place / max(1, len(layers) - 1) for place, layer in enumerate(layers)}


def _of_network(trials: pd.DataFrame, tensors: pd.DataFrame, fmt: FloatFormat, random: np.random.Generator) -> dict:
    of_network = faults_for(trials, POSITION)
    of_network = of_network.assign(stratum=of_network["field"])
    found = word_rates(of_network, pd.Series(strata_of(fmt)), random)
    return {"bit": "all", "memory_bits": int(tensors["bits"].sum()), **found}


def _rates(trials: pd.DataFrame, memory: pd.DataFrame, fmt: FloatFormat, random: np.random.Generator) -> dict:
    """At a random bit of the words of some parts, each drawn bit by bit."""
    values = memory.groupby("part")["values"].sum()
    by_bit = trials["part"] + " " + trials["field"]
    field = trials["field"]
    if by_bit.value_counts().min() < 2:
        # A part of a single word, or two, has too few trials of a bit to tell their variance.
        field = field.where(field == MANTISSA, UPPER)
    strata = {
        f"{part} {name}": count * bits for part, count in values.items() for name, bits in _bits(field, fmt).items()
    }
    found = word_rates(trials.assign(stratum=trials["part"] + " " + field), pd.Series(strata), random)
    return {"bit": "all", "memory_bits": int(memory["bits"].sum()), **found}


def _bits(fields: pd.Series, fmt: FloatFormat) -> dict[str, int]:
    if (fields == UPPER).any():
        return {UPPER: fmt.width - fmt.mantissa_bits, MANTISSA: fmt.mantissa_bits}
    return strata_of(fmt)


def _against_others(trials: pd.DataFrame, is_it: pd.Series, outcome: str) -> dict:
    counts = trials.groupby(["field", is_it.rename("is_it")])[outcome].agg(["sum", "size"]).unstack(fill_value=0)
    own, other = counts.xs(True, axis=1, level="is_it"), counts.xs(False, axis=1, level="is_it")
    found = common_odds_ratio(own["sum"], own["size"], other["sum"], other["size"])
    return {
        **{"odds_ratio": found.ratio, "low": found.low, "high": found.high, "p_value": found.p_value},
        **{"strata": found.strata, "trials": int(is_it.sum()), "other_trials": int((~is_it).sum())},
    }


def _by_depth(trials: pd.DataFrame, outcome: str) -> dict:
    """Logistic regression of the outcome on depth, each bit of each part with a level of its own."""
    strata = trials["part"] + " " + trials["field"]
    varies = trials.groupby(strata)[[outcome, "depth"]].transform("nunique").min(axis=1) > 1
    told, strata = trials[varies], strata[varies]
    named = list(strata.unique())
    if not named:
        nothing = {"odds_ratio": np.nan, "low": 0.0, "high": np.inf, "p_value": 1.0, "p_alike": 1.0}
        return {**nothing, "strata": 0, "trials": len(trials)}
    levels, failed, depth = indicators(strata, named), told[outcome].to_numpy(), told[["depth"]].to_numpy()
    level, one_slope = fit_logistic(levels, failed), fit_logistic(np.column_stack([depth, levels]), failed)
    slopes = depth * indicators(told["part"], list(told["part"].unique()))
    several = fit_logistic(np.column_stack([slopes, levels]), failed)
    ratio, error = one_slope.estimates[0], 1.959964 * one_slope.errors[0]
    return {
        **{
            "odds_ratio": float(np.exp(ratio)),
            "low": float(np.exp(ratio - error)),
            "high": float(np.exp(ratio + error)),
        },
        "p_value": likelihood_ratio_p(level.deviance, one_slope.deviance, 1),
        "p_alike": likelihood_ratio_p(one_slope.deviance, several.deviance, several.parameters - one_slope.parameters),
        **{"strata": len(named), "trials": len(trials)},
    }
